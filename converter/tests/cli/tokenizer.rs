//! Checkpoints with a `tokenizer.json`.

use serde_json::{Value, json};
use sla_converter::checkpoint::synth;
use sla_reference::{Backbone, Config, Input};

use crate::Case;

const VOCAB: usize = 30;

/// Lower-case letters, a space and two merges as GPT-2 has them; 29 tokens with the added one.
fn tokenizer() -> Value {
    let letters = ('a'..='z').chain(['Ġ']).map(String::from).collect::<Vec<_>>();
    let mut vocab: serde_json::Map<String, Value> = (0..).zip(letters).map(|(id, token)| (token, json!(id))).collect();
    vocab.insert("Ġto".into(), json!(28));
    vocab.insert("to".into(), json!(27));
    json!({
        "version": "1.0", "truncation": null, "padding": {"strategy": "BatchLongest"},
        "added_tokens": [{"id": 29, "content": "<end>", "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false, "special": true}],
        "normalizer": null,
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
        "post_processor": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": false, "use_regex": true},
        "decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true},
        "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null, "end_of_word_suffix": null,
            "fuse_unk": false, "byte_fallback": false, "ignore_merges": false, "vocab": vocab,
            "merges": [["t", "o"], ["Ġ", "to"]]}
    })
}

fn case(tokenizer: &Value) -> Case {
    let config = Config { outputs: VOCAB, input: Input::Tokens { vocab: VOCAB }, ..synth::small(Backbone::Gla) };
    let case = Case::new(&config);
    case.write("model/tokenizer.json", tokenizer.to_string());
    case
}

#[test]
fn text_goes_in_and_comes_out() {
    let case = case(&tokenizer());
    let run = case.sla("convert model -o m.sla");
    assert!(run.stderr.contains("tokenizer.json: padding has no effect here"), "{}", run.stderr);
    let report = run.ok();
    assert!(report.contains("byte-level BPE, GPT-2 pre-tokens: 30 tokens, 2 merges,"), "{report}");
    let shown = case.sla("inspect m.sla --json").json();
    assert_eq!((&shown["tokenizer"]["tokens"], &shown["tokenizer"]["added"]), (&json!(30), &json!(1)));
    assert!(case.sla("inspect m.sla").ok().contains("tokenizer: byte-level BPE"));

    // The ids of the prompt are those of its text, so what follows is the same.
    let text = crate::sla(case.path(), &["run", "m.sla", "--prompt", "be to<end>", "-n", "40", "--seed", "1"]).ok();
    let ids = case.sla("run m.sla --prompt-ids 1,4,28,29 -n 40 --seed 1").ok();
    assert_eq!(text, ids);
    assert!(!text.is_empty() && text.chars().all(|c| c.is_ascii_lowercase() || c == ' '), "{text:?}");

    // "be to be" is b e Ġto Ġ b e: 6 tokens, of which 5 are predicted, with 7 of the 8 bytes.
    case.write("text", "be to be");
    let report = case.sla("eval m.sla --checkpoint model --text text --json").json();
    assert_eq!((&report["tokens"], &report["scored"]), (&json!(6), &json!(5)));
    let bits = report["nll_fixed"].as_f64().unwrap() * 5.0 / (7.0 * std::f64::consts::LN_2);
    assert!((report["bits_per_byte_fixed"].as_f64().unwrap() - bits).abs() < 1e-12, "{report}");
    assert!(case.sla("eval m.sla --checkpoint model --text text").ok().contains("bits a byte"));
    case.sla("convert model -o calibrated.sla --calibration text").ok();
    case.write("latin1", b"caf\xe9");
    let message = case.sla("eval m.sla --checkpoint model --text latin1").error(1);
    assert!(message.contains("latin1: byte 3 is not UTF-8"), "{message}");
}

#[test]
fn what_cannot_be_compiled_is_refused_with_a_way_out() {
    let mut nfc = tokenizer();
    nfc["normalizer"] = json!({"type": "NFC"});
    let case = case(&nfc);
    let message = case.sla("convert model -o m.sla").error(1);
    assert!(message.contains(r#"normalizer "NFC" is not supported; --no-tokenizer"#), "{message}");
    assert!(!case.file("m.sla").exists());
    case.sla("convert model -o m.sla --no-tokenizer").ok();
    assert_eq!(case.sla("inspect m.sla --json").json()["tokenizer"], Value::Null);
    let message = case.sla("run m.sla --prompt hello").error(1);
    assert!(message.contains("no tokenizer"), "{message}");

    for (name, text) in [("cut off", "{\"model\": {"), ("another thing", "[1, 2]"), ("too large", "")] {
        let big = tokenizer().to_string().replace("\"z\":25", "\"z\":30");
        case.write("model/tokenizer.json", if text.is_empty() { big.as_str() } else { text });
        let message = case.sla("convert model -o n.sla").error(1);
        assert!(message.contains("tokenizer.json"), "{name}: {message}");
    }
}
