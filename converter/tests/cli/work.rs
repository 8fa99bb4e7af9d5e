//! Commands that succeed.

use std::io::Read;
use std::process::{Command, Stdio};

use serde_json::Value;
use sla_reference::{Backbone, Config};
use sla_test_models as synth;

use crate::data_files::{Tensor, Values, ids, read, safetensors};
use crate::{Case, bytes_config, features_config, wide_config};

const BACKBONES: [Backbone; 3] = [Backbone::RetNet, Backbone::Gla, Backbone::GatedDeltaNet];

/// Every key of the contract.
#[track_caller]
fn check_eval_keys(report: &Value, layers: usize) {
    for key in [
        "nll_float",
        "nll_fixed",
        "ppl_ratio",
        "kl_mean",
        "kl_max",
        "top1",
        "max_abs_logit",
    ] {
        assert!(report[key].is_f64(), "{key}: {}", report[key]);
    }
    assert!(report["tokens"].is_u64());
    let listed = report["layers"].as_array().unwrap();
    assert_eq!(listed.len(), layers);
    for layer in listed {
        for op in ["residual", "mixer_out", "mlp_out", "hidden"] {
            assert!(
                layer[op].as_f64().is_some_and(|db| db > 10.0),
                "{op}: {layer}"
            );
        }
    }
}

#[test]
fn text_is_evaluated_in_rows() {
    for backbone in BACKBONES {
        let case = Case::converted(&bytes_config(backbone));
        case.write(
            "text",
            "To be, or not to be: that is the question. ".repeat(50),
        );
        let report = case
            .sla("eval m.sla --checkpoint model --text text --json")
            .json();
        check_eval_keys(&report, 2);
        check_eval_keys(&report["dequantized"], 2);
        // 2,150 bytes are three rows; the last byte of each has no successor.
        assert_eq!(
            (report["tokens"].as_u64(), report["scored"].as_u64()),
            (Some(2150), Some(2147))
        );
        let figure = |report: &Value, key: &str| report[key].as_f64().unwrap();
        let ratio = (figure(&report, "nll_fixed") - figure(&report, "nll_float")).exp();
        assert!((ratio - figure(&report, "ppl_ratio")).abs() < 1e-12);
        let arithmetic = &report["dequantized"];
        assert!(
            figure(arithmetic, "kl_mean") < figure(&report, "kl_mean") / 10.0,
            "{backbone:?}: {arithmetic}"
        );
        assert_eq!(report["first_out_of_tolerance"], Value::Null);
        assert_eq!(report["accuracy_float"], Value::Null);

        let table = case.sla("eval m.sla --checkpoint model --text text").ok();
        let verdict = table.lines().next().unwrap();
        assert!(
            verdict.starts_with("m.sla: perplexity x ")
                && verdict.ends_with("over 2,150 positions"),
            "{verdict}"
        );
    }
}

#[test]
fn the_default_input_has_targets() {
    let case = Case::converted(&synth::small(Backbone::Gla));
    let row = |i: i32| (0..12).map(move |t| (5 * t + i) % 30);
    let input = Values::I64((0..3).flat_map(row).map(i64::from).collect());
    let targets = Values::I32(
        (0..36)
            .map(|t| if t % 4 == 0 { t % 30 } else { -1 })
            .collect(),
    );
    let file = [
        Tensor("input_ids", vec![3, 12], input),
        Tensor("targets", vec![3, 12], targets),
    ];
    std::fs::write(case.file("model/eval.safetensors"), safetensors(&file)).unwrap();
    let report = case.sla("eval m.sla --checkpoint model --json").json();
    check_eval_keys(&report, 2);
    assert_eq!(
        (report["tokens"].as_u64(), report["scored"].as_u64()),
        (Some(36), Some(9))
    );
    assert!(report["accuracy_float"].is_f64() && report["accuracy_fixed"].is_f64());
}

#[test]
fn clips_are_evaluated_at_their_last_frame() {
    let case = Case::converted(&features_config());
    let clip = |name, frames: usize| {
        let values = (0..3 * frames)
            .map(|i| (i as f32 * 0.7).sin() * 3.0)
            .collect();
        Tensor(name, vec![frames, 3], Values::F32(values))
    };
    // Clip 10 comes after clip 2, whatever the order of the names.
    let labels = Tensor("labels", vec![3], Values::I32(vec![0, 1, 2]));
    let file = [
        clip("features.10", 4),
        clip("features.2", 6),
        clip("features.0", 9),
        labels,
    ];
    case.write("clips.safetensors", safetensors(&file));
    let report = case
        .sla("eval m.sla --checkpoint model --tokens clips.safetensors --json")
        .json();
    check_eval_keys(&report, 2);
    assert_eq!(
        (report["tokens"].as_u64(), report["scored"].as_u64()),
        (Some(19), Some(3))
    );
    assert_eq!(report["clips"].as_u64(), Some(3));
    assert!(report["last_frame_max_error"].as_f64().unwrap() < 0.2);
    assert!(report["clip_relative_rms"].as_f64().unwrap() < 0.1);
    assert!(report["accuracy_float"].is_f64());

    case.sla("convert model -o again.sla --calibration clips.safetensors")
        .ok();
    case.sla("logits --model m.sla --input clips.safetensors -o out.safetensors")
        .ok();
    assert_eq!(
        read(
            &std::fs::read(case.file("out.safetensors")).unwrap(),
            "logits.10"
        )
        .0,
        [4, 4]
    );
}

#[test]
fn a_stream_is_evaluated_in_decades_and_drawn() {
    for (config, unit) in [
        (bytes_config(Backbone::RetNet), Some("bits/byte")),
        (synth::small(Backbone::Gla), Some("bits/token")),
        (features_config(), None),
    ] {
        let case = Case::converted(&config);
        let report = case
            .sla("eval m.sla --checkpoint model --stream 250 --plot drift.svg --json")
            .json();
        let positions = |list: &Value| -> Vec<[u64; 2]> {
            let windows = list.as_array().unwrap().iter();
            windows
                .map(|w| [0, 1].map(|i| w["positions"][i].as_u64().unwrap()))
                .collect()
        };
        assert_eq!(
            positions(&report["decades"]),
            [[1, 10], [11, 100], [101, 250]]
        );
        assert_eq!(report["last"]["positions"], serde_json::json!([126, 250]));
        assert_eq!(report["all"]["saturated"], 0);
        let kl = |of: &str| report["all"][of]["kl"].as_f64().unwrap();
        assert!(
            kl("dequantized") < kl("fixed") / 5.0 && kl("weights_only") > kl("fixed") / 2.0,
            "{}",
            report["all"]
        );
        assert_eq!(report["all"]["bits_float"].is_f64(), unit.is_some());

        let svg = std::fs::read_to_string(case.file("drift.svg")).unwrap();
        assert!(
            svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"),
            "{svg}"
        );
        for text in [
            "250 steps of one stream",
            "position in the stream",
            "nats",
            "weights alone",
            "arithmetic alone",
        ] {
            assert!(svg.contains(text), "no {text} in the drawing");
        }
        // The same seed, the same stream.
        assert_eq!(
            report,
            case.sla("eval m.sla --checkpoint model --stream 250 --json")
                .json()
        );
        let table = case.sla("eval m.sla --checkpoint model --stream 250").ok();
        assert!(
            table.contains("101 - 250") && unit.is_none_or(|unit| table.contains(unit)),
            "{table}"
        );
        assert_eq!(table.contains("bits/"), unit.is_some());
    }
}

#[test]
fn a_stream_repeats_what_it_is_given() {
    let case = Case::converted(&synth::small(Backbone::GatedDeltaNet));
    let once: Vec<i32> = (0..12).map(|t| 7 * t % 30).collect();
    case.write("once.safetensors", ids(&once));
    case.write("thrice.safetensors", ids(&once.repeat(3)));
    let stream = |file: &str| {
        case.sla(&format!(
            "eval m.sla --checkpoint model --tokens {file} --stream 36 --json"
        ))
        .json()
    };
    assert_eq!(stream("once.safetensors"), stream("thrice.safetensors"));
    assert_ne!(
        stream("once.safetensors"),
        case.sla("eval m.sla --checkpoint model --stream 36 --json")
            .json()
    );
}

#[test]
fn logits_keep_the_shape_and_start_every_row_afresh() {
    for config in [
        synth::small(Backbone::RetNet),
        bytes_config(Backbone::GatedDeltaNet),
    ] {
        let case = Case::converted(&config);
        case.write("one.safetensors", ids(&[3, 1, 4, 1, 5]));
        let two = Tensor(
            "input_ids",
            vec![2, 5],
            Values::I32([3, 1, 4, 1, 5].repeat(2)),
        );
        let other = Tensor("features", vec![1], Values::I32(vec![7]));
        case.write("two.safetensors", safetensors(&[two, other]));
        let logits = |source: &str, input: &str| {
            case.sla(&format!(
                "logits {source} --input {input} -o out.safetensors"
            ))
            .ok();
            read(
                &std::fs::read(case.file("out.safetensors")).unwrap(),
                "logits",
            )
        };
        for source in ["--checkpoint model", "--model m.sla"] {
            let (shape, row) = logits(source, "one.safetensors");
            assert_eq!(shape, [5, config.outputs]);
            let (shape, rows) = logits(source, "two.safetensors");
            assert_eq!(shape, [2, 5, config.outputs]);
            assert_eq!(rows, [&row[..], &row].concat());
        }
        let (float, fixed) = (
            logits("--checkpoint model", "one.safetensors").1,
            logits("--model m.sla", "one.safetensors").1,
        );
        let square =
            |v: &mut dyn Iterator<Item = f32>| v.map(|x| f64::from(x) * f64::from(x)).sum::<f64>();
        let error = square(&mut float.iter().zip(&fixed).map(|(a, b)| a - b))
            / square(&mut float.iter().copied());
        assert!(
            error > 0.0 && error.sqrt() < 0.05,
            "relative RMS error {}",
            error.sqrt()
        );
        assert_eq!(
            case.list(),
            [
                "m.sla",
                "model",
                "one.safetensors",
                "out.safetensors",
                "two.safetensors"
            ]
        );
    }
}

#[test]
fn raw_features_give_logits() {
    let case = Case::converted(&features_config());
    let raw = Values::F32(vec![1.0, -4.0, 0.0, 3.0, -3.5, 1.0]);
    case.write(
        "in.safetensors",
        safetensors(&[Tensor("features", vec![2, 3], raw)]),
    );
    for source in ["--checkpoint model", "--model m.sla"] {
        case.sla(&format!(
            "logits {source} --input in.safetensors -o out.safetensors"
        ))
        .ok();
        assert_eq!(
            read(
                &std::fs::read(case.file("out.safetensors")).unwrap(),
                "logits"
            )
            .0,
            [2, 4]
        );
    }
}

#[test]
fn generation_repeats_itself() {
    let case = Case::converted(&bytes_config(Backbone::Gla));
    let sampled = "run m.sla --prompt ab -n 300 --temperature 0.9 --top-k 50 --top-p 0.9 --seed 7";
    let text = case.sla(sampled).ok();
    assert_eq!(text, case.sla(sampled).ok());
    assert_ne!(
        text,
        case.sla(&sampled.replace("--seed 7", "--seed 8")).ok()
    );
    let greedy = case.sla("run m.sla -n 40 --temperature 0").ok();
    // Without a prompt a byte-level model starts from a line break; greedy needs no seed.
    assert_eq!(
        greedy,
        case.sla("run m.sla -n 40 --temperature 0 --seed 9 --prompt-ids 10")
            .ok()
    );
    assert_eq!(case.sla("run m.sla -n 0").ok(), "");
    // All that the sampler keeps: by our number, and by that of others.
    let all = case.sla("run m.sla -n 40 --top-k 0").ok();
    assert_eq!(all, case.sla("run m.sla -n 40 --top-k -1").ok());
    let many = case.sla("run m.sla -n 40 --top-k 1000");
    assert!(many.stderr.ends_with(
        "--top-k 1000: the sampler keeps 256 candidates, and draws from those; give at most 256\n"
    ));
    assert_eq!(many.ok(), all);
    assert_ne!(
        text,
        case.sla(&format!("{sampled} --repetition-penalty 1.5"))
            .ok()
    );
}

#[test]
fn a_session_is_written_and_gone_on_from() {
    for backbone in BACKBONES {
        let case = Case::converted(&bytes_config(backbone));
        let told = case.sla("snapshot m.sla --prompt abcab -o p.slas").ok();
        let bytes = std::fs::read(case.file("p.slas")).unwrap();
        assert_eq!(
            told,
            format!("wrote p.slas: {} bytes, 5 tokens of m.sla\n", bytes.len())
        );
        assert_eq!(
            (
                &bytes[..4],
                u64::from_le_bytes(bytes[20..28].try_into().unwrap())
            ),
            (&b"SLS\x7f"[..], 5)
        );
        for sampling in ["--temperature 0", "--temperature 0.9 --seed 4"] {
            let whole = case
                .sla(&format!("run m.sla --prompt abcab -n 60 {sampling}"))
                .ok();
            assert_eq!(
                case.sla(&format!("run m.sla --snapshot p.slas -n 60 {sampling}"))
                    .ok(),
                whole,
                "{backbone:?}"
            );
        }
        // The same session by ids, and again over itself.
        assert!(
            case.sla("snapshot m.sla --prompt-ids 97 -o p.slas")
                .ok()
                .contains(", 1 token of")
        );
        case.sla("snapshot m.sla --prompt-ids 97,98,99,97,98 -o p.slas")
            .ok();
        assert_eq!(std::fs::read(case.file("p.slas")).unwrap(), bytes);
        assert_eq!(case.list(), ["m.sla", "model", "p.slas"]);
    }
}

#[test]
fn models_without_text_print_ids() {
    let case = Case::converted(&synth::small(Backbone::Gla));
    let text = case.sla("run m.sla --prompt-ids 1,2,3 -n 12").ok();
    let ids: Vec<u32> = text
        .split_whitespace()
        .map(|id| id.parse().unwrap())
        .collect();
    assert!(ids.len() == 12 && ids.iter().all(|&id| id < 30), "{text}");
}

#[test]
fn a_reader_may_leave() {
    let case = Case::converted(&bytes_config(Backbone::RetNet));
    let command = Command::new(env!("CARGO_BIN_EXE_sla"))
        .args(["run", "m.sla", "-n", "100000000"])
        .current_dir(case.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = command.unwrap();
    let mut some = [0; 8];
    child.stdout.take().unwrap().read_exact(&mut some).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0));
}

#[test]
fn a_file_shows_what_it_costs() {
    for backbone in BACKBONES {
        let tied = backbone == Backbone::Gla;
        let config = Config {
            tied,
            ..bytes_config(backbone)
        };
        let case = Case::converted(&config);
        let report = case.sla("inspect m.sla --json").json();
        let bytes = std::fs::metadata(case.file("m.sla")).unwrap().len();
        assert_eq!(report["flash_bytes"].as_u64(), Some(bytes));
        assert_eq!(report["self_test"], "passed");
        assert_eq!(report["weight_bits"].as_f64(), Some(8.0));
        assert!(report["provenance"]["source_sha256"].is_string());
        for key in ["state_bytes", "scratch_bytes", "macs_per_token"] {
            assert!(report[key].as_u64().is_some_and(|n| n > 0), "{key}");
        }
        // Every matrix but the embedding, each weight once.
        let matrices: usize = match backbone {
            Backbone::Gla => 16 * (24 + config.k_dim()),
            Backbone::RetNet => 0,
            Backbone::GatedDeltaNet => 2 * 4 * 24,
        };
        let layer = 24
            * (config.q_dim()
                + config.k_dim()
                + config.v_dim()
                + 2 * config.y_dim()
                + 2 * 4
                + 3 * 20);
        assert_eq!(
            report["macs_per_token"].as_u64(),
            Some((2 * (layer + matrices) + 24 * 256) as u64)
        );
        let kinds =
            ["weights", "scales", "biases", "other"].map(|k| report["bytes"][k].as_u64().unwrap());
        assert_eq!(kinds.iter().sum::<u64>(), bytes);
        let tensors = report["tensors"].as_array().unwrap();
        assert!(tensors.iter().all(|t| {
            t["bits"] != 8
                || t["acc_bound"]
                    .as_u64()
                    .is_some_and(|b| b <= i32::MAX as u64)
        }));
        let text = case.sla("inspect m.sla").ok();
        assert!(
            text.starts_with("m.sla: flash ") && text.contains("self-test: passed"),
            "{text}"
        );
    }
}

#[test]
fn conversion_is_repeatable_and_takes_calibration() {
    let case = Case::converted(&bytes_config(Backbone::GatedDeltaNet));
    let first = std::fs::read(case.file("m.sla")).unwrap();
    let shown = case.sla("convert model -o m.sla").ok();
    assert!(shown.starts_with("wrote m.sla from model\n"), "{shown}");
    assert_eq!(first, std::fs::read(case.file("m.sla")).unwrap());
    case.write("text", "some text to look at");
    case.write("ids.safetensors", ids(&[1, 2, 255, 0]));
    case.sla("convert model -o text.sla --calibration text")
        .ok();
    case.sla("convert model -o ids.sla --calibration ids.safetensors")
        .ok();
    assert_eq!(
        case.list(),
        [
            "ids.safetensors",
            "ids.sla",
            "m.sla",
            "model",
            "text",
            "text.sla"
        ]
    );
}

#[test]
fn help_and_version_succeed() {
    let case = Case::new(&synth::small(Backbone::RetNet));
    assert!(case.sla("--help").ok().contains("convert"));
    assert!(case.sla("eval --help").ok().contains("--checkpoint"));
    assert!(case.sla("--version").ok().starts_with("sla "));
}

#[test]
fn bits_are_chosen_within_the_budget() {
    let case = Case::converted(&wide_config());
    case.write(
        "text",
        "To be, or not to be: that is the question. ".repeat(10),
    );
    let size = |name: &str| std::fs::metadata(case.file(name)).unwrap().len() as f64;
    let bits = |name: &str| -> Vec<u64> {
        let contents = case.sla(&format!("inspect {name} --json")).json();
        let tensors = contents["tensors"].as_array().unwrap().iter();
        let matrices = tensors
            .filter(|t| t["role"].as_str().unwrap().contains("_proj") || t["layer"].is_null());
        matrices.map(|t| t["bits"].as_u64().unwrap()).collect()
    };
    let convert = |options: &str| {
        case.sla(&format!("convert model --calibration text {options}"))
            .ok()
    };
    convert("-o 4.sla --weights int4");
    convert("-o 4h.sla --weights int4 --head int4");
    let least = size("4.sla") / size("m.sla");
    let budget = 0.5 * (1.0 + least);
    let told = convert(&format!(
        "-o mixed.sla --weights mixed --budget {budget:.4} --verbose"
    ));
    assert!(
        told.contains("KL if int4 alone") && told.contains("layers.1.mlp.down_proj"),
        "{told}"
    );
    assert!(size("4h.sla") < size("4.sla") && size("4.sla") < size("mixed.sla"));
    assert!(
        size("mixed.sla") <= budget * size("m.sla") + 64.0,
        "{} of {}",
        size("mixed.sla"),
        size("m.sla")
    );
    let four = |name: &str| bits(name).iter().filter(|&&b| b == 4).count();
    assert_eq!(four("m.sla"), 0);
    // q, k, v, g, o, gate, up, down of two layers; with embedding and head.
    assert_eq!((four("4.sla"), four("4h.sla")), (16, 18));
    assert!((1..16).contains(&four("mixed.sla")));
    for (name, weights) in [("m.sla", "int8"), ("4.sla", "int4"), ("mixed.sla", "mixed")] {
        let contents = case.sla(&format!("inspect {name} --json")).json();
        assert!(
            contents["provenance"]["weights"]
                .as_str()
                .unwrap()
                .starts_with(weights),
            "{contents}"
        );
    }
    // The integer run means the same weights as the float model over the file.
    for name in ["4.sla", "4h.sla", "mixed.sla"] {
        let report = case
            .sla(&format!(
                "eval {name} --checkpoint model --text text --json"
            ))
            .json();
        let kl = |report: &Value| report["kl_mean"].as_f64().unwrap();
        assert!(
            kl(&report["dequantized"]) < kl(&report) / 20.0,
            "{name}: {report}"
        );
    }
}

#[test]
fn a_model_of_zeros_has_figures() {
    let case = Case::new(&bytes_config(Backbone::Gla));
    let path = case.file("model/model.safetensors");
    let mut bytes = std::fs::read(&path).unwrap();
    let header = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    bytes[8 + header..].fill(0);
    std::fs::write(&path, bytes).unwrap();
    case.write("text", "some text to look at");
    for line in [
        "convert model -o m.sla",
        "eval m.sla --checkpoint model --text text",
        "eval m.sla --checkpoint model --stream 9",
    ] {
        let run = case.sla(line);
        let told = run.stderr.clone() + &run.ok();
        assert!(!told.contains("NaN") && !told.contains("inf"), "{told}");
    }
    assert_eq!(
        case.sla("eval m.sla --checkpoint model --text text --json")
            .json()["relative_rms"],
        0.0
    );
}
