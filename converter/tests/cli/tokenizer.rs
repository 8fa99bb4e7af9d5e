//! Checkpoints with a `tokenizer.json`.

use serde_json::{Value, json};
use sla_reference::{Backbone, Config, Input};
use sla_test_models as synth;

use crate::Case;

const VOCAB: usize = 30;

/// Lower-case letters, a space and two merges as GPT-2 has them; 29 tokens with the added one.
fn tokenizer() -> Value {
    let letters = ('a'..='z')
        .chain(['Ġ'])
        .map(String::from)
        .collect::<Vec<_>>();
    let mut vocab: serde_json::Map<String, Value> = (0..)
        .zip(letters)
        .map(|(id, token)| (token, json!(id)))
        .collect();
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
    let config = Config {
        outputs: VOCAB,
        input: Input::Tokens { vocab: VOCAB },
        ..synth::small(Backbone::Gla)
    };
    let case = Case::new(&config);
    case.write("model/tokenizer.json", tokenizer.to_string());
    case
}

#[test]
fn text_goes_in_and_comes_out() {
    let case = case(&tokenizer());
    let run = case.sla("convert model -o m.sla");
    assert!(
        run.stderr
            .contains("tokenizer.json: padding has no effect here"),
        "{}",
        run.stderr
    );
    let report = run.ok();
    assert!(
        report.contains("byte-level BPE, GPT-2 pre-tokens: 30 tokens, 2 merges,"),
        "{report}"
    );
    let shown = case.sla("inspect m.sla --json").json();
    assert_eq!(
        (&shown["tokenizer"]["tokens"], &shown["tokenizer"]["added"]),
        (&json!(30), &json!(1))
    );
    assert!(
        case.sla("inspect m.sla")
            .ok()
            .contains("tokenizer: byte-level BPE")
    );

    // The ids of the prompt are those of its text, so what follows is the same.
    let run = [
        "run",
        "m.sla",
        "--prompt",
        "be to<end>",
        "-n",
        "40",
        "--seed",
        "1",
        "--control-tokens",
        "parse",
    ];
    let text = crate::sla(case.path(), &run).ok();
    let ids = case
        .sla("run m.sla --prompt-ids 1,4,28,29 -n 40 --seed 1")
        .ok();
    assert_eq!(text, ids);
    assert!(
        !text.is_empty() && text.chars().all(|c| c.is_ascii_lowercase() || c == ' '),
        "{text:?}"
    );

    // "be to be" is b e Ġto Ġ b e: 6 tokens, of which 5 are predicted, with 7 of the 8 bytes.
    case.write("text", "be to be");
    let report = case
        .sla("eval m.sla --checkpoint model --text text --json")
        .json();
    assert_eq!(
        (&report["tokens"], &report["scored"]),
        (&json!(6), &json!(5))
    );
    let bits = report["nll_fixed"].as_f64().unwrap() * 5.0 / (7.0 * std::f64::consts::LN_2);
    assert!(
        (report["bits_per_byte_fixed"].as_f64().unwrap() - bits).abs() < 1e-12,
        "{report}"
    );
    assert!(
        case.sla("eval m.sla --checkpoint model --text text")
            .ok()
            .contains("bits a byte")
    );
    case.sla("convert model -o calibrated.sla --calibration text")
        .ok();
    case.write("latin1", b"caf\xe9");
    let message = case
        .sla("eval m.sla --checkpoint model --text latin1")
        .error(1);
    assert!(message.contains("latin1: byte 3 is not UTF-8"), "{message}");
}

#[test]
fn what_cannot_be_compiled_is_refused_with_a_way_out() {
    let mut nfc = tokenizer();
    nfc["normalizer"] = json!({"type": "NFC"});
    let case = case(&nfc);
    let message = case.sla("convert model -o m.sla").error(1);
    assert!(
        message.contains(r#"normalizer "NFC" is not supported; --no-tokenizer"#),
        "{message}"
    );
    assert!(!case.file("m.sla").exists());
    case.sla("convert model -o m.sla --no-tokenizer").ok();
    assert_eq!(
        case.sla("inspect m.sla --json").json()["tokenizer"],
        Value::Null
    );
    let message = case.sla("run m.sla --prompt hello").error(1);
    assert!(message.contains("no tokenizer"), "{message}");

    for (name, text) in [
        ("cut off", "{\"model\": {"),
        ("another thing", "[1, 2]"),
        ("too large", ""),
    ] {
        let big = tokenizer().to_string().replace("\"z\":25", "\"z\":30");
        case.write(
            "model/tokenizer.json",
            if text.is_empty() { big.as_str() } else { text },
        );
        let message = case.sla("convert model -o n.sla").error(1);
        assert!(message.contains("tokenizer.json"), "{name}: {message}");
    }
}

/// A control token that a prompt has written out is text, and a warning says how to get the token.
#[test]
fn control_tokens_in_a_prompt_are_text_unless_asked_for() {
    let case = case(&tokenizer());
    case.sla("convert model -o m.sla").ok();
    let run = |extra: &[&str]| {
        crate::sla(
            case.path(),
            &[&["run", "m.sla", "-n", "30", "--seed", "2"], extra].concat(),
        )
    };
    let ids = |ids: &str| run(&["--prompt-ids", ids]).ok();
    // The vocabulary has no token for < and >: the text is "be", and then e n d.
    let as_text = run(&["--prompt", "be<end>"]);
    assert_eq!(
        as_text.stderr,
        "warning: --prompt: \"<end>\" in it is read as text; --control-tokens parse makes it the control token\n"
    );
    assert_eq!(as_text.ok(), ids("1,4,4,13,3"));
    let asked = run(&["--prompt", "be<end>", "--control-tokens", "text"]);
    assert_eq!(asked.stderr, "");
    assert_eq!(asked.ok(), ids("1,4,4,13,3"));
    let parsed = run(&["--prompt", "be<end>", "--control-tokens", "parse"]);
    assert_eq!(parsed.stderr, "");
    assert_eq!(parsed.ok(), ids("1,4,29"));
    assert_eq!(
        run(&["--prompt", "be <en d>"]).stderr,
        "",
        "no control token in it"
    );
    assert!(
        run(&["--prompt", "be", "--control-tokens", "both"])
            .error(2)
            .contains("--control-tokens")
    );

    // A snapshot is of the same ids.
    let snapshot = |extra: &[&str]| {
        crate::sla(
            case.path(),
            &[&["snapshot", "m.sla", "-o", "s.slas"], extra].concat(),
        )
    };
    let bytes = |extra: &[&str]| {
        (
            snapshot(extra).ok(),
            std::fs::read(case.file("s.slas")).unwrap(),
        )
            .1
    };
    assert!(
        snapshot(&["--prompt", "be<end>"])
            .stderr
            .contains("--control-tokens parse")
    );
    assert_eq!(
        bytes(&["--prompt", "be<end>"]),
        bytes(&["--prompt-ids", "1,4,4,13,3"])
    );
    assert_eq!(
        bytes(&["--prompt", "be<end>", "--control-tokens", "parse"]),
        bytes(&["--prompt-ids", "1,4,29"])
    );
}

#[test]
fn a_prompt_comes_from_a_file_or_from_standard_input() {
    let case = case(&tokenizer());
    case.sla("convert model -o m.sla").ok();
    case.write("prompt.txt", "be to");
    let wanted = case
        .sla("run m.sla --prompt-ids 1,4,28 -n 30 --seed 2")
        .ok();
    assert_eq!(
        case.sla("run m.sla --prompt-file prompt.txt -n 30 --seed 2")
            .ok(),
        wanted
    );
    let from_stdin = |arguments: &str, text: &[u8]| case.sla_with(arguments, text);
    assert_eq!(
        from_stdin("run m.sla --prompt-file - -n 30 --seed 2", b"be to").ok(),
        wanted
    );
    case.sla("snapshot m.sla --prompt-file prompt.txt -o file.slas")
        .ok();
    case.sla("snapshot m.sla --prompt-ids 1,4,28 -o ids.slas")
        .ok();
    assert_eq!(
        std::fs::read(case.file("file.slas")).unwrap(),
        std::fs::read(case.file("ids.slas")).unwrap()
    );

    case.write("latin1", b"caf\xe9");
    case.write("empty", "");
    case.write("digits", "123");
    for (arguments, code, says) in [
        (
            "run m.sla --prompt-file latin1",
            1,
            "latin1: byte 3 is not UTF-8; save the text as UTF-8",
        ),
        (
            "run m.sla --prompt-file missing",
            1,
            "missing: no such file; check the path",
        ),
        (
            "run m.sla --prompt-file .",
            1,
            ".: is a folder, and a file is needed",
        ),
        (
            "run m.sla --prompt-file empty",
            1,
            "empty: there is no text in it; without --prompt-file the model begins by itself",
        ),
        (
            "run m.sla --prompt-file digits",
            1,
            "--prompt-file: the tokenizer has no token for this text",
        ),
        (
            "run m.sla --prompt-file prompt.txt --prompt be",
            2,
            "cannot be used with",
        ),
        (
            "run m.sla --prompt-file prompt.txt --prompt-ids 1",
            2,
            "cannot be used with",
        ),
        (
            "run m.sla --prompt-file prompt.txt --snapshot s.slas",
            2,
            "cannot be used with",
        ),
        (
            "snapshot m.sla --prompt-file latin1 -o s.slas",
            1,
            "latin1: byte 3 is not UTF-8",
        ),
    ] {
        let message = case.sla(arguments).error(code);
        assert!(message.contains(says), "{arguments}: {message}");
    }
    assert!(
        from_stdin("run m.sla --prompt-file -", b"\xff")
            .error(1)
            .contains("stdin: byte 0 is not UTF-8")
    );
}

#[test]
fn tokenize_goes_both_ways() {
    let case = case(&tokenizer());
    case.sla("convert model -o m.sla").ok();
    let tokenize =
        |arguments: &[&str]| crate::sla(case.path(), &[&["tokenize", "m.sla"], arguments].concat());
    assert_eq!(tokenize(&["be to"]).ok(), "1,4,28\n");
    let written = tokenize(&["be<end>"]);
    assert!(
        written
            .stderr
            .starts_with("warning: TEXT: \"<end>\" in it is read as text;"),
        "{}",
        written.stderr
    );
    assert_eq!(written.ok(), "1,4,4,13,3\n");
    assert_eq!(
        tokenize(&["be<end>", "--control-tokens", "parse"]).ok(),
        "1,4,29\n"
    );
    assert_eq!(case.sla_with("tokenize m.sla -", b"be to").ok(), "1,4,28\n");
    assert_eq!(case.sla_with("tokenize m.sla", b"be to").ok(), "1,4,28\n");
    assert_eq!(tokenize(&[""]).ok(), "\n");
    assert_eq!(tokenize(&["--decode", "1,4,28,29"]).ok(), "be to<end>");
    assert_eq!(
        case.sla_with("tokenize m.sla --decode", b" 1 4,28\n29\n")
            .ok(),
        "be to<end>"
    );
    let wanted = json!({"ids": [1, 4, 28], "tokens": ["b", "e", " to"], "text": "be to"});
    assert_eq!(tokenize(&["be to", "--json"]).json(), wanted);
    assert_eq!(tokenize(&["--decode", "1,4,28", "--json"]).json(), wanted);
    for (arguments, code, says) in [
        (
            &["--decode", "1,30"][..],
            1,
            "--decode: id 30 at position 1 is outside the vocabulary of 30",
        ),
        (
            &["--decode", "1,x"],
            2,
            r#"--decode: "x" is no id; ids are whole numbers"#,
        ),
        (
            &["--decode", "99999999999"],
            2,
            r#"--decode: "99999999999" is no id"#,
        ),
        (
            &["--decode", "1", "--control-tokens", "parse"],
            2,
            "cannot be used with",
        ),
        (
            &["--decode", "1", "--no-template"],
            2,
            "cannot be used with",
        ),
    ] {
        let message = tokenize(arguments).error(code);
        assert!(message.contains(says), "{arguments:?}: {message}");
    }
    assert!(
        case.sla_with("tokenize m.sla --decode", b"1,x")
            .error(1)
            .contains(r#"stdin: "x" is no id"#)
    );
    assert!(
        case.sla_with("tokenize m.sla", b"a\xff")
            .error(1)
            .contains("stdin: byte 1 is not UTF-8")
    );

    // Ids that the tokenizer puts around a text.
    let mut template = tokenizer();
    template["post_processor"] = json!({"type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": "<end>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [], "special_tokens": {"<end>": {"id": "<end>", "ids": [29], "tokens": ["<end>"]}}});
    case.write("model/tokenizer.json", template.to_string());
    case.sla("convert model -o m.sla").ok();
    assert_eq!(tokenize(&["be"]).ok(), "29,1,4\n");
    assert_eq!(tokenize(&["be", "--no-template"]).ok(), "1,4\n");
}

/// Without a tokenizer ids are bytes, or have no text.
#[test]
fn tokenize_without_a_tokenizer() {
    let case = Case::converted(&crate::bytes_config(Backbone::Gla));
    let tokenize =
        |arguments: &[&str]| crate::sla(case.path(), &[&["tokenize", "m.sla"], arguments].concat());
    assert_eq!(tokenize(&["a\u{e9}"]).ok(), "97,195,169\n");
    assert_eq!(tokenize(&["--decode", "97,195,169"]).ok(), "a\u{e9}");
    assert_eq!(tokenize(&["--decode", "97,195"]).ok(), "a\u{fffd}");
    assert!(
        tokenize(&["--decode", "256"])
            .error(1)
            .contains("outside the vocabulary of 256")
    );
    case.write("prompt", "ROMEO:");
    let both = ["--prompt ROMEO:", "--prompt-file prompt"]
        .map(|prompt| case.sla(&format!("run m.sla -n 9 {prompt}")).ok());
    assert_eq!(both[0], both[1]);
    // Bytes that are no UTF-8 are ids all the same.
    case.write("latin1", b"caf\xe9\xff");
    assert_eq!(
        case.sla_with("tokenize m.sla", b"caf\xe9\xff").ok(),
        "99,97,102,233,255\n"
    );
    case.sla("snapshot m.sla --prompt-file latin1 -o file.slas")
        .ok();
    case.sla("snapshot m.sla --prompt-ids 99,97,102,233,255 -o ids.slas")
        .ok();
    assert_eq!(
        std::fs::read(case.file("file.slas")).unwrap(),
        std::fs::read(case.file("ids.slas")).unwrap()
    );
    assert!(
        case.sla_with("tokenize m.sla --decode", b"97,\xff")
            .error(1)
            .contains("stdin: byte 3 is not UTF-8")
    );

    let config = Config {
        outputs: VOCAB,
        input: Input::Tokens { vocab: VOCAB },
        ..synth::small(Backbone::Gla)
    };
    let case = Case::converted(&config);
    for arguments in [
        "tokenize m.sla text",
        "tokenize m.sla --decode 1",
        "run m.sla --prompt text",
    ] {
        let message = case.sla(arguments).error(1);
        assert!(
            message.contains("m.sla: the file has no tokenizer and a vocabulary of 30, so"),
            "{arguments}: {message}"
        );
    }
    let case = Case::converted(&crate::features_config());
    let message = case.sla("tokenize m.sla text").error(1);
    assert!(
        message.contains("m.sla: the model reads feature vectors"),
        "{message}"
    );
}
