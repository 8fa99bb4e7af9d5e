//! Long streams: the integer run must not drift away from the float run.
//!
//! 20,000 steps by default; `cargo xtask soak` does a million.

use std::path::Path;

use sla_eval::{Source, StreamReport, stream};
use sla_format::StateKind;
use sla_tests::{Case, STATES};

/// A shipped model on its own samples, or on synthetic frames.
fn run(folder: &str, state: StateKind) -> StreamReport {
    let steps: u64 =
        std::env::var("SLA_STREAM").map_or(20_000, |n| n.parse().expect("SLA_STREAM is a number"));
    let case = Case::load_state(
        &Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../models")
            .join(folder),
        state,
    );
    let model = case.file.model();
    let r = stream(
        &case.float,
        &case.dequantized,
        &model,
        Source::Own,
        steps,
        &mut |_| {},
    )
    .expect("a fitting model");
    eprintln!(
        "{folder:24} {state:?} {steps} steps: mean KL of the first {} {:.2e}, of the last {:.2e} (x {:.2}); at most x {:.3} the \
         weights' own in a decade; arithmetic {:.1e}, saturated {}",
        r.first.last,
        r.first.fixed.kl,
        r.last.fixed.kl,
        r.drift(),
        r.over_weights(),
        r.all.arithmetic.kl,
        r.all.saturated
    );
    assert_eq!((r.all.last, r.all.saturated), (steps, 0), "{folder}");
    assert!(r.drift() <= 1.5, "{folder}: the KL grows along the stream");
    r
}

#[test]
fn no_drift_on_a_models_own_text() {
    for folder in [
        "shakespeare-sla-gla",
        "shakespeare-sla-gdn",
        "shakespeare-sla-retnet",
    ] {
        for state in STATES {
            let r = run(folder, state);
            let (float, fixed) = r.all.bits_float.zip(r.all.bits_fixed).expect("tokens");
            assert!(
                (fixed / float - 1.0).abs() < 2e-3,
                "{folder}: {float} bits a byte in float, {fixed} fixed"
            );
            // An int16 state is no exact stand-in for the weights' own run: only its drift is
            // bounded.
            assert!(
                state == StateKind::Int16 || r.over_weights() <= 1.25,
                "{folder}: the arithmetic adds to the weights' cost: {:?}",
                r.decades
            );
        }
    }
}

#[test]
fn no_drift_on_synthetic_frames() {
    let r = run("digits-sla-gla", StateKind::Int32);
    assert_eq!(r.all.bits_float, None);
    // The first ten frames are too few for a mean: the errors of weights and arithmetic add up
    // there by chance.
    let later = r.decades[1..]
        .iter()
        .map(|w| w.fixed.kl / w.dequantized.kl)
        .fold(0.0, f64::max);
    assert!(
        later <= 1.25,
        "the arithmetic adds to the weights' cost: {:?}",
        r.decades
    );
}
