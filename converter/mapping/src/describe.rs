//! The description of a model in its file (format.md F4).

use crate::real::{exponent_above, real};
use sla_format::{Decay, InputKind, ModelDesc, NONE};
use sla_reference::{Config, Input};
use sla_runtime::scales::DECAY_FRAC;

/// The description of `config` with a residual stream of `residual_frac` fraction bits.
pub fn describe(
    config: &Config,
    residual_frac: i32,
    unit_frac: i32,
    bos: Option<u32>,
    eos: Option<u32>,
) -> ModelDesc {
    let sla = config.sla.as_ref();
    let (input, inputs, feature_frac) = match &config.input {
        Input::Tokens { vocab } => (InputKind::Tokens, *vocab, 0),
        Input::Features { size, mean, std } => {
            (InputKind::Features, *size, feature_frac(mean, std))
        }
    };
    let neg_eigval = if config.allow_neg_eigval {
        ModelDesc::NEG_EIGVAL
    } else {
        0
    };
    let tied = if config.tied { ModelDesc::TIED } else { 0 };
    ModelDesc {
        backbone: config.backbone,
        input,
        output_gate: config.output_gate,
        query_gate: config.query_gate(),
        key_gate: config.key_gate(),
        feature_map: config.feature_map,
        layers: config.layers as u32,
        hidden: config.hidden as u32,
        inputs: inputs as u32,
        outputs: config.outputs as u32,
        heads: config.heads as u32,
        kv_heads: config.kv_heads as u32,
        state_heads: config.value_heads as u32,
        d_k: config.d_k as u32,
        d_v: config.d_v as u32,
        intermediate: config.intermediate as u32,
        gate_rank: if config.backbone.decay() == Decay::Channel {
            config.gate_rank as u32
        } else {
            0
        },
        conv_width: config.conv.unwrap_or(0) as u32,
        flags: neg_eigval | tied,
        residual_frac,
        unit_frac,
        feature_frac,
        decay_max: config.clamp_min.map_or(NONE, |min| {
            (-min * core::f64::consts::LOG2_E * f64::from(1u32 << DECAY_FRAC))
                .round()
                .clamp(0.0, 4_294_967_294.0) as u32
        }),
        norm_eps: real(config.hidden as f64 * config.norm_eps),
        head_eps: real((config.d_v * config.d_k) as f64 * config.norm_eps),
        query_scale: real(sla.map_or(1.0, |sla| sla.query_gate_scale)),
        key_scale: real(sla.map_or(1.0, |sla| sla.key_gate_scale)),
        bos: bos.unwrap_or(NONE),
        eos: eos.unwrap_or(NONE),
    }
}

/// Fraction bits that leave room for mean ± 64 standard deviations of every feature.
fn feature_frac(mean: &[f64], std: &[f64]) -> i32 {
    let reach = mean
        .iter()
        .zip(std)
        .fold(0.0f64, |m, (mean, std)| m.max(mean.abs() + 64.0 * std));
    (30 - exponent_above(reach)).clamp(-30, 30)
}
