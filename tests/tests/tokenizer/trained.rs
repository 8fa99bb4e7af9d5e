//! Tokenizers trained by the `tokenizers` library on a small text of many languages, as
//! `tokenizer.json`s.

use serde_json::{Value, json};
use tokenizers::models::TrainerWrapper;
use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::{AddedToken, Tokenizer};

/// What the tokenizers are trained on beside the demo text.
const TEXT: &str = "\
Hello world! How's it going? I'm fine, they've said we'll see; you're RIGHT, HE'S here, don't.\n\n\
fn main() {\n    let x = 10;\n    println!(\"{x}\");\n}\n\t\tif (a[0] == 0x1F) return 3.14159;\r\n\
Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich. Straße, naïve, café, cafe\u{301}.\n\
Съешь же ещё этих мягких французских булок, да выпей чаю. Привет, мир!\n\
こんにちは世界。日本語の文章です。カタカナも。 世界 世界 中文也可以。\n한국어 문장입니다. 안녕하세요 한국어\n\
مرحبا بالعالم مرحبا שלום עולם שלום\nनमस्ते दुनिया नमस्ते\n👩‍👩‍👧‍👦 👍🏽 🦀🦀 e\u{301} a\u{300}\n\
1 22 333 4444 2026-11-24 ½ ² ٣٤ ⅷ https://example.org/a?b=c&d=e#f    \n     \n\u{a0}\u{2003}\u{3000}x ▁y\n";

/// GPT-2's pattern is the library's own; Llama 3's and Qwen 2's as their files have them.
pub const LLAMA3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const GPT4: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+";
const QWEN2: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// The training text: many languages, and some of the demo's English.
fn lines() -> Vec<String> {
    let demo = concat!(env!("CARGO_MANIFEST_DIR"), "/../models/demo.txt");
    let demo = std::fs::read_to_string(demo).expect("models/demo.txt");
    TEXT.repeat(4)
        .split_inclusive('\n')
        .chain(demo.split_inclusive('\n').take(1500))
        .map(String::from)
        .collect()
}

/// Trains on top of what the `tokenizer.json` says, and returns that of the result.
fn train(start: &Value, vocabulary: usize, special: &[String], all_bytes: bool) -> Value {
    let mut tokenizer: Tokenizer = start.to_string().parse().expect("a tokenizer.json");
    let mut trainer = BpeTrainer::builder()
        .vocab_size(vocabulary)
        .show_progress(false);
    trainer = trainer.special_tokens(
        special
            .iter()
            .map(|token| AddedToken::from(token.as_str(), true))
            .collect(),
    );
    if all_bytes {
        trainer = trainer.initial_alphabet(ByteLevel::alphabet().into_iter().collect());
    } else {
        trainer = trainer.limit_alphabet(120);
    }
    let mut trainer = TrainerWrapper::from(trainer.build());
    tokenizer
        .train(&mut trainer, lines().into_iter())
        .expect("training");
    serde_json::from_str(&tokenizer.to_string(false).expect("a tokenizer.json")).expect("JSON")
}

/// An untrained tokenizer with these parts.
fn start(parts: Value) -> Value {
    let model = BPE::builder()
        .unk_token("<unk>".into())
        .build()
        .expect("an empty model");
    let mut json: Value =
        serde_json::from_str(&Tokenizer::new(model).to_string(false).expect("JSON")).expect("JSON");
    set(&mut json, parts);
    json
}

/// Overwrites keys.
pub fn set(json: &mut Value, parts: Value) {
    for (key, value) in parts.as_object().expect("an object") {
        match value.as_object().filter(|_| key == "model") {
            Some(model) => model
                .iter()
                .for_each(|(key, value)| json["model"][key] = value.clone()),
            None => json[key] = value.clone(),
        }
    }
}

/// `json` with other parts.
pub fn with(json: &Value, parts: Value) -> Value {
    let mut json = json.clone();
    set(&mut json, parts);
    json
}

fn split(pattern: &str) -> Value {
    json!({"type": "Sequence", "pretokenizers": [
        {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": false},
        {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false}]})
}

fn level(prefix: bool) -> Value {
    json!({"type": "ByteLevel", "add_prefix_space": prefix, "trim_offsets": true, "use_regex": true})
}

fn bos(token: &str, id: u32) -> Value {
    json!({"type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": token, "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {token: {"id": token, "ids": [id], "tokens": [token]}}})
}

/// Of every kind that the converter compiles one or more, by name.
///
/// # Panics
/// If the library does not train them.
pub fn all() -> Vec<(&'static str, Value)> {
    let text = |tokens: &[&str]| {
        tokens
            .iter()
            .map(|&token| String::from(token))
            .collect::<Vec<_>>()
    };
    let bytes = |pre_tokenizer: Value| {
        start(
            json!({"pre_tokenizer": pre_tokenizer, "decoder": level(false), "model": {"unk_token": null}}),
        )
    };
    let gpt2 = train(&bytes(level(false)), 1200, &text(&["<|endoftext|>"]), true);
    let llama3 = train(
        &bytes(split(LLAMA3)),
        1200,
        &text(&["<|begin_of_text|>", "<|endoftext|>"]),
        true,
    );
    let llama3 = with(
        &llama3,
        json!({"post_processor": {"type": "Sequence", "processors": [level(false), bos("<|begin_of_text|>", 0)]}}),
    );
    // Tokens that the merges do not make, so that it matters whether they are looked for first.
    let mut gaps = llama3.clone();
    if let Some(merges) = gaps["model"]["merges"].as_array_mut() {
        let mut rank = 0;
        merges.retain(|_| (rank += 1, rank % 7 != 3).1);
    }
    let partial = train(&bytes(level(false)), 500, &text(&["<unk>"]), false);

    let bytes_of = (0..=255u8).map(|byte| format!("<0x{byte:02X}>"));
    let names: Vec<String> = text(&["<unk>", "<s>", "</s>"])
        .into_iter()
        .chain(bytes_of)
        .collect();
    let meta = |scheme: &str, split: bool| json!({"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": split});
    let decoders = json!([{"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"},
        {"type": "Strip", "content": " ", "start": 1, "stop": 0}]);
    let fallback = json!({"type": "Sequence", "decoders": decoders});
    let characters = train(
        &start(
            json!({"pre_tokenizer": meta("always", true), "decoder": fallback, "model": {"byte_fallback": true, "fuse_unk": true}}),
        ),
        1200,
        &names,
        false,
    );
    // The names of bytes are plain tokens of the model.
    let mut llama2 = with(
        &characters,
        json!({"pre_tokenizer": null, "post_processor": bos("<s>", 1),
            "normalizer": {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"},
                {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]}}),
    );
    if let Some(added) = llama2["added_tokens"].as_array_mut() {
        added.truncate(3);
    }
    let mut few_bytes = llama2.clone();
    if let Some(vocab) = few_bytes["model"]["vocab"].as_object_mut() {
        for byte in [0x81, 0x9F, 0xC3, 0xE3] {
            vocab.remove(&format!("<0x{byte:02X}>"));
        }
    }
    let plain = json!({"byte_fallback": false});
    let across = train(
        &start(
            json!({"normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}, "decoder": fallback}),
        ),
        900,
        &text(&["<unk>", "</s>"]),
        false,
    );
    let added = |json: &Value, content: &str, flags: Value| {
        let mut json = json.clone();
        let vocab = json["model"]["vocab"].as_object().expect("an object");
        let old = json["added_tokens"].as_array().expect("a list");
        let new = old
            .iter()
            .filter(|token| {
                token["content"]
                    .as_str()
                    .is_none_or(|text| !vocab.contains_key(text))
            })
            .count();
        let id = vocab
            .get(content)
            .cloned()
            .unwrap_or_else(|| (vocab.len() + new).into());
        let mut token = json!({"id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false, "special": true});
        set(&mut token, flags);
        json["added_tokens"]
            .as_array_mut()
            .expect("a list")
            .push(token);
        json
    };
    let strips = added(&gpt2, "</s>", json!({"lstrip": true, "rstrip": true}));
    let normalized = added(&gpt2, "the", json!({"normalized": true, "special": false}));
    // As many as Llama 3 reserves, which begin alike; and spaces that take the spaces beside them.
    let reserved = (0..250).fold(gpt2.clone(), |json, at| {
        added(
            &json,
            &format!("<|reserved_special_token_{at}|>"),
            json!({"special": at % 5 > 0, "normalized": at % 7 == 0}),
        )
    });
    let lstrip = added(&gpt2, " ", json!({"lstrip": true, "special": false}));
    let rstrip = added(&gpt2, "\t", json!({"rstrip": true, "special": false}));
    let mut wide = gpt2.clone();
    if let Some(vocab) = wide["model"]["vocab"].as_object_mut() {
        (vocab.len()..70_000).for_each(|id| drop(vocab.insert(format!("number {id}"), id.into())));
    }
    vec![
        ("gpt2", gpt2.clone()),
        ("gpt2-wide", wide),
        (
            "gpt2-prefix",
            with(&gpt2, json!({"pre_tokenizer": level(true)})),
        ),
        (
            "gpt2-split",
            with(
                &gpt2,
                json!({"pre_tokenizer": split(r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+")}),
            ),
        ),
        ("gpt2-strips", strips),
        ("gpt2-normalized", normalized),
        ("gpt2-reserved", reserved),
        ("gpt2-lstrip", lstrip),
        ("gpt2-rstrip", rstrip),
        (
            "gpt2-whole",
            with(
                &gpt2,
                json!({"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": true, "use_regex": false, "trim_offsets": true}}),
            ),
        ),
        ("gpt2-partial", partial),
        (
            "digits",
            with(
                &gpt2,
                json!({"pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "Digits", "individual_digits": true}, level(false)]}}),
            ),
        ),
        ("llama3", llama3.clone()),
        (
            "llama3-ignore-merges",
            with(&gaps, json!({"model": {"ignore_merges": true}})),
        ),
        ("llama3-gaps", gaps),
        ("gpt4", with(&llama3, json!({"pre_tokenizer": split(GPT4)}))),
        (
            "qwen2",
            with(&llama3, json!({"pre_tokenizer": split(QWEN2)})),
        ),
        ("llama2-few-bytes", few_bytes),
        ("llama2-unknown", with(&llama2, json!({"model": plain}))),
        (
            "llama2-unknown-apart",
            with(
                &llama2,
                json!({"model": {"byte_fallback": false, "fuse_unk": false}}),
            ),
        ),
        (
            "mistral",
            with(
                &llama2,
                json!({"normalizer": null, "pre_tokenizer": meta("first", false)}),
            ),
        ),
        (
            "metaspace",
            with(
                &llama2,
                json!({"normalizer": null, "pre_tokenizer": meta("always", true), "decoder": meta("always", true)}),
            ),
        ),
        (
            "metaspace-never",
            with(
                &llama2,
                json!({"normalizer": null, "pre_tokenizer": meta("never", false), "decoder": meta("never", false)}),
            ),
        ),
        ("across", across),
        ("llama2", llama2),
    ]
}
