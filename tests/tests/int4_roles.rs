//! int4 is chosen by role: what steers stays at 8 bits whatever its size (docs/quantization.md).

use sla_chips::plan::savings::Savings;
use sla_convert::lower::lower;
use sla_convert::quantize::LEAST_IN_BITS;
use sla_convert::quantize::choose::{can_be_int4, steers};
use sla_convert::quantize::sequential::{Plan, quantize};
use sla_convert::write::{Extras, write};
use sla_convert::{Bits, Budget, Calibration, ConvertOptions, Converted, WeightBits, convert};
use sla_eval::owned_model::OwnedModel;
use sla_format::{LAYER_ROLES, Role, TensorDesc, TensorKind};
use sla_mapping::describe;
use sla_reference::{
    Backbone, Config, Input, KeyGate, Model as FloatModel, OutputGate, QueryGate, Sla,
};
use sla_runtime::Model;
use sla_test_models as synth;
use sla_tests::{Case, Stream, checkpoint, relative_rms};

const STEERING: [Role; 6] = [
    Role::DecayDown,
    Role::DecayUp,
    Role::DeltaDecay,
    Role::DeltaBeta,
    Role::QueryHeadGate,
    Role::KeyHeadGate,
];

/// 32 heads with gates over them, and for GLA a decay through `gate_rank` values: everything that
/// steers is a group or more.
fn config(backbone: Backbone, gate_rank: usize) -> Config {
    let sla = Sla {
        query_gate: QueryGate::Output,
        key_gate: KeyGate::Key,
        query_gate_scale: 32.0,
        key_gate_scale: 1.0,
        temperature: 1.0,
        bias: true,
    };
    Config {
        hidden: 64,
        layers: 1,
        heads: 32,
        kv_heads: 32,
        value_heads: 32,
        d_k: 4,
        d_v: 4,
        intermediate: 64,
        outputs: 60,
        input: Input::Tokens { vocab: 60 },
        gate_rank,
        output_gate: OutputGate::Silu,
        sla: Some(sla),
        ..synth::small(backbone)
    }
}

fn models() -> Vec<Config> {
    let gla = [32, 64].map(|rank| config(Backbone::Gla, rank));
    [
        config(Backbone::RetNet, 0),
        config(Backbone::GatedDeltaNet, 0),
    ]
    .into_iter()
    .chain(gla)
    .collect()
}

fn options(weights: WeightBits) -> ConvertOptions {
    let rows = (0..2)
        .map(|row| (0..64).map(|i| (i * i + 7 * row) % 60).collect())
        .collect();
    ConvertOptions {
        weights,
        calibration: Calibration::Tokens(rows),
        ..ConvertOptions::default()
    }
}

fn converted(config: &Config, weights: WeightBits) -> (Converted, OwnedModel) {
    let checkpoint = checkpoint(config.clone(), synth::weights(config, 7));
    let converted =
        convert(checkpoint, &options(weights), &mut |_, _| {}).expect("a model that converts");
    let file = OwnedModel::from_bytes(&converted.file).expect("a fresh file");
    (converted, file)
}

/// Every matrix of the layers.
fn matrices(model: &Model) -> Vec<(Role, TensorDesc)> {
    let layers = 0..model.desc().layers as usize;
    let all = layers.flat_map(|layer| {
        Role::ALL[..LAYER_ROLES]
            .iter()
            .map(move |&role| (role, model.tensor(layer, role)))
    });
    all.filter(|(_, t)| t.kind.is_matrix()).collect()
}

#[test]
fn what_steers_stays_int8_at_any_size() {
    for config in models() {
        let rank = config.gate_rank;
        for weights in [
            WeightBits::Int4,
            WeightBits::Mixed(Budget::Ratio(1.0)),
            WeightBits::Mixed(Budget::Ratio(0.75)),
        ] {
            let (_, file) = converted(&config, weights);
            let (mut steering, mut int4) = (0, 0);
            for (role, t) in matrices(&file.model()) {
                let place = format!("{:?} rank {rank} {weights:?}: {role:?}", config.backbone);
                assert!(
                    t.rows >= 32 && (t.cols >= 64 || role == Role::DecayUp),
                    "{place}: too small to show anything"
                );
                if STEERING.contains(&role) {
                    assert_eq!(t.kind, TensorKind::I8, "{place}");
                    steering += 1;
                } else if weights == WeightBits::Int4 {
                    assert_eq!(t.kind, TensorKind::I4, "{place}");
                }
                int4 += usize::from(t.kind == TensorKind::I4);
            }
            // Two gates, and two matrices of a decay, or a decay and β.
            assert_eq!(
                steering,
                config.layers
                    * if config.backbone == Backbone::RetNet {
                        2
                    } else {
                        4
                    }
            );
            assert_eq!(
                int4 > 0,
                weights != WeightBits::Mixed(Budget::Ratio(1.0)),
                "{weights:?}"
            );
        }
    }
}

#[test]
fn what_steers_is_off_by_what_eight_bits_cost() {
    for config in models() {
        let (converted, _) = converted(&config, WeightBits::Int4);
        let mut seen = 0;
        for [tensor, bits, error, _] in &converted.choices[1..] {
            let error: f64 = error.trim_end_matches(" %").parse().expect("a percentage");
            if STEERING.iter().any(|role| tensor.ends_with(role.name())) {
                assert!(
                    bits == "8" && error < 1.0,
                    "{tensor}: {bits} bits, {error} %"
                );
                seen += 1;
            } else if tensor != "head" {
                assert!(
                    bits == "4" && error > 2.0,
                    "{tensor}: {bits} bits, {error} %"
                );
            }
        }
        // GLA's second matrix of the decay is rounded to the nearest, without a measure.
        let more = match config.backbone {
            Backbone::RetNet => 0,
            Backbone::Gla => 1,
            Backbone::GatedDeltaNet => 2,
        };
        assert_eq!(seen, 2 + more, "{:?}", config.backbone);
    }
}

/// `sla plan` promises what `--weights int4` keeps.
#[test]
fn the_promised_saving_is_the_real_one() {
    for config in models() {
        let bytes = |file: &OwnedModel| {
            matrices(&file.model())
                .iter()
                .map(|(_, t)| t.data_bytes().expect("a length").next_multiple_of(16))
                .sum::<usize>()
        };
        let (int8, int4) = (
            converted(&config, WeightBits::Int8).1,
            converted(&config, WeightBits::Int4).1,
        );
        assert_eq!(
            Savings::of(&int8.model()).int4_bytes,
            (bytes(&int8) - bytes(&int4)) as u64,
            "{:?}",
            config.backbone
        );
        assert_eq!(Savings::of(&int4.model()).int4_bytes, 0);
    }
}

#[test]
fn the_rule_by_role() {
    for role in Role::ALL {
        let expected = STEERING.contains(&role) || role == Role::DecayScale;
        assert_eq!(steers(role), expected, "{role:?}");
        assert_eq!(can_be_int4(role, 4096, 4096), !expected, "{role:?}");
        assert!(
            !can_be_int4(role, 31, 4096) && !can_be_int4(role, 4096, 63),
            "{role:?}"
        );
    }
}

/// Files with steering matrices of 4 bits, as converters wrote them before, still run.
#[test]
fn files_that_chose_by_shape_are_read() {
    for config in models() {
        let checkpoint = checkpoint(config.clone(), synth::weights(&config, 7));
        let float =
            FloatModel::new(config.clone(), checkpoint.weights.clone()).expect("weights that fit");
        let Stream::Tokens(ids) = Stream::random(&config, 64, 1) else {
            panic!("tokens")
        };
        let rows = sla_eval::Rows::ids(&ids);
        let desc = describe(&config, 14, LEAST_IN_BITS, None, None);
        let bits = |layer: usize, role| {
            if layer < 1 && role != Role::Input && role != Role::Head {
                Bits::Int4
            } else {
                Bits::Int8
            }
        };
        let (quantized, _) = quantize(
            &float,
            &rows,
            &Plan {
                desc: &desc,
                bits: &bits,
                chained: true,
            },
            &mut |_| (),
        );
        let lowered = lower(&config, &checkpoint.weights, &desc, &quantized, &mut |_| ())
            .expect("within the limits");
        let file = write(&desc, &lowered.tensors, &Extras::default()).expect("a small file");
        let file = OwnedModel::from_bytes(&file).expect("a file that parses");
        let int4 = |role| file.model().tensor(0, role).kind == TensorKind::I4;
        assert!(STEERING.into_iter().filter(|&role| int4(role)).count() >= 2);
        let weights =
            sla_mapping::dequantize(&file.model(), &checkpoint).expect("its own checkpoint");
        let dequantized = FloatModel::new(config.clone(), weights).expect("weights that fit");
        let case = Case {
            float,
            dequantized,
            file,
            warnings: Vec::new(),
        };
        let stream = Stream::Tokens(ids);
        let error = relative_rms(&stream.float(&case.dequantized), &case.fixed(&stream));
        assert!(error < 0.02, "{:?}: {error}", config.backbone);
    }
}
