//! Text to ids (F11.2, F11.3, F11.6).

use crate::added::{ControlTokens, Part, Parts};
use crate::error::{EncodeError, some};
use crate::merge::{merge, words};
use crate::scan::work;
use crate::split::{first_len, is_meta};
use crate::tables::Tokenizer;
use sla_format::{Prefix, Symbols};

/// U+2581, which stands for a space in the tokens of models of characters.
const META: char = '\u{2581}';

/// Words of a buffer in which every text of so many bytes can be encoded by every tokenizer whose
/// template has at most 16 tokens. It allows for a space before every byte, for spaces that fall
/// back to three bytes each, and for the text being one pre-token. Where pre-tokens are short, as
/// many words as ids and three for each byte of the longest pre-token are enough.
#[must_use]
pub const fn encode_words(text_bytes: usize) -> usize {
    words(text_bytes.saturating_mul(4).saturating_add(3)).saturating_add(16)
}

/// Whether the ids that the tokenizer puts around a text, such as one that begins it, are added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Template {
    /// They are: for a text that begins.
    Add,
    /// They are not: for a text that goes on.
    Omit,
}

impl Tokenizer<'_> {
    /// The ids of `text`, at the start of `ids`.
    ///
    /// The rest of `ids` is used for the work on one pre-token at a time, 2 words and a 15th for
    /// each of its symbols (bytes, or characters), and holds nothing of use afterwards. Time is
    /// O(n log n) in the length of the text, whatever text and section are; where the bytes
    /// of a text begin an added token, these cost as much as the longest added token that they go
    /// on with (F11.6).
    ///
    /// # Errors
    /// [`EncodeError::BufferTooSmall`]: never another split of the text for want of memory.
    pub fn encode(
        &self,
        text: &str,
        template: Template,
        control: ControlTokens,
        ids: &mut [u32],
    ) -> Result<usize, EncodeError> {
        let mut out = Output { ids, len: 0 };
        let [before, after] = self.template();
        if template == Template::Add {
            out.extend(before)?;
        }
        for part in Parts::new(self, false, control, text) {
            let (outer, at) = match part {
                Part::Added(id) => {
                    out.extend(core::iter::once(id))?;
                    continue;
                }
                Part::Piece { text, at } => (text, at),
            };
            for part in Parts::new(self, true, control, outer) {
                match part {
                    Part::Added(id) => out.extend(core::iter::once(id))?,
                    Part::Piece { text, at: inner } => {
                        self.encode_piece(text, at + inner == 0, &mut out)?
                    }
                }
            }
        }
        if template == Template::Add {
            out.extend(after)?;
        }
        Ok(out.len)
    }

    /// A piece without added tokens.
    fn encode_piece(
        &self,
        text: &str,
        at_start: bool,
        out: &mut Output,
    ) -> Result<(), EncodeError> {
        let starts_with_space = match self.desc.symbols {
            Symbols::Bytes => text.starts_with(' '),
            Symbols::Characters => text.starts_with(is_meta),
        };
        let mut lead = match self.desc.prefix {
            Prefix::Never => false,
            Prefix::First => at_start && !starts_with_space,
            Prefix::Missing => !starts_with_space,
            Prefix::Always => true,
        };
        let mut rest = text;
        while !rest.is_empty() {
            let (word, behind) = rest
                .split_at_checked(first_len(self.desc.split, lead, rest))
                .unwrap_or((rest, ""));
            self.encode_word(lead, word, out)?;
            (lead, rest) = (false, behind);
        }
        Ok(())
    }

    /// The ids of one pre-token of a model of bytes, given without the space that may stand before
    /// it.
    ///
    /// # Errors
    /// As [`Tokenizer::encode`].
    pub fn encode_pre_token(&self, word: &str, ids: &mut [u32]) -> Result<usize, EncodeError> {
        let mut out = Output { ids, len: 0 };
        self.encode_word(false, word, &mut out)?;
        Ok(out.len)
    }

    fn encode_word(&self, lead: bool, word: &str, out: &mut Output) -> Result<(), EncodeError> {
        let start = out.len;
        match self.desc.symbols {
            Symbols::Bytes => {
                let bytes = lead.then_some(b' ').into_iter().chain(word.bytes());
                if let Some(id) = self.word(bytes.clone()) {
                    return out.extend(core::iter::once(id));
                }
                let mut unknown = Unknown::default();
                for byte in bytes {
                    self.symbol(self.byte(byte), &mut unknown, out)?;
                }
                unknown.flush(out)?;
            }
            Symbols::Characters => {
                let mut unknown = Unknown::default();
                let chars = word.chars().map(|c| if c == ' ' { META } else { c });
                for c in lead.then_some(META).into_iter().chain(chars) {
                    match self.character(c) {
                        None if self.desc.byte_fallback && self.has_bytes(c) => {
                            self.fall_back(c, out)?
                        }
                        symbol => self.symbol(symbol, &mut unknown, out)?,
                    }
                }
                unknown.flush(out)?;
            }
        }
        let count = out.len - start;
        let (need, have) = (start.saturating_add(words(count)), out.ids.len());
        let work = out
            .ids
            .get_mut(start..need)
            .ok_or(EncodeError::BufferTooSmall { need, have })?;
        out.len = start + merge(self, count, work);
        Ok(())
    }

    /// One symbol, or the unknown token for it, or nothing where there is none.
    fn symbol(
        &self,
        symbol: Option<u32>,
        unknown: &mut Unknown,
        out: &mut Output,
    ) -> Result<(), EncodeError> {
        if symbol.is_some() {
            unknown.flush(out)?;
            return out.extend(symbol.into_iter());
        }
        if !self.desc.fuse_unknown {
            unknown.flush(out)?;
        }
        unknown.0 = some(self.desc.unknown);
        Ok(())
    }

    fn has_bytes(&self, c: char) -> bool {
        c.encode_utf8(&mut [0; 4])
            .bytes()
            .all(|byte| self.byte(byte).is_some())
    }

    /// The tokens of a character's bytes. They go before an unknown token that is still held back
    /// (F11.2).
    fn fall_back(&self, c: char, out: &mut Output) -> Result<(), EncodeError> {
        c.encode_utf8(&mut [0; 4])
            .bytes()
            .try_for_each(|byte| out.extend(self.byte(byte).into_iter()))
    }
}

/// An unknown token that the next symbol pushes out, or may be fused with.
#[derive(Default)]
struct Unknown(Option<u32>);

impl Unknown {
    fn flush(&mut self, out: &mut Output) -> Result<(), EncodeError> {
        out.extend(self.0.take().into_iter())
    }
}

/// The caller's buffer; its first `len` words are ids.
struct Output<'o> {
    ids: &'o mut [u32],
    len: usize,
}

impl Output<'_> {
    fn extend(&mut self, ids: impl ExactSizeIterator<Item = u32>) -> Result<(), EncodeError> {
        let (need, have) = (self.len.saturating_add(ids.len()), self.ids.len());
        work(ids.len());
        let places = self
            .ids
            .get_mut(self.len..need)
            .ok_or(EncodeError::BufferTooSmall { need, have })?;
        places
            .iter_mut()
            .zip(ids)
            .for_each(|(place, id)| *place = id);
        self.len = need;
        Ok(())
    }
}
