//! Commands that fail: one line, the right exit code, no file left behind.

use sla_reference::Backbone;
use sla_test_models as synth;

use crate::data_files::{Tensor, Values, ids, safetensors};
use crate::{Case, bytes_config, contains, features_config, sla, wide_config};

#[test]
fn what_the_system_says_has_a_way_out() {
    let case = Case::converted(&bytes_config(Backbone::Gla));
    std::fs::create_dir(case.file("folder")).unwrap();
    let missing = "nofile: no such file; check the path";
    for line in [
        "inspect nofile",
        "plan nofile",
        "run m.sla --snapshot nofile",
        "eval m.sla --checkpoint model --text nofile",
        "eval m.sla --checkpoint model --tokens nofile",
        "convert model -o out --calibration nofile",
        "export m.sla --format bin --address 0 -o out --firmware nofile",
    ] {
        contains(&case.sla(line).error(1), &[missing]);
        let error = case.sla(&line.replace("nofile", "folder")).error(1);
        let model = ["inspect", "plan"]
            .iter()
            .any(|command| line.starts_with(command));
        contains(
            &error,
            &[if model {
                "folder: not a file; give the .sla file"
            } else {
                "folder: is a folder, and a file"
            }],
        );
        let error = case.sla(&line.replace("nofile", "m.sla/nofile")).error(1);
        contains(
            &error,
            &["m.sla/nofile: a part of this path is no folder; check the path"],
        );
    }
    assert_eq!(case.list(), ["folder", "m.sla", "model"]);
    // A tokenizer.json that is there and no file.
    std::fs::create_dir(case.file("model/tokenizer.json")).unwrap();
    let error = convert_error(&case, "model");
    contains(
        &error,
        &[
            "tokenizer.json: is a folder",
            "--no-tokenizer converts the model without it",
        ],
    );
    case.sla("convert model -o m.sla --no-tokenizer").ok();
}

#[cfg(unix)]
#[test]
fn links_that_lead_nowhere_are_seen() {
    use std::os::unix::fs::symlink;
    let case = Case::new(&bytes_config(Backbone::Gla));
    let nowhere = "a link to a file that is not there";
    symlink("nowhere.json", case.file("model/tokenizer.json")).unwrap();
    contains(
        &convert_error(&case, "model"),
        &["tokenizer.json: ", nowhere],
    );
    std::fs::remove_file(case.file("model/tokenizer.json")).unwrap();
    std::fs::rename(case.file("model/model.safetensors"), case.file("moved")).unwrap();
    symlink("blob", case.file("model/model.safetensors")).unwrap();
    contains(
        &convert_error(&case, "model"),
        &["model.safetensors: ", nowhere],
    );
    std::fs::rename(case.file("moved"), case.file("model/blob")).unwrap();

    // An output stays a link, and its file appears where it leads, through several links and from
    // another folder.
    std::fs::create_dir(case.file("there")).unwrap();
    symlink("there/second", case.file("first")).unwrap();
    symlink("m.sla", case.file("there/second")).unwrap();
    for _ in 0..2 {
        case.sla("convert model -o first").ok();
        assert!(case.file("first").is_symlink() && case.file("there/second").is_symlink());
        assert!(case.file("there/m.sla").is_file() && !case.file("there/m.sla").is_symlink());
    }
    case.sla("inspect first").ok();
    symlink("absent/m.sla", case.file("far")).unwrap();
    contains(
        &case.sla("convert model -o far").error(1),
        &["far: no such folder absent"],
    );
    symlink("round", case.file("round")).unwrap();
    contains(
        &case.sla("convert model -o round").error(1),
        &["round: a link that leads to itself"],
    );
    contains(
        &case.sla("inspect round").error(1),
        &["round: ", "check the path"],
    );
}

/// The error of `sla convert`, which must leave nothing.
#[track_caller]
fn convert_error(case: &Case, model: &str) -> String {
    let before = case.list();
    let error = case.sla(&format!("convert {model} -o out.sla")).error(1);
    assert_eq!(before, case.list(), "a file was left behind");
    error
}

#[test]
fn command_lines_that_make_no_sense() {
    let case = Case::new(&synth::small(Backbone::RetNet));
    for (line, parts) in [
        ("", &["subcommand", "sla --help"][..]),
        ("frobnicate", &["frobnicate"]),
        ("convert", &["--output", "sla convert --help"]),
        ("convert model -o x.sla --bogus", &["--bogus"]),
        (
            "convert model -o x.sla --state int8",
            &["--state", "int32 or int16"],
        ),
        (
            "convert model -o x.sla --state int16,",
            &["--state", "int32 or int16"],
        ),
        ("eval m.sla", &["--checkpoint"]),
        (
            "eval m.sla --checkpoint model --tokens a --text b",
            &["--text", "--tokens"],
        ),
        (
            "eval m.sla --checkpoint model --report a --plot b",
            &["--report", "--plot"],
        ),
        ("eval m.sla --checkpoint model --stream 0", &["--stream"]),
        (
            "eval m.sla --checkpoint model --stream -1",
            &["--stream", "1 or above"],
        ),
        (
            "eval m.sla --checkpoint model --stream 1e6",
            &["--stream", "a whole number of steps"],
        ),
        (
            "eval m.sla --checkpoint model --tolerance nan",
            &["--tolerance", "finite"],
        ),
        ("eval m.sla --checkpoint model --plot a.svg", &["--stream"]),
        (
            "convert model -o x.sla --weights mixed --budget -1",
            &["--budget", "a number of bytes, or a share"],
        ),
        (
            "run m.sla --prompt-ids 1,-2",
            &["--prompt-ids", "as in 1,2,3"],
        ),
        (
            "run m.sla --prompt-ids 1,,2",
            &["--prompt-ids", "as in 1,2,3"],
        ),
        (
            "snapshot m.sla --prompt-ids -1 -o x",
            &["--prompt-ids", "as in 1,2,3"],
        ),
        (
            "eval m.sla --checkpoint model --stream 9 --tolerance 3",
            &["--tolerance", "--stream"],
        ),
        (
            "eval m.sla --checkpoint model --jsn",
            &["--jsn", "similar", "--json"],
        ),
        ("logits --input a -o b", &["--checkpoint", "--model"]),
        (
            "logits --model a --checkpoint b --input c -o d",
            &["--model", "--checkpoint"],
        ),
        (
            "run m.sla --temperature -1",
            &["--temperature", "0 or above"],
        ),
        ("run m.sla --temperature nan", &["--temperature"]),
        ("run m.sla --top-p 0", &["--top-p"]),
        ("run m.sla --top-p 1.5", &["--top-p"]),
        (
            "run m.sla --top-p 2",
            &["--top-p", "at most 1; 1 for no limit"],
        ),
        ("run m.sla --top-p nan", &["--top-p"]),
        ("run m.sla -n -1", &["-1", "2^64-1", "Ctrl-C"]),
        (
            "run m.sla --top-k -2",
            &["--top-k", "1 or above; 0 or -1 for as many"],
        ),
        ("run m.sla --top-k 1.5", &["--top-k", "a whole number"]),
        ("run m.sla --seed x", &["--seed"]),
        (
            "run m.sla --seed -1",
            &["--seed", "2^64-1; another one gives another text"],
        ),
        (
            "run m.sla --repetition-penalty 0",
            &["--repetition-penalty", "above 0; 1 for no change"],
        ),
        (
            "run m.sla --repetition-penalty -1",
            &["--repetition-penalty", "above 0"],
        ),
        ("run m.sla --temperature inf", &["--temperature", "finite"]),
        ("run m.sla --prompt a --prompt-ids 1", &["--prompt"]),
        (
            "run m.sla --prompt a --snapshot p.slas",
            &["--prompt", "--snapshot"],
        ),
        (
            "run m.sla --prompt-ids 1 --snapshot p.slas",
            &["--prompt-ids", "--snapshot"],
        ),
        (
            "snapshot m.sla --prompt a",
            &["--output", "sla snapshot --help"],
        ),
        (
            "snapshot m.sla --prompt a --prompt-ids 1 -o x",
            &["--prompt"],
        ),
    ] {
        contains(&case.sla(line).error(2), parts);
    }
    assert_eq!(case.list(), ["model"]);
}

#[test]
fn checkpoints_that_cannot_be_converted() {
    let case = Case::new(&synth::small(Backbone::Gla));
    contains(
        &convert_error(&case, "nowhere"),
        &["nowhere: no such directory"],
    );
    contains(
        &convert_error(&case, "model/config.json"),
        &["is a file; give its folder"],
    );

    let (config, weights) = (
        case.file("model/config.json"),
        case.file("model/model.safetensors"),
    );
    let (keys, tensors) = (
        std::fs::read_to_string(&config).unwrap(),
        std::fs::read(&weights).unwrap(),
    );
    std::fs::write(&config, keys.replace("\"model_type\"", "\"type_of_model\"")).unwrap();
    contains(
        &convert_error(&case, "model"),
        &["config.json", "no model_type"],
    );
    std::fs::write(&config, "{").unwrap();
    contains(&convert_error(&case, "model"), &["config.json"]);
    std::fs::write(&config, &keys).unwrap();

    // Numbers that a file cannot hold.
    let set = |key: &str, value: f64| {
        let mut keys: serde_json::Value = serde_json::from_str(&keys).unwrap();
        keys[key] = value.into();
        std::fs::write(&config, keys.to_string()).unwrap();
    };
    for (value, shown) in [(1e-300, "1e-300"), (1e300, "1e300")] {
        set("norm_eps", value);
        contains(
            &convert_error(&case, "model"),
            &["config.json: norm_eps = ", shown, "1e-200 to 1e200"],
        );
    }
    std::fs::write(&config, &keys).unwrap();

    for len in [0, 7, 100, tensors.len() / 2, tensors.len() - 1] {
        std::fs::write(&weights, &tensors[..len]).unwrap();
        contains(&convert_error(&case, "model"), &["model.safetensors"]);
    }
    std::fs::remove_file(&weights).unwrap();
    contains(&convert_error(&case, "model"), &["no model.safetensors"]);
}

#[test]
fn outputs_that_cannot_be_written_are_refused_before_the_work() {
    let case = Case::converted(&bytes_config(Backbone::RetNet));
    case.write("in.safetensors", ids(&[1]));
    std::fs::create_dir(case.file("folder")).unwrap();
    let before = case.list();
    // The model does not exist: the complaint about the output comes first.
    contains(
        &case.sla("convert nowhere -o folder").error(1),
        &["folder: is a folder"],
    );
    contains(
        &case.sla("convert nowhere -o absent/x.sla").error(1),
        &["absent/x.sla: no such folder absent"],
    );
    contains(
        &case
            .sla("logits --model nowhere --input in.safetensors -o folder")
            .error(1),
        &["folder: is a folder"],
    );
    contains(
        &case
            .sla("logits --model nowhere --input in.safetensors -o ..")
            .error(1),
        &["is a folder"],
    );
    assert_eq!(before, case.list());
    // An output never replaces an input.
    for line in [
        "convert model -o model/model.safetensors",
        "convert model -o model/config.json",
        "convert model -o in.safetensors --calibration in.safetensors",
        "logits --model m.sla --input in.safetensors -o m.sla",
        "logits --checkpoint model --input in.safetensors -o ./in.safetensors",
        "logits --checkpoint model --input in.safetensors -o model/model.safetensors",
    ] {
        contains(&case.sla(line).error(1), &["is read by this command"]);
    }
    case.sla("convert model -o model/m.sla").ok();
    case.sla("convert model -o model/m.sla").ok();
    if cfg!(target_os = "linux") {
        let error = case
            .sla("logits --model m.sla --input in.safetensors -o /dev/full")
            .error(1);
        contains(
            &error,
            &["/dev/full: cannot be written: the disk is full; make room"],
        );
    }
}

#[test]
fn files_that_are_no_models() {
    let case = Case::converted(&bytes_config(Backbone::Gla));
    let good = std::fs::read(case.file("m.sla")).unwrap();
    let broken = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = good.clone();
        change(&mut bytes);
        case.write("bad.sla", bytes);
        let lines = [
            "inspect bad.sla",
            "inspect bad.sla --json",
            "run bad.sla",
            "eval bad.sla --checkpoint model",
        ];
        let mut errors = lines.map(|line| case.sla(line).error(1)).to_vec();
        errors.dedup();
        assert_eq!(errors.len(), 1, "{errors:?}");
        errors.remove(0)
    };
    contains(&broken(&|b| b.clear()), &["bad.sla: cut off", "0 there"]);
    contains(
        &broken(&|b| b.truncate(b.len() - 1)),
        &["cut off", "convert the checkpoint again"],
    );
    let keeps = format!(
        "the model is the first {0} of them; `head -c {0}`",
        good.len()
    );
    contains(&broken(&|b| b.push(0)), &["bad.sla: ", &keeps]);
    contains(&broken(&|b| b.resize(b.len() + 4096, 0xff)), &[&keeps]);
    contains(&broken(&|b| b[0] ^= 1), &["not a .sla file", "sla convert"]);
    contains(
        &broken(&|b| b[4] += 1),
        &["format version 2", "reads version 1"],
    );
    contains(
        &broken(&|b| *b.last_mut().unwrap() ^= 0x10),
        &["corrupted: checksum", "convert the checkpoint again"],
    );
    contains(&broken(&|b| b[8] ^= 1), &["corrupted: checksum"]);
    // A file that is whole, but means something else.
    contains(
        &broken(&|b| {
            let at = b.len() / 2;
            b[24..32].fill(0xff);
            b[at] ^= 1;
            b[16..20].fill(0xff);
            sla_format::seal(b);
        }),
        &["bad.sla: entry"],
    );
    contains(
        &case.sla("inspect nowhere.sla").error(1),
        &["nowhere.sla: "],
    );
    contains(&case.sla("inspect model").error(1), &["model: not a file"]);
    contains(
        &case.sla("run model/config.json").error(1),
        &["not a .sla file"],
    );
    // A name with a line break stays one line.
    contains(
        &sla(case.path(), &["inspect", "two\nlines"]).error(1),
        &["two lines"],
    );
}

#[test]
fn a_failed_self_test_is_an_error() {
    let case = Case::converted(&bytes_config(Backbone::RetNet));
    let mut bytes = std::fs::read(case.file("m.sla")).unwrap();
    let section = (0..8)
        .filter_map(|i| sla_format::Section::read(&bytes, i))
        .find(|s| s.kind == sla_format::SectionKind::SelfTest as u32)
        .unwrap();
    bytes[section.offset as usize] ^= 1;
    sla_format::seal(&mut bytes);
    case.write("m.sla", bytes);
    let run = case.sla("inspect m.sla --json");
    assert_eq!(run.code, 1);
    contains(&run.stderr, &["error: m.sla: self-test digest"]);
    let report: serde_json::Value = serde_json::from_slice(&run.stdout).unwrap();
    contains(report["self_test"].as_str().unwrap(), &["failed: "]);
    let run = case.sla("run m.sla -n 3");
    contains(&run.stderr, &["warning: m.sla: self-test digest"]);
    run.ok();
}

#[test]
fn inputs_that_do_not_fit() {
    let case = Case::converted(&bytes_config(Backbone::Gla));
    let refuse = |file: Vec<u8>, parts: &[&str]| {
        case.write("in.safetensors", file);
        contains(
            &case
                .sla("logits --model m.sla --input in.safetensors -o out")
                .error(1),
            parts,
        );
        contains(
            &case
                .sla("logits --checkpoint model --input in.safetensors -o out")
                .error(1),
            parts,
        );
        contains(
            &case
                .sla("eval m.sla --checkpoint model --tokens in.safetensors")
                .error(1),
            parts,
        );
        contains(
            &case
                .sla("convert model -o out --calibration in.safetensors")
                .error(1),
            parts,
        );
        assert_eq!(case.list(), ["in.safetensors", "m.sla", "model"]);
    };
    let tensor = |name, shape, values| safetensors(&[Tensor(name, shape, values)]);
    refuse(
        ids(&[1, 2, 256]),
        &["input_ids[2] = 256", "vocabulary of 256"],
    );
    let rows = Values::I64(vec![1, 2, 3, -1]);
    refuse(
        tensor("input_ids", vec![2, 2], rows),
        &["input_ids[1, 1] = -1"],
    );
    refuse(ids(&[]), &["input_ids is empty"]);
    refuse(
        tensor("input_ids", vec![0, 4], Values::I32(vec![])),
        &["input_ids is empty"],
    );
    refuse(
        tensor("input_ids", vec![1, 1, 1], Values::I32(vec![1])),
        &["input_ids has shape [1, 1, 1]", "[B, T]"],
    );
    refuse(
        tensor("input_ids", vec![1], Values::F32(vec![1.0])),
        &["input_ids has type F32", "I32 or I64"],
    );
    refuse(
        tensor("features", vec![1, 1], Values::F32(vec![1.0])),
        &["no tensor input_ids", "features"],
    );
    refuse(vec![], &["in.safetensors"]);
    refuse(
        ids(&[1, 2])[..20].to_vec(),
        &["in.safetensors", "safetensors"],
    );

    let targets = |shape, values| {
        let targets = Tensor("targets", shape, Values::I32(values));
        case.write(
            "in.safetensors",
            safetensors(&[
                Tensor("input_ids", vec![2], Values::I32(vec![1, 2])),
                targets,
            ]),
        );
        case.sla("eval m.sla --checkpoint model --tokens in.safetensors")
            .error(1)
    };
    contains(&targets(vec![3], vec![0; 3]), &["targets has shape [3]"]);
    contains(
        &targets(vec![2], vec![0, 256]),
        &["targets holds 256", "256 outputs"],
    );

    case.write("empty", "");
    contains(
        &case
            .sla("eval m.sla --checkpoint model --text empty")
            .error(1),
        &["empty: the file is empty"],
    );
    contains(
        &case
            .sla("convert model -o out --calibration empty")
            .error(1),
        &["empty: the file is empty"],
    );
    contains(
        &case.sla("eval m.sla --checkpoint model").error(1),
        &["eval.safetensors: no such file", "--text"],
    );
    contains(
        &case.sla("run m.sla --prompt-ids 1,256").error(1),
        &["id 256 at position 1"],
    );
}

#[test]
fn clips_that_do_not_fit() {
    let case = Case::converted(&features_config());
    let refuse = |tensors: &[Tensor], parts: &[&str]| {
        case.write("in.safetensors", safetensors(tensors));
        contains(
            &case
                .sla("eval m.sla --checkpoint model --tokens in.safetensors")
                .error(1),
            parts,
        );
    };
    let clip = |name, values: Vec<f32>| Tensor(name, vec![1, values.len()], Values::F32(values));
    let label = |n: usize, label| Tensor("labels", vec![n], Values::I32(vec![label; n]));
    refuse(
        &[clip("features.0", vec![0.0; 2])],
        &["features.0 has shape [1, 2]", "[T, 3]"],
    );
    refuse(
        &[clip("features.0", vec![0.0, f32::NAN, 0.0])],
        &["features.0 holds NaN at element 1"],
    );
    refuse(
        &[clip("features.x", vec![0.0; 3])],
        &["no tensor features;", "features.x"],
    );
    refuse(
        &[clip("features.0", vec![0.0; 3]), label(2, 0)],
        &["labels has shape [2]"],
    );
    refuse(
        &[clip("features.0", vec![0.0; 3]), label(1, 4)],
        &["labels holds 4", "4 outputs"],
    );
    refuse(
        &[clip("features.0", vec![0.0; 3]), label(1, -1)],
        &["labels holds -1"],
    );
    case.write("text", "text");
    contains(
        &case
            .sla("eval m.sla --checkpoint model --text text")
            .error(1),
        &["byte-level", "safetensors"],
    );
    contains(
        &case.sla("run m.sla").error(1),
        &["feature vectors", "sla logits"],
    );
}

#[test]
fn text_needs_a_byte_level_model() {
    let case = Case::converted(&synth::small(Backbone::RetNet));
    case.write("text", "text");
    contains(
        &case
            .sla("eval m.sla --checkpoint model --text text")
            .error(1),
        &["vocabulary of 30", ".safetensors"],
    );
    contains(
        &case.sla("convert model -o out --calibration text").error(1),
        &["vocabulary of 30"],
    );
    contains(
        &case.sla("run m.sla --prompt text").error(1),
        &["no tokenizer", "--prompt-ids"],
    );
    assert_eq!(case.list(), ["m.sla", "model", "text"]);
}

#[test]
fn a_file_of_another_checkpoint() {
    let case = Case::converted(&synth::small(Backbone::RetNet));
    let other = Case::converted(&synth::small(Backbone::Gla));
    std::fs::copy(other.file("m.sla"), case.file("other.sla")).unwrap();
    case.write("in.safetensors", ids(&[1, 2, 3]));
    let error = case
        .sla("eval other.sla --checkpoint model --tokens in.safetensors")
        .error(1);
    contains(&error, &["backbone is RetNet", "Gla", "another checkpoint"]);
}

#[test]
fn bits_that_contradict_each_other() {
    let case = Case::new(&synth::small(Backbone::Gla));
    let convert = |options: &str| case.sla(&format!("convert model -o m.sla {options}"));
    contains(&convert("--weights mixed").error(2), &["--budget"]);
    contains(&convert("--budget 0.6").error(2), &["--weights mixed"]);
    contains(&convert("--head int4").error(2), &["--weights int4"]);
    contains(&convert("--weights int5").error(2), &["int5"]);
    for budget in ["0.0", "1.5", "-1", "x"] {
        contains(
            &convert(&format!("--weights mixed --budget={budget}")).error(2),
            &[budget, "bytes"],
        );
    }
    assert_eq!(case.list(), ["model"]);
}

#[test]
fn a_budget_below_the_least_is_refused_with_the_least() {
    let case = Case::new(&wide_config());
    case.write("text", "text".repeat(50));
    let convert = |budget: &str| {
        case.sla(&format!(
            "convert model -o m.sla --calibration text --weights mixed --budget {budget}"
        ))
    };
    let refusal = convert("20000").error(1);
    contains(
        &refusal,
        &["the budget of 20000 bytes is impossible", "--head int4"],
    );
    let least = refusal
        .split("int4 the file has ")
        .nth(1)
        .and_then(|text| text.split(' ').next())
        .unwrap();
    convert(least).ok();
    let size = std::fs::metadata(case.file("m.sla")).unwrap().len();
    let least: u64 = least.parse().unwrap();
    assert!(
        size <= least && size + 1024 > least,
        "{size} bytes within {least}"
    );
}

#[test]
fn snapshots_that_cannot_be_made_or_gone_on_from() {
    let case = Case::converted(&bytes_config(Backbone::Gla));
    case.sla("snapshot m.sla --prompt ab -o p.slas").ok();
    let good = std::fs::read(case.file("p.slas")).unwrap();
    let files = case.list();
    let run = |bytes: &[u8]| {
        case.write("bad.slas", bytes);
        let error = case.sla("run m.sla --snapshot bad.slas").error(1);
        assert!(
            error.starts_with("bad.slas: ") && error.contains("`sla snapshot`"),
            "{error}"
        );
        error
    };
    contains(&run(&good[..good.len() - 4]), &["needed"]);
    contains(&run(b""), &["not a snapshot but empty"]);
    contains(&run(&[0; 64]), &["not a snapshot"]);
    let with = |at: usize, value: u8| {
        let mut bytes = good.clone();
        bytes[at] = bytes[at].wrapping_add(value);
        bytes
    };
    contains(&run(&with(4, 1)), &["snapshot version 2"]);
    contains(&run(&with(12, 1)), &["another model"]);
    contains(&run(&with(100, 1)), &["corrupted: checksum"]);
    std::fs::remove_file(case.file("bad.slas")).unwrap();
    contains(
        &case.sla("run m.sla --snapshot nowhere.slas").error(1),
        &["nowhere.slas: "],
    );
    contains(
        &case.sla("run m.sla --snapshot model").error(1),
        &["model: "],
    );
    contains(
        &case.sla("snapshot m.sla --prompt a -o m.sla").error(1),
        &["m.sla: is read by this command"],
    );
    contains(
        &case
            .sla("snapshot m.sla --prompt a -o nowhere/p.slas")
            .error(1),
        &["no such folder"],
    );
    contains(
        &case
            .sla("snapshot nowhere.sla --prompt a -o x.slas")
            .error(1),
        &["nowhere.sla: "],
    );
    contains(
        &case
            .sla("snapshot m.sla --prompt-ids 1,256 -o x.slas")
            .error(1),
        &["id 256 at position 1"],
    );
    assert_eq!(case.list(), files);

    let features = Case::converted(&features_config());
    contains(
        &features.sla("snapshot m.sla --prompt a -o x.slas").error(1),
        &["reads feature vectors"],
    );
    let ids = Case::converted(&synth::small(Backbone::Gla));
    contains(
        &ids.sla("snapshot m.sla --prompt a -o x.slas").error(1),
        &["--prompt-ids"],
    );
    contains(
        &ids.sla("snapshot m.sla -o x.slas").error(1),
        &["--prompt-ids"],
    );
    assert_eq!(
        (ids.list(), features.list()),
        (
            vec!["m.sla".into(), "model".into()],
            vec!["m.sla".into(), "model".into()]
        )
    );
}

/// A config or tokenizer that never ends, or that nobody writes, is refused at once.
#[test]
#[cfg(unix)]
fn devices_in_place_of_small_files_are_refused() {
    for name in ["config.json", "generation_config.json", "tokenizer.json"] {
        let case = Case::new(&bytes_config(Backbone::Gla));
        let _ = std::fs::remove_file(case.file("model").join(name));
        std::os::unix::fs::symlink("/dev/zero", case.file("model").join(name)).unwrap();
        let error = case.sla("convert model -o m.sla").error(1);
        assert!(
            error.contains(name) && error.contains("a pipe or a device where a file belongs"),
            "{error}"
        );
    }
}
