//! Symbols, spaces in front, unknown tokens, words, templates, buffers (F11.2, F11.3).
use super::*;
use crate::EncodeError;

fn ids(parts: &Parts, text: &str) -> Vec<u32> {
    encode(
        read(&parts.section()),
        text,
        Template::Omit,
        ControlTokens::AsText,
    )
}

#[test]
fn the_template_stands_around_the_text() {
    let mut parts = Parts::of_bytes(Split::Gpt2);
    parts.template = [vec![1, 2], vec![3]];
    let section = parts.section();
    let both = [Template::Add, Template::Omit]
        .map(|t| encode(read(&section), "a", t, ControlTokens::AsText));
    assert_eq!(both, [vec![1, 2, 97, 3], vec![97]]);
    assert_eq!(
        encode(read(&section), "", Template::Add, ControlTokens::AsText),
        [1, 2, 3]
    );
}

#[test]
fn a_space_stands_before_a_piece_as_the_prefix_says() {
    let mut parts = Parts::of_characters("ab ");
    let (a, b, space) = (257, 258, 259);
    let added = parts.add("<x>", PLAIN);
    let normalized = parts.add(
        "<y>",
        AddedToken {
            normalized: true,
            ..PLAIN
        },
    );
    for (prefix, text, wanted) in [
        (Prefix::Never, "a", vec![a]),
        (Prefix::First, "a<x>b", vec![space, a, added, b]),
        (Prefix::First, " a", vec![space, a]),
        (Prefix::First, "\u{2581}a", vec![space, a]),
        (Prefix::First, "<x>b", vec![added, b]),
        (Prefix::First, "<y>b", vec![normalized, b]),
        (Prefix::First, "b<y>b", vec![space, b, normalized, b]),
        (Prefix::Missing, "a<x>b", vec![space, a, added, space, b]),
        (Prefix::Missing, " a<x> b", vec![space, a, added, space, b]),
        (
            Prefix::Always,
            " a<x>b",
            vec![space, space, a, added, space, b],
        ),
        (Prefix::Always, "", vec![]),
    ] {
        assert_eq!(
            ids(
                &Parts {
                    prefix,
                    ..parts.clone()
                },
                text
            ),
            wanted,
            "{prefix:?} {text:?}"
        );
    }
    // By bytes U+2581 is no space.
    let spaced = Parts {
        prefix: Prefix::Missing,
        ..Parts::of_bytes(Split::Gpt2)
    };
    assert_eq!(ids(&spaced, "a"), [32, 97]);
    assert_eq!(ids(&spaced, " a"), [32, 97]);
    assert_eq!(ids(&spaced, "\u{2581}"), [32, 0xE2, 0x96, 0x81]);
}

/// A space in front merges with the first pre-token, and only with it.
#[test]
fn a_space_in_front_is_part_of_the_first_pre_token() {
    let mut parts = Parts {
        prefix: Prefix::Missing,
        ..Parts::of_bytes(Split::Gpt2)
    };
    let spaced = parts.merge(32, 97);
    assert_eq!(ids(&parts, "a a!a"), [spaced, spaced, 33, 97]);
    let whole = Parts {
        split: Split::Whole,
        ..parts
    };
    assert_eq!(ids(&whole, "a a"), [spaced, spaced]);
}

#[test]
fn what_has_no_token_is_unknown_or_nothing() {
    let characters = Parts::of_characters("ab");
    let (a, b) = (257, 258);
    for (fuse_unknown, unknown, text, wanted) in [
        (false, Some(0), "axyb", vec![a, 0, 0, b]),
        (true, Some(0), "axyb", vec![a, 0, b]),
        (true, Some(0), "xaxx", vec![0, a, 0]),
        (false, None, "axyb", vec![a, b]),
        (true, None, "x", vec![]),
    ] {
        let parts = Parts {
            fuse_unknown,
            unknown,
            ..characters.clone()
        };
        assert_eq!(
            ids(&parts, text),
            wanted,
            "{fuse_unknown} {unknown:?} {text:?}"
        );
    }
    let mut bytes = Parts {
        unknown: Some(5),
        fuse_unknown: true,
        ..Parts::of_bytes(Split::Gpt2)
    };
    bytes.bytes.remove(&b'x');
    assert_eq!(ids(&bytes, "axxb"), [97, 5, 98]);
}

#[test]
fn characters_fall_back_to_all_of_their_bytes() {
    let parts = Parts {
        byte_fallback: true,
        fuse_unknown: true,
        ..Parts::of_characters("ab")
    };
    assert_eq!(ids(&parts, "a\u{e9}b"), [257, 0xC3 + 1, 0xA9 + 1, 258]);
    assert_eq!(
        ids(&parts, " "),
        [0xE2 + 1, 0x96 + 1, 0x81 + 1],
        "a space is U+2581"
    );
    // A character that lacks one of them is unknown, and comes after a fallback.
    let mut few = parts;
    few.bytes.remove(&0xA9);
    assert_eq!(
        ids(&few, "a\u{e9}\u{e8}b"),
        [257, 0xC3 + 1, 0xA8 + 1, 0, 258]
    );
}

#[test]
fn words_are_looked_for_before_the_merges() {
    let mut parts = Parts::of_bytes(Split::Gpt2);
    let merged = parts.merge(97, 98);
    let word = |text: &str, parts: &mut Parts| {
        parts.texts.push(Ok(text.into()));
        parts.texts.len() as u32 - 1
    };
    let [abc, spaced, x] = ["abc", " abd", "x"].map(|text| word(text, &mut parts));
    parts.words = vec![spaced, abc, x];
    assert_eq!(
        ids(&parts, "abc abd abcd x"),
        [abc, spaced, 32, merged, 99, 100, 32, 120]
    );
    assert_eq!(ids(&parts, "x"), [x]);
    let lead = Parts {
        prefix: Prefix::Missing,
        ..parts.clone()
    };
    assert_eq!(ids(&lead, "abd"), [spaced]);
    let section = parts.section();
    let mut buffer = [0; 32];
    assert_eq!(read(&section).encode_pre_token("abc", &mut buffer), Ok(1));
    assert_eq!(read(&section).encode_pre_token(" ab", &mut buffer), Ok(2));
    assert_eq!(buffer[..2], [32, merged]);
}

/// The numbers of the documentation: 2 words and a 15th a symbol, and the template's.
#[test]
fn a_buffer_is_large_enough_or_named_too_small() {
    let mut parts = Parts::of_bytes(Split::Gpt2);
    parts.template = [vec![1], vec![2]];
    let section = parts.section();
    for (symbols, words) in [
        (1, 2),
        (16, 32),
        (17, 36),
        (256, 528),
        (257, 257 * 2 + 17 + 2),
    ] {
        let (text, need) = ("a".repeat(symbols), 1 + words);
        for room in 0..need + 2 {
            let mut ids = vec![NONE; room];
            let encoded =
                read(&section).encode(&text, Template::Add, ControlTokens::AsText, &mut ids);
            match encoded {
                Ok(len) => assert!(
                    room >= need && len == symbols + 2,
                    "{symbols} symbols in {room} words"
                ),
                Err(EncodeError::BufferTooSmall { need: wanted, have }) => {
                    assert!(
                        room < need && have == room && wanted > room && wanted <= need,
                        "{symbols}: {wanted}"
                    );
                }
            }
        }
    }
    assert_eq!(encode_words(0), 3 * 2 + 16);
    assert_eq!(encode_words(3), 15 * 2 + 16);
    assert_eq!(encode_words(4), 19 * 2 + 2 + 16);
    assert!(encode_words(usize::MAX) == usize::MAX);
    // The worst there is: a space before a text of spaces that fall back to three bytes each.
    let worst = Parts {
        prefix: Prefix::Always,
        byte_fallback: true,
        ..Parts::of_characters("")
    };
    let section = worst.section();
    for len in 1..300 {
        let text = " ".repeat(len);
        assert_eq!(
            encode(read(&section), &text, Template::Omit, ControlTokens::AsText).len(),
            3 * len + 3
        );
    }
}
