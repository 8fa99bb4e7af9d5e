//! Too little memory: one line before the work, and never an abort.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Map, json};
use sla_reference::Backbone;
use sla_test_models as synth;

use crate::{Case, Run};

/// Runs `sla` in at most so many KiB of addresses.
fn limited(dir: &Path, kib: u64, arguments: &str) -> Run {
    let line = format!("ulimit -v {kib} && exec \"$0\" {arguments}");
    let mut command = Command::new("sh");
    command
        .args(["-c", &line, env!("CARGO_BIN_EXE_sla")])
        .current_dir(dir)
        .stdin(Stdio::null());
    Run::of(command.output().expect("a shell"))
}

/// A checkpoint whose weights are a hole in a file: `vocab` rows of embedding and head.
fn hollow(case: &Case, vocab: usize) {
    let config = synth::small(Backbone::Gla);
    let (weights, layout) = (synth::weights(&config, 3), synth::Layout::default());
    let mut end = 0;
    let mut header = Map::new();
    for tensor in synth::tensors(&config, &weights, &layout) {
        let mut shape = tensor.shape.clone();
        if tensor.name.contains("embeddings") || tensor.name.contains("lm_head") {
            shape[0] = vocab;
        }
        let bytes = 4 * shape.iter().product::<usize>();
        header.insert(
            tensor.name,
            json!({ "dtype": "F32", "shape": shape, "data_offsets": [end, end + bytes] }),
        );
        end += bytes;
    }
    let json = serde_json::to_vec(&header).unwrap();
    let mut file = File::create(case.file("model/model.safetensors")).unwrap();
    file.write_all(&(json.len() as u64).to_le_bytes()).unwrap();
    file.write_all(&json).unwrap();
    file.set_len((8 + json.len() + end) as u64).unwrap();
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "no ulimit -v")]
fn what_a_conversion_needs_is_said_before_the_work() {
    let case = Case::new(&synth::small(Backbone::Gla));
    // 288 M weights of 4 bytes.
    hollow(&case, 6_000_000);
    for arguments in [
        "convert model -o m.sla",
        "convert model -o m.sla --weights int4",
        "logits --checkpoint model --input x -o y",
    ] {
        let run = limited(case.path(), 1 << 20, arguments);
        let line = run.error(1);
        assert!(
            line.contains("needs about")
                && line.contains("GB of memory")
                && line.contains("(ulimit -v)"),
            "{line}"
        );
    }
    assert_eq!(case.list(), ["model"]);
}

/// A hole of terabytes is refused by what the machine has.
#[test]
fn a_forged_size_is_refused_by_what_the_machine_has() {
    let case = Case::new(&synth::small(Backbone::Gla));
    hollow(&case, 16_000_000_000);
    if cfg!(target_os = "linux") {
        let line = case.sla("convert model -o m.sla").error(1);
        assert!(
            line.contains("needs about") && line.contains("are left"),
            "{line}"
        );
    }
}

/// Whatever the limit is, a command succeeds or says why in one line.
#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "no ulimit -v")]
fn no_limit_makes_it_abort() {
    let case = Case::converted(&synth::small(Backbone::Gla));
    let (mut done, mut refused) = (0, 0);
    for kib in [60_000, 100_000, 140_000, 200_000, 400_000, 1 << 20] {
        for arguments in [
            "convert model -o n.sla",
            "convert model -o n.sla --weights int4",
            "inspect m.sla",
            "run m.sla --prompt-ids 1 -n 4",
        ] {
            let run = limited(case.path(), kib, arguments);
            if run.code == 0 {
                done += 1;
            } else {
                let line = run.error(1);
                assert!(line.contains("memory"), "{kib} KiB, {arguments}: {line}");
                refused += 1;
            }
        }
    }
    eprintln!("{done} runs succeeded, {refused} were refused");
    assert!(done >= 8, "{done} runs succeeded");
}
