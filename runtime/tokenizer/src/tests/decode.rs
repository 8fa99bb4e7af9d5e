//! Ids to text (F11.7).
use super::*;

fn bytes_of(ids: impl IntoIterator<Item = u8>) -> Vec<u32> {
    ids.into_iter().map(u32::from).collect()
}

/// Every cut of a stream of bytes into tokens is what the whole is, with U+FFFD for what is no
/// UTF-8.
#[test]
fn characters_appear_when_they_are_complete() {
    let section = Parts::of_bytes(Split::Gpt2).section();
    let tokenizer = read(&section);
    for pair in 0..=u16::MAX {
        let [a, b] = pair.to_be_bytes();
        for bytes in [
            &[b'x', a, b, 0xe2, 0x82, 0xac][..],
            &[0xf0, a, b],
            &[0xf0, 0x9f, a, b, 0x80],
        ] {
            let text = decode(
                Decoder::new(tokenizer, SpecialTokens::Skip),
                &bytes_of(bytes.iter().copied()),
            );
            assert_eq!(text, String::from_utf8_lossy(bytes), "{bytes:02x?}");
        }
    }
    let (mut decoder, mut text) = (Decoder::new(tokenizer, SpecialTokens::Skip), String::new());
    for (byte, shown) in [
        (0xf0, ""),
        (0x9f, ""),
        (0xa6, ""),
        (0x80, "🦀"),
        (0x61, "🦀a"),
        (0xe2, "🦀a"),
        (0x61, "🦀a\u{fffd}a"),
    ] {
        decoder.push(byte, &mut |part| text.push_str(part));
        assert_eq!(text, shown);
    }
}

/// Tokens of several bytes begin and end within characters.
#[test]
fn tokens_are_cut_anywhere() {
    let mut random = Random(6);
    for _ in 0..300 {
        let mut parts = Parts::of_bytes(Split::Gpt2);
        let whole = random
            .text(&["a", "é", "世", "🦀", "\u{fffd}"], 8)
            .into_bytes();
        let mut whole: Vec<u8> = whole.into_iter().filter(|_| random.below(9) > 0).collect();
        whole.truncate(30);
        let (mut rest, mut ids) = (&whole[..], Vec::new());
        while !rest.is_empty() {
            let (token, behind) = rest.split_at(1 + random.below(rest.len().min(7)));
            ids.push(parts.texts.len() as u32);
            parts.texts.push(Ok(token.to_vec()));
            rest = behind;
        }
        let section = parts.section();
        assert_eq!(
            decode(Decoder::new(read(&section), SpecialTokens::Skip), &ids),
            String::from_utf8_lossy(&whole),
            "{whole:02x?}"
        );
    }
}

#[test]
fn special_tokens_are_left_out_or_shown() {
    let mut parts = Parts::of_bytes(Split::Gpt2);
    let (special, plain) = (parts.add("<|a|>", SPECIAL), parts.add("<b>", PLAIN));
    parts.texts.push(Ok(Vec::new()));
    let section = parts.section();
    // An id without a text, and those that no token has, are nothing.
    let ids = [97, special, plain, plain + 1, plain + 2, NONE, 98];
    assert_eq!(
        decode(Decoder::new(read(&section), SpecialTokens::Skip), &ids),
        "a<b>b"
    );
    assert_eq!(
        decode(Decoder::new(read(&section), SpecialTokens::Show), &ids),
        "a<|a|><b>b"
    );
    assert_eq!(read(&section).text(plain + 1), None);
    assert_eq!(read(&section).text(plain + 2), None);
}

#[test]
fn spaces_at_the_start_are_stripped_once() {
    let mut parts = Parts::of_characters("ab ");
    let (a, b, space) = (257, 258, 259);
    parts.texts.push(Ok(b" a b".to_vec()));
    parts.texts.push(Ok(Vec::new()));
    let (spaced, nothing) = (260, 261);
    let byte = 1 + u32::from(b'!');
    for (strip, ids, new, within) in [
        (Strip::Nothing, &[space, a][..], " a", " a"),
        (Strip::One, &[space, space, a], " a", "  a"),
        (Strip::One, &[a, space], "a ", "a "),
        (
            Strip::One,
            &[nothing, spaced, spaced],
            "a b a b",
            " a b a b",
        ),
        (Strip::One, &[1 + 32, space, a], " a", "  a"),
        (Strip::FirstToken, &[spaced, spaced], "ab a b", " a b a b"),
        (Strip::FirstToken, &[byte, spaced], "! a b", "! a b"),
        (Strip::FirstToken, &[b, space, a], "b a", "b a"),
    ] {
        let section = Parts {
            strip,
            ..parts.clone()
        }
        .section();
        let mut decoder = Decoder::new(read(&section), SpecialTokens::Skip);
        assert_eq!(decode(decoder.clone(), ids), new, "{strip:?} {ids:?}");
        assert_eq!(
            decode(Decoder::within(read(&section), SpecialTokens::Skip), ids),
            within,
            "{strip:?} {ids:?} within"
        );
        // The end of a text is the start of another.
        decoder.push(b, &mut |_| {});
        decoder.finish(&mut |_| {});
        assert_eq!(decode(decoder, ids), new, "{strip:?} {ids:?} after another");
    }
}

/// Bytes that are no character: each is U+FFFD in models of characters, and a token of text ends a
/// run.
#[test]
fn models_of_characters_replace_each_byte() {
    let section = Parts::of_characters("a").section();
    let byte = |byte: u8| u32::from(byte) + 1;
    let text = |ids: &[u32]| decode(Decoder::new(read(&section), SpecialTokens::Skip), ids);
    assert_eq!(text(&[byte(0xe2), byte(0x96), 257]), "\u{fffd}\u{fffd}a");
    assert_eq!(text(&[byte(0xe2), byte(0x96), byte(0x81)]), "\u{2581}");
    assert_eq!(text(&[byte(0xe2), byte(0x96)]), "\u{fffd}\u{fffd}");
    assert_eq!(text(&[byte(0xe2), byte(0x61)]), "\u{fffd}a");
}
