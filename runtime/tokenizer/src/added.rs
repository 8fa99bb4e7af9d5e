//! Added tokens in a text (F11.6): the leftmost match, of several the longest.

use crate::classes::{Class, class};
use crate::tables::Tokenizer;
use sla_format::AddedToken;

/// A set of bytes.
#[derive(Clone, Copy, Default)]
pub(crate) struct FirstBytes([u32; 8]);

impl FirstBytes {
    /// Adds the first byte of `content`.
    pub(crate) fn insert(&mut self, content: &str) {
        if let Some(&byte) = content.as_bytes().first()
            && let Some(word) = self.0.get_mut(usize::from(byte >> 5))
        {
            *word |= 1 << (byte & 31);
        }
    }

    fn has(&self, byte: u8) -> bool {
        self.0.get(usize::from(byte >> 5)).is_some_and(|word| word >> (byte & 31) & 1 != 0)
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
    text: &'t str,
    /// Text before it belongs to parts that were given out.
    given: usize,
    /// Matches are looked for from here.
    scan: usize,
    /// Found, but its piece was given out first: id and where its part ends.
    pending: Option<(u32, usize)>,
}

impl<'s, 't> Parts<'s, 't> {
    pub(crate) fn new(tokenizer: &'s Tokenizer<'s>, normalized: bool, text: &'t str) -> Self {
        Self { tokenizer, normalized, text, given: 0, scan: 0, pending: None }
    }

    /// The next match: the token, where it begins and its length.
    fn next_match(&self) -> Option<(AddedToken, usize, usize)> {
        let [set, normalized] = &self.tokenizer.first_bytes;
        let first_bytes = if self.normalized { normalized } else { set };
        if first_bytes.is_empty() {
            return None;
        }
        let bytes = self.text.as_bytes();
        let starts = bytes.iter().enumerate().skip(self.scan).filter(|&(_, &byte)| first_bytes.has(byte));
        for (at, _) in starts {
            let rest = bytes.get(at..)?;
            let tokens = self.tokenizer.added().filter(|(token, _)| token.normalized == self.normalized);
            let matches = tokens.filter(|(_, content)| rest.starts_with(content.as_bytes()));
            if let Some((token, content)) = matches.max_by_key(|(_, content)| content.len()) {
                return Some((token, at, content.len()));
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
        let Some((token, at, len)) = self.next_match() else {
            self.scan = self.text.len();
            return self.piece(self.text.len());
        };
        let (mut from, mut to) = (at, at + len);
        self.scan = to;
        if token.lstrip {
            let before = self.text.get(..at).unwrap_or("");
            from = before.trim_end_matches(is_space).len().max(self.given);
        }
        if token.rstrip {
            let behind = self.text.get(to..).unwrap_or("");
            to += behind.len() - behind.trim_start_matches(is_space).len();
        }
        self.pending = Some((token.id, to));
        if self.given < from
            && let Some(piece) = self.piece(from)
        {
            return Some(piece);
        }
        self.next()
    }
}

fn is_space(c: char) -> bool {
    class(c) == Class::Space
}
