//! Long streams: the integer run must not drift away from the float run.
//!
//! 20,000 steps by default; `SLA_STREAM=100000 cargo test -p sla-tests --test streams --release -- --nocapture` for more.

use sla_format::StateKind;
use sla_runtime::{Sampler, SamplerConfig};
use sla_tests::{Case, STATES, kl, parallel};
use std::path::Path;

/// A model's own text through the integer runtime and the float model side by side: KL of every step.
fn drift(folder: &str, state: StateKind, steps: usize) -> Vec<f64> {
    let case = Case::load_state(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../models").join(folder), state);
    let model = case.file.model();
    let mut memory = case.file.memory();
    let mut fixed = memory.session(&model).expect("buffers of the planned sizes");
    let mut float = sla_reference::Session::new(&case.float);
    let mut sampler = Sampler::new(SamplerConfig { temperature: 1.0, top_k: 0, top_p: 1.0, ..Default::default() });
    let mut token = 10;
    (0..steps)
        .map(|_| {
            let mut logits = fixed.step(token).expect("a byte");
            let mut integers = Vec::new();
            logits.for_each_tile(|_, tile| integers.extend(tile.iter().map(|&q16| f64::from(q16) / 65_536.0)));
            let divergence = kl(float.step_token(token, &mut ()).expect("a byte"), &integers);
            token = sampler.sample(&mut logits);
            divergence
        })
        .collect()
}

#[test]
fn no_drift_on_a_models_own_text() {
    let steps: usize = std::env::var("SLA_STREAM").map_or(20_000, |n| n.parse().expect("SLA_STREAM is a number"));
    let folders = ["shakespeare-sla-gla", "shakespeare-sla-gdn", "shakespeare-sla-retnet"];
    let tenth = (steps / 10).min(10_000);
    let runs =
        parallel(2 * folders.len(), |i| (folders[i / 2], STATES[i % 2], drift(folders[i / 2], STATES[i % 2], steps)));
    for (folder, state, kl) in runs {
        let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len() as f64;
        let (first, last) = (mean(&kl[..tenth]), mean(&kl[steps - tenth..]));
        eprintln!(
            "{folder:24} {state:?} {steps} steps: mean KL of the first {tenth} {first:.2e}, of the last {last:.2e}"
        );
        assert!(last <= 1.5 * first, "{folder}, {state:?}");
    }
}
