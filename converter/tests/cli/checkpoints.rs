//! What checkpoints of other hands do to the commands: a missing head, several ends of text, files
//! that are something else.

use std::fs;

use serde_json::{Value, json};
use sla_reference::{Backbone, Config, Weights};
use sla_test_models::{self as synth, Layout};

use crate::{Case, bytes_config, features_config};

const LFS: &str = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n";

/// Changes `config.json` of the checkpoint.
fn set(case: &Case, key: &str, value: Value) {
    let path = case.file("model/config.json");
    let mut config: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    config[key] = value;
    fs::write(path, config.to_string()).unwrap();
}

/// Writes `input_ids` below the vocabulary of [`synth::small`].
fn write_ids(case: &Case) {
    let ids: Vec<u8> = (0..64i32).flat_map(|i| (i % 30).to_le_bytes()).collect();
    let view =
        safetensors::tensor::TensorView::new(safetensors::Dtype::I32, vec![64], &ids).unwrap();
    case.write(
        "ids.safetensors",
        safetensors::serialize([("input_ids", view)], None).unwrap(),
    );
}

#[test]
fn a_checkpoint_without_a_head_needs_a_word_for_it() {
    let config = synth::small(Backbone::Gla);
    let case = Case::new(&config);
    let (weights, layout) = (synth::weights(&config, 3), Layout::default());
    let mut tensors = synth::tensors(&config, &weights, &layout);
    tensors.retain(|t| t.name != "lm_head.weight");
    // The names of a base model.
    tensors
        .iter_mut()
        .for_each(|t| t.name = t.name.trim_start_matches("model.").into());
    let mut keys = synth::config_json(&config, &weights, &layout);
    keys.insert("architectures".into(), json!(["GLAModel"]));
    synth::write_parts(&case.file("model"), &keys, &tensors, 1).unwrap();

    let line = case.sla("convert model -o m.sla").error(1);
    assert!(
        line.contains("lm_head.weight [30, 24] is missing") && line.contains("--tied-head"),
        "{line}"
    );
    assert_eq!(case.list(), ["model"], "a refusal leaves nothing behind");
    case.sla("convert model -o m.sla --tied-head").ok();
    assert_eq!(
        case.sla("inspect m.sla --json").json()["model"]["tied"],
        json!(true)
    );
    // The file says what its checkpoint does not.
    write_ids(&case);
    case.sla("eval m.sla --checkpoint model --tokens ids.safetensors")
        .ok();
    case.sla("compare m.sla m.sla --checkpoint model --tokens ids.safetensors")
        .ok();
    let line = case
        .sla("logits --checkpoint model --input ids.safetensors -o l.safetensors")
        .error(1);
    assert!(line.contains("--tied-head"), "{line}");
    case.sla("logits --checkpoint model --input ids.safetensors -o l.safetensors --tied-head")
        .ok();
    case.sla("logits --model m.sla --input ids.safetensors -o m.safetensors --tied-head")
        .error(2);
}

#[test]
fn every_end_of_text_ends_a_text() {
    let config = synth::small(Backbone::Gla);
    let case = Case::new(&config);
    case.sla("convert model -o none.sla").ok();
    let generate = "--prompt-ids 1 -n 40 --temperature 0";
    let free = case.sla(&format!("run none.sla {generate}")).ok();
    let ids: Vec<u32> = free
        .split_whitespace()
        .map(|id| id.parse().unwrap())
        .collect();
    assert_eq!(ids.len(), 40);
    let unseen: Vec<u32> = (0..30).filter(|id| !ids.contains(id)).collect();
    // The last id to appear for the first time, as each of several ends in turn.
    let (at, end) = ids
        .iter()
        .enumerate()
        .rfind(|(i, id)| !ids[..*i].contains(id))
        .unwrap();
    let expected: Vec<u32> = ids[..at].to_vec();
    for (place, ends) in [
        vec![*end, unseen[0]],
        vec![unseen[0], *end],
        vec![unseen[0], unseen[1], *end],
    ]
    .iter()
    .enumerate()
    {
        set(&case, "eos_token_id", json!(ends));
        let said = case.sla("convert model -o m.sla").ok();
        let list = ends
            .iter()
            .map(u32::to_string)
            .collect::<Vec<_>>()
            .join(", ");
        assert!(
            said.contains("end of text") && said.contains(&list),
            "{said}"
        );
        let made = case.sla(&format!("run m.sla {generate}")).ok();
        let made: Vec<u32> = made
            .split_whitespace()
            .map(|id| id.parse().unwrap())
            .collect();
        assert_eq!(made, expected, "end {place}");
        assert_eq!(
            case.sla("inspect m.sla --json").json()["model"]["eos_token_id"],
            json!(ends)
        );
        assert!(case.sla("inspect m.sla").ok().contains("eos_token_id"));
    }
    // generation_config.json's end counts too, and one end alone is in the description, in both
    // forms.
    set(&case, "eos_token_id", json!(unseen[0]));
    case.write(
        "model/generation_config.json",
        json!({ "eos_token_id": [end] }).to_string(),
    );
    case.sla("convert model -o both.sla").ok();
    assert_eq!(
        case.sla("inspect both.sla --json").json()["model"]["eos_token_id"],
        json!([unseen[0], end])
    );
    case.write("model/generation_config.json", "{}");
    case.sla("convert model -o one.sla").ok();
    set(&case, "eos_token_id", json!([unseen[0], unseen[0]]));
    case.sla("convert model -o twice.sla").ok();
    assert_eq!(
        fs::read(case.file("one.sla")).unwrap(),
        fs::read(case.file("twice.sla")).unwrap()
    );
    assert_eq!(
        case.sla("inspect one.sla --json").json()["model"]["eos_token_id"],
        json!(unseen[0])
    );
}

#[test]
fn pointers_and_pages_in_place_of_files() {
    let case = Case::converted(&synth::small(Backbone::Gla));
    for (body, words) in [
        (LFS, "git lfs pull"),
        ("<!DOCTYPE html><html></html>", "HTML page"),
        ("Entry not found", "Entry not found"),
    ] {
        case.write("bad.sla", body);
        case.write("bad.safetensors", body);
        case.write("bad.slas", body);
        for command in [
            "inspect bad.sla",
            "run bad.sla --prompt-ids 1",
            "run m.sla --snapshot bad.slas",
            "eval m.sla --checkpoint model --tokens bad.safetensors",
            "convert model -o n.sla --calibration bad.safetensors",
        ] {
            let line = case.sla(command).error(1);
            assert!(
                line.contains("bad.sla") || line.contains("bad.safetensors"),
                "{command}: {line}"
            );
            assert!(line.contains(words), "{command}: {line}");
        }
    }
    case.write("model/tokenizer.json", LFS);
    let line = case.sla("convert model -o n.sla").error(1);
    assert!(
        line.contains("tokenizer.json") && line.contains("git lfs pull"),
        "{line}"
    );
    case.sla("convert model -o n.sla --no-tokenizer").ok();
}

/// A pointer would be read as the text that it stands for; a page may be the text.
#[test]
fn pointers_in_place_of_texts() {
    let case = Case::converted(&bytes_config(Backbone::Gla));
    case.write("text", LFS);
    for command in [
        "eval m.sla --checkpoint model --text text",
        "convert model -o n.sla --calibration text",
        "run m.sla --prompt-file text",
        "snapshot m.sla --prompt-file text -o s.slas",
    ] {
        let line = case.sla(command).error(1);
        assert!(
            line.contains("text: not a text but a Git LFS pointer: run `git lfs pull`"),
            "{command}: {line}"
        );
    }
    for command in ["run m.sla --prompt-file -", "tokenize m.sla"] {
        let line = case.sla_with(command, LFS.as_bytes()).error(1);
        assert!(
            line.contains("stdin: not a text but a Git LFS pointer"),
            "{command}: {line}"
        );
    }
    case.write("text", "<!DOCTYPE html><html></html>");
    case.sla("eval m.sla --checkpoint model --text text").ok();
    case.sla("run m.sla --prompt-file text -n 1").ok();
}

#[test]
fn tokenizers_in_other_forms_are_warned_of() {
    let case = Case::new(&synth::small(Backbone::Gla));
    case.write("model/tokenizer.model", "x");
    let run = case.sla("convert model -o m.sla");
    let warned = run.stderr.contains("warning: tokenizer.model is not read")
        && run.stderr.contains("save_pretrained");
    assert!(run.code == 0 && warned, "{}", run.stderr);
    let quiet = case.sla("convert model -o n.sla --no-tokenizer");
    assert!(
        quiet.code == 0 && !quiet.stderr.contains("tokenizer.model"),
        "{}",
        quiet.stderr
    );
}

/// A model of zeros has no signal to divide by.
#[test]
fn a_model_of_zeros_has_sound_figures() {
    for config in [
        bytes_config(Backbone::Gla),
        bytes_config(Backbone::GatedDeltaNet),
        features_config(),
    ] {
        let case = zeros(&config);
        let mut said = String::new();
        let mut keep = |run: crate::Run| {
            assert_eq!(run.code, 0, "{}", run.stderr);
            said += &format!(
                "{}\n{}\n",
                String::from_utf8(run.stdout).unwrap(),
                run.stderr
            );
        };
        keep(case.sla("convert model -o m.sla"));
        keep(case.sla("convert model -o four.sla --weights int4"));
        let input = if config == features_config() {
            let clip: Vec<u8> = (0..12).flat_map(|i| (i as f32).to_le_bytes()).collect();
            let view =
                safetensors::tensor::TensorView::new(safetensors::Dtype::F32, vec![4, 3], &clip)
                    .unwrap();
            case.write(
                "clip.safetensors",
                safetensors::serialize([("features.0", view)], None).unwrap(),
            );
            "--tokens clip.safetensors"
        } else {
            case.write("text.txt", "What is nothing divided by nothing?");
            "--text text.txt"
        };
        keep(case.sla(&format!("eval m.sla --checkpoint model {input}")));
        keep(case.sla(&format!(
            "eval m.sla --checkpoint model {input} --report page.html"
        )));
        keep(case.sla("eval m.sla --checkpoint model --stream 50"));
        keep(case.sla(&format!(
            "compare m.sla four.sla --checkpoint model {input}"
        )));
        keep(case.sla("inspect m.sla"));
        said += &fs::read_to_string(case.file("page.html")).unwrap();
        for wrong in ["NaN", "inf %", "inf times"] {
            assert!(!said.contains(wrong), "{wrong} in {said}");
        }
        let json = case
            .sla(&format!("eval m.sla --checkpoint model {input} --json"))
            .json();
        assert_eq!(json["relative_rms"], json!(0.0));
        let stream = case
            .sla("eval m.sla --checkpoint model --stream 50 --json")
            .json();
        assert_eq!(
            (&stream["drift"], &stream["over_weights"]),
            (&json!(1.0), &json!(0.0))
        );
    }
}

fn zeros(config: &Config) -> Case {
    let case = Case::new(config);
    synth::write(
        &case.file("model"),
        config,
        &Weights::zeros(config),
        &Layout::default(),
    )
    .unwrap();
    case
}
