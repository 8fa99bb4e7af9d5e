//! Configs.

use crate::layout::{Layout, Precision};
use crate::rng::Rng;
use sla_reference::{Backbone, Config, FeatureMap, Input, KeyGate, OutputGate, QueryGate, Sla};

/// A small plain config of `backbone`; every option off or at fla's default.
pub fn small(backbone: Backbone) -> Config {
    Config {
        backbone,
        hidden: 24,
        layers: 2,
        heads: 4,
        kv_heads: 4,
        value_heads: 4,
        d_k: 6,
        d_v: 8,
        intermediate: 20,
        outputs: 30,
        input: Input::Tokens { vocab: 30 },
        norm_eps: 1e-6,
        output_gate: OutputGate::Silu,
        conv: (backbone == Backbone::GatedDeltaNet).then_some(4),
        feature_map: FeatureMap::None,
        clamp_min: None,
        allow_neg_eigval: false,
        gate_rank: if backbone == Backbone::Gla { 16 } else { 0 },
        tied: false,
        sla: None,
    }
}

/// A random config and layout; over seeds, every option of the three families occurs with every
/// other.
pub fn case(seed: u64) -> (Config, Layout) {
    let rng = &mut Rng::new(seed);
    let backbone = rng.pick(&[Backbone::RetNet, Backbone::Gla, Backbone::GatedDeltaNet]);
    let (gla, gdn) = (
        backbone == Backbone::Gla,
        backbone == Backbone::GatedDeltaNet,
    );
    let heads: usize = rng.pick(&[1, 2, 3, 4, 6, 8]);
    let divisors: Vec<usize> = (1..=heads).filter(|d| heads.is_multiple_of(*d)).collect();
    let d_k = if backbone == Backbone::RetNet {
        rng.pick(&[2, 4, 6, 8, 16])
    } else {
        rng.pick(&[1, 3, 5, 8, 16])
    };
    let vocab = rng.pick(&[3, 17, 64, 100]);
    let input = if rng.chance(20) {
        feature_input(rng)
    } else {
        Input::Tokens { vocab }
    };
    let is_tokens = matches!(input, Input::Tokens { .. });
    let config = Config {
        backbone,
        hidden: rng.pick(&[8, 15, 24, 32, 64]),
        layers: 1 + rng.below(3),
        heads,
        kv_heads: if gdn { heads } else { rng.pick(&divisors) },
        value_heads: if gdn {
            heads * rng.pick(&[1, 1, 2, 3])
        } else {
            heads
        },
        d_k,
        d_v: rng.pick(&[1, 4, 7, 8, 16]),
        intermediate: rng.pick(&[1, 16, 33, 64]),
        outputs: if is_tokens { vocab } else { 1 + rng.below(12) },
        input,
        norm_eps: rng.pick(&[1e-6, 1e-5, 1e-3]),
        output_gate: match rng.below(4) {
            0 => OutputGate::None,
            1 if gdn => OutputGate::Sigmoid,
            _ => OutputGate::Silu,
        },
        conv: (backbone != Backbone::RetNet && rng.chance(60))
            .then(|| rng.pick(&[1, 2, 3, 4, 4, 7])),
        feature_map: if gdn || rng.chance(60) {
            FeatureMap::None
        } else {
            rng.pick(&[FeatureMap::Relu, FeatureMap::Silu, FeatureMap::Sigmoid])
        },
        clamp_min: (gla && rng.chance(40)).then(|| rng.pick(&[-0.05, -0.5, -2.0])),
        allow_neg_eigval: gdn && rng.chance(40),
        gate_rank: if gla { rng.pick(&[16, 16, 5, 1]) } else { 0 },
        tied: is_tokens && rng.chance(30),
        sla: rng.chance(70).then(|| sla(rng, gdn, heads)),
    };
    let layout = Layout {
        precision: rng.pick(&[
            Precision::F32,
            Precision::F16,
            Precision::Bf16,
            Precision::Mixed,
        ]),
        shards: rng.pick(&[1, 1, 2, 3]),
        prefix: rng.chance(80),
        fused_mlp: rng.chance(25),
        swish_norm_name: rng.chance(50),
        embed_tokens: rng.chance(15),
        null_intermediate: rng.chance(40),
        sparse: rng.chance(40),
        stale_head: config.tied && rng.chance(40),
        old_d: rng.chance(30),
        old_eps: rng.chance(20),
    };
    (config, layout)
}

fn feature_input(rng: &mut Rng) -> Input {
    let size = rng.pick(&[1, 3, 16]);
    Input::Features {
        size,
        mean: (0..size).map(|_| 4.0 * rng.normal()).collect(),
        std: (0..size).map(|_| 0.2 + 4.0 * rng.uniform()).collect(),
    }
}

fn sla(rng: &mut Rng, gdn: bool, heads: usize) -> Sla {
    let key_gates: &[_] = if gdn {
        &[KeyGate::None, KeyGate::Key, KeyGate::Beta, KeyGate::Beta]
    } else {
        &[KeyGate::None, KeyGate::Key, KeyGate::Key]
    };
    let key_gate = rng.pick(key_gates);
    let contractive = if key_gate == KeyGate::Beta || gdn {
        1.0
    } else {
        heads as f64
    };
    Sla {
        query_gate: rng.pick(&[
            QueryGate::None,
            QueryGate::Query,
            QueryGate::Output,
            QueryGate::Output,
        ]),
        key_gate,
        query_gate_scale: rng.pick(&[1.0, heads as f64, 2.5]),
        key_gate_scale: rng.pick(&[1.0, contractive, 0.7]),
        temperature: rng.pick(&[1.0, 0.5, 2.0]),
        bias: rng.chance(40),
    }
}
