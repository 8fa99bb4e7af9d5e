//! Sections made here, texts from a generator, and the rules of format.md F11 once more, as slowly
//! and plainly as can be.
extern crate std;

mod added;
mod cost;
mod decode;
mod encode;
mod merge;
mod section;
mod split;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::string::String;
use std::vec::Vec;
use std::{format, vec};

use crate::{ControlTokens, Decoder, Template, Tokenizer, encode_words};
use sla_format::{AddedToken, NONE, Prefix, Split, Strip, Symbols, TokenizerDesc, TokenizerTable};

std::thread_local! {
    /// What `scan::work` was told of in this thread.
    pub(crate) static WORK: Cell<u64> = const { Cell::new(0) };
}

/// A tokenizer by its parts.
#[derive(Clone)]
struct Parts {
    symbols: Symbols,
    split: Split,
    prefix: Prefix,
    strip: Strip,
    fuse_unknown: bool,
    byte_fallback: bool,
    wide: bool,
    unknown: Option<u32>,
    /// Records of the ids: a text, or one byte of a character.
    texts: Vec<Result<Vec<u8>, u8>>,
    /// The tokens of bytes.
    bytes: BTreeMap<u8, u32>,
    /// The tokens of characters.
    characters: BTreeMap<u32, u32>,
    /// Left, right and result, by rank.
    merges: Vec<(u32, u32, u32)>,
    /// Tokens that are looked for before the merges.
    words: Vec<u32>,
    added: BTreeMap<u32, (AddedToken, String)>,
    template: [Vec<u32>; 2],
}

/// No flags.
const PLAIN: AddedToken = AddedToken {
    id: 0,
    special: false,
    normalized: false,
    lstrip: false,
    rstrip: false,
    end: 0,
};
const SPECIAL: AddedToken = AddedToken {
    special: true,
    ..PLAIN
};

impl Parts {
    /// A token for every byte, by its number.
    fn of_bytes(split: Split) -> Self {
        Self {
            symbols: Symbols::Bytes,
            split,
            prefix: Prefix::Never,
            strip: Strip::Nothing,
            fuse_unknown: false,
            byte_fallback: false,
            wide: false,
            unknown: None,
            texts: (0..=255).map(|byte| Ok(vec![byte])).collect(),
            bytes: (0..=255).map(|byte| (byte, byte.into())).collect(),
            characters: BTreeMap::new(),
            merges: Vec::new(),
            words: Vec::new(),
            added: BTreeMap::new(),
            template: [Vec::new(), Vec::new()],
        }
    }

    /// Token 0 is unknown; 1 to 256 are the bytes; then the characters of `alphabet`, a space for
    /// U+2581.
    fn of_characters(alphabet: &str) -> Self {
        let mut parts = Self {
            symbols: Symbols::Characters,
            split: Split::Whole,
            ..Self::of_bytes(Split::Whole)
        };
        parts.texts = vec![Ok(b"<unk>".to_vec())];
        parts.texts.extend((0..=255).map(Err));
        parts.bytes = (0..=255).map(|byte| (byte, u32::from(byte) + 1)).collect();
        parts.unknown = Some(0);
        for c in alphabet.chars() {
            let id = parts.texts.len() as u32;
            parts
                .characters
                .insert(if c == ' ' { 0x2581 } else { c.into() }, id);
            parts.texts.push(Ok(String::from(c).into_bytes()));
        }
        parts
    }

    /// A merge of two tokens into a new one, whose id it returns.
    fn merge(&mut self, left: u32, right: u32) -> u32 {
        let text = |id: u32| self.texts[id as usize].clone().expect("a text");
        let (result, joined) = (self.texts.len() as u32, [text(left), text(right)].concat());
        self.texts.push(Ok(joined));
        self.merges.push((left, right, result));
        result
    }

    /// An added token with an id of its own.
    fn add(&mut self, content: &str, flags: AddedToken) -> u32 {
        let id = self.texts.len() as u32;
        self.texts.push(Ok(content.into()));
        self.added
            .insert(id, (AddedToken { id, ..flags }, content.into()));
        id
    }

    fn section(&self) -> Vec<u8> {
        let index = |ids: &mut dyn Iterator<Item = u32>| -> Vec<u8> {
            ids.flat_map(|id| {
                id.to_le_bytes()
                    .into_iter()
                    .take(if self.wide { 4 } else { 2 })
            })
            .collect()
        };
        let (mut texts, mut anchors) = (Vec::new(), Vec::new());
        for (id, record) in self.texts.iter().enumerate() {
            if id % 16 == 0 {
                anchors.extend((texts.len() as u32).to_le_bytes());
            }
            match record {
                Ok(text) => {
                    texts.push(text.len() as u8);
                    texts.extend(text);
                }
                Err(byte) => texts.extend([0xFF, *byte]),
            }
        }
        let mut by_left: Vec<_> = (0..)
            .zip(&self.merges)
            .map(|(rank, m): (u32, _)| (m.0, m.1, rank))
            .collect();
        by_left.sort_unstable();
        let first = (0..=self.texts.len() as u32)
            .map(|id| by_left.iter().filter(|m| m.0 < id).count() as u32);
        let (mut added, mut contents) = (Vec::new(), String::new());
        for (token, content) in self.added.values() {
            contents += content;
            added.extend(
                AddedToken {
                    end: contents.len() as u32,
                    ..*token
                }
                .emit(),
            );
        }
        let mut order: Vec<_> = (0..)
            .zip(self.added.values())
            .map(|(at, (token, text))| (token.normalized, text.as_bytes(), at))
            .collect();
        order.sort_unstable();
        order.truncate(if order.len() > 16 { order.len() } else { 0 });
        let desc = TokenizerDesc {
            symbols: self.symbols,
            split: self.split,
            prefix: self.prefix,
            strip: self.strip,
            fuse_unknown: self.fuse_unknown,
            byte_fallback: self.byte_fallback,
            wide: self.wide,
            unknown: self.unknown.unwrap_or(NONE),
            tokens: self.texts.len() as u32,
            text_bytes: texts.len() as u32,
            merges: self.merges.len() as u32,
            characters: self.characters.len() as u32,
            words: self.words.len() as u32,
            added: self.added.len() as u32,
            added_bytes: contents.len() as u32,
            before: self.template[0].len() as u32,
            after: self.template[1].len() as u32,
        };
        let mut section = desc.emit().to_vec();
        for table in [
            index(&mut (0..=255).map(|byte| self.bytes.get(&byte).copied().unwrap_or(NONE))),
            index(&mut first.into_iter()),
            index(&mut by_left.iter().map(|m| m.1)),
            index(&mut by_left.iter().map(|m| m.2)),
            index(&mut self.merges.iter().map(|m| m.2)),
            anchors,
            texts,
            self.characters
                .keys()
                .flat_map(|point| point.to_le_bytes())
                .collect(),
            index(&mut self.characters.values().copied()),
            index(&mut self.words.iter().copied()),
            added,
            contents.into_bytes(),
            self.template
                .iter()
                .flatten()
                .flat_map(|id| id.to_le_bytes())
                .collect(),
            index(&mut order.iter().map(|entry| entry.2)),
        ] {
            section.resize(section.len().next_multiple_of(4), 0);
            section.extend(table);
        }
        section
    }
}

/// Offset of a table in a section.
fn place(section: &[u8], table: TokenizerTable) -> usize {
    let desc = TokenizerDesc::read(section).expect("a header");
    table.range(&desc).expect("a table").start
}

fn read(section: &[u8]) -> Tokenizer<'_> {
    Tokenizer::read(section).unwrap_or_else(|e| panic!("{e}"))
}

fn encode(
    tokenizer: Tokenizer,
    text: &str,
    template: Template,
    control: ControlTokens,
) -> Vec<u32> {
    let mut ids = vec![NONE; encode_words(text.len())];
    let len = tokenizer
        .encode(text, template, control, &mut ids)
        .expect("room for every text");
    ids.truncate(len);
    ids
}

fn decode(mut decoder: Decoder, ids: &[u32]) -> String {
    let mut text = String::new();
    ids.iter()
        .for_each(|&id| decoder.push(id, &mut |part| text.push_str(part)));
    decoder.finish(&mut |part| text.push_str(part));
    text
}

/// A generator of numbers.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }

    /// Up to `most` of the parts in a row.
    fn text(&mut self, parts: &[&str], most: usize) -> String {
        (0..self.below(most + 1))
            .map(|_| parts[self.below(parts.len())])
            .collect()
    }
}

#[test]
fn a_section_is_what_it_was_made_from() {
    let mut parts = Parts::of_bytes(Split::Gpt2);
    parts.merge(b'a'.into(), b'b'.into());
    parts.add("<|end|>", SPECIAL);
    for wide in [false, true] {
        let section = Parts {
            wide,
            ..parts.clone()
        }
        .section();
        let tokenizer = read(&section);
        assert_eq!((tokenizer.tokens(), tokenizer.desc().wide), (258, wide));
        assert_eq!(
            encode(
                tokenizer,
                "cab<|end|>",
                Template::Omit,
                ControlTokens::Parse
            ),
            [99, 256, 257]
        );
        assert_eq!(
            format!("{:?}", tokenizer.text(256)),
            "Some(Bytes([97, 98]))"
        );
    }
}
