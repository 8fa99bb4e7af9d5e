//! Metrics against values worked out by hand; parallel runs against sequential ones.

use sla_reference::{Backbone, Input, Op as FloatOp, Tap};

use super::figures::median;
use super::layers::{Channel, LayerSums, SnrProbe, Trace};
use super::metrics::{Outputs, Sums};
use super::run::run_on;
use super::*;
use crate::owned_model::OwnedModel;
use sla_convert::{ConvertOptions, convert};
use sla_test_models as synth;

fn outputs(logits: &[f64]) -> Outputs {
    let mut outputs = Outputs::default();
    outputs.set(logits.iter().copied());
    outputs
}

#[track_caller]
fn close(have: f64, want: f64) {
    assert!(
        (have - want).abs() <= 1e-12 * want.abs().max(1.0),
        "{have} is not {want}"
    );
}

#[test]
fn one_position_by_hand() {
    // p = (1/4, 3/4), q = (1/2, 1/2)
    let (float, fixed) = (outputs(&[0.0, 3f64.ln()]), outputs(&[7.0, 7.0]));
    let mut sums = Sums::default();
    sums.add(&float, &fixed, Some(1));
    close(sums.kl, 0.25 * 0.5f64.ln() + 0.75 * 1.5f64.ln());
    close(sums.kl_max, sums.kl);
    close(sums.nll_float, -(0.75f64.ln()));
    close(sums.nll_fixed, -(0.5f64.ln()));
    close(sums.max_abs, 7.0);
    close(sums.error_square, 49.0 + (7.0 - 3f64.ln()).powi(2));
    close(sums.relative_rms(), sums.error_square.sqrt() / 3f64.ln());
    close(sums.last.relative_max(), 7.0 / (3f64.ln() / 2f64.sqrt()));
    // The first of equal logits counts as the largest.
    assert_eq!(
        (sums.agree, sums.correct_float, sums.correct_fixed),
        (0, 1, 0)
    );
    // A shift of all logits is no divergence; without a target nothing is scored.
    sums.add(&float, &outputs(&[100.0, 100.0 + 3f64.ln()]), None);
    assert_eq!((sums.positions, sums.scored, sums.agree), (2, 1, 1));
    close(sums.kl, sums.kl_max);
}

#[test]
fn huge_logits_stay_finite() {
    let mut sums = Sums::default();
    sums.add(
        &outputs(&[32_000.0, -32_000.0]),
        &outputs(&[-32_000.0, 32_000.0]),
        Some(0),
    );
    close(sums.kl, 64_000.0);
    close(sums.nll_fixed, 64_000.0);
    close(sums.nll_float, 0.0);
}

#[test]
fn medians() {
    assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
    assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), 2.5);
}

#[test]
fn decibels_by_hand() {
    let (mut float, mut other) = (Trace::new(1), Trace::new(1));
    float.tap(0, FloatOp::MixerOut, &[3.0, 4.0]);
    other.tap(0, FloatOp::MixerOut, &[3.0, 3.5]);
    float.tap(0, FloatOp::MlpOut, &[1.0]);
    other.tap(0, FloatOp::MlpOut, &[1.0]);
    let mut sums = LayerSums::new(1);
    sums.add_trace(&float, &other);
    let snr = sums.snr()[0];
    // signal 25, noise 1/4
    close(snr.get(Channel::MixerOut).unwrap(), 20.0);
    assert_eq!(snr.get(Channel::MlpOut), Some(f64::INFINITY));
    assert_eq!(snr.get(Channel::Hidden), None);
}

#[test]
fn features_become_integers() {
    let mut out = vec![9];
    fixed_features(&[0.5, -0.5, 0.49, 1e30, -1e30, 3.0], 0, &mut out);
    assert_eq!(out, [1, -1, 0, i32::MAX, i32::MIN, 3]);
    fixed_features(&[1.25, -1.375], 2, &mut out);
    assert_eq!(out, [5, -6]);
}

#[test]
fn text_is_cut_into_rows() {
    let Rows::Tokens(rows) = Rows::text(&[255; 2 * ROW_TOKENS + 1]) else {
        panic!("tokens")
    };
    let lengths: Vec<usize> = rows.iter().map(|r| r.ids.len()).collect();
    assert_eq!(lengths, [ROW_TOKENS, ROW_TOKENS, 1]);
    assert_eq!(
        rows[2],
        TokenRow {
            ids: vec![255],
            targets: None
        }
    );
}

fn tokens(rows: &[&[u32]]) -> Rows {
    Rows::Tokens(
        rows.iter()
            .map(|r| TokenRow {
                ids: r.to_vec(),
                targets: None,
            })
            .collect(),
    )
}

fn model(config: &sla_reference::Config) -> (FloatModel, OwnedModel) {
    let dir = synth::TempDir::new();
    synth::write(
        dir.path(),
        config,
        &synth::weights(config, 5),
        &synth::Layout::default(),
    )
    .unwrap();
    let checkpoint = sla_checkpoint::load(dir.path()).unwrap();
    let file = convert(
        checkpoint.clone(),
        &ConvertOptions::default(),
        &mut |_, _| (),
    )
    .unwrap()
    .file;
    (
        checkpoint.into_model().unwrap(),
        OwnedModel::from_bytes(&file).unwrap(),
    )
}

#[test]
fn rows_that_do_not_fit_are_refused_by_place() {
    let mut config = synth::small(Backbone::RetNet);
    let refusal = |rows: &Rows, config: &_| rows.check(config).unwrap_err().to_string();
    assert_eq!(
        refusal(&tokens(&[&[1], &[2, 30]]), &config),
        "row 1, position 1: token 30 is outside the vocabulary of 30"
    );
    assert_eq!(refusal(&tokens(&[]), &config), "the input holds no rows");
    assert_eq!(
        refusal(&tokens(&[&[1], &[]]), &config),
        "the input holds no tokens"
    );
    let target = |ids: &[u32], t: &[i32]| {
        Rows::Tokens(vec![TokenRow {
            ids: ids.into(),
            targets: Some(t.into()),
        }])
    };
    assert_eq!(
        refusal(&target(&[1, 2], &[0]), &config),
        "row 0: 1 targets for 2 tokens"
    );
    assert!(
        refusal(&target(&[1], &[30]), &config)
            .contains("target 30 is outside the model's 30 outputs")
    );
    assert!(target(&[1], &[-5]).check(&config).is_ok());

    config.input = Input::Features {
        size: 2,
        mean: vec![0.0; 2],
        std: vec![1.0; 2],
    };
    let clip = |frames: &[&[f64]], label| {
        Rows::Features(vec![FeatureRow {
            frames: frames.iter().map(|f| f.to_vec()).collect(),
            label,
        }])
    };
    assert_eq!(
        refusal(&tokens(&[&[1]]), &config),
        "the model reads feature vectors, the input holds tokens"
    );
    assert_eq!(
        refusal(&clip(&[], None), &config),
        "the input holds no frames"
    );
    assert_eq!(
        refusal(&clip(&[&[1.0]], None), &config),
        "row 0, frame 0: 1 features where the model reads 2"
    );
    assert_eq!(
        refusal(&clip(&[&[1.0, f64::NAN]], None), &config),
        "row 0, frame 0: feature 1 is not finite"
    );
    assert!(refusal(&clip(&[&[1.0, 2.0]], Some(30)), &config).contains("target 30"));
}

#[test]
fn threads_change_nothing() {
    let (float, file) = model(&synth::small(Backbone::GatedDeltaNet));
    let rng = &mut synth::Rng::new(1);
    let rows: Vec<Vec<u32>> = (0..7)
        .map(|i| (0..20 + 40 * i).map(|_| rng.below(30) as u32).collect())
        .collect();
    let rows = tokens(&rows.iter().map(Vec::as_slice).collect::<Vec<_>>());
    let mut shares = Vec::new();
    let results = [1, 2, 5].map(|workers| {
        let run = run_on(
            workers,
            &[&float, &float],
            &file.model(),
            &rows,
            &mut |share| shares.push(share),
        );
        format!("{:?}", run.unwrap())
    });
    assert!(
        results.iter().all(|r| *r == results[0]),
        "results depend on the number of threads"
    );
    assert_eq!(shares.last(), Some(&1.0));
    // Float against the same float: nothing differs.
    let all = compare_all(&float, &float, &file.model(), &rows, &mut |_| ()).unwrap();
    assert_eq!((all.weights_only.kl_max, all.weights_only.top1), (0.0, 1.0));
    assert_eq!(all.weights_only.worst().unwrap().snr, f64::INFINITY);
    assert_eq!(
        all.total.kl_mean.to_bits(),
        all.dequantized.kl_mean.to_bits()
    );
}

#[test]
fn the_first_wrong_layer_is_named() {
    let config = sla_reference::Config {
        layers: 3,
        ..synth::small(Backbone::Gla)
    };
    let (mut float, file) = model(&config);
    let rows = tokens(&[&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]]);
    let right = compare(&float, &file.model(), &rows, &mut |_| ()).unwrap();
    assert!(right.worst().unwrap().snr > 18.0, "{:?}", right.worst());
    float.weights.layers[1]
        .down
        .data
        .iter_mut()
        .for_each(|w| *w = -*w);
    let wrong = compare(&float, &file.model(), &rows, &mut |_| ()).unwrap();
    let first = wrong.first_below(15.0).unwrap();
    assert_eq!((first.layer, first.channel), (1, Channel::MlpOut));
}

#[test]
fn another_model_is_refused() {
    let (_, file) = model(&synth::small(Backbone::RetNet));
    let mut config = synth::small(Backbone::RetNet);
    assert_eq!(check_same(&config, &file.model()), Ok(()));
    config.layers = 3;
    let refusal = check_same(&config, &file.model()).unwrap_err().to_string();
    assert!(
        refusal.starts_with("the checkpoint's number of layers is 3, the .sla file's is 2"),
        "{refusal}"
    );
}

#[test]
fn the_probe_shows_gates_in_the_reference_units() {
    // The runtime folds the scale of an output gate into o_proj, the reference does not.
    for query_gate in [
        sla_reference::QueryGate::Query,
        sla_reference::QueryGate::Output,
    ] {
        let sla = sla_reference::Sla {
            query_gate,
            key_gate: sla_reference::KeyGate::Key,
            query_gate_scale: 3.0,
            key_gate_scale: 2.5,
            temperature: 0.7,
            bias: true,
        };
        let (float, file) = model(&sla_reference::Config {
            sla: Some(sla),
            ..synth::small(Backbone::Gla)
        });
        let report = compare(
            &float,
            &file.model(),
            &tokens(&[&[1, 2, 3, 4]]),
            &mut |_| (),
        )
        .unwrap();
        for channel in [Channel::QueryGate, Channel::KeyGate] {
            let snr = report.layers[0].get(channel).unwrap();
            assert!(snr > 30.0, "{query_gate:?} {}: {snr} dB", channel.name());
        }
        let scale = SnrProbe::new(&file.model(), &[], &mut []).query_scale;
        assert_eq!(
            scale,
            if query_gate == sla_reference::QueryGate::Output {
                3.0
            } else {
                1.0
            }
        );
    }
}
