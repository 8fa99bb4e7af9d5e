//! The tokenizer against the `tokenizers` library: the same ids, the same text, on tokenizers that
//! the library trained.

#[path = "../../../firmware-examples/app/src/strings.rs"]
mod strings;
mod trained;
mod unicode;

use serde_json::{Value, json};
use sla_converter::checkpoint::synth;
use sla_converter::owned_model::OwnedModel;
use sla_converter::tokenizer::{self, compile};
use sla_converter::{ConvertOptions, convert};
use sla_format::{NONE, Section, SectionKind, Split, Symbols, seal};
use sla_reference::{Backbone, Config, Input};
use sla_tests::{checkpoint, parallel};
use strings::{STRING_BYTES, Strings};
use trained::{all, with};

use sla_tokenizer::{
    ControlTokens, Decoder, EncodeError, SpecialTokens, Template, Text, Tokenizer, classes,
    encode_words,
};

/// Strings over all tokenizers; `SLA_STRINGS` overrides it.
const STRINGS: usize = 100_000;

fn library(json: &Value) -> tokenizers::Tokenizer {
    json.to_string()
        .parse()
        .expect("a tokenizer.json that the library reads")
}

fn section(json: &Value) -> Vec<u8> {
    compile(&json.to_string(), 1 << 24)
        .unwrap_or_else(|e| panic!("{e}"))
        .section()
        .to_vec()
}

fn decode(tokenizer: Tokenizer, ids: &[u32], skip_special: bool) -> String {
    let special = if skip_special {
        SpecialTokens::Skip
    } else {
        SpecialTokens::Show
    };
    let (mut decoder, mut text) = (Decoder::new(tokenizer, special), String::new());
    ids.iter()
        .for_each(|&id| decoder.push(id, &mut |part| text.push_str(part)));
    decoder.finish(&mut |part| text.push_str(part));
    text
}

/// The ids of a text in which control tokens count.
fn encode(tokenizer: &Tokenizer, text: &str, template: bool) -> Vec<u32> {
    tokenizer::encode(
        tokenizer,
        text,
        if template {
            Template::Add
        } else {
            Template::Omit
        },
        ControlTokens::Parse,
    )
}

/// Ids and text of one string.
fn check(name: &str, library: &tokenizers::Tokenizer, tokenizer: Tokenizer, text: &str) {
    // For single digits the library asks its compiler's tables, which may be of a newer Unicode.
    let newer = |c: char| c.is_numeric() != (classes::class(c) == classes::Class::Number);
    if tokenizer.desc().split == Split::DigitsGpt2 && text.contains(newer) {
        return;
    }
    let wanted = library
        .encode_fast(text, true)
        .expect("the library encodes");
    let ids = encode(&tokenizer, text, true);
    assert_eq!(
        ids,
        wanted.get_ids(),
        "{name}: {text:?}, tokens {:?}",
        wanted.get_tokens()
    );
    for skip in [true, false] {
        let wanted = library.decode(&ids, skip).expect("the library decodes");
        assert_eq!(
            decode(tokenizer, &ids, skip),
            wanted,
            "{name}: {text:?}, decoded, skip {skip}"
        );
    }
}

/// What a user types is text, control tokens in it too: the library calls that
/// `encode_special_tokens`.
#[test]
fn control_tokens_in_a_text_are_text_where_the_library_has_them_so() {
    for (name, json) in all() {
        let (mut library, section) = (library(&json), section(&json));
        let tokenizer = Tokenizer::read(&section).expect("a fresh section");
        let contents: Vec<String> = tokenizer
            .added()
            .map(|(_, content)| content.to_owned())
            .collect();
        let (mut source, mut buffer, mut differ) = (Strings::new(23), [0; STRING_BYTES], 0);
        for round in 0..400 {
            let random = source.next(&mut buffer);
            let middle = (random.len() / 2..=random.len())
                .find(|&at| random.is_char_boundary(at))
                .unwrap_or(0);
            let (a, b) = random.split_at(middle);
            let content = &contents[round % contents.len()];
            // Whole, cut short, and one inside another.
            let (short, half) = (&content[..content.len() - 1], content.len() / 2);
            let text = match round % 3 {
                0 => [a, content, b].concat(),
                1 => [a, short, content, " ", content, b].concat(),
                _ => [&content[..half], content, &content[half..], b].concat(),
            };
            let newer = |c: char| c.is_numeric() != (classes::class(c) == classes::Class::Number);
            if tokenizer.desc().split == Split::DigitsGpt2 && text.contains(newer) {
                continue;
            }
            let mut ids = Vec::new();
            for (control, as_text) in [(ControlTokens::AsText, true), (ControlTokens::Parse, false)]
            {
                library.set_encode_special_tokens(as_text);
                let wanted = library
                    .encode_fast(text.as_str(), true)
                    .expect("the library encodes");
                let found = tokenizer::encode(&tokenizer, &text, Template::Add, control);
                assert_eq!(
                    found,
                    wanted.get_ids(),
                    "{name}: {text:?}, {control:?}, {:?}",
                    wanted.get_tokens()
                );
                ids.push(found);
            }
            differ += usize::from(ids[0] != ids[1]);
        }
        assert!(
            differ > 100,
            "{name}: control tokens make a difference in {differ} of 400 texts"
        );
    }
}

/// Ten times the text takes no more than about ten times as long, for every kind of tokenizer and
/// for texts that its tokens begin with.
#[test]
fn time_is_linear_in_the_text() {
    let mut ids = vec![NONE; encode_words(4_000)];
    let mut time = |tokenizer: &Tokenizer, text: &str| {
        let start = std::time::Instant::now();
        let len = tokenizer
            .encode(text, Template::Add, ControlTokens::AsText, &mut ids)
            .expect("room");
        std::hint::black_box(&ids[..len]);
        start.elapsed().as_secs_f64()
    };
    let demo = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../models/demo.txt"))
        .expect("demo.txt");
    let prose = demo.replace(char::is_numeric, "");
    for (name, json) in all() {
        let section = section(&json);
        let tokenizer = Tokenizer::read(&section).expect("a fresh section");
        for part in [
            prose.as_str(),
            " ",
            "<",
            "<|",
            "<|reserved_special_token_",
            "\n ",
            "a",
        ] {
            let text = |bytes: usize| {
                part.chars()
                    .cycle()
                    .filter(|c| c.is_ascii())
                    .take(bytes)
                    .collect::<String>()
            };
            let (short, long) = (text(400), text(4_000));
            // What is quadratic takes a hundred times as long every time; a busy machine does not.
            let mut ratio = || {
                time(&tokenizer, &long)
                    / (0..5)
                        .map(|_| time(&tokenizer, &short))
                        .fold(f64::MAX, f64::min)
            };
            assert!((0..20).any(|_| ratio() < 40.0), "{name}: {part:.8}…");
        }
    }
}

#[test]
fn random_strings_have_the_librarys_ids() {
    let strings = std::env::var("SLA_STRINGS")
        .map_or(STRINGS, |n| n.parse().expect("SLA_STRINGS is a number"));
    let all = all();
    let each = strings.div_ceil(all.len());
    let sections: Vec<Vec<u8>> = all.iter().map(|(_, json)| section(json)).collect();
    let counts = parallel(all.len(), |kind| {
        let ((name, json), section) = (&all[kind], &sections[kind]);
        let (library, tokenizer) = (
            library(json),
            Tokenizer::read(section).expect("a fresh section"),
        );
        let (mut source, mut buffer) = (Strings::new(kind as u64), [0; STRING_BYTES]);
        let mut bytes = 0;
        for _ in 0..each {
            let text = source.next(&mut buffer);
            check(name, &library, tokenizer, text);
            bytes += text.len();
        }
        eprintln!(
            "{name}: {each} strings of {bytes} bytes, section of {} bytes",
            section.len()
        );
        bytes
    });
    assert!(
        counts.iter().sum::<usize>() > 20 * each * all.len(),
        "strings of 20 bytes and more on average"
    );
}

/// The tokenizers differ in what they are there for.
#[test]
fn the_tokenizers_are_of_every_kind() {
    let all = all();
    let section = |wanted: &str| {
        let found = all.iter().find(|(name, _)| *name == wanted);
        section(&found.unwrap_or_else(|| panic!("{wanted}")).1)
    };
    let desc = |name: &str| {
        *Tokenizer::read(&section(name))
            .expect("a fresh section")
            .desc()
    };
    assert!(desc("gpt2-wide").wide && !desc("gpt2").wide);
    assert_eq!(
        [desc("llama2").split, desc("mistral").split],
        [Split::Words; 2]
    );
    assert_eq!(
        [desc("across").split, desc("gpt2-whole").split],
        [Split::Whole; 2]
    );
    assert!(desc("llama3-ignore-merges").words > 50 && desc("llama3-gaps").words == 0);
    let demo = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../models/demo.txt"))
        .expect("demo.txt");
    let ids = |name: &str| {
        encode(
            &Tokenizer::read(&section(name)).expect("a fresh section"),
            &demo[..2000],
            true,
        )
    };
    assert_ne!(ids("llama3-ignore-merges"), ids("llama3-gaps"));
    assert_ne!(ids("gpt2"), ids("gpt2-prefix"));
}

#[test]
fn written_text_and_long_pre_tokens_have_the_librarys_ids() {
    let demo = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../models/demo.txt"))
        .expect("demo.txt");
    let demo: String = demo.chars().take(20_000).collect();
    let long = [
        "a", " ", "ab", "the", "\n", "1", "世", "'", "\u{301}", "é ", "▁", "\r\n", "🦀",
    ];
    let texts: Vec<String> = long
        .iter()
        .map(|part| part.repeat(3000))
        .chain([demo, String::new()])
        .collect();
    for (name, json) in all() {
        let (library, section) = (library(&json), section(&json));
        let tokenizer = Tokenizer::read(&section).expect("a fresh section");
        texts
            .iter()
            .for_each(|text| check(name, &library, tokenizer, text));
    }
}

#[test]
fn random_ids_decode_as_the_library_does() {
    for (name, json) in all() {
        let (library, section) = (library(&json), section(&json));
        let tokenizer = Tokenizer::read(&section).expect("a fresh section");
        let mut seed = 1u64;
        let mut below = |limit: u32| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 33) as u32 % limit
        };
        for _ in 0..2000 {
            let ids: Vec<u32> = (0..below(12))
                .map(|_| below(tokenizer.tokens() + 3))
                .collect();
            for skip in [true, false] {
                let (mine, whole) = (
                    decode(tokenizer, &ids, skip),
                    library.decode(&ids, skip).expect("it decodes"),
                );
                match runs_of_bytes(tokenizer, &ids, skip) {
                    Runs::Mixed => assert!(
                        mine.chars().count() <= whole.chars().count(),
                        "{name} {ids:?}"
                    ),
                    Runs::Plain => assert_eq!(mine, whole, "{name} {ids:?}, skip {skip}"),
                }
            }
        }
    }
}

enum Runs {
    /// A run of single bytes holds characters and bytes that are none: the library gives all of it
    /// up (F11.7).
    Mixed,
    Plain,
}

fn runs_of_bytes(tokenizer: Tokenizer, ids: &[u32], skip: bool) -> Runs {
    let mut run = Vec::new();
    let shown = ids
        .iter()
        .filter(|&&id| !(skip && tokenizer.is_special(id)));
    let texts: Vec<_> = shown
        .filter_map(|&id| tokenizer.text(id))
        .chain([Text::Bytes(b"")])
        .collect();
    for text in texts {
        match text {
            Text::Byte(byte) => run.push(byte),
            Text::Bytes(_) => {
                let valid = String::from_utf8_lossy(&run);
                let replaced = valid.chars().filter(|&c| c == '\u{fffd}').count();
                if replaced > 0 && replaced < valid.chars().count() {
                    return Runs::Mixed;
                }
                run.clear();
            }
        }
    }
    Runs::Plain
}

/// A text that another decoder has begun goes on with all of its spaces.
#[test]
fn the_middle_of_a_text_keeps_its_spaces() {
    let mut stripped = 0;
    for (name, json) in all() {
        let section = section(&json);
        let tokenizer = Tokenizer::read(&section).expect("a fresh section");
        let ids = encode(&tokenizer, "Once upon a time", false);
        let whole = decode(tokenizer, &ids, true);
        for cut in 1..ids.len() {
            let (begun, rest) = ids.split_at(cut);
            let (mut within, mut text) = (
                Decoder::within(tokenizer, SpecialTokens::Skip),
                decode(tokenizer, begun, true),
            );
            // What is only a space at the start of a text has begun nothing yet.
            if text.is_empty() {
                continue;
            }
            rest.iter()
                .for_each(|&id| within.push(id, &mut |part| text.push_str(part)));
            within.finish(&mut |part| text.push_str(part));
            assert_eq!(text, whole, "{name}, cut at {cut}");
            stripped += usize::from(
                decode(tokenizer, begun, true) + &decode(tokenizer, rest, true) != whole,
            );
        }
    }
    assert!(stripped > 0, "no tokenizer leaves out a space");
}

/// Pieces of a stream of ids, cut anywhere, are what `from_utf8_lossy` makes of all their bytes.
#[test]
fn streaming_equals_lossy_decoding_of_the_whole() {
    let (_, json) = all().swap_remove(0);
    let section = section(&json);
    let tokenizer = Tokenizer::read(&section).expect("a fresh section");
    assert_eq!(tokenizer.desc().symbols, Symbols::Bytes);
    let single = |byte: u8| {
        (0..tokenizer.tokens()).find(|&id| tokenizer.text(id) == Some(Text::Bytes(&[byte])))
    };
    let ids: Vec<u32> = (0..=255)
        .map(|byte| single(byte).expect("a token for every byte"))
        .collect();
    for pair in 0..=u16::MAX {
        let [a, b] = pair.to_be_bytes();
        for bytes in [
            &[b'x', a, b, 0xe2, 0x82, 0xac][..],
            &[0xf0, a, b][..],
            &[0xf0, 0x9f, a, b, 0x80][..],
        ] {
            let stream: Vec<u32> = bytes.iter().map(|&byte| ids[usize::from(byte)]).collect();
            assert_eq!(
                decode(tokenizer, &stream, true),
                String::from_utf8_lossy(bytes),
                "{bytes:02x?}"
            );
        }
    }
}

#[test]
fn classes_are_those_of_the_librarys_engine() {
    let table = unicode::classes();
    let engine = |pattern| onig::Regex::new(pattern).expect("a pattern");
    let patterns = [
        engine(r"\A\p{L}\z"),
        engine(r"\A\p{N}\z"),
        engine(r"\A\s\z"),
    ];
    let contraction = engine(r"\A(?i:[strevmld])\z");
    for code in 0..0x11_0000 {
        let Some(c) = char::from_u32(code) else {
            continue;
        };
        let mut utf8 = [0; 4];
        let text: &str = c.encode_utf8(&mut utf8);
        let found = patterns
            .iter()
            .position(|pattern| pattern.find(text).is_some())
            .map_or(0, |at| at + 1);
        assert_eq!(
            classes::class(c) as usize,
            found,
            "U+{code:04X}, by the engine"
        );
        assert_eq!(
            classes::class(c) as u8,
            table[code as usize],
            "U+{code:04X}, by the tables"
        );
        let folds = "strevmldSTREVMLD\u{17f}".contains(c);
        assert_eq!(
            contraction.find(text).is_some(),
            folds,
            "U+{code:04X} in a contraction"
        );
    }
}

#[test]
fn a_small_buffer_is_an_error_and_never_other_ids() {
    for (name, json) in all() {
        let section = section(&json);
        let tokenizer = Tokenizer::read(&section).expect("a fresh section");
        for text in [
            "",
            "Hello world! 'twas here.",
            "the  King's\n\n世界 <|endoftext|> </s> aaaaaaaaaaaaaaaaaaaaaaaaaa",
        ] {
            let wanted = encode(&tokenizer, text, true);
            let enough = encode_words(text.len());
            let mut refused = 0;
            for words in 0..=enough {
                let mut buffer = vec![NONE; words];
                match tokenizer.encode(text, Template::Add, ControlTokens::Parse, &mut buffer) {
                    Ok(len) => assert_eq!(buffer[..len], wanted, "{name}, {words} words"),
                    Err(EncodeError::BufferTooSmall { need, have }) => {
                        assert!(
                            have == words && need > have && need <= enough,
                            "{name}, {words} words: {need}"
                        );
                        refused += 1;
                    }
                }
            }
            assert!(refused >= wanted.len(), "{name}: fewer words than ids");
        }
    }
}

/// Whatever a section's bytes are, reading refuses it or everything after is in bounds and ends.
#[test]
fn damaged_sections_are_refused_or_harmless() {
    let kinds = [
        "gpt2-strips",
        "llama3-ignore-merges",
        "llama2-few-bytes",
        "mistral",
    ];
    let chosen: Vec<_> = all()
        .into_iter()
        .filter(|(name, _)| kinds.contains(name))
        .collect();
    assert_eq!(chosen.len(), kinds.len());
    for (name, json) in chosen {
        let original = section(&json);
        for len in (0..original.len()).step_by(97).chain(0..80) {
            assert!(
                Tokenizer::read(&original[..len]).is_err(),
                "{name}: {len} of {} bytes",
                original.len()
            );
        }
        let (mut source, mut buffer, mut read) = (Strings::new(3), [0; STRING_BYTES], 0);
        const DAMAGES: u32 = 4000;
        for damage in 0..DAMAGES {
            let mut bytes = original.clone();
            let mut seed = u64::from(damage);
            for _ in 0..=damage % 3 {
                seed = (seed + 1)
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .rotate_left(21);
                // One of three hits the header.
                let limit = if damage % 3 == 0 { 64 } else { bytes.len() };
                let at = (seed % limit as u64) as usize;
                bytes[at] = [0, 1, 0x7F, 0xFF, (seed >> 40) as u8][(seed >> 50) as usize % 5];
            }
            let Ok(tokenizer) = Tokenizer::read(&bytes) else {
                continue;
            };
            read += 1;
            let text = source.next(&mut buffer);
            let mut ids = vec![NONE; encode_words(text.len())];
            if let Ok(len) = tokenizer.encode(text, Template::Add, ControlTokens::Parse, &mut ids) {
                assert!(
                    ids[..len].iter().all(|&id| id < tokenizer.tokens()),
                    "{name}, damage {damage}"
                );
                decode(tokenizer, &ids[..len], damage % 2 == 0);
            }
            decode(tokenizer, &[0, damage, NONE, 7, 300, 299], true);
        }
        assert!(
            read > DAMAGES / 10 && read < DAMAGES,
            "{name}: {read} of {DAMAGES} were read"
        );
    }
}

/// A file with a damaged tokenizer section, or one for another vocabulary, is refused as that.
#[test]
fn a_file_with_a_bad_section_is_refused() {
    let json = all().swap_remove(0).1;
    let tokens = Tokenizer::read(&section(&json))
        .expect("a fresh section")
        .tokens() as usize;
    let file = |vocabulary: usize| {
        let small = Config {
            layers: 1,
            hidden: 8,
            d_k: 4,
            d_v: 3,
            intermediate: 8,
            ..synth::small(Backbone::Gla)
        };
        let config = Config {
            input: Input::Tokens { vocab: vocabulary },
            outputs: vocabulary,
            ..small
        };
        let weights = synth::weights(&config, 1);
        let tokenizer =
            Some(compile(&json.to_string(), tokens).expect("a tokenizer of the library"));
        convert(
            checkpoint(config, weights),
            &ConvertOptions {
                tokenizer,
                ..ConvertOptions::default()
            },
            &mut |_, _| {},
        )
    };
    assert!(file(tokens - 1).is_err(), "a vocabulary that lacks a token");
    let bytes = file(tokens + 5).expect("a vocabulary with room").file;
    let owned = OwnedModel::from_bytes(&bytes).expect("a fresh file");
    assert_eq!(
        owned
            .model()
            .tokenizer()
            .map(|tokenizer| tokenizer.tokens() as usize),
        Some(tokens)
    );
    let whole = Section::find(&bytes, SectionKind::Tokenizer).expect("a tokenizer section");
    let start = whole.as_ptr().addr() - bytes.as_ptr().addr();
    for (at, byte, says) in [
        (0, 9, "the tokenizer section: its header is invalid"),
        (24, 0xFF, "the tokenizer section: "),
        (40, 1, "the tokenizer section: "),
        (
            64 + 1,
            0xFE,
            "the tokenizer section: entry 0 of its table 0 is invalid",
        ),
    ] {
        let mut bytes = bytes.clone();
        bytes[start + at] = byte;
        seal(&mut bytes);
        let message = OwnedModel::from_bytes(&bytes)
            .expect_err("a damaged section")
            .to_string();
        assert!(
            message.starts_with(says) && message.ends_with("or convert the checkpoint again"),
            "{at}: {message}"
        );
    }
}

/// GPT-2's own file names neither its kind of model nor a token for what is unknown; the library
/// reads it as BPE.
#[test]
fn a_model_without_a_type_is_what_the_library_takes_it_for() {
    let gpt2 = all().swap_remove(0).1;
    let mut untyped = with(
        &gpt2,
        json!({"model": {"unk_token": "", "end_of_word_suffix": "", "continuing_subword_prefix": ""}}),
    );
    let model = untyped["model"].as_object_mut().expect("an object");
    model.remove("type").expect("a type");
    let (library, compiled) = (library(&untyped), section(&untyped));
    assert!(matches!(
        library.get_model(),
        tokenizers::ModelWrapper::BPE(_)
    ));
    assert_eq!(
        compiled,
        section(&gpt2),
        "only what has no effect is different"
    );
    let tokenizer = Tokenizer::read(&compiled).expect("a fresh section");
    let (mut source, mut buffer) = (Strings::new(11), [0; STRING_BYTES]);
    (0..500).for_each(|_| check("untyped", &library, tokenizer, source.next(&mut buffer)));

    // What the library does not take for BPE, or cannot go on with, is refused.
    for (remove, set) in [
        ("merges", json!({})),
        ("vocab", json!({})),
        ("type", json!({"type": null})),
        ("type", json!({"type": "bpe"})),
    ] {
        let mut other = untyped.clone();
        let model = other["model"].as_object_mut().expect("an object");
        model.remove(remove);
        model.extend(set.as_object().expect("an object").clone());
        let read = other.to_string().parse::<tokenizers::Tokenizer>();
        let is_bpe = read
            .is_ok_and(|library| matches!(library.get_model(), tokenizers::ModelWrapper::BPE(_)));
        assert!(!is_bpe, "{remove} {set}");
        let message = compile(&other.to_string(), 1 << 24)
            .map(|_| ())
            .unwrap_err()
            .to_string();
        assert!(
            message.contains("model ") && message.contains("--no-tokenizer"),
            "{remove} {set}: {message}"
        );
    }
    let mut partial = untyped.clone();
    let space = partial["model"]["vocab"]
        .as_object_mut()
        .expect("an object")
        .remove("Ā");
    assert!(space.is_some(), "the token of byte 0");
    let message = compile(&partial.to_string(), 1 << 24)
        .map(|_| ())
        .unwrap_err()
        .to_string();
    assert!(
        message.contains(r#"model.unk_token "" is not in model.vocab"#),
        "{message}"
    );
}

#[test]
fn what_is_not_supported_is_refused_by_name() {
    let gpt2 = all().swap_remove(0).1;
    let split = |pattern: &str| {
        json!({"type": "Sequence", "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": false},
            {"type": "ByteLevel", "add_prefix_space": false, "use_regex": false}]})
    };
    for (parts, says) in [
        (
            json!({"model": {"type": "Unigram"}}),
            r#"model "Unigram" is not supported"#,
        ),
        (
            json!({"model": {"type": "WordPiece"}}),
            r#"model "WordPiece" is not supported"#,
        ),
        (json!({"model": {"dropout": 0.1}}), "model.dropout 0.1"),
        (
            json!({"model": {"end_of_word_suffix": "</w>"}}),
            r#"model.end_of_word_suffix "</w>""#,
        ),
        (
            json!({"model": {"continuing_subword_prefix": "##"}}),
            "model.continuing_subword_prefix",
        ),
        (
            json!({"model": {"byte_fallback": true}}),
            "model.byte_fallback with a byte-level pre_tokenizer",
        ),
        (
            json!({"model": {"unk_token": "<nothing>", "vocab": {"a": 0}, "merges": []}, "added_tokens": []}),
            "model.unk_token",
        ),
        (
            json!({"model": {"merges": [["a", "nothing"]]}}),
            "is not in model.vocab",
        ),
        (
            json!({"model": {"merges": ["a b c"]}}),
            "model.merges: entry 0",
        ),
        (json!({"model": {"merges": 3}}), "model.merges is no list"),
        (
            json!({"model": {"vocab": {"a": 1, "b": 1}, "merges": []}}),
            "have the same id 1",
        ),
        (
            json!({"model": {"vocab": {"a": 1.5}, "merges": []}}),
            "not below the model's vocabulary",
        ),
        (
            json!({"model": {"vocab": {"a": 99_999_999}, "merges": []}}),
            "not below the model's vocabulary",
        ),
        (
            json!({"model": {"vocab": {}, "merges": []}}),
            "model.vocab is empty",
        ),
        (
            json!({"model": {"vocab": {"x".repeat(300): 0}, "merges": []}, "added_tokens": []}),
            "has 300 bytes",
        ),
        (
            json!({"normalizer": {"type": "NFC"}}),
            r#"normalizer "NFC" is not supported"#,
        ),
        (
            json!({"normalizer": {"type": "Sequence", "normalizers": [{"type": "NFD"}, {"type": "Lowercase"}]}}),
            "NFD, Lowercase",
        ),
        (json!({"pre_tokenizer": null}), "pre_tokenizer null"),
        (
            json!({"pre_tokenizer": {"type": "Whitespace"}}),
            r#"pre_tokenizer "Whitespace""#,
        ),
        (
            json!({"pre_tokenizer": split(r"\w+")}),
            r#"pre_tokenizer Split with pattern {"Regex":"\\w+"}"#,
        ),
        (json!({"decoder": null}), "decoder null"),
        (
            json!({"decoder": {"type": "WordPiece"}}),
            r#"decoder "WordPiece""#,
        ),
        (
            json!({"post_processor": {"type": "BertProcessing"}}),
            r#"post_processor "BertProcessing""#,
        ),
        (
            json!({"post_processor": {"type": "TemplateProcessing"}}),
            "is malformed",
        ),
        (
            json!({"added_tokens": [{"id": 0, "content": "<|endoftext|>", "single_word": true, "lstrip": false, "rstrip": false,
            "normalized": false, "special": true}]}),
            "single_word",
        ),
        (
            json!({"added_tokens": [{"id": 5, "content": "<new>", "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false, "special": true}]}),
            "which the library gives it",
        ),
        (json!({"added_tokens": [3]}), "is malformed"),
        (json!({"model": 3}), "no model"),
    ] {
        let message = compile(&with(&gpt2, parts).to_string(), 1 << 24)
            .map(|_| ())
            .unwrap_err()
            .to_string();
        assert!(
            message.contains(says) && !message.contains('\n'),
            "{says}: {message}"
        );
        assert!(
            message.contains("; --no-tokenizer converts the model without it"),
            "{message}"
        );
    }
    for text in ["", "[]", "{", "{\"model\": {\"type\": \"BPE\"}}", "null"] {
        assert!(!compile(text, 256).unwrap_err().to_string().contains('\n'));
    }
    let tokens = gpt2["model"]["vocab"].as_object().expect("an object").len();
    assert!(compile(&gpt2.to_string(), tokens).is_ok());
    let message = compile(&gpt2.to_string(), tokens - 1)
        .unwrap_err()
        .to_string();
    assert!(
        message.contains(&format!(
            "not below the model's vocabulary of {}",
            tokens - 1
        )),
        "{message}"
    );
}
