//! Bad checkpoints: each is refused with one line that names what is wrong; odd ones load with a
//! warning.

use std::path::Path;

use safetensors::Dtype;
use serde_json::{Map, Value, json};
use sla_checkpoint::{Checkpoint, LoadOptions, load, load_with};
use sla_reference::{Backbone, Config, Input, KeyGate, QueryGate, Sla};
use sla_test_models::{self as synth, Layout, TempDir, Tensor};

/// A checkpoint in pieces, to damage and write.
struct Case {
    config: Map<String, Value>,
    tensors: Vec<Tensor>,
}

impl Case {
    fn of(config: &Config, layout: &Layout) -> Self {
        let weights = synth::weights(config, 1);
        Self {
            config: synth::config_json(config, &weights, layout),
            tensors: synth::tensors(config, &weights, layout),
        }
    }

    fn new(backbone: Backbone) -> Self {
        Self::of(&synth::small(backbone), &Layout::default())
    }

    fn set(mut self, key: &str, value: Value) -> Self {
        self.config.insert(key.into(), value);
        self
    }

    fn unset(mut self, key: &str) -> Self {
        self.config
            .remove(key)
            .unwrap_or_else(|| panic!("{key} was not there"));
        self
    }

    fn sla(self, key: &str, value: Value) -> Self {
        let mut sla = Map::new();
        sla.insert(key.into(), value);
        self.set("sla", Value::Object(sla))
    }

    fn tensor(mut self, name: &str, change: impl FnOnce(&mut Tensor)) -> Self {
        change(
            self.tensors
                .iter_mut()
                .find(|t| t.name == name)
                .unwrap_or_else(|| panic!("{name} was not there")),
        );
        self
    }

    fn without(mut self, name: &str) -> Self {
        let before = self.tensors.len();
        self.tensors.retain(|t| t.name != name);
        assert!(self.tensors.len() < before, "{name} was not there");
        self
    }

    fn with(mut self, name: &str, shape: &[usize]) -> Self {
        let data = vec![0.5; shape.iter().product()];
        self.tensors.push(Tensor {
            name: name.into(),
            shape: shape.into(),
            data,
            dtype: Dtype::F32,
        });
        self
    }

    fn write(&self, shards: usize) -> TempDir {
        let dir = TempDir::new();
        synth::write_parts(dir.path(), &self.config, &self.tensors, shards).unwrap();
        dir
    }

    fn loads(self) -> Checkpoint {
        load(self.write(1).path()).unwrap_or_else(|e| panic!("{e}"))
    }

    /// Loads with exactly one warning, which holds every word.
    #[track_caller]
    fn warns(self, words: &[&str]) {
        let warnings = self.loads().warnings;
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert_words(&warnings[0], words);
    }

    /// Is refused with one line, which holds every word.
    #[track_caller]
    fn refused(self, words: &[&str]) {
        refused(self.write(1).path(), words);
    }
}

#[track_caller]
fn refused(dir: &Path, words: &[&str]) {
    match load(dir) {
        Ok(_) => panic!("{words:?} must be refused"),
        Err(error) => assert_words(&error.to_string(), words),
    }
}

#[track_caller]
fn assert_words(line: &str, words: &[&str]) {
    assert!(
        !line.contains(char::is_control) && line.chars().count() < 400,
        "not one short line: {line}"
    );
    for word in words {
        assert!(line.contains(word), "no {word:?} in: {line}");
    }
}

fn gla() -> Case {
    Case::new(Backbone::Gla)
}

fn gdn() -> Case {
    Case::new(Backbone::GatedDeltaNet)
}

fn classifier() -> Case {
    let mut config = synth::small(Backbone::Gla);
    config.input = Input::Features {
        size: 5,
        mean: vec![1.0; 5],
        std: vec![2.0; 5],
    };
    config.outputs = 3;
    Case::of(&config, &Layout::default())
}

#[test]
fn the_undamaged_cases_load() {
    for case in [gla(), gdn(), Case::new(Backbone::RetNet), classifier()] {
        let checkpoint = case.loads();
        assert!(checkpoint.warnings.is_empty(), "{:?}", checkpoint.warnings);
    }
}

#[test]
fn directories_without_a_checkpoint() {
    let dir = TempDir::new();
    refused(
        &dir.path().join("nothing"),
        &["nothing", "no such directory"],
    );
    refused(dir.path(), &["config.json"]);
    let case = gla();
    let dir = case.write(1);
    refused(
        &dir.path().join("config.json"),
        &["config.json: is a file; give its folder"],
    );
    std::fs::remove_file(dir.path().join("model.safetensors")).unwrap();
    refused(dir.path(), &["no model.safetensors"]);
    std::fs::write(dir.path().join("pytorch_model.bin"), b"PK").unwrap();
    refused(
        dir.path(),
        &["pytorch_model.bin", "pickle", "safe_serialization"],
    );
}

#[test]
fn broken_config_files() {
    let dir = gla().write(1);
    for (text, word) in [
        ("", "not JSON"),
        ("[1, 2]", "object"),
        ("{\"model_type\": ", "not JSON"),
        ("{\"a\": \"\n\"}", "not JSON"),
    ] {
        std::fs::write(dir.path().join("config.json"), text).unwrap();
        refused(dir.path(), &["config.json", word]);
    }
    std::fs::write(dir.path().join("config.json"), b"{\"a\": \"\xff\"}").unwrap();
    refused(dir.path(), &["config.json", "UTF-8"]);
    std::fs::write(dir.path().join("config.json"), "{\"a\":".repeat(100_000)).unwrap();
    refused(dir.path(), &["config.json", "not JSON"]);
}

#[test]
fn python_json_loads() {
    let case = gla()
        .set("clamp_min", json!("?"))
        .set("router_loss", json!("?"));
    let dir = case.write(1);
    let text = std::fs::read_to_string(dir.path().join("config.json")).unwrap();
    let text = text
        .replace("\"clamp_min\": \"?\"", "\"clamp_min\": -Infinity")
        .replace("\"?\"", "NaN");
    std::fs::write(dir.path().join("config.json"), format!("\u{feff}{text}")).unwrap();
    let checkpoint = load(dir.path()).unwrap();
    assert_eq!(checkpoint.config.clamp_min, None);
    assert_eq!(checkpoint.warnings.len(), 1);
    assert_words(&checkpoint.warnings[0], &["router_loss", "NaN"]);
    std::fs::write(
        dir.path().join("config.json"),
        text.replace("-Infinity", "NaN"),
    )
    .unwrap();
    refused(dir.path(), &["clamp_min = NaN"]);
}

#[test]
fn model_types() {
    gla().unset("model_type").refused(&["model_type", "gla"]);
    gla()
        .set("model_type", json!(null))
        .refused(&["model_type"]);
    gla()
        .set("model_type", json!(3))
        .refused(&["model_type = 3"]);
    for name in [
        "samba",
        "mom",
        "kda",
        "comba",
        "delta_net",
        "mamba2",
        "rwkv7",
        "qwen3_next",
    ] {
        gla()
            .set("model_type", json!(name))
            .refused(&["model_type", name, "not supported"]);
    }
}

#[test]
fn structures_that_are_not_supported() {
    let attn = json!({ "layers": [0], "num_heads": 4, "window_size": null });
    gla()
        .set("attn", attn.clone())
        .refused(&["attn", "\"layers\":[0]", "not supported"]);
    gla()
        .set("attn", json!([attn]))
        .refused(&["attn", "not supported"]);
    gla().set("attn", json!("all")).refused(&["attn = \"all\""]);
    gla().set("attn", json!({ "layers": [] })).loads();
    gla().set("attn", json!([])).loads();
    gla()
        .set("attnres_block_size", json!(4))
        .refused(&["attnres_block_size = 4"]);
    gla()
        .set("quantization_config", json!({ "bits": 4 }))
        .refused(&["quantization_config", "\"bits\":4"]);
    gdn()
        .set("norm_first", json!(true))
        .refused(&["norm_first = true"]);
    gdn().set("norm_first", json!(false)).loads();
    gla()
        .set("share_conv_kernel", json!(true))
        .refused(&["share_conv_kernel = true"]);
    gla()
        .set("hidden_act", json!("powlu"))
        .refused(&["hidden_act = \"powlu\""]);
    gla().set("hidden_act", json!("silu")).loads();
    gla()
        .set("feature_map", json!("elu"))
        .refused(&["feature_map = \"elu\""]);
    gla()
        .set("feature_map", json!("gelu"))
        .refused(&["feature_map = \"gelu\""]);
    gdn()
        .set("output_gate_activation", json!("tanh"))
        .refused(&["output_gate_activation = \"tanh\""]);
    gla()
        .set("architectures", json!(["GLAForTokenClassification"]))
        .refused(&["architectures", "GLAForTokenClassification"]);
    gla()
        .set("architectures", json!("GLAForCausalLM"))
        .refused(&["architectures"]);
    gla().set("architectures", json!(null)).loads();
}

#[test]
fn values_of_the_wrong_type() {
    for key in [
        "hidden_size",
        "num_hidden_layers",
        "num_heads",
        "vocab_size",
        "num_kv_heads",
        "intermediate_size",
        "conv_size",
    ] {
        let case = || if key == "conv_size" { gdn() } else { gla() };
        let bad = [
            json!("64"),
            json!(true),
            json!(64.0),
            json!(-1),
            json!(0),
            json!([64]),
            json!(1e30),
        ];
        for value in bad.iter().chain([
            &json!(1_000_000_000_000_000_000u64),
            &json!(u64::MAX),
            &json!(i64::MIN),
        ]) {
            case()
                .set(key, value.clone())
                .refused(&[&format!("{key} = {value}")]);
        }
    }
    for key in ["expand_k", "expand_v", "norm_eps"] {
        for value in [json!("1"), json!(false), json!(-0.5), json!(0), json!(null)] {
            gla()
                .set(key, value.clone())
                .refused(&[&format!("{key} = {value}")]);
        }
    }
    for key in [
        "use_output_gate",
        "use_short_conv",
        "tie_word_embeddings",
        "elementwise_affine",
    ] {
        for value in [json!(1), json!("true"), json!(null)] {
            gla()
                .set(key, value.clone())
                .refused(&[&format!("{key} = {value}")]);
        }
    }
    gdn()
        .set("allow_neg_eigval", json!(0))
        .refused(&["allow_neg_eigval = 0"]);
    gdn()
        .set("use_gate", json!("no"))
        .refused(&["use_gate = \"no\""]);
    gla()
        .set("clamp_min", json!("-1"))
        .refused(&["clamp_min = \"-1\""]);
    gla()
        .set("clamp_min", json!(0.5))
        .refused(&["clamp_min = 0.5"]);
    gla()
        .set("bos_token_id", json!("<s>"))
        .refused(&["bos_token_id = \"<s>\""]);
    gla()
        .set("feature_map", json!(1))
        .refused(&["feature_map = 1"]);
    gla()
        .set("hidden_ratio", json!("4"))
        .refused(&["hidden_ratio = \"4\""]);
    gla().set("hidden_ratio", json!(null)).loads();
}

#[test]
fn sizes_that_do_not_fit_each_other() {
    gla()
        .set("num_kv_heads", json!(3))
        .refused(&["num_kv_heads = 3", "num_heads = 4"]);
    gla()
        .set("num_kv_heads", json!(8))
        .refused(&["num_kv_heads = 8", "num_heads = 4"]);
    gdn()
        .set("num_v_heads", json!(6))
        .refused(&["num_v_heads = 6", "num_heads = 4"]);
    gdn()
        .set("num_v_heads", json!(2))
        .refused(&["num_v_heads = 2", "num_heads = 4"]);
    gla()
        .set("num_heads", json!(5))
        .refused(&["expand_k", "num_heads = 5"]);
    gla()
        .set("expand_v", json!(1.05))
        .refused(&["expand_v = 1.05", "num_heads = 4"]);
    gla()
        .set("expand_v", json!(1e300))
        .refused(&["expand_v = 1e"]);
    gla()
        .set("expand_k", json!(1e-9))
        .refused(&["expand_k = 1e-9"]);
    gdn()
        .set("expand_v", json!(1.3))
        .refused(&["expand_v = 1.3", "head_dim = 6"]);
    // 12 channels over 4 heads: a head width of 3.
    Case::new(Backbone::RetNet)
        .set("expand_k", json!(0.5))
        .refused(&["expand_k = 0.5", "odd"]);
    gla()
        .set("num_hidden_layers", json!(3))
        .refused(&["num_hidden_layers = 3", "2 layers"]);
    gla()
        .set("num_hidden_layers", json!(1))
        .refused(&["num_hidden_layers = 1", "2 layers"]);
    gla()
        .unset("num_hidden_layers")
        .refused(&["num_hidden_layers = 24 (the default)", "2 layers"]);
    // Not that there is too little memory for it.
    for hidden in [48, 49_152, 3 << 18] {
        gla()
            .set("hidden_size", json!(hidden))
            .refused(&["q_proj.weight has shape [", &format!(", {hidden}]")]);
    }
    gla()
        .set("rms_norm_eps", json!(1e-5))
        .refused(&["rms_norm_eps", "norm_eps"]);
}

#[test]
fn sla_sections() {
    gla().set("sla", json!(true)).refused(&["sla = true"]);
    gla().sla("heads", json!(4)).refused(&["sla.heads = 4"]);
    gla()
        .sla("query_gate", json!("value"))
        .refused(&["sla.query_gate = \"value\""]);
    gla()
        .sla("query_gate", json!(1))
        .refused(&["sla.query_gate = 1"]);
    gla()
        .sla("key_gate", json!("value"))
        .refused(&["sla.key_gate = \"value\""]);
    for backbone in [Backbone::Gla, Backbone::RetNet] {
        Case::new(backbone)
            .sla("key_gate", json!("beta"))
            .refused(&["sla.key_gate = \"beta\"", "gated_deltanet"]);
    }
    for key in ["temperature", "query_gate_scale", "key_gate_scale"] {
        for value in [json!(0), json!(-1.0), json!("1"), json!(true), json!(null)] {
            gla()
                .sla(key, value.clone())
                .refused(&[&format!("sla.{key} = {value}")]);
        }
    }
    gla().sla("bias", json!(0)).refused(&["sla.bias = 0"]);
    // The defaults are gates on both sides, so their tensors are asked for.
    gla().set("sla", json!({})).refused(&[
        "query_gate_proj.weight [4, 24] is missing",
        "sla.query_gate",
    ]);
    gla()
        .with("model.layers.0.attn.query_gate_proj.weight", &[4, 24])
        .refused(&["query_gate_proj", "\"sla\""]);
    let mut config = synth::small(Backbone::Gla);
    config.sla = Some(Sla {
        query_gate: QueryGate::Output,
        key_gate: KeyGate::Key,
        query_gate_scale: 1.0,
        key_gate_scale: 1.0,
        temperature: 1.0,
        bias: false,
    });
    let loaded = Case::of(&config, &Layout::default())
        .set("sla", json!({}))
        .loads();
    assert_eq!(loaded.config, config);
    Case::of(&config, &Layout::default())
        .set("sla", json!(null))
        .refused(&["gate_proj", "\"sla\""]);
    Case::of(&config, &Layout::default())
        .sla("bias", json!(true))
        .refused(&["query_gate_proj.bias [4] is missing", "sla.bias"]);
    let null = json!({ "query_gate": null, "key_gate": null });
    let plain = gla().set("sla", null).loads().config.sla.unwrap();
    assert_eq!(
        (plain.query_gate, plain.key_gate),
        (QueryGate::None, KeyGate::None)
    );
}

#[test]
fn key_gates_that_leave_the_contractive_region_warn() {
    let check = |gate: KeyGate, scale: f64, neg: bool, warned: bool| {
        let mut config = synth::small(Backbone::GatedDeltaNet);
        config.allow_neg_eigval = neg;
        config.sla = Some(Sla {
            query_gate: QueryGate::None,
            key_gate: gate,
            query_gate_scale: 1.0,
            key_gate_scale: scale,
            temperature: 1.0,
            bias: false,
        });
        let warnings = Case::of(&config, &Layout::default()).loads().warnings;
        assert_eq!(
            warnings.len(),
            usize::from(warned),
            "{gate:?} {scale} {neg}: {warnings:?}"
        );
        warnings
            .iter()
            .for_each(|w| assert_words(w, &["key_gate_scale", "bound"]));
    };
    check(KeyGate::Key, 1.41, false, false);
    check(KeyGate::Key, 1.42, false, true);
    check(KeyGate::Key, 1.0, true, false);
    check(KeyGate::Key, 1.1, true, true);
    check(KeyGate::Beta, 2.0, false, false);
    check(KeyGate::Beta, 2.1, false, true);
    check(KeyGate::Beta, 1.0, true, false);
    check(KeyGate::Beta, 1.1, true, true);
}

#[test]
fn tensors_missing_extra_or_misshapen() {
    for backbone in [Backbone::RetNet, Backbone::Gla, Backbone::GatedDeltaNet] {
        for Tensor { name, shape, .. } in Case::new(backbone).tensors {
            let norm = if name.contains("swish_gate") {
                "g_norm"
            } else {
                &name
            };
            let case = Case::new(backbone).without(&name);
            match name.as_str() {
                // Hand-built models may have one; none has to.
                bias if bias.ends_with("conv1d.bias") => assert!(case.loads().warnings.is_empty()),
                "lm_head.weight" => case.refused(&[
                    "lm_head.weight [30, 24] is missing",
                    "tie_word_embeddings is false",
                    "--tied-head",
                ]),
                _ => case.refused(&[norm, "is missing"]),
            }
            // One row too many; where rows are free, one column too many.
            let columns_only = name.contains("embeddings") || name.contains("gk_proj.0");
            let case = Case::new(backbone).tensor(&name, |t| {
                if columns_only {
                    t.shape[1] += 1
                } else {
                    t.shape[0] += 1
                }
                t.data = vec![0.5; t.shape.iter().product()];
            });
            case.refused(&[
                &name,
                &format!("{:?}", &shape[usize::from(columns_only)..]).replace(['[', ']'], ""),
            ]);
            Case::new(backbone)
                .tensor(&name, |t| t.shape.push(1))
                .refused(&[&name, ", 1]"]);
        }
    }
    gla()
        .with("model.layers.0.attn.extra.weight", &[2, 3])
        .refused(&["model.layers.0.attn.extra.weight [2, 3]"]);
    gla().with("weird\nname", &[1]).refused(&["weird\\nname"]);
    gla()
        .with("model.layers.0.attn.q_conv1d.weight", &[24, 1, 4])
        .refused(&["q_conv1d", "use_short_conv"]);
    gla()
        .with("model.layers.0.attn.D", &[4])
        .refused(&["attn.D"]);
    gla()
        .with("model.layers.0.attn.h_conv1d.weight", &[24, 1, 4])
        .refused(&["h_conv1d"]);
    gla()
        .with("model.layers.0.attn.g_norm.weight", &[8])
        .refused(&["g_norm.weight"]);
    gla()
        .with("model.layers.0.attn.q_proj.bias", &[24])
        .refused(&["q_proj.bias [24]"]);
    gla()
        .with("norm.weight", &[24])
        .refused(&["norm.weight", "also stored as"]);
    gla()
        .set("use_output_gate", json!(false))
        .refused(&["g_proj.weight"]);
    gla()
        .set("elementwise_affine", json!(false))
        .refused(&["g_norm_swish_gate"]);
    gla().set("intermediate_size", json!(21)).refused(&[
        "gate_proj.weight",
        "[20, 24]",
        "[21, 24]",
    ]);
    gla()
        .set("use_short_conv", json!(true))
        .refused(&["q_conv1d.weight", "use_short_conv"]);
    // The fused layout needs exactly twice the rows.
    let fused = || {
        Case::of(
            &synth::small(Backbone::Gla),
            &Layout {
                fused_mlp: true,
                ..Layout::default()
            },
        )
    };
    fused().loads();
    fused()
        .set("intermediate_size", json!(40))
        .refused(&["up_proj.weight [40, 24] is missing"]);
    // A size that any number would do for is no number.
    gla()
        .without("model.embeddings.weight")
        .refused(&["tensor model.embeddings.weight [any, 24] is missing"]);
    gla()
        .without("model.layers.0.attn.gk_proj.0.weight")
        .refused(&["model.layers.0.attn.gk_proj.0.weight [any, 24] is missing"]);
    // A layer index that no usize + 1 survives.
    let far = format!("model.layers.{}.x", usize::MAX);
    gla().with(&far, &[1]).refused(&["3 layers"]);
    gla()
        .set("num_hidden_layers", json!(3))
        .with(&far, &[1])
        .refused(&["layers.2", "is missing"]);
    gla()
        .with("model.layers.99999999999999999999999.x", &[1])
        .refused(&["layers.99999999999999999999999.x"]);
}

#[test]
fn element_types_and_values() {
    for (value, shown) in [
        (f32::NAN, "NaN"),
        (f32::INFINITY, "inf"),
        (f32::NEG_INFINITY, "-inf"),
    ] {
        for dtype in [Dtype::F32, Dtype::F16, Dtype::BF16] {
            let case = gla().tensor("model.layers.1.mlp.down_proj.weight", |t| {
                t.dtype = dtype;
                t.data[7] = value;
            });
            case.refused(&["model.layers.1.mlp.down_proj.weight", shown, "element 7"]);
        }
    }
    gla()
        .tensor("model.norm.weight", |t| t.dtype = Dtype::F64)
        .refused(&["model.norm.weight", "F64"]);
    gla()
        .tensor("model.norm.weight", |t| t.dtype = Dtype::I32)
        .refused(&["model.norm.weight", "I32"]);
}

#[test]
fn damaged_weight_files() {
    let dir = gla().write(1);
    let path = dir.path().join("model.safetensors");
    let whole = std::fs::read(&path).unwrap();
    for len in [0, 1, 7, 8, 9, 100, whole.len() / 2, whole.len() - 1] {
        std::fs::write(&path, &whole[..len]).unwrap();
        refused(dir.path(), &["model.safetensors", "fetch it again"]);
    }
    std::fs::write(&path, [&whole[..], &[0]].concat()).unwrap();
    refused(dir.path(), &["model.safetensors", "fetch it again"]);
    let with_header =
        |json: &str| [&(json.len() as u64).to_le_bytes()[..], json.as_bytes()].concat();
    for (bytes, word) in [
        (
            [&u64::MAX.to_le_bytes()[..], &whole[8..]].concat(),
            "not a safetensors file",
        ),
        (with_header("{}"), "is missing"),
        (with_header("[]"), "header"),
        (with_header("{\"a\": 1}"), "header"),
        (
            with_header(r#"{"a":{"dtype":"F99","shape":[1],"data_offsets":[0,4]}}"#),
            "header",
        ),
        (
            with_header(
                r#"{"a":{"dtype":"F32","shape":[4611686018427387904,8],"data_offsets":[0,4]}}"#,
            ),
            "header",
        ),
        (
            with_header(
                r#"{"a":{"dtype":"F64","shape":[288230376151711743],"data_offsets":[0,2305843009213693944]}}"#,
            ),
            "fetch",
        ),
        (
            with_header("{\"a\":{\"dtype\":\"F\\n32\",\"shape\":[],\"data_offsets\":[0,4]}}"),
            "header",
        ),
    ] {
        std::fs::write(&path, bytes).unwrap();
        let error = load(dir.path()).unwrap_err().to_string();
        // An empty header has no tensors, so no layers either.
        let word = if error.contains("num_hidden_layers") {
            "0 layers"
        } else {
            word
        };
        assert_words(&error, &[word]);
        assert!(
            error.contains("fetch it again") || error.contains("0 layers"),
            "{error}"
        );
    }
}

#[test]
fn mutations_of_a_weight_file_never_panic() {
    let dir = gla().write(1);
    let path = dir.path().join("model.safetensors");
    let whole = std::fs::read(&path).unwrap();
    let header = 8 + u64::from_le_bytes(whole[..8].try_into().unwrap()) as usize;
    let rng = &mut synth::Rng::new(5);
    let mut refused = 0;
    for _ in 0..2_000 {
        let mut bytes = whole.clone();
        for _ in 0..1 + rng.below(3) {
            // Most mutations hit the header, where they can mislead.
            let at = if rng.chance(80) {
                rng.below(header)
            } else {
                rng.below(bytes.len())
            };
            bytes[at] = rng.next_u64() as u8;
        }
        bytes.truncate(if rng.chance(10) {
            rng.below(bytes.len())
        } else {
            bytes.len()
        });
        std::fs::write(&path, &bytes).unwrap();
        match load(dir.path()) {
            Ok(checkpoint) => assert!(checkpoint.weights.norm.iter().all(|v| v.is_finite())),
            Err(e) => {
                refused += 1;
                assert_words(&e.to_string(), &[]);
            }
        }
    }
    assert!(refused > 1_000, "only {refused} mutations were refused");
}

#[test]
fn sharded_checkpoints() {
    let index = |dir: &TempDir| dir.path().join("model.safetensors.index.json");
    let edit = |dir: &TempDir, from: &str, to: &str| {
        let text = std::fs::read_to_string(index(dir)).unwrap();
        assert!(text.contains(from));
        std::fs::write(index(dir), text.replacen(from, to, 1)).unwrap();
    };
    let one = gla().loads();
    let dir = gla().write(3);
    assert!(load(dir.path()).unwrap().weights == one.weights);

    edit(
        &dir,
        "model-00002-of-00003.safetensors",
        "model-00001-of-00003.safetensors",
    );
    refused(
        dir.path(),
        &[
            "index.json",
            "weight_map places",
            "model-00001-of-00003.safetensors",
        ],
    );
    for name in ["../secret.safetensors", "/etc/x.safetensors", "model.bin"] {
        let dir = gla().write(3);
        edit(&dir, "model-00002-of-00003.safetensors", name);
        refused(dir.path(), &["index.json", name]);
    }
    let dir = gla().write(3);
    std::fs::remove_file(dir.path().join("model-00003-of-00003.safetensors")).unwrap();
    refused(dir.path(), &["model-00003-of-00003.safetensors"]);
    for (text, word) in [
        ("{}", "weight_map"),
        ("{\"weight_map\": {}}", "empty"),
        ("", "not JSON"),
    ] {
        let dir = gla().write(3);
        std::fs::write(index(&dir), text).unwrap();
        refused(dir.path(), &["model.safetensors.index.json", word]);
    }
    let dir = gla().write(2);
    let first = std::fs::read(dir.path().join("model-00001-of-00002.safetensors")).unwrap();
    std::fs::write(dir.path().join("model-00002-of-00002.safetensors"), first).unwrap();
    refused(
        dir.path(),
        &["also stored as", "model-00001-of-00002.safetensors"],
    );
}

#[test]
fn classifiers() {
    let named = classifier()
        .set("id2label", json!({ "0": "zero", "2": "two", "1": "one" }))
        .loads();
    assert_eq!(named.meta.id2label, ["zero", "one", "two"]);
    let implied = classifier()
        .unset("num_labels")
        .set("id2label", json!({ "0": "a", "1": "b", "2": "c" }))
        .loads();
    assert_eq!(implied.config.outputs, 3);
    classifier().unset("num_labels").refused(&["num_labels"]);
    classifier().unset("input_size").refused(&["input_size"]);
    classifier()
        .set("input_size", json!(6))
        .refused(&["feature_mean", "6"]);
    classifier()
        .set("id2label", json!({ "0": "a" }))
        .refused(&["id2label", "num_labels = 3"]);
    classifier()
        .set("id2label", json!({ "0": "a", "1": "b", "3": "d" }))
        .refused(&["id2label", "\"2\""]);
    classifier()
        .set("id2label", json!({ "0": "a", "1": 1, "2": "c" }))
        .refused(&["id2label.1 = 1"]);
    classifier()
        .set("feature_std", json!([1, 1, 1, 1, 0]))
        .refused(&["feature_std", "element 4"]);
    classifier()
        .set("feature_mean", json!([1, 1, 1, 1, "x"]))
        .refused(&["feature_mean"]);
    classifier()
        .unset("feature_mean")
        .refused(&["feature_mean"]);
    classifier().unset("feature_std").refused(&["feature_std"]);
    classifier()
        .set("sample_rate", json!(-8))
        .refused(&["sample_rate = -8"]);
    classifier()
        .unset("feature_mean")
        .unset("feature_std")
        .warns(&["feature_mean"]);
    classifier()
        .without("classifier.bias")
        .refused(&["classifier.bias [3] is missing"]);
    classifier()
        .without("model.input_proj.weight")
        .refused(&["model.input_proj.weight [24, 5] is missing"]);
    classifier()
        .with("lm_head.weight", &[3, 24])
        .refused(&["lm_head.weight [3, 24]"]);
    classifier()
        .set("num_labels", json!(4))
        .refused(&["classifier.weight", "[3, 24]", "[4, 24]"]);
    let rates = classifier()
        .set("sample_rate", json!(8000))
        .set("hop_length", json!(128))
        .loads()
        .meta;
    assert_eq!(
        (rates.sample_rate, rates.n_fft, rates.hop_length),
        (Some(8000), None, Some(128))
    );
    // A language model's id2label is Transformers' noise.
    let noise = gla().set("id2label", json!({ "0": "LABEL_0" })).loads();
    assert!(noise.warnings.is_empty() && noise.meta.id2label.is_empty());
}

#[test]
fn keys_without_effect_warn_by_name() {
    gla()
        .set("n_layer", json!(12))
        .warns(&["unknown key n_layer = 12"]);
    gla().set("use_gk", json!(false)).warns(&["use_gk"]);
    gla().set("use_gv", json!(true)).warns(&["use_gv"]);
    gla()
        .set("gate_logit_normalizer", json!(8))
        .warns(&["gate_logit_normalizer = 8", "16"]);
    gla()
        .set("head_dim", json!(64))
        .warns(&["head_dim = 64", "gla"]);
    gla()
        .set("vocab_size", json!(32000))
        .warns(&["vocab_size = 32000", "30"]);
    gla()
        .set("bos_token_id", json!(30))
        .warns(&["bos_token_id = 30", "vocabulary of 30"]);
    gla()
        .set("eos_token_id", json!([2, 30]))
        .warns(&["config.json: eos_token_id = 30", "vocabulary of 30"]);
    gla()
        .set("bos_token_id", json!([2, 3]))
        .warns(&["bos_token_id", "first"]);
    gla()
        .set("input_size", json!(3))
        .warns(&["input_size = 3", "language model"]);
    gdn()
        .set("num_kv_heads", json!(2))
        .warns(&["num_kv_heads = 2"]);
    gdn()
        .set("conv_size", json!(3))
        .warns(&["conv_size = 3", "4"]);
    Case::new(Backbone::RetNet)
        .set("use_short_conv", json!(true))
        .warns(&["use_short_conv"]);
    for key in [
        "attn_mode",
        "fuse_norm",
        "use_cache",
        "initializer_range",
        "transformers_version",
        "auto_map",
    ] {
        assert!(
            gla().set(key, json!("x")).loads().warnings.is_empty(),
            "{key}"
        );
    }
}

#[test]
fn what_the_config_says_beside_the_model() {
    let case = gla()
        .set("bos_token_id", json!(1))
        .set("eos_token_id", json!([2]));
    let dir = case.write(1);
    let meta = load(dir.path()).unwrap().meta;
    assert_eq!(
        (
            meta.model_type.as_str(),
            meta.bos_token_id,
            &meta.eos_token_ids[..]
        ),
        ("gla", Some(1), &[2][..])
    );
    assert_eq!(meta.name, dir.path().file_name().unwrap().to_string_lossy());
    let none = gla().set("bos_token_id", json!(null)).loads();
    assert_eq!((none.meta.bos_token_id, none.warnings.len()), (None, 0));
    // The hash is that of the file: it follows the weights and nothing else.
    let again = case.set("num_labels_unused", json!(1)).write(1);
    assert_eq!(
        load(again.path()).unwrap().meta.source_sha256,
        meta.source_sha256
    );
    let other = gla()
        .tensor("model.norm.weight", |t| t.data[0] += 1.0)
        .loads();
    assert_ne!(other.meta.source_sha256, meta.source_sha256);
}

#[test]
fn tied_heads() {
    let absent = || gla().unset("tie_word_embeddings").without("lm_head.weight");
    absent().refused(&[
        "lm_head.weight [30, 24]",
        "tie_word_embeddings is absent",
        "base model",
        "--tied-head",
    ]);
    let asked = LoadOptions {
        tied_head: true,
        ..LoadOptions::default()
    };
    for case in [absent(), gla().without("lm_head.weight")] {
        let tied = load_with(case.write(1).path(), asked).unwrap();
        assert!(tied.config.tied && tied.weights.head.weight.is_none() && tied.warnings.is_empty());
    }
    // What is there is used, whatever was asked for.
    let there = load_with(gla().write(1).path(), asked).unwrap();
    assert!(!there.config.tied && there.weights.head.weight.is_some());
    gla()
        .set("tie_word_embeddings", json!(true))
        .warns(&["lm_head.weight is ignored", "differs"]);
    let embedding = gla()
        .tensors
        .into_iter()
        .find(|t| t.name == "model.embeddings.weight")
        .unwrap()
        .data;
    let twice = gla()
        .set("tie_word_embeddings", json!(true))
        .tensor("lm_head.weight", |t| t.data = embedding)
        .loads();
    assert!(
        twice.config.tied && twice.warnings.is_empty(),
        "{:?}",
        twice.warnings
    );
    let untied = gla().unset("tie_word_embeddings").loads();
    assert!(!untied.config.tied && untied.weights.head.weight.is_some());
    let tied = gla()
        .set("tie_word_embeddings", json!(true))
        .without("lm_head.weight")
        .loads();
    assert!(tied.config.tied && tied.weights.head.weight.is_none());
}
