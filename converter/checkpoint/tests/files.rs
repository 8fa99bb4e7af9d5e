//! Folders as people have them: files that are not what their name says, wrapped names, adapters,
//! quantised weights, ends of text.

use std::fs;
use std::path::Path;

use safetensors::Dtype;
use serde_json::{Map, Value, json};
use sla_checkpoint::tokenizer;
use sla_checkpoint::{Checkpoint, load};
use sla_reference::Backbone;
use sla_test_models::{self as synth, Layout, TempDir, Tensor};

const LFS: &str = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n";
const PAGE: &str = "<!doctype html>\n<html lang=\"en\"><head><title>Sign in</title></head></html>";

/// The parts of a small model with the vocabulary 30.
fn parts() -> (Map<String, Value>, Vec<Tensor>) {
    let config = synth::small(Backbone::Gla);
    let weights = synth::weights(&config, 1);
    let layout = Layout::default();
    (
        synth::config_json(&config, &weights, &layout),
        synth::tensors(&config, &weights, &layout),
    )
}

fn written(config: &Map<String, Value>, tensors: &[Tensor], shards: usize) -> TempDir {
    let dir = TempDir::new();
    synth::write_parts(dir.path(), config, tensors, shards).unwrap();
    dir
}

fn sound() -> TempDir {
    let (config, tensors) = parts();
    written(&config, &tensors, 1)
}

#[track_caller]
fn refused(dir: &Path, words: &[&str]) {
    let line = load(dir)
        .err()
        .unwrap_or_else(|| panic!("{words:?} must be refused"))
        .to_string();
    assert!(
        !line.contains(char::is_control) && line.chars().count() < 400,
        "not one short line: {line}"
    );
    words
        .iter()
        .for_each(|word| assert!(line.contains(word), "no {word:?} in: {line}"));
}

#[track_caller]
fn loads(dir: &Path, warning: &[&str]) -> Checkpoint {
    let checkpoint = load(dir).unwrap_or_else(|e| panic!("{e}"));
    let words = warning
        .iter()
        .all(|word| checkpoint.warnings.iter().any(|w| w.contains(word)));
    assert!(
        words && checkpoint.warnings.len() == usize::from(!warning.is_empty()),
        "{:?}",
        checkpoint.warnings
    );
    checkpoint
}

#[test]
fn files_that_are_something_else_are_named_with_the_way_out() {
    let bodies: [(&[u8], &str); 9] = [
        (LFS.as_bytes(), "git lfs pull"),
        (PAGE.as_bytes(), "HTML page"),
        (b"\xef\xbb\xbf\r\n<HTML>", "HTML page"),
        (b"", "fetch it again"),
        (b"Entry not found", "\"Entry not found\""),
        (
            b"PK\x03\x04\x14\0\0\0\0\0\0\0archive/data.pkl",
            "zip archive",
        ),
        (
            b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.",
            "pickle",
        ),
        (b"\x1f\x8b\x08\0\0\0\0\0\0\x03\xff\xfe", "gzip"),
        (b"GGUF\x03\0\0\0\x10\0\0\0\0\0\0\0", "GGUF"),
    ];
    for (body, words) in bodies {
        for name in ["model.safetensors", "config.json", "generation_config.json"] {
            let dir = sound();
            fs::write(dir.path().join(name), body).unwrap();
            refused(dir.path(), &[name, words]);
        }
        let (config, tensors) = parts();
        for name in [
            "model-00002-of-00002.safetensors",
            "model.safetensors.index.json",
        ] {
            let dir = written(&config, &tensors, 2);
            fs::write(dir.path().join(name), body).unwrap();
            refused(dir.path(), &[name, words]);
        }
        let dir = sound();
        fs::write(dir.path().join("tokenizer.json"), body).unwrap();
        let line = tokenizer::load(dir.path(), 30).unwrap_err().to_string();
        assert!(
            line.contains("tokenizer.json")
                && line.contains(words)
                && line.contains("--no-tokenizer"),
            "{line}"
        );
    }
    // A compressed file that begins like a header of its length, and what a server says.
    let dir = sound();
    let long = [b"\x1f\x8b\x08\0\0\0\0\0".as_slice(), &vec![0; 600_000]].concat();
    fs::write(dir.path().join("model.safetensors"), long).unwrap();
    refused(dir.path(), &["gzip"]);
    fs::write(
        dir.path().join("model.safetensors"),
        "{\"error\":\"Repository not found\"}",
    )
    .unwrap();
    refused(dir.path(), &["Repository not found"]);
}

/// A header whose length is that of a magic number is still a header.
#[test]
fn a_header_may_have_any_length() {
    let (config, tensors) = parts();
    let dir = written(&config, &tensors, 1);
    let path = dir.path().join("model.safetensors");
    let bytes = fs::read(&path).unwrap();
    let (len, rest) = bytes.split_first_chunk::<8>().unwrap();
    let (json, data) = rest.split_at(u64::from_le_bytes(*len) as usize);
    // 0x3c ("<"), 0x8b1f (gzip's first two bytes) and 0x4b50 ("PK").
    for first in [[0x3c, 0x40], [0x1f, 0x8b], [0x50, 0x4b], [0x80, 0x42]] {
        let target = usize::from(u16::from_le_bytes(first));
        assert!(
            target >= json.len(),
            "{target} bytes are too few for {}",
            json.len()
        );
        let padded = [json, &vec![b' '; target - json.len()]].concat();
        fs::write(
            &path,
            [&(target as u64).to_le_bytes(), padded.as_slice(), data].concat(),
        )
        .unwrap();
        loads(dir.path(), &[]);
    }
}

#[test]
fn names_of_wrappers_are_read() {
    let (config, tensors) = parts();
    let plain = loads(written(&config, &tensors, 1).path(), &[]);
    for front in [
        "_orig_mod.",
        "module.",
        "base_model.model.",
        "module._orig_mod.",
        "_orig_mod.module.",
        "base_model.model._orig_mod.",
        "_fsdp_wrapped_module.",
        "model.",
    ] {
        let mut wrapped = tensors.clone();
        wrapped
            .iter_mut()
            .for_each(|t| t.name = format!("{front}{}", t.name));
        for shards in [1, 2] {
            assert_eq!(
                loads(written(&config, &wrapped, shards).path(), &[]).weights,
                plain.weights,
                "{front}"
            );
        }
        // The same tensor with and without.
        let twice = [
            tensors.clone(),
            wrapped
                .into_iter()
                .filter(|t| t.name.ends_with("model.norm.weight"))
                .collect(),
        ]
        .concat();
        refused(
            written(&config, &twice, 1).path(),
            &["model.norm.weight", "also stored as"],
        );
    }
    let mut inside = tensors.clone();
    inside.iter_mut().for_each(|t| {
        t.name = t
            .name
            .replace(".attn.", "._orig_mod.attn._checkpoint_wrapped_module.")
            .replace(".mlp.", ".module.mlp.");
    });
    assert_eq!(
        loads(written(&config, &inside, 1).path(), &[]).weights,
        plain.weights
    );
}

/// Something unknown in front of every name, or the names of another model.
#[test]
fn names_of_strangers_are_told_with_the_expected_one() {
    let (config, tensors) = parts();
    let expected = "where model.layers.0.attn.q_proj.weight is expected";
    let renamed = |to: &dyn Fn(&str) -> String| {
        let mut tensors = tensors.clone();
        tensors.iter_mut().for_each(|t| t.name = to(&t.name));
        written(&config, &tensors, 1)
    };
    for front in [
        "student.",
        "transformer.",
        "backbone.model.",
        "ema.",
        "module.ema_model.",
    ] {
        let way_out = format!("without \"{front}model.\" in front");
        let example =
            format!("tensor {front}model.layers.0.attn.q_proj.weight in model.safetensors");
        refused(
            renamed(&|name| format!("{front}{name}")).path(),
            &[&example, expected, &way_out],
        );
        // The head is often outside.
        let body = |name: &str| {
            if name == "lm_head.weight" {
                name.into()
            } else {
                format!("{front}{name}")
            }
        };
        refused(renamed(&body).path(), &[&example, expected, &way_out]);
    }
    let other = renamed(&|name| name.replace("model.layers.", "transformer.h."));
    refused(
        other.path(),
        &["tensor transformer.h.0.", expected, "rename the tensors"],
    );
    // What is left of a model without the shards of its layers has no strange name.
    let few: Vec<Tensor> = tensors
        .iter()
        .filter(|t| !t.name.contains("layers"))
        .cloned()
        .collect();
    refused(
        written(&config, &few, 1).path(),
        &["num_hidden_layers = 2", "0 layers", "give all shards"],
    );
}

#[test]
fn adapters_need_their_model() {
    for files in [
        &["adapter_config.json", "adapter_model.safetensors"][..],
        &["adapter_config.json", "adapter_model.bin"],
    ] {
        let dir = TempDir::new();
        files
            .iter()
            .for_each(|name| fs::write(dir.path().join(name), "{}").unwrap());
        refused(
            dir.path(),
            &["adapter", "merge_and_unload", "adapter_config.json"],
        );
        fs::write(
            dir.path().join("config.json"),
            serde_json::to_vec(&parts().0).unwrap(),
        )
        .unwrap();
        refused(dir.path(), &["adapter", "merge_and_unload"]);
    }
    let dir = sound();
    fs::write(dir.path().join("adapter_config.json"), "{}").unwrap();
    loads(dir.path(), &["adapter_config.json"]);
    let (config, tensors) = parts();
    for name in [
        "base_model.model.model.layers.0.attn.q_proj.lora_A.weight",
        "base_model.model.model.layers.0.attn.q_proj.lora_B.default.weight",
        "base_model.model.model.layers.0.attn.q_proj.base_layer.weight",
    ] {
        let extra = Tensor {
            name: name.into(),
            shape: vec![1, 2],
            data: vec![0.5; 2],
            dtype: Dtype::F32,
        };
        refused(
            written(&config, &[tensors.clone(), vec![extra.clone()]].concat(), 1).path(),
            &[name, "adapter", "merge"],
        );
        refused(written(&config, &[extra], 1).path(), &[name, "adapter"]);
    }
}

#[test]
fn weights_under_other_names() {
    let (config, tensors) = parts();
    let renamed = |to: &str| {
        let dir = written(&config, &tensors, 1);
        fs::rename(dir.path().join("model.safetensors"), dir.path().join(to)).unwrap();
        dir
    };
    let expected = loads(written(&config, &tensors, 1).path(), &[]).weights;
    let dir = renamed("gla-340M.safetensors");
    assert_eq!(
        loads(dir.path(), &["gla-340M.safetensors"]).weights,
        expected
    );
    // Data for an evaluation and an adapter are no models.
    fs::write(dir.path().join("eval.safetensors"), "x").unwrap();
    loads(dir.path(), &["gla-340M.safetensors"]);
    // Nor are what macOS leaves beside a file, and the state of training.
    fs::write(dir.path().join("._gla-340M.safetensors"), "x").unwrap();
    fs::write(dir.path().join("optimizer.safetensors"), "x").unwrap();
    loads(dir.path(), &["gla-340M.safetensors"]);
    refused(
        renamed("optimizer.safetensors").path(),
        &[
            "no model.safetensors",
            "optimizer.safetensors is a trainer's",
        ],
    );
    refused(
        renamed("._weights.safetensors").path(),
        &["no model.safetensors"],
    );
    fs::write(dir.path().join("ema.safetensors"), "x").unwrap();
    refused(
        dir.path(),
        &[
            "no model.safetensors",
            "ema.safetensors, gla-340M.safetensors",
            "rename",
        ],
    );
    refused(
        renamed("model-00001-of-00003.safetensors").path(),
        &["model-00001-of-00003.safetensors", "index.json"],
    );
    let dir = TempDir::new();
    fs::write(
        dir.path().join("config.json"),
        serde_json::to_vec(&config).unwrap(),
    )
    .unwrap();
    for (name, words) in [
        ("model.gguf", "llama.cpp"),
        ("optimizer.bin", "pickle"),
        ("pytorch_model.bin", "safe_serialization"),
    ] {
        fs::write(dir.path().join(name), "x").unwrap();
        refused(
            dir.path(),
            &["no model.safetensors", name, words]
                .map(|w| if w == "model.gguf" { "gguf" } else { w }),
        );
        if name != "optimizer.bin" {
            fs::remove_file(dir.path().join(name)).unwrap();
        }
    }
}

#[test]
fn quantised_weights_are_refused_by_name() {
    let (config, tensors) = parts();
    for (part, words) in [
        ("weight.absmax", "bitsandbytes"),
        ("weight.quant_state.bitsandbytes__nf4", "bitsandbytes"),
        ("SCB", "bitsandbytes"),
        ("qweight", "GPTQ"),
        ("scales", "GPTQ"),
        ("weight_scale_inv", "quantised"),
    ] {
        let name = format!("model.layers.0.attn.q_proj.{part}");
        let extra = Tensor {
            name: name.clone(),
            shape: vec![2],
            data: vec![0.5; 2],
            dtype: Dtype::F32,
        };
        // Whether it stands beside the weight or in its place.
        let beside = [tensors.clone(), vec![extra]].concat();
        let instead: Vec<Tensor> = beside
            .iter()
            .filter(|t| !t.name.ends_with("0.attn.q_proj.weight"))
            .cloned()
            .collect();
        for tensors in [beside, instead] {
            refused(
                written(&config, &tensors, 1).path(),
                &[&name, words, "unquantised"],
            );
        }
    }
    let mut config = config;
    config.insert(
        "quantization_config".into(),
        json!({ "quant_method": "awq", "bits": 4 }),
    );
    refused(
        written(&config, &tensors, 1).path(),
        &["quantization_config", "awq", "unquantised"],
    );
}

#[test]
fn tokenizers_in_other_forms_are_told() {
    let dir = sound();
    assert_eq!(tokenizer::unread(dir.path()), None);
    fs::write(dir.path().join("tokenizer.model"), "x").unwrap();
    let line = tokenizer::unread(dir.path()).unwrap();
    assert!(
        line.contains("tokenizer.model is not read") && line.contains("save_pretrained"),
        "{line}"
    );
    fs::remove_file(dir.path().join("tokenizer.model")).unwrap();
    fs::write(dir.path().join("vocab.json"), "{}").unwrap();
    fs::write(dir.path().join("merges.txt"), "").unwrap();
    let line = tokenizer::unread(dir.path()).unwrap();
    assert!(
        line.contains("merges.txt and vocab.json are not read"),
        "{line}"
    );
}

/// `eos_token_id` in every form, of both files.
#[test]
fn ends_of_text() {
    let with = |eos: Option<Value>, generation: Option<Value>| {
        let (mut config, tensors) = parts();
        if let Some(eos) = eos {
            config.insert("eos_token_id".into(), eos);
        }
        let dir = written(&config, &tensors, 1);
        if let Some(value) = generation {
            fs::write(dir.path().join("generation_config.json"), value.to_string()).unwrap();
        }
        dir
    };
    let generation = |eos: Value| Some(json!({ "eos_token_id": eos, "temperature": 0.7 }));
    let all: Vec<u32> = (0..30).collect();
    for (eos, other, ends) in [
        (None, None, &[][..]),
        (Some(json!(null)), None, &[]),
        (Some(json!([])), generation(json!(null)), &[]),
        (Some(json!(2)), None, &[2]),
        (Some(json!([5, 2, 5])), None, &[5, 2]),
        (Some(json!(2)), generation(json!([3, 2, 29])), &[2, 3, 29]),
        (None, generation(json!(7)), &[7]),
        (Some(json!(2)), Some(json!({})), &[2]),
        (Some(json!(all)), None, &all),
    ] {
        let dir = with(eos, other);
        assert_eq!(loads(dir.path(), &[]).meta.eos_token_ids, ends);
    }
    for (id, shown) in [
        (json!(-1), "-1"),
        (json!(30), "30"),
        (json!(u64::MAX), "18446744073709551615"),
    ] {
        let dir = with(Some(json!([1, id, 2])), None);
        let checkpoint = loads(
            dir.path(),
            &[&format!(
                "config.json: eos_token_id = {shown} is outside the vocabulary of 30"
            )],
        );
        assert_eq!(checkpoint.meta.eos_token_ids, [1, 2]);
        let dir = with(Some(json!(1)), generation(id));
        let checkpoint = loads(
            dir.path(),
            &[&format!("generation_config.json: eos_token_id = {shown}")],
        );
        assert_eq!(checkpoint.meta.eos_token_ids, [1]);
    }
    // Many are one line, of each file.
    let ids: Vec<u32> = (28..72).collect();
    let dir = with(Some(json!(ids)), None);
    let line = "config.json: eos_token_id = 30, 31, 32, … (42 ids) are outside the vocabulary of 30 and ignored";
    assert_eq!(loads(dir.path(), &[line]).meta.eos_token_ids, [28, 29]);
    let dir = with(Some(json!(1)), generation(json!([2, 30, 31])));
    let line = "generation_config.json: eos_token_id = 30, 31 are outside the vocabulary of 30";
    assert_eq!(loads(dir.path(), &[line]).meta.eos_token_ids, [1, 2]);
    for wrong in [
        json!(true),
        json!("</s>"),
        json!(2.0),
        json!([[2]]),
        json!([null]),
        json!({ "id": 2 }),
    ] {
        refused(
            with(Some(wrong.clone()), None).path(),
            &["config.json: eos_token_id = ", "a list of token ids"],
        );
        refused(
            with(None, generation(wrong)).path(),
            &[
                "generation_config.json",
                "eos_token_id = ",
                "a list of token ids",
            ],
        );
    }
    refused(
        with(None, Some(json!([2]))).path(),
        &["generation_config.json", "object"],
    );
}

/// As many as a file can name, and one more.
#[test]
fn too_many_ends_of_text() {
    let mut config = synth::small(Backbone::Gla);
    (config.outputs, config.input) = (100, sla_reference::Input::Tokens { vocab: 100 });
    let weights = synth::weights(&config, 1);
    let layout = Layout::default();
    let (mut keys, tensors) = (
        synth::config_json(&config, &weights, &layout),
        synth::tensors(&config, &weights, &layout),
    );
    for n in [64u32, 65] {
        keys.insert("eos_token_id".into(), json!((0..n).collect::<Vec<_>>()));
        let dir = written(&keys, &tensors, 1);
        match n {
            64 => assert_eq!(loads(dir.path(), &[]).meta.eos_token_ids.len(), 64),
            _ => refused(dir.path(), &["eos_token_id", "65", "at most 64"]),
        }
    }
}
