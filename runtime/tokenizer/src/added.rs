//! Added tokens in a text (F11.6): the leftmost match, of several the longest.

use crate::classes::{Class, class};
use crate::scan::{prefix, suffix, work};
use crate::tables::Tokenizer;
use sla_format::AddedToken;

/// What becomes of control tokens (added tokens that are special, such as `<|im_end|>`) that are
/// written out in a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ControlTokens {
    /// They are text like any other, as with the library's `encode_special_tokens`: for what a user
    /// wrote.
    #[default]
    AsText,
    /// They become their ids: for a text that its author has put them into, such as a chat's
    /// template.
    Parse,
}

/// A set of bytes.
#[derive(Clone, Copy, Default)]
pub(crate) struct FirstBytes([u32; 8]);

impl FirstBytes {
    /// Adds the first byte of `content`.
    pub(crate) fn insert(&mut self, content: &[u8]) {
        if let Some(&byte) = content.first()
            && let Some(word) = self.0.get_mut(usize::from(byte >> 5))
        {
            *word |= 1 << (byte & 31);
        }
    }

    fn has(&self, byte: u8) -> bool {
        self.0
            .get(usize::from(byte >> 5))
            .is_some_and(|word| word >> (byte & 31) & 1 != 0)
    }

    fn is_empty(&self) -> bool {
        self.0 == [0; 8]
    }
}

/// What a text is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part<'t> {
    /// An added token.
    Added(u32),
    /// Text without one; not empty.
    Piece {
        /// The text.
        text: &'t str,
        /// Where it begins.
        at: usize,
    },
}

/// The parts of a text in order, by the added tokens of one of the two sets.
pub(crate) struct Parts<'s, 't> {
    tokenizer: &'s Tokenizer<'s>,
    normalized: bool,
    control: ControlTokens,
    text: &'t str,
    /// Text before it belongs to parts that were given out.
    given: usize,
    /// Matches are looked for from here.
    scan: usize,
    /// All is white space from where a token that takes it ends to here: it is not scanned for the
    /// next one again.
    spaces_to: usize,
    /// Found, but its piece was given out first: id and where its part ends.
    pending: Option<(u32, usize)>,
}

impl<'s, 't> Parts<'s, 't> {
    pub(crate) fn new(
        tokenizer: &'s Tokenizer<'s>,
        normalized: bool,
        control: ControlTokens,
        text: &'t str,
    ) -> Self {
        Self {
            tokenizer,
            normalized,
            control,
            text,
            given: 0,
            scan: 0,
            spaces_to: 0,
            pending: None,
        }
    }

    /// The next match, which is not looked at again: the token, where it begins and where it ends.
    fn next_match(&mut self) -> Option<(AddedToken, usize, usize)> {
        let [set, normalized] = &self.tokenizer.first_bytes;
        let first_bytes = if self.normalized { normalized } else { set };
        if first_bytes.is_empty() {
            return None;
        }
        let bytes = self.text.as_bytes();
        while let Some(&byte) = bytes.get(self.scan) {
            let at = self.scan;
            self.scan += 1;
            work(1);
            if first_bytes.has(byte)
                && let Some((token, len)) = self
                    .tokenizer
                    .longest_added(self.normalized, bytes.get(at..)?)
            {
                self.scan = at + len;
                // What a control token covers is not looked through for others, even where it is
                // text.
                if self.control == ControlTokens::Parse || !token.special {
                    return Some((token, at, self.scan));
                }
            }
        }
        None
    }

    fn piece(&mut self, to: usize) -> Option<Part<'t>> {
        let at = self.given;
        self.given = to;
        let text = self.text.get(at..to).filter(|text| !text.is_empty())?;
        Some(Part::Piece { text, at })
    }
}

impl<'t> Iterator for Parts<'_, 't> {
    type Item = Part<'t>;

    fn next(&mut self) -> Option<Part<'t>> {
        if let Some((id, to)) = self.pending.take() {
            self.given = to;
            return Some(Part::Added(id));
        }
        let Some((token, at, mut to)) = self.next_match() else {
            return self.piece(self.text.len());
        };
        let mut from = at;
        if token.lstrip {
            from = self.given + suffix(self.text.get(self.given..at).unwrap_or(""), is_space);
        }
        if token.rstrip {
            if self.spaces_to < to {
                self.spaces_to = to + prefix(self.text.get(to..).unwrap_or(""), is_space);
            }
            to = self.spaces_to;
        }
        if self.given < from
            && let Some(piece) = self.piece(from)
        {
            self.pending = Some((token.id, to));
            return Some(piece);
        }
        self.given = to;
        Some(Part::Added(token.id))
    }
}

fn is_space(c: char) -> bool {
    class(c) == Class::Space
}
