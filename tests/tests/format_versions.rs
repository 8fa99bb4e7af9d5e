//! A file of every format version that was ever written still runs with the logits of its day, or
//! is refused with the way out.

use sla_eval::owned_model::OwnedModel;
use sla_runtime::{Checksum, Session};
use std::path::Path;

fn committed(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("data")
        .join(name);
    std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// `data/format-v1.sla` was written by `cargo run -p sla-tests --example write_format_version`: a
/// random GLA model with SLA gates and convolution.
#[test]
fn version_1_runs_as_it_did() {
    let bytes = committed("format-v1.sla");
    let file = OwnedModel::from_bytes(&bytes).expect("version 1 is read");
    let model = file.model();
    let mut memory = file.memory();
    let (state, scratch) = memory.buffers();
    model
        .self_test(state, scratch)
        .expect("the logits of the day it was written");
    assert!(model.provenance().contains("converter=sla-converter"));
}

/// `data/snapshot-v1.slas` was written by `sla snapshot tests/data/format-v1.sla --prompt-ids
/// 3,1,4,1,5,9,2,6`.
#[test]
fn a_snapshot_of_version_1_goes_on_as_it_did() {
    let file = OwnedModel::from_bytes(&committed("format-v1.sla")).expect("version 1 is read");
    let model = file.model();
    let (mut memory, mut fresh) = (file.memory(), file.memory());
    let (mut session, mut stepped) = (
        memory.session(&model).expect("planned buffers"),
        fresh.session(&model).expect("planned buffers"),
    );
    let snapshot = committed("snapshot-v1.slas");
    session
        .restore(&snapshot)
        .expect("layout version 1 is read");
    for token in [3, 1, 4, 1, 5, 9, 2, 6] {
        stepped.step(token).expect("a token");
    }
    let mut again = vec![0; snapshot.len()];
    stepped.save(&mut again).expect("as long as that one");
    assert!(again == snapshot, "the same prompt makes another snapshot");
    let digest = |session: &mut Session| {
        let mut digest = Checksum::default();
        session.logits().digest(&mut digest);
        for token in 0..20 {
            session.step(token).expect("a token").digest(&mut digest);
        }
        digest.finish()
    };
    assert_eq!(digest(&mut session), digest(&mut stepped));
}

#[test]
fn other_versions_are_refused_with_the_way_out() {
    for version in [0u32, 2, 3, u32::MAX] {
        let mut bytes = committed("format-v1.sla");
        bytes[4..8].copy_from_slice(&version.to_le_bytes());
        sla_format::seal(&mut bytes);
        let refusal = OwnedModel::from_bytes(&bytes)
            .expect_err("another version")
            .to_string();
        assert!(
            refusal.contains(&version.to_string())
                && refusal.contains("convert the checkpoint again"),
            "{refusal}"
        );
    }
}
