//! What int8, int4 and integer arithmetic cost on the trained models: the figures of docs/quality.md, under their bounds.

use std::fs;
use std::path::Path;

use sla_converter::checkpoint::load;
use sla_converter::data::eval_rows;
use sla_converter::eval::{Report, Rows, compare};
use sla_converter::{Calibration, ConvertOptions, WeightBits};
use sla_format::StateKind;
use sla_tests::{Case, directories, name, recall, shared};

/// Held-out end of the text, in bytes.
const HELD_OUT: usize = 48 * 1024;

fn total(case: &Case, rows: &Rows) -> Report {
    compare(&case.float, &case.file.model(), rows, &mut |_| {}).expect("rows of the model's kind")
}

/// Against float over the file's own weights: the arithmetic alone.
fn arithmetic(case: &Case, rows: &Rows) -> Report {
    compare(&case.dequantized, &case.file.model(), rows, &mut |_| {}).expect("rows of the model's kind")
}

#[test]
fn language_models_keep_their_perplexity() {
    let Some(shared) = shared() else { return };
    let text = fs::read(shared.join("data/tinyshakespeare.txt")).expect("the text");
    let held_out = &text[text.len() - HELD_OUT..];
    for dir in directories(&shared.join("checkpoints"), "shakespeare-") {
        let case = Case::load(&dir);
        // A quarter of the text is enough for a mean that does not scatter over perplexity's noise.
        let (r, own) = (total(&case, &Rows::text(held_out)), arithmetic(&case, &Rows::text(&held_out[..HELD_OUT / 4])));
        let ratio = r.ppl_ratio.expect("text has next tokens");
        eprintln!(
            "{:22} ppl x {ratio:.5}, KL {:.2e}, top-1 {:.4}, arithmetic KL {:.1e}, saturated {}",
            name(&dir),
            r.kl_mean,
            r.top1,
            own.kl_mean,
            r.saturated
        );
        assert!(ratio <= 1.0015 && r.kl_mean <= 5e-4 && r.top1 >= 0.985, "{}", name(&dir));
        assert!(own.kl_mean <= 5e-6, "{}: the arithmetic costs {:.1e}", name(&dir), own.kl_mean);
        assert_eq!(r.saturated, 0, "{}", name(&dir));
    }
}

/// With int4 weights, embedding and head int8.
fn int4(dir: &Path, calibration: Calibration) -> Case {
    let checkpoint = load(dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display()));
    Case::new(&checkpoint, &ConvertOptions { calibration, weights: WeightBits::Int4, ..ConvertOptions::default() })
}

#[test]
fn int4_language_models_keep_their_perplexity() {
    let Some(shared) = shared() else { return };
    let text = fs::read(shared.join("data/tinyshakespeare.txt")).expect("the text");
    let rows = Rows::text(&text[text.len() - HELD_OUT..]);
    for dir in directories(&shared.join("checkpoints"), "shakespeare-") {
        let case = int4(&dir, Calibration::Own);
        let r = total(&case, &rows);
        let ratio = r.ppl_ratio.expect("text has next tokens");
        let size = case.file.bytes().len() as f64 / Case::load(&dir).file.bytes().len() as f64;
        eprintln!(
            "{:22} int4: ppl x {ratio:.5}, KL {:.2e}, top-1 {:.4}, size x {size:.3}",
            name(&dir),
            r.kl_mean,
            r.top1
        );
        assert!(ratio <= 1.010 && r.kl_mean <= 0.022 && size <= 0.63, "{}", name(&dir));
        assert_eq!(r.saturated, 0, "{}", name(&dir));
    }
}

#[test]
fn an_int16_state_keeps_the_perplexity() {
    let Some(shared) = shared() else { return };
    let text = fs::read(shared.join("data/tinyshakespeare.txt")).expect("the text");
    let held_out = Rows::text(&text[text.len() - HELD_OUT..]);
    for dir in directories(&shared.join("checkpoints"), "shakespeare-") {
        let r = total(&Case::load_state(&dir, StateKind::Int16), &held_out);
        let ratio = r.ppl_ratio.expect("text has next tokens");
        eprintln!("{:22} int16 state: ppl x {ratio:.5}, KL {:.2e}, top-1 {:.4}", name(&dir), r.kl_mean, r.top1);
        assert!(ratio <= 1.0015 && r.kl_mean <= 5e-4 && r.top1 >= 0.985, "{}", name(&dir));
        assert_eq!(r.saturated, 0, "{}", name(&dir));
    }
}

#[test]
fn digits_keep_their_labels() {
    let Some(shared) = shared() else { return };
    for dir in directories(&shared.join("checkpoints"), "digits-") {
        let case = Case::load(&dir);
        let rows = eval_rows(&dir.join("eval.safetensors"), &case.float.config).expect("clips");
        let r = total(&case, &rows);
        assert_eq!(r.saturated, 0, "{}", name(&dir));
        let clips = r.clips.expect("a feature model");
        eprintln!("{}: {clips:?}", name(&dir));
        assert!(clips.clips >= 20 && clips.same_label == clips.clips);
        assert!(clips.last_frame_max_error <= 0.04 && clips.clip_relative_rms <= 0.03);
    }
}

/// Questions answered right, in percent, over 1,024 fresh sequences of eight questions each.
#[test]
fn recall_keeps_its_accuracy() {
    let Some(shared) = shared() else { return };
    let fresh = recall::sequences(1024, 1);
    for dir in directories(&shared.join("checkpoints"), "recall-") {
        let case = Case::load(&dir);
        let own = eval_rows(&dir.join("eval.safetensors"), &case.float.config).expect("sequences");
        let percent = |rows| {
            let r = total(&case, rows);
            assert_eq!((r.saturated, r.scored), (0, 8 * rows.len()), "{}", name(&dir));
            [r.accuracy_float, r.accuracy_fixed].map(|accuracy| 100.0 * accuracy.expect("targets"))
        };
        let ([float, fixed], [own_float, own_fixed]) = (percent(&fresh), percent(&own));
        eprintln!(
            "{:18} {float:.2} % float, {fixed:.2} % int8 ({:+.2}); on its own 64 sequences {own_float:.2}, {own_fixed:.2}",
            name(&dir),
            fixed - float
        );
        assert!((fixed - float).abs() <= 0.4, "{}", name(&dir));
        // The task is the one that the model was trained for: three deviations of 512 questions.
        assert!((own_float - float).abs() <= 6.6, "{}", name(&dir));
    }
}

#[test]
fn recall_keeps_its_accuracy_at_int4() {
    let Some(shared) = shared() else { return };
    let fresh = recall::sequences(1024, 1);
    // These models say nothing that is like what they are asked, so their own samples would not do.
    let Rows::Tokens(other) = recall::sequences(128, 2) else { unreachable!() };
    let calibration = Calibration::Tokens(other.into_iter().map(|row| row.ids).collect());
    for dir in directories(&shared.join("checkpoints"), "recall-") {
        let r = total(&int4(&dir, calibration.clone()), &fresh);
        let [float, fixed] = [r.accuracy_float, r.accuracy_fixed].map(|accuracy| 100.0 * accuracy.expect("targets"));
        eprintln!("{:18} {float:.2} % float, {fixed:.2} % int4 ({:+.2})", name(&dir), fixed - float);
        assert_eq!((r.saturated, r.scored), (0, 8 * fresh.len()), "{}", name(&dir));
        assert!((fixed - float).abs() <= 2.0, "{}", name(&dir));
    }
}
