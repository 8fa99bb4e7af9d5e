//! Models with random weights whose shapes and options tell the units of the cost model apart.

use anyhow::Result;
use sla_convert::{Bits, ConvertOptions, WeightBits};
use sla_format::StateKind;
use sla_reference::{Backbone, Config, FeatureMap, Input, KeyGate, OutputGate, QueryGate, Sla};
use sla_test_models::{self as synth, Rng};

use crate::models::{self, Model};

/// How many; about two a unit.
const COUNT: usize = 72;

/// All designs, converted.
pub fn all() -> Result<Vec<Model>> {
    let mut rng = Rng::new(20);
    (0..COUNT).map(|index| design(index, &mut rng)).collect()
}

fn design(index: usize, rng: &mut Rng) -> Result<Model> {
    let backbone = [Backbone::RetNet, Backbone::Gla, Backbone::GatedDeltaNet][index % 3];
    let delta = backbone == Backbone::GatedDeltaNet;
    // The first half fits the smallest machine.
    let small = index < COUNT / 2;
    let sizes: &[usize] = if small {
        &[8, 12, 16]
    } else {
        &[8, 16, 24, 32]
    };
    let hidden = rng.pick(if small {
        &[32, 48, 64]
    } else {
        &[64, 96, 128, 192]
    });
    let heads = rng.pick(if small { &[1, 2, 4] } else { &[2, 4, 8] });
    let outputs = rng.pick(&[10, 64, 128, 256]);
    let input = match rng.chance(20) {
        true => {
            let size = rng.pick(&[16, 32, 64]);
            Input::Features {
                size,
                mean: vec![-3.0; size],
                std: vec![2.0; size],
            }
        }
        false => Input::Tokens { vocab: outputs },
    };
    let sla = rng.chance(75).then(|| Sla {
        query_gate: match rng.chance(20) {
            true => QueryGate::None,
            false => rng.pick(&[QueryGate::Output, QueryGate::Query]),
        },
        key_gate: if delta && rng.chance(50) {
            KeyGate::Beta
        } else {
            KeyGate::Key
        },
        query_gate_scale: 4.0,
        key_gate_scale: 1.0,
        temperature: 1.0,
        bias: false,
    });
    let mapped = !delta && rng.chance(30);
    let config = Config {
        hidden,
        layers: rng.pick(&[1, 2, 3]),
        heads,
        kv_heads: heads,
        value_heads: heads,
        d_k: rng.pick(sizes),
        d_v: rng.pick(sizes),
        intermediate: rng.pick(if small {
            &[32, 64, 96]
        } else {
            &[96, 192, 320, 512]
        }),
        outputs,
        input,
        output_gate: rng.pick(&[
            OutputGate::Silu,
            OutputGate::Silu,
            OutputGate::Sigmoid,
            OutputGate::None,
        ]),
        conv: (backbone != Backbone::RetNet && rng.chance(50)).then(|| rng.pick(&[3, 4, 6])),
        feature_map: match mapped {
            true => rng.pick(&[FeatureMap::Relu, FeatureMap::Silu, FeatureMap::Sigmoid]),
            false => FeatureMap::None,
        },
        sla,
        ..synth::small(backbone)
    };
    let options = ConvertOptions {
        weights: if rng.chance(35) {
            WeightBits::Int4
        } else {
            WeightBits::Int8
        },
        head: Bits::Int8,
        state: vec![if rng.chance(35) {
            StateKind::Int16
        } else {
            StateKind::Int32
        }],
        ..ConvertOptions::default()
    };
    models::synthetic(
        &format!("designs/design-{index:02}"),
        &options,
        &config,
        index as u64,
    )
}
