//! The kernels that this processor has beside the scalar ones; those of the emulated machines are
//! compared in `cargo xtask test`.

use sla_format::StateKind;
use sla_kernels::conformance::battery;
use sla_kernels::{backend, with_scalar};
use sla_runtime::Session;
use sla_tests::material::models;
use sla_tests::needs::{Missing, Tried};
use sla_tests::{Case, STATES, Stream};

sla_tests::tests![
    they_pass_the_battery,
    they_write_the_same_snapshot_and_go_on_from_it
];

/// One model of each backbone, and one that reads features.
const MODELS: [&str; 4] = [
    "recall-sla-gla",
    "recall-sla-gdn",
    "recall-sla-retnet",
    "digits-sla-gla",
];

fn are_here() -> Tried {
    match backend() {
        "scalar" => Err(Missing("this processor has scalar kernels only".into())),
        _ => Ok(()),
    }
}

fn they_pass_the_battery() -> Tried {
    are_here()?;
    let outcome = battery();
    assert!(outcome.cases >= 400, "{outcome:?}");
    assert_eq!(
        (outcome.failures, outcome.failed),
        (0, None),
        "{}",
        backend()
    );
    Ok(())
}

fn they_write_the_same_snapshot_and_go_on_from_it() -> Tried {
    are_here()?;
    for (name, state) in MODELS
        .into_iter()
        .flat_map(|name| STATES.map(|state| (name, state)))
    {
        agree(name, state);
    }
    Ok(())
}

fn agree(name: &str, state: StateKind) {
    let case = Case::load_state(&models().join(name), state);
    let stream = Stream::random(&case.float.config, 50, 1);
    let model = case.file.model();
    let make = || {
        let mut memory = case.file.memory();
        let mut session = memory
            .session(&model)
            .expect("buffers of the planned sizes");
        (
            run(&stream, 0..30, &mut session),
            saved(&mut session),
            run(&stream, 30..50, &mut session),
        )
    };
    let (scalar, other) = (with_scalar(make), make());
    assert_eq!(scalar, other, "{name}, {state:?}");
    let go_on = || {
        let mut memory = case.file.memory();
        let mut session = memory
            .session(&model)
            .expect("buffers of the planned sizes");
        session
            .restore(&scalar.1)
            .expect("a snapshot of this model");
        run(&stream, 30..50, &mut session)
    };
    assert_eq!(with_scalar(go_on), other.2, "{name}, {state:?}");
    assert_eq!(go_on(), scalar.2, "{name}, {state:?}");
}

/// Logits of these steps.
fn run(stream: &Stream, steps: std::ops::Range<usize>, session: &mut Session) -> Vec<Vec<f64>> {
    steps.map(|t| stream.step_fixed(t, session)).collect()
}

fn saved(session: &mut Session) -> Vec<u8> {
    let mut bytes = vec![0; session.snapshot().bytes()];
    assert_eq!(session.save(&mut bytes), Ok(bytes.len()));
    bytes
}
