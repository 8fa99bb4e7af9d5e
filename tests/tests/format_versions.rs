//! A file of every format version that was ever written still runs with the logits of its day, or is refused with the
//! way out.

use sla_converter::owned_model::OwnedModel;
use std::path::Path;

fn committed(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("data").join(name);
    std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// `data/format-v1.sla` was written by `cargo run -p sla-tests --example write_format_version`: a random GLA model with
/// SLA gates and convolution.
#[test]
fn version_1_runs_as_it_did() {
    let bytes = committed("format-v1.sla");
    let file = OwnedModel::from_bytes(&bytes).expect("version 1 is read");
    let model = file.model();
    let mut memory = file.memory();
    let (state, scratch) = memory.buffers();
    model.self_test(state, scratch).expect("the logits of the day it was written");
    assert!(model.provenance().contains("converter=sla-converter"));
}

#[test]
fn other_versions_are_refused_with_the_way_out() {
    for version in [0u32, 2, 3, u32::MAX] {
        let mut bytes = committed("format-v1.sla");
        bytes[4..8].copy_from_slice(&version.to_le_bytes());
        sla_format::seal(&mut bytes);
        let refusal = OwnedModel::from_bytes(&bytes).expect_err("another version").to_string();
        assert!(
            refusal.contains(&version.to_string()) && refusal.contains("convert the checkpoint again"),
            "{refusal}"
        );
    }
}
