//! The tokenizer section (F11): its header and where its tables lie.

use crate::model::NONE;
use crate::record::{word_at, words_at};
use core::ops::Range;

/// Records of token texts between two anchors (F11.5).
pub const ANCHOR_EVERY: usize = 16;
/// Length byte of a record that stands for one raw byte (F11.5).
pub const BYTE_RECORD: u8 = 0xFF;
/// Longest text of a token in bytes.
pub const MAX_TOKEN_BYTES: usize = 254;
/// Added tokens that a reader sorts itself; for more the section has the table
/// [`TokenizerTable::Order`] (F11.6).
pub const FEW_ADDED: usize = 16;
/// Largest number of tokens, as everywhere in the format (F4.3).
pub const MAX_TOKENS: u32 = 1 << 24;

/// An enum of the section's header with its numbers in the file.
macro_rules! codes {
    ($(#[$doc:meta])* $name:ident { $($(#[$item_doc:meta])* $item:ident = $number:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u32)]
        pub enum $name { $($(#[$item_doc])* $item = $number,)+ }

        impl $name {
            /// The item with this number in the file.
            #[must_use]
            pub const fn from_u32(value: u32) -> Option<Self> {
                match value {
                    $($number => Some(Self::$item),)+
                    _ => None,
                }
            }
        }
    };
}

codes! {
    /// What a pre-token is cut into before the merges (F11.2).
    Symbols {
        /// Its bytes.
        Bytes = 0,
        /// Its characters, with U+2581 for each space.
        Characters = 1,
    }
}

codes! {
    /// How a piece of text is cut into pre-tokens (F11.3).
    Split {
        /// Not at all.
        Whole = 0,
        /// GPT-2's pattern.
        Gpt2 = 1,
        /// Llama 3's pattern: up to three digits together.
        Llama3 = 2,
        /// Qwen 2's pattern: Llama 3's with single digits.
        Qwen2 = 3,
        /// Each digit apart, and GPT-2's pattern between them.
        DigitsGpt2 = 4,
        /// Before every space.
        Spaces = 5,
        /// Before every space that follows another character: no merge reaches across (F11.3).
        Words = 6,
    }
}

codes! {
    /// When a space is put before a piece of text (F11.3).
    Prefix {
        /// Never.
        Never = 0,
        /// At the start of the text, where there is none.
        First = 1,
        /// Where there is none.
        Missing = 2,
        /// Always.
        Always = 3,
    }
}

codes! {
    /// Which spaces at its start decoding leaves out (F11.7).
    Strip {
        /// None.
        Nothing = 0,
        /// One.
        One = 1,
        /// All of the first token.
        FirstToken = 2,
    }
}

/// The section's header (F11.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenizerDesc {
    /// What is merged.
    pub symbols: Symbols,
    /// Pre-tokens.
    pub split: Split,
    /// Spaces added before encoding.
    pub prefix: Prefix,
    /// Spaces removed by decoding.
    pub strip: Strip,
    /// Several unknown symbols in a row are one unknown token.
    pub fuse_unknown: bool,
    /// A character without a token becomes the tokens of its bytes.
    pub byte_fallback: bool,
    /// Indices have four bytes instead of two.
    pub wide: bool,
    /// The unknown token, or [`NONE`].
    pub unknown: u32,
    /// Number of ids.
    pub tokens: u32,
    /// Bytes of the texts' records.
    pub text_bytes: u32,
    /// Number of merges.
    pub merges: u32,
    /// Number of characters with a token of their own.
    pub characters: u32,
    /// Number of tokens that are looked for before the merges.
    pub words: u32,
    /// Number of added tokens.
    pub added: u32,
    /// Bytes of the added tokens' contents.
    pub added_bytes: u32,
    /// Tokens that the template puts before a text.
    pub before: u32,
    /// Tokens that the template puts behind a text.
    pub after: u32,
}

const FUSE_UNKNOWN: u32 = 1;
const BYTE_FALLBACK: u32 = 2;
const WIDE: u32 = 4;

impl TokenizerDesc {
    /// Size of the header.
    pub const BYTES: usize = 64;

    /// The header at the start of a section; `None` when it is cut off or holds an unknown code.
    #[must_use]
    pub fn read(section: &[u8]) -> Option<Self> {
        let [
            symbols,
            split,
            prefix,
            strip,
            flags,
            unknown,
            tokens,
            text_bytes,
        ] = words_at(section, 0)?;
        let [
            merges,
            characters,
            words,
            added,
            added_bytes,
            before,
            after,
            _,
        ] = words_at(section, 32)?;
        if flags & !(FUSE_UNKNOWN | BYTE_FALLBACK | WIDE) != 0 {
            return None;
        }
        Some(Self {
            symbols: Symbols::from_u32(symbols)?,
            split: Split::from_u32(split)?,
            prefix: Prefix::from_u32(prefix)?,
            strip: Strip::from_u32(strip)?,
            fuse_unknown: flags & FUSE_UNKNOWN != 0,
            byte_fallback: flags & BYTE_FALLBACK != 0,
            wide: flags & WIDE != 0,
            unknown,
            tokens,
            text_bytes,
            merges,
            characters,
            words,
            added,
            added_bytes,
            before,
            after,
        })
    }

    /// How wide the tables' indices are.
    #[must_use]
    pub fn index_width(&self) -> IndexWidth {
        if self.wide {
            IndexWidth::Wide
        } else {
            IndexWidth::Narrow
        }
    }

    /// The header's bytes; the reserved word is 0.
    #[must_use]
    pub fn emit(&self) -> [u8; Self::BYTES] {
        let flag = |on: bool, bit: u32| if on { bit } else { 0 };
        let flags = flag(self.fuse_unknown, FUSE_UNKNOWN)
            | flag(self.byte_fallback, BYTE_FALLBACK)
            | flag(self.wide, WIDE);
        let words = [
            self.symbols as u32,
            self.split as u32,
            self.prefix as u32,
            self.strip as u32,
            flags,
            self.unknown,
            self.tokens,
            self.text_bytes,
            self.merges,
            self.characters,
            self.words,
            self.added,
            self.added_bytes,
            self.before,
            self.after,
            0,
        ];
        let mut out = [0; Self::BYTES];
        for (field, word) in out.chunks_exact_mut(4).zip(words) {
            field.copy_from_slice(&word.to_le_bytes());
        }
        out
    }
}

/// The section's tables (F11.4), in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenizerTable {
    /// 256 indices: the token of each byte.
    Bytes,
    /// tokens + 1 indices: where the merges of each left token begin.
    First,
    /// One index a merge: its right token.
    Right,
    /// One index a merge: its rank.
    Rank,
    /// One index a rank: the token that its merge gives.
    Result,
    /// One u32 for every [`ANCHOR_EVERY`] tokens: where its record lies in the texts.
    Anchors,
    /// Records of the tokens' texts.
    Text,
    /// One u32 a character: its code point.
    CodePoints,
    /// One index a character: its token.
    Characters,
    /// One index a word: its token.
    Words,
    /// Two u32 an added token.
    Added,
    /// Contents of the added tokens.
    AddedText,
    /// The template's ids, u32.
    Template,
    /// One index an added token, where there are more than [`FEW_ADDED`]: the entries of Added in
    /// the order of [`AddedToken::order`].
    Order,
}

impl TokenizerTable {
    /// All tables, in the section's order.
    pub const ALL: [Self; 14] = [
        Self::Bytes,
        Self::First,
        Self::Right,
        Self::Rank,
        Self::Result,
        Self::Anchors,
        Self::Text,
        Self::CodePoints,
        Self::Characters,
        Self::Words,
        Self::Added,
        Self::AddedText,
        Self::Template,
        Self::Order,
    ];

    /// Bytes of the table without its padding; `None` when that number does not fit.
    #[must_use]
    pub fn bytes(self, desc: &TokenizerDesc) -> Option<usize> {
        let index: usize = if desc.wide { 4 } else { 2 };
        let (count, size) = match self {
            Self::Bytes => (256, index),
            Self::First => ((desc.tokens as usize).checked_add(1)?, index),
            Self::Right | Self::Rank | Self::Result => (desc.merges as usize, index),
            Self::Anchors => ((desc.tokens as usize).div_ceil(ANCHOR_EVERY), 4),
            Self::Text => (desc.text_bytes as usize, 1),
            Self::CodePoints => (desc.characters as usize, 4),
            Self::Characters => (desc.characters as usize, index),
            Self::Words => (desc.words as usize, index),
            Self::Added => (desc.added as usize, 8),
            Self::AddedText => (desc.added_bytes as usize, 1),
            Self::Template => ((desc.before as usize).checked_add(desc.after as usize)?, 4),
            Self::Order => (
                if desc.added as usize > FEW_ADDED {
                    desc.added as usize
                } else {
                    0
                },
                index,
            ),
        };
        count.checked_mul(size)
    }

    /// Where the table lies in the section; each is padded to a multiple of four bytes.
    #[must_use]
    pub fn range(self, desc: &TokenizerDesc) -> Option<Range<usize>> {
        let mut from = TokenizerDesc::BYTES;
        for table in Self::ALL {
            let bytes = table.bytes(desc)?;
            if table == self {
                return Some(from..from.checked_add(bytes)?);
            }
            from = from.checked_add(bytes)?.checked_next_multiple_of(4)?;
        }
        None
    }

    /// Length of the whole section.
    #[must_use]
    pub fn section_bytes(desc: &TokenizerDesc) -> Option<usize> {
        Self::Order.range(desc).map(|last| last.end)
    }
}

/// Bytes of an index in a section's tables (F11.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IndexWidth {
    /// Two.
    Narrow,
    /// Four.
    Wide,
}

/// Index `at` of a table of indices; the largest number of a narrow index reads as [`NONE`]
/// (F11.4).
#[must_use]
pub fn index_at(table: &[u8], width: IndexWidth, at: usize) -> Option<u32> {
    if width == IndexWidth::Wide {
        return word_at(table, at.checked_mul(4)?);
    }
    let (_, rest) = table.split_at_checked(at.checked_mul(2)?)?;
    let index = u16::from_le_bytes(*rest.first_chunk()?);
    Some(if index == u16::MAX {
        NONE
    } else {
        u32::from(index)
    })
}

/// An added token (F11.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddedToken {
    /// Its id.
    pub id: u32,
    /// Decoding can leave it out.
    pub special: bool,
    /// It is looked for after those that are not.
    pub normalized: bool,
    /// It takes the white space before it.
    pub lstrip: bool,
    /// It takes the white space behind it.
    pub rstrip: bool,
    /// Where its content ends in the added tokens' text; it begins where the one before ends.
    pub end: u32,
}

impl AddedToken {
    /// Size of an entry.
    pub const BYTES: usize = 8;

    /// Entry `index` of the table.
    #[must_use]
    pub fn read(table: &[u8], index: usize) -> Option<Self> {
        let [word, end] = words_at(table, index.checked_mul(Self::BYTES)?)?;
        let flag = |bit: u32| word & (1 << bit) != 0;
        if word >> 28 != 0 {
            return None;
        }
        let (special, normalized, lstrip, rstrip) = (flag(24), flag(25), flag(26), flag(27));
        Some(Self {
            id: word & (MAX_TOKENS - 1),
            special,
            normalized,
            lstrip,
            rstrip,
            end,
        })
    }

    /// What the tokens are ordered by when they are looked for: first those that are not
    /// normalized, each set by content.
    #[must_use]
    pub fn order<'c>(&self, content: &'c [u8]) -> (bool, &'c [u8]) {
        (self.normalized, content)
    }

    /// The entry's bytes.
    #[must_use]
    pub fn emit(&self) -> [u8; Self::BYTES] {
        let flags = [self.special, self.normalized, self.lstrip, self.rstrip];
        let bits = flags
            .iter()
            .rev()
            .fold(0, |bits, &flag| bits << 1 | u32::from(flag));
        let mut out = [0; Self::BYTES];
        for (field, word) in out
            .chunks_exact_mut(4)
            .zip([self.id | bits << 24, self.end])
        {
            field.copy_from_slice(&word.to_le_bytes());
        }
        out
    }
}
