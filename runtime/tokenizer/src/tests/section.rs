//! What a reader refuses (F11.8).
use super::*;
use crate::SectionError::{self, Entry, Header, Length, Vocabulary};
use TokenizerTable as Table;

fn refusal(section: &[u8]) -> Option<SectionError> {
    Tokenizer::read(section).err()
}

/// `section` with an index of `table` set.
fn with(section: &[u8], table: Table, index: usize, value: u16) -> Vec<u8> {
    let mut section = section.to_vec();
    let at = place(&section, table) + 2 * index;
    section[at..at + 2].copy_from_slice(&value.to_le_bytes());
    section
}

fn with_word(section: &[u8], at: usize, value: u32) -> Vec<u8> {
    let mut section = section.to_vec();
    section[at..at + 4].copy_from_slice(&value.to_le_bytes());
    section
}

/// Bytes with merges, words, added tokens and a template; 262 tokens.
fn sample() -> Vec<u8> {
    let mut parts = Parts::of_bytes(Split::Gpt2);
    let ab = parts.merge(97, 98);
    parts.merge(97, 99);
    parts.merge(ab, 97);
    parts.words = vec![ab];
    parts.add("<a>", SPECIAL);
    parts.add("<b>", PLAIN);
    parts.template = [vec![256], vec![261]];
    parts.texts.push(Ok(Vec::new()));
    parts.section()
}

#[test]
fn an_entry_out_of_range_or_order_is_named() {
    let section = sample();
    assert_eq!(refusal(&section), None);
    let entry = |table, index| {
        Some(Entry {
            table: table as usize,
            index,
        })
    };
    for (table, index, value, wrong) in [
        (Table::Bytes, 3, 262, entry(Table::Bytes, 3)),
        (Table::Bytes, 3, 261, None),
        (Table::Bytes, 255, 0xFFFF, None),
        (Table::First, 0, 1, entry(Table::First, 0)),
        (Table::First, 99, 1, entry(Table::First, 99)),
        (Table::First, 98, 4, entry(Table::First, 98)),
        (Table::First, 98, 3, entry(Table::Right, 2)),
        (Table::First, 262, 2, entry(Table::First, 262)),
        (Table::First, 262, 4, entry(Table::First, 262)),
        (Table::Right, 0, 99, entry(Table::Right, 1)),
        (Table::Right, 2, 262, entry(Table::Right, 2)),
        (Table::Right, 2, 0xFFFF, entry(Table::Right, 2)),
        (Table::Rank, 1, 3, entry(Table::Rank, 1)),
        (Table::Result, 2, 262, entry(Table::Result, 2)),
        (Table::Words, 0, 262, entry(Table::Words, 0)),
    ] {
        let found = refusal(&with(&section, table, index, value));
        assert_eq!(found, wrong, "{table:?} {index} {value}");
    }
    for (table, word, value, wrong) in [
        (Table::Anchors, 0, 1, entry(Table::Anchors, 0)),
        (Table::Anchors, 16, 1, entry(Table::Anchors, 16)),
        (Table::Template, 1, 262, entry(Table::Template, 1)),
        (Table::Template, 1, 0, None),
        (Table::Added, 0, 262 | 1 << 24, entry(Table::Added, 0)),
        (Table::Added, 2, 258, entry(Table::Added, 1)),
        (Table::Added, 2, 261 | 1 << 28, entry(Table::Added, 1)),
        (Table::Added, 1, 0, entry(Table::Added, 0)),
        (Table::Added, 3, 2, entry(Table::Added, 1)),
        (Table::Added, 3, 7, entry(Table::Added, 1)),
        (Table::Added, 3, 5, entry(Table::Added, 2)),
    ] {
        let found = refusal(&with_word(
            &section,
            place(&section, table) + 4 * word,
            value,
        ));
        assert_eq!(found, wrong, "{table:?} {word} {value}");
    }
    let mut cut = section.clone();
    let text = place(&section, Table::Text);
    cut[text] = 2;
    assert_eq!(refusal(&cut), entry(Table::Anchors, 1));
    let mut longer = section.clone();
    let last = place(&section, Table::CodePoints) - 1;
    let last = (text..=last)
        .rev()
        .find(|&at| section[at] == b'>')
        .expect("the last text")
        + 1;
    longer[last] = 1;
    assert_eq!(
        refusal(&longer),
        entry(Table::Text, 261),
        "a record behind the end"
    );
    let mut invalid = section.clone();
    invalid[place(&section, Table::AddedText)] = 0xFF;
    assert_eq!(refusal(&invalid), entry(Table::Added, 0), "not UTF-8");
}

#[test]
fn the_texts_end_with_the_last_record() {
    let section = sample();
    let desc = TokenizerDesc::read(&section).expect("a header");
    let texts = place(&section, Table::Text)..place(&section, Table::CodePoints);
    assert!(texts.len() >= desc.text_bytes as usize);
    // One byte more of them, which is padding there.
    if texts.len() > desc.text_bytes as usize {
        let longer = with_word(&section, 28, desc.text_bytes + 1);
        assert_eq!(
            refusal(&longer),
            Some(Entry {
                table: Table::Text as usize,
                index: 262
            })
        );
    }
}

#[test]
fn many_added_tokens_have_an_order() {
    for (count, has_table) in [(16, false), (17, true)] {
        let mut parts = Parts::of_bytes(Split::Gpt2);
        for at in 0..count {
            parts.add(
                &format!("<{}>", (b'z' - at) as char),
                AddedToken {
                    normalized: at % 3 == 0,
                    ..PLAIN
                },
            );
        }
        let section = parts.section();
        let order = place(&section, Table::Order);
        assert_eq!(
            section.len() - order,
            if has_table { 2 * usize::from(count) } else { 0 }
        );
        assert_eq!(refusal(&section), None);
        let ids = encode(
            read(&section),
            "<z><y><x>",
            Template::Omit,
            ControlTokens::AsText,
        );
        assert_eq!(ids, [256, 257, 258], "{count}");
        if has_table {
            let (first, second) = (section[order], section[order + 2]);
            let entry = |index| {
                Some(Entry {
                    table: Table::Order as usize,
                    index,
                })
            };
            assert_eq!(
                refusal(&with(&section, Table::Order, 1, first.into())),
                entry(1),
                "twice the same"
            );
            assert_eq!(
                refusal(&with(&section, Table::Order, 0, second.into())),
                entry(1)
            );
            assert_eq!(
                refusal(&with(&section, Table::Order, 16, 17)),
                entry(16),
                "no token"
            );
            assert_eq!(
                refusal(&with(&section, Table::Order, 16, 0xFFFF)),
                entry(16),
                "none"
            );
        }
    }
}

#[test]
fn the_contents_of_added_tokens_have_254_bytes_at_most() {
    for (len, wrong) in [
        (254, None),
        (
            255,
            Some(Entry {
                table: Table::Added as usize,
                index: 0,
            }),
        ),
    ] {
        let mut parts = Parts::of_bytes(Split::Gpt2);
        parts.texts.push(Ok(b"x".to_vec()));
        parts
            .added
            .insert(256, (AddedToken { id: 256, ..PLAIN }, "x".repeat(len)));
        assert_eq!(refusal(&parts.section()), wrong);
    }
}

#[test]
fn characters_rise_and_are_characters() {
    let parts = Parts::of_characters("ab");
    let section = parts.section();
    let points = place(&section, Table::CodePoints);
    let entry = |index| {
        Some(Entry {
            table: Table::CodePoints as usize,
            index,
        })
    };
    for (at, value, wrong) in [
        (0, 97, None),
        (1, 97, entry(1)),
        (0, 98, entry(1)),
        (1, 0xD800, entry(1)),
        (1, 0x11_0000, entry(1)),
    ] {
        assert_eq!(
            refusal(&with_word(&section, points + 4 * at, value)),
            wrong,
            "{at} {value:x}"
        );
    }
    let wrong = Some(Entry {
        table: Table::Characters as usize,
        index: 1,
    });
    assert_eq!(refusal(&with(&section, Table::Characters, 1, 259)), wrong);
}

#[test]
fn headers_that_contradict_themselves_are_refused() {
    let bytes = Parts::of_bytes(Split::Gpt2);
    let characters = Parts::of_characters("a");
    let header = |parts: &Parts| refusal(&parts.section());
    for split in [
        Split::Whole,
        Split::Gpt2,
        Split::Llama3,
        Split::Qwen2,
        Split::DigitsGpt2,
    ] {
        assert_eq!(
            header(&Parts {
                split,
                ..bytes.clone()
            }),
            None,
            "{split:?}"
        );
        let wrong = (split != Split::Whole).then_some(Header);
        assert_eq!(
            header(&Parts {
                split,
                ..characters.clone()
            }),
            wrong,
            "{split:?} of characters"
        );
        let missing = Parts {
            split,
            prefix: Prefix::Missing,
            ..bytes.clone()
        };
        let wrong = (!matches!(split, Split::Whole | Split::Gpt2)).then_some(Header);
        assert_eq!(header(&missing), wrong, "{split:?} with a space");
    }
    for split in [Split::Spaces, Split::Words] {
        assert_eq!(
            header(&Parts {
                split,
                ..bytes.clone()
            }),
            Some(Header),
            "{split:?} of bytes"
        );
        assert_eq!(
            header(&Parts {
                split,
                ..characters.clone()
            }),
            None,
            "{split:?}"
        );
    }
    for prefix in [Prefix::First, Prefix::Always] {
        assert_eq!(
            header(&Parts {
                prefix,
                ..bytes.clone()
            }),
            Some(Header),
            "{prefix:?} of bytes"
        );
        assert_eq!(
            header(&Parts {
                prefix,
                ..characters.clone()
            }),
            None,
            "{prefix:?}"
        );
    }
    assert_eq!(
        header(&Parts {
            byte_fallback: true,
            ..bytes.clone()
        }),
        Some(Header)
    );
    assert_eq!(
        header(&Parts {
            byte_fallback: true,
            ..characters.clone()
        }),
        None
    );
    assert_eq!(
        header(&Parts {
            characters: [(97, 97)].into(),
            ..bytes.clone()
        }),
        Some(Header)
    );
    assert_eq!(
        header(&Parts {
            words: vec![257],
            ..characters
        }),
        Some(Header)
    );
    assert_eq!(
        header(&Parts {
            unknown: Some(255),
            ..bytes.clone()
        }),
        None
    );
    assert_eq!(
        header(&Parts {
            unknown: Some(256),
            ..bytes
        }),
        Some(Header)
    );
}

#[test]
fn counts_agree_with_the_length() {
    let section = sample();
    let have = section.len();
    assert_eq!(refusal(&section[..63]), Some(Header));
    assert_eq!(
        refusal(&section[..have - 1]),
        Some(Length {
            need: have,
            have: have - 1
        })
    );
    assert_eq!(
        refusal(&[&section[..], &[0]].concat()),
        Some(Length {
            need: have,
            have: have + 1
        })
    );
    // Word 6 of the header is tokens, 8 merges; the limits of narrow sections come before their
    // lengths.
    for (word, value) in [
        (6, 0),
        (6, 0x1_0000),
        (6, u32::MAX),
        (8, 0xFFFF),
        (8, u32::MAX),
    ] {
        let wrong = Some(Length { need: 0, have });
        assert_eq!(
            refusal(&with_word(&section, 4 * word, value)),
            wrong,
            "{word} {value}"
        );
    }
    for (word, value) in [(6, 0xFFFF), (8, 0xFFFE)] {
        let found = refusal(&with_word(&section, 4 * word, value));
        assert!(
            matches!(found, Some(Length { need, .. }) if need > have),
            "{word} {value}: {found:?}"
        );
    }
    let wide = Parts {
        wide: true,
        ..Parts::of_bytes(Split::Gpt2)
    }
    .section();
    let have = wide.len();
    for (word, value, refused) in [
        (6, (1 << 24) + 1, true),
        (8, 1 << 31, true),
        (6, 1 << 24, false),
        (8, (1 << 24) + 9, false),
    ] {
        let found = refusal(&with_word(&wide, 4 * word, value));
        let wrong = Some(Length { need: 0, have });
        assert_eq!(found == wrong, refused, "{word} {value}: {found:?}");
    }
}

#[test]
fn a_vocabulary_has_room_for_the_tokens() {
    let section = sample();
    assert_eq!(read(&section).check_vocabulary(262), Ok(()));
    assert_eq!(
        read(&section).check_vocabulary(261),
        Err(Vocabulary {
            tokens: 262,
            inputs: 261
        })
    );
}

#[test]
fn every_error_says_what_is_wrong() {
    for (error, says) in [
        (Header, "its header is invalid"),
        (
            Length { need: 0, have: 9 },
            "its 9 bytes do not hold the tables that it announces",
        ),
        (
            Length { need: 8, have: 9 },
            "9 bytes where its tables need 8",
        ),
        (
            Entry { table: 3, index: 4 },
            "entry 4 of its table 3 is invalid",
        ),
        (
            Vocabulary {
                tokens: 5,
                inputs: 4,
            },
            "it has 5 tokens and the model a vocabulary of 4",
        ),
    ] {
        assert_eq!(format!("{error}"), says);
    }
    let small = crate::EncodeError::BufferTooSmall { need: 5, have: 4 };
    assert_eq!(
        format!("{small}"),
        "a buffer of 4 words for token ids, where at least 5 are needed"
    );
}
