//! The report's table of weights against a recomputation from the file's integers, by
//! docs/format.md and docs/numerics.md alone.

use std::path::Path;

use sla_checkpoint::{Checkpoint, load};
use sla_convert::{Calibration, ConvertOptions, WeightBits};
use sla_eval::{TensorFigures, tensor_figures};
use sla_format::{Role, TensorKind};
use sla_reference::{Backbone, Config, Input, InputWeights, Matrix, QueryGate, Weights};
use sla_runtime::Model;
use sla_runtime::scales::{hidden_frac, y_frac};
use sla_test_models as synth;
use sla_tests::{Case, checkpoint, directories, name, parallel};

/// 10·log10(Σ w² / Σ (w - ŵ)²)
fn ratio(pairs: impl Iterator<Item = (f64, f64)>) -> f64 {
    let (signal, noise) = pairs.fold((0.0, 0.0), |(s, n), (w, file)| {
        (s + w * w, n + (w - file) * (w - file))
    });
    10.0 * (signal / noise).log10()
}

fn wide(x: &[f32]) -> Vec<f64> {
    x.iter().map(|&x| x.into()).collect()
}

/// The checkpoint's matrix, the factors of its columns, and what else multiplies its integers on
/// their way to a result: the real value of an input's unit, and gains.
fn source<'w>(
    config: &Config,
    w: &'w Weights,
    model: &Model,
    layer: usize,
    role: Role,
) -> (&'w Matrix, Vec<f64>, f64) {
    let desc = model.desc();
    let t = |role| model.tensor(layer, role);
    let unit = (config.hidden as f64).sqrt() * 2f64.powi(-desc.unit_frac);
    let l = w.layers.get(layer).expect("a layer");
    let (attn, mlp) = (wide(&l.attn_norm), wide(&l.mlp_norm));
    let gate = || std::f64::consts::LOG2_E / config.sla.as_ref().expect("gates").temperature;
    let some = |m: &'w Option<Matrix>| m.as_ref().expect("the model has it");
    match role {
        Role::Input => match &w.input {
            InputWeights::Embedding(m) => (
                m,
                vec![1.0; m.cols],
                2f64.powi(if t(role).kind == TensorKind::I4 {
                    -20
                } else {
                    -24
                }),
            ),
            InputWeights::Projection { weight, .. } => {
                (weight, vec![1.0; weight.cols], 2f64.powi(-20))
            }
        },
        Role::Head => (some(&w.head.weight), wide(&w.norm), unit),
        Role::Query => (&l.q, attn, unit),
        Role::Key => (&l.k, attn, unit),
        Role::Value => (&l.v, attn, unit),
        Role::OutputGate => (some(&l.g), attn, unit),
        Role::DecayDown => (some(&l.gk0), attn, unit),
        Role::DecayUp => (
            some(&l.gk1),
            vec![1.0; config.gate_rank],
            2f64.powi(-t(Role::DecayDown).out_frac),
        ),
        Role::DeltaDecay => (some(&l.a), attn, unit),
        Role::DeltaBeta => (some(&l.b), attn, unit),
        Role::QueryHeadGate => (some(&l.query_gate), attn, unit * gate()),
        Role::KeyHeadGate => (some(&l.key_gate), attn, unit * gate()),
        Role::Output => {
            let columns = l
                .o_norm
                .as_ref()
                .map_or_else(|| vec![1.0; config.d_v], |norm| wide(norm));
            let scale = match config.query_gate() {
                QueryGate::Output => config.sla.as_ref().expect("gates").query_gate_scale,
                _ => 1.0,
            };
            let input = 2f64.powi(-y_frac(desc.output_gate, &t(Role::OutputGate)));
            (
                &l.o,
                columns.repeat(config.value_heads),
                input * (config.d_v as f64).sqrt() * scale,
            )
        }
        Role::MlpGate => (&l.gate, mlp, unit),
        Role::MlpUp => (&l.up, mlp, unit),
        Role::MlpDown => {
            let frac = hidden_frac(&t(Role::MlpGate), &t(Role::MlpUp));
            (&l.down, vec![1.0; config.intermediate], 2f64.powi(-frac))
        }
        _ => panic!("{role:?} is no matrix"),
    }
}

/// The taps and the convolution's role, where a matrix has one behind it.
fn behind(w: &Weights, layer: usize, role: Role) -> Option<(&Matrix, Role)> {
    let l = w.layers.get(layer)?;
    let (conv, role) = match role {
        Role::Query | Role::QueryConv => (&l.q_conv, Role::QueryConv),
        Role::Key | Role::KeyConv => (&l.k_conv, Role::KeyConv),
        Role::Value | Role::ValueConv => (&l.v_conv, Role::ValueConv),
        _ => return None,
    };
    Some((&conv.as_ref()?.weight, role))
}

/// A channel's taps in the file, and the real value of their unit that suits the checkpoint's taps
/// best.
fn taps(
    model: &Model,
    layer: usize,
    role: Role,
    channel: usize,
    float: &Matrix,
) -> (Vec<f64>, f64) {
    let all: &[i16] = model.elements(layer, role);
    let file: Vec<f64> = (0..float.cols)
        .map(|j| all[j * float.rows + channel].into())
        .collect();
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let unit = dot(&file, &wide(float.row(channel))) / dot(&file, &file);
    (file, if unit.is_finite() { unit } else { 0.0 })
}

/// The ratio of one tensor, and how far the table's may be below.
fn recomputed(config: &Config, w: &Weights, model: &Model, figures: &TensorFigures) -> (f64, f64) {
    let (layer, role) = (figures.layer.unwrap_or(0), figures.role);
    if figures.kind == TensorKind::I16 {
        let (float, role) = behind(w, layer, role).expect("a convolution");
        let pairs = (0..float.rows).flat_map(|c| {
            let (file, unit) = taps(model, layer, role, c, float);
            wide(float.row(c))
                .into_iter()
                .zip(file.into_iter().map(move |t| t * unit))
        });
        // The best unit of a channel takes a share of its taps' error.
        return (ratio(pairs), 6.0);
    }
    let (float, columns, input) = source(config, w, model, layer, role);
    let matrix = model.matrix(layer, role);
    let mut pairs = Vec::new();
    for r in 0..float.rows {
        let multiplier = f64::from(matrix.multiplier()[r]);
        let unit = match behind(w, layer, role) {
            None => {
                multiplier * 2f64.powi(i32::from(matrix.desc().shift) - 32 - matrix.desc().out_frac)
            }
            // The row as int16, which the convolution's multiplier brings to Q16.
            Some((conv, role)) => {
                let t = model.tensor(layer, role);
                let channel = f64::from(model.channel_constants(layer, role).0[r])
                    * 2f64.powi(i32::from(t.shift) - 32 - t.out_frac);
                let step = taps(model, layer, role, r, conv).1;
                multiplier * 2f64.powi(-32) * if step == 0.0 { 0.0 } else { channel / step }
            }
        };
        matrix.for_each_in_row(r, |c, q| {
            if c < float.cols {
                let (w, column) = (f64::from(float.row(r)[c]), columns[c] * input);
                // What a zero multiplies is not in the file.
                let lost = column == 0.0 || (unit == 0.0 && multiplier != 0.0);
                pairs.push((
                    w,
                    if lost {
                        w
                    } else {
                        f64::from(q) * unit / column
                    },
                ));
            }
        });
    }
    (ratio(pairs.into_iter()), 0.02)
}

/// Checks every line of the table, and returns how many there are.
#[track_caller]
fn check(what: &str, checkpoint: &Checkpoint, options: &ConvertOptions) -> usize {
    let case = Case::new(checkpoint, options);
    let model = case.file.model();
    let (config, weights) = (&checkpoint.config, &checkpoint.weights);
    let table = tensor_figures(&case.float, &case.dequantized, &model);
    for figures in &table {
        let place = format!("{what}: layer {:?}, {}", figures.layer, figures.role.name());
        let snr = figures.snr.unwrap_or_else(|| panic!("{place}: no ratio"));
        let (want, below) = recomputed(config, weights, &model, figures);
        // Beyond 120 dB f32 ends.
        let apart = snr.min(120.0) - want.min(120.0);
        assert!(
            (-0.02 - below..=0.02).contains(&apart),
            "{place}: {snr:.3} dB, recomputed {want:.3}"
        );
        let least = match figures.kind {
            TensorKind::I16 => 75.0,
            TensorKind::I4 => 6.0,
            _ => 20.0,
        };
        assert!(snr > least, "{place}: {snr:.2} dB as {:?}", figures.kind);
    }
    let roles = |role: Role| table.iter().filter(|t| t.role == role).count();
    assert_eq!(
        roles(Role::QueryConv) + roles(Role::KeyConv) + roles(Role::ValueConv),
        config.conv.map_or(0, |_| 3 * config.layers)
    );
    assert_eq!(
        (roles(Role::Query), roles(Role::MlpDown)),
        (config.layers, config.layers),
        "{what}"
    );
    table.len()
}

/// Weights do not depend on much data.
fn little(checkpoint: &Checkpoint, weights: WeightBits) -> ConvertOptions {
    let calibration = match checkpoint.config.input {
        Input::Tokens { vocab } => Calibration::Tokens(vec![(0..vocab.min(16) as u32).collect()]),
        Input::Features { .. } => Calibration::Own,
    };
    ConvertOptions {
        calibration,
        weights,
        ..ConvertOptions::default()
    }
}

#[test]
fn shipped_models_have_the_ratios_of_their_integers() {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models");
    let mut all = directories(&models, "");
    all.retain(|dir| dir.join("config.json").exists());
    all.extend(directories(&models.join("zoo"), ""));
    assert!(all.len() >= 24, "{} models", all.len());
    let lines = parallel(all.len(), |i| {
        let checkpoint = load(&all[i]).unwrap_or_else(|e| panic!("{}: {e}", all[i].display()));
        check(
            &name(&all[i]),
            &checkpoint,
            &little(&checkpoint, WeightBits::Int8),
        )
    });
    assert!(lines.iter().sum::<usize>() > 1000, "{lines:?}");
}

#[test]
fn int4_models_do_too() {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models");
    for name in ["digits-sla-gla", "recall-sla-gdn"] {
        let checkpoint = load(&models.join(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
        check(name, &checkpoint, &little(&checkpoint, WeightBits::Int4));
    }
}

/// Classifiers, read gates on y, all widths; taps and norm weights of zero lose what they multiply.
#[test]
fn zeros_and_gains_are_taken_back_too() {
    for seed in 0..40 {
        let (config, _) = synth::case(seed);
        let mut weights = synth::weights(&config, seed);
        for l in &mut weights.layers {
            l.attn_norm[0] = 0.0;
            l.q_conv.iter_mut().for_each(|conv| {
                let width = conv.weight.cols;
                conv.weight.data[..width].fill(0.0);
            });
        }
        // Rows of a handful of weights have any ratio.
        if config.hidden < 15 || config.d_v < 4 || config.intermediate < 16 {
            continue;
        }
        let checkpoint = checkpoint(config, weights);
        check(
            &format!("case {seed}"),
            &checkpoint,
            &little(&checkpoint, WeightBits::Int8),
        );
    }
    let config = Config {
        conv: Some(4),
        ..synth::small(Backbone::Gla)
    };
    let checkpoint = checkpoint(config.clone(), synth::weights(&config, 1));
    check("plain", &checkpoint, &little(&checkpoint, WeightBits::Int8));
}
