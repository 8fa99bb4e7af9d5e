//! What a firmware does once, at boot.

use std::error::Error;

use sla_runtime::{Aligned, MemoryPlan, Model, Session};

static FILE: &Aligned<[u8]> = &Aligned(*include_bytes!("../../data/format-v1.sla"));
static SNAPSHOT: &[u8] = include_bytes!("../../data/snapshot-v1.slas");
const PLAN: MemoryPlan = MemoryPlan::of_file(&FILE.0);

fn boot(state: &mut [u32], scratch: &mut [u32]) -> Result<u64, Box<dyn Error>> {
    // [docs/realtime.md]
    let model = Model::parse(&FILE.0)?; // checksum and structure: every byte once
    model.self_test(state, scratch)?; // the file's own input, the converter's logits
    let mut session = Session::new(&model, state, scratch)?;
    session.restore(SNAPSHOT)?; // a warm start, or what the flash store kept
    // [end]
    Ok(session.position())
}

#[test]
fn a_session_starts_warm() {
    let (mut state, mut scratch) = (vec![0; PLAN.state_words], vec![0; PLAN.scratch_words]);
    assert!(boot(&mut state, &mut scratch).expect("a whole model") > 0);
}
