//! Writes the file of the current format version that `tests/format_versions.rs` keeps: once for
//! each new version.

use sla_reference::{Backbone, KeyGate, QueryGate, Sla};
use sla_test_models as synth;
use std::path::Path;

fn main() {
    let mut config = synth::small(Backbone::Gla);
    config.conv = Some(4);
    config.sla = Some(Sla {
        query_gate: QueryGate::Output,
        key_gate: KeyGate::Key,
        query_gate_scale: 2.0,
        key_gate_scale: 2.0,
        temperature: 1.0,
        bias: false,
    });
    let weights = synth::weights(&config, 1);
    let case = sla_tests::Case::of(config, weights);
    let name = format!("data/format-v{}.sla", sla_format::VERSION);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    std::fs::write(&path, case.file.bytes()).expect("tests/data can be written");
    println!("{}", path.display());
}
