//! `sla convert` warns of every model that is far from its float model, and of nothing that costs
//! nothing.
//!
//! `SLA_CASES=400 cargo test -p sla-tests --test warnings far -- --nocapture` searches longer.

use sla_convert::{Calibration, ConvertOptions, WeightBits, calibrate};
use sla_eval::{Rows, TokenRow, worst_row};
use sla_format::StateKind;
use sla_reference::{Backbone, Config, Input, InputWeights};
use sla_test_models as synth;
use sla_tests::{Case, Stream, checkpoint, parallel, relative_rms};

/// Relative RMS of the logits above which a model is far from its float model.
const FAR: f64 = 0.1;
/// Lengths of the streams that a model is tried on.
const STEPS: [usize; 3] = [100, 100, 256];

fn says(case: &Case, what: &str) -> bool {
    case.warnings.iter().any(|w| w.contains(what))
}

/// Random models of all options on fresh inputs. A model that flips a sign now and then (a norm
/// over heads of one value gives signs) is far in some streams only; the worst one counts.
#[test]
fn no_random_model_is_far_without_a_warning() {
    let cases =
        std::env::var("SLA_CASES").map_or(40, |n| n.parse().expect("SLA_CASES is a number"));
    let seen = parallel(cases, |seed| {
        let (config, _) = synth::case(seed as u64);
        let case = Case::of(config.clone(), synth::weights(&config, seed as u64));
        let errors = STEPS.iter().enumerate().map(|(i, &steps)| {
            let stream = Stream::random(&config, steps, (1000 * i + seed) as u64);
            relative_rms(&stream.float(&case.float), &case.fixed(&stream))
        });
        (
            seed,
            errors.fold(0.0, f64::max),
            says(&case, "away from the float model"),
        )
    });
    let far = seen.iter().filter(|s| s.1 > FAR);
    let silent: Vec<_> = far.clone().filter(|s| !s.2).collect();
    let (far, warned) = (far.count(), seen.iter().filter(|s| s.2).count());
    eprintln!(
        "{cases} models: {far} more than 10 % off, {warned} with a warning; far without one: {silent:?}"
    );
    assert!(far * 20 > cases, "the search finds nothing");
    assert!(warned < cases, "a warning that always comes says nothing");
    assert!(silent.is_empty(), "{silent:?}");
}

fn config(backbone: Backbone) -> Config {
    Config {
        d_k: 8,
        ..synth::small(backbone)
    }
}

/// Calibrated on what never shows the damage: only rows that are drawn meet it.
#[test]
fn tokens_of_the_vocabulary_are_met_whatever_the_calibration() {
    let config = config(Backbone::Gla);
    let mut weights = synth::weights(&config, 3);
    let InputWeights::Embedding(embedding) = &mut weights.input else {
        panic!("tokens")
    };
    // A row of which int8 keeps one weight, which no norm passes on.
    let width = embedding.cols;
    embedding.data[29 * width..]
        .iter_mut()
        .for_each(|x| *x *= 1e-3);
    embedding.data[29 * width] = 0.5;
    weights.norm[0] = 0.0;
    weights
        .layers
        .iter_mut()
        .flat_map(|l| [&mut l.attn_norm, &mut l.mlp_norm])
        .for_each(|norm| norm[0] = 0.0);
    let options = |ids: Vec<u32>| ConvertOptions {
        calibration: Calibration::Tokens(vec![ids]),
        ..ConvertOptions::default()
    };
    let case = Case::new(
        &checkpoint(config.clone(), weights.clone()),
        &options((0..29).collect()),
    );
    let rows = Rows::Tokens(vec![TokenRow {
        ids: (0..29).collect(),
        targets: None,
    }]);
    let known = worst_row(&case.float, &case.file.model(), &rows).expect("tokens");
    assert!(known.relative_rms < 0.05, "{known:?}");
    let drawn = worst_row(
        &case.float,
        &case.file.model(),
        &calibrate::drawn(&case.float),
    )
    .expect("tokens");
    assert!(drawn.relative_rms > FAR, "{drawn:?}");
    assert!(
        says(&case, "tokens drawn from the vocabulary"),
        "{:?}",
        case.warnings
    );
}

/// A calibrated residual format is mentioned once values leave it.
#[test]
fn the_residual_format_is_mentioned_when_it_costs() {
    let config = config(Backbone::Gla);
    let mut weights = synth::weights(&config, 3);
    for l in &mut weights.layers {
        // The bound takes the largest of both for all.
        l.gate
            .data
            .iter_mut()
            .chain(&mut l.up.data)
            .for_each(|w| *w *= 30.0);
    }
    let case = Case::new(
        &checkpoint(config.clone(), weights.clone()),
        &ConvertOptions::default(),
    );
    let format = case
        .file
        .model()
        .provenance()
        .lines()
        .find(|l| l.starts_with("residual_format="))
        .map(String::from);
    assert!(
        format.as_ref().is_some_and(|f| f.ends_with("calibrated")),
        "{format:?}"
    );
    assert!(!says(&case, "residual"), "{:?}", case.warnings);

    let InputWeights::Embedding(embedding) = &mut weights.input else {
        panic!("tokens")
    };
    let width = embedding.cols;
    embedding.data[width..2 * width]
        .iter_mut()
        .for_each(|x| *x *= 1e9);
    let options = ConvertOptions {
        calibration: Calibration::Tokens(vec![vec![0, 2, 3]]),
        ..ConvertOptions::default()
    };
    let case = Case::new(&checkpoint(config, weights), &options);
    assert!(
        says(&case, "the residual stream saturated") && says(&case, "--calibration"),
        "{:?}",
        case.warnings
    );
}

#[test]
fn a_warning_names_the_options_that_come_closer() {
    // Heads of one value behind a norm: their signs.
    let config = Config {
        d_v: 1,
        layers: 3,
        ..synth::small(Backbone::RetNet)
    };
    let convert = |weights, state| {
        let options = ConvertOptions {
            weights,
            state: vec![state],
            ..ConvertOptions::default()
        };
        Case::new(
            &checkpoint(config.clone(), synth::weights(&config, 1)),
            &options,
        )
    };
    let plain = convert(WeightBits::Int8, StateKind::Int32);
    assert!(
        says(&plain, "`sla eval` on your own data")
            && !says(&plain, "--weights")
            && !says(&plain, "--state")
    );
    assert!(says(
        &convert(WeightBits::Int8, StateKind::Int16),
        "--state int32 may come closer"
    ));
    assert!(says(
        &convert(WeightBits::Int4, StateKind::Int16),
        "--weights int8 and --state int32 may come closer"
    ));
    assert!(
        plain
            .warnings
            .iter()
            .all(|w| !w.contains('\n') && !w.contains("NaN"))
    );
}

#[test]
fn drawn_rows_show_every_token_alike() {
    for (vocab, hidden) in [(3, 8), (256, 64), (5000, 64)] {
        let config = Config {
            outputs: vocab,
            input: Input::Tokens { vocab },
            hidden,
            ..synth::small(Backbone::RetNet)
        };
        let model = sla_reference::Model::new(config.clone(), synth::weights(&config, 1))
            .expect("weights that fit");
        let Rows::Tokens(rows) = calibrate::drawn(&model) else {
            panic!("tokens")
        };
        let mut counts = vec![0usize; vocab];
        rows.iter()
            .flat_map(|row| &row.ids)
            .for_each(|&id| counts[id as usize] += 1);
        let (least, most) = (counts.iter().min().copied(), counts.iter().max().copied());
        assert!(
            most.zip(least)
                .is_some_and(|(most, least)| most - least <= 1),
            "{vocab}: {least:?} to {most:?}"
        );
        let steps: usize = counts.iter().sum();
        assert!(
            steps <= 8192 && rows.iter().all(|row| row.ids.len() == 64),
            "{steps}"
        );
        // Not in order.
        assert!(
            rows[0].ids.windows(2).filter(|w| w[1] == w[0] + 1).count() < 40,
            "{:?}",
            rows[0].ids
        );
    }
    let input = Input::Features {
        size: 2,
        mean: vec![5.0, -1.0],
        std: vec![2.0, 0.1],
    };
    let config = Config {
        input,
        outputs: 4,
        ..synth::small(Backbone::Gla)
    };
    let model = sla_reference::Model::new(config.clone(), synth::weights(&config, 1))
        .expect("weights that fit");
    let Rows::Features(rows) = calibrate::drawn(&model) else {
        panic!("features")
    };
    let of = |i: usize| {
        rows.iter()
            .flat_map(|row| &row.frames)
            .map(move |frame| frame[i])
    };
    let n = of(0).count() as f64;
    for (i, mean, std) in [(0, 5.0, 2.0), (1, -1.0, 0.1)] {
        let have = of(i).sum::<f64>() / n;
        let deviation = (of(i).map(|x| (x - have).powi(2)).sum::<f64>() / n).sqrt();
        assert!(
            (have - mean).abs() < 0.1 * std && (deviation / std - 1.0).abs() < 0.05,
            "{have} {deviation}"
        );
    }
}

#[test]
fn a_model_of_zeros_is_not_far_from_itself() {
    let config = config(Backbone::GatedDeltaNet);
    let mut weights = synth::weights(&config, 1);
    sla_tests::matrices(&mut weights, |m| m.data.fill(0.0));
    let case = Case::of(config, weights);
    assert!(case.warnings.is_empty(), "{:?}", case.warnings);
    assert!(
        case.file
            .model()
            .provenance()
            .contains("drift_relative_rms=0.0000")
    );
}
