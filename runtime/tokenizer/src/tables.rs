//! The section's tables: checked once, then read in place.

use crate::added::FirstBytes;
use crate::error::{SectionError, some};
use crate::scan::work;
use core::cmp::Ordering;
use sla_format::{
    ANCHOR_EVERY, AddedToken, BYTE_RECORD, FEW_ADDED, MAX_TOKEN_BYTES, MAX_TOKENS, NONE, Prefix,
    Split, Symbols, TokenizerDesc, TokenizerTable, index_at, word_at,
};

/// A tokenizer section, checked and ready to use in place: references and counts.
#[derive(Clone, Copy)]
pub struct Tokenizer<'s> {
    pub(crate) desc: TokenizerDesc,
    tables: [&'s [u8]; TokenizerTable::ALL.len()],
    /// First bytes of the added tokens that are not normalized, and of those that are.
    pub(crate) first_bytes: [FirstBytes; 2],
    /// The order of added tokens that are few.
    few: [u8; FEW_ADDED],
    /// How many of them are not normalized; they come first in the order.
    plain: usize,
}

/// What a token stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Text<'s> {
    /// Bytes of text, perhaps with incomplete characters at its ends.
    Bytes(&'s [u8]),
    /// One byte of a character that has no token (F11.5).
    Byte(u8),
}

impl core::fmt::Debug for Tokenizer<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Tokenizer")
            .field("desc", &self.desc)
            .finish_non_exhaustive()
    }
}

impl<'s> Tokenizer<'s> {
    /// Checks a section (F11.8). After it every id that the tables hold is below
    /// [`Tokenizer::tokens`].
    ///
    /// # Errors
    /// [`SectionError`]: the first thing that is wrong.
    pub fn read(section: &'s [u8]) -> Result<Self, SectionError> {
        let desc = TokenizerDesc::read(section).ok_or(SectionError::Header)?;
        let have = section.len();
        let limit = if desc.wide {
            MAX_TOKENS
        } else {
            u16::MAX.into()
        };
        if desc.tokens == 0
            || desc.tokens > limit
            || desc.merges >= if desc.wide { 1 << 31 } else { limit }
        {
            return Err(SectionError::Length { need: 0, have });
        }
        let need = TokenizerTable::section_bytes(&desc).unwrap_or(0);
        if need != have {
            return Err(SectionError::Length { need, have });
        }
        let mut tables = [&[][..]; TokenizerTable::ALL.len()];
        for (table, kind) in tables.iter_mut().zip(TokenizerTable::ALL) {
            let bytes = kind.range(&desc).and_then(|range| section.get(range));
            *table = bytes.ok_or(SectionError::Length { need, have })?;
        }
        let first_bytes = [FirstBytes::default(); 2];
        let mut tokenizer = Self {
            desc,
            tables,
            first_bytes,
            few: [0; FEW_ADDED],
            plain: 0,
        };
        tokenizer.check()?;
        tokenizer.order_few();
        tokenizer.check_order()?;
        Ok(tokenizer)
    }

    /// Whether the section fits a model that reads this many ids.
    ///
    /// # Errors
    /// [`SectionError::Vocabulary`]
    pub fn check_vocabulary(&self, inputs: u32) -> Result<(), SectionError> {
        let tokens = self.desc.tokens;
        if tokens > inputs {
            Err(SectionError::Vocabulary { tokens, inputs })
        } else {
            Ok(())
        }
    }

    /// The section's header.
    #[must_use]
    pub fn desc(&self) -> &TokenizerDesc {
        &self.desc
    }

    /// Number of ids; all are below it.
    #[must_use]
    pub fn tokens(&self) -> u32 {
        self.desc.tokens
    }

    fn table(&self, table: TokenizerTable) -> &'s [u8] {
        self.tables.get(table as usize).copied().unwrap_or(&[])
    }

    fn index(&self, table: TokenizerTable, at: usize) -> Option<u32> {
        index_at(self.table(table), self.desc.index_width(), at)
    }

    fn check(&self) -> Result<(), SectionError> {
        let d = &self.desc;
        let by_bytes = d.symbols == Symbols::Bytes;
        let byte_split = matches!(
            d.split,
            Split::Gpt2 | Split::Llama3 | Split::Qwen2 | Split::DigitsGpt2
        );
        let prefix_fits = match (d.split, d.prefix) {
            (_, Prefix::Never) => true,
            (Split::Gpt2 | Split::Whole, Prefix::Missing) => true,
            _ => !by_bytes,
        };
        if (d.unknown != NONE && d.unknown >= d.tokens)
            || (d.split != Split::Whole && byte_split != by_bytes)
            || (by_bytes && (d.byte_fallback || d.characters > 0))
            || (!by_bytes && d.words > 0)
            || !prefix_fits
        {
            return Err(SectionError::Header);
        }
        use TokenizerTable as T;
        self.check_indices(T::Bytes, d.tokens, true)?;
        self.check_indices(T::Right, d.tokens, false)?;
        self.check_indices(T::Rank, d.merges, false)?;
        self.check_indices(T::Result, d.tokens, false)?;
        self.check_indices(T::Characters, d.tokens, false)?;
        self.check_indices(T::Words, d.tokens, false)?;
        self.check_merges()?;
        self.check_texts()?;
        let mut before = None;
        for index in 0..d.characters as usize {
            let point = word_at(self.table(T::CodePoints), index * 4);
            if point <= before || point.and_then(char::from_u32).is_none() {
                return Err(SectionError::Entry {
                    table: T::CodePoints as usize,
                    index,
                });
            }
            before = point;
        }
        for index in 0..self.table(T::Template).len() / 4 {
            if word_at(self.table(T::Template), index * 4).is_none_or(|id| id >= d.tokens) {
                return Err(SectionError::Entry {
                    table: T::Template as usize,
                    index,
                });
            }
        }
        self.check_added()
    }

    /// Every entry is below `limit`, or none where that is allowed.
    fn check_indices(
        &self,
        table: TokenizerTable,
        limit: u32,
        or_none: bool,
    ) -> Result<(), SectionError> {
        let mut index = 0;
        while let Some(value) = self.index(table, index) {
            if value >= limit && !(or_none && value == NONE) {
                return Err(SectionError::Entry {
                    table: table as usize,
                    index,
                });
            }
            index += 1;
        }
        Ok(())
    }

    fn check_merges(&self) -> Result<(), SectionError> {
        let mut from = 0;
        for left in 0..=self.desc.tokens as usize {
            let invalid = SectionError::Entry {
                table: TokenizerTable::First as usize,
                index: left,
            };
            let first = self.index(TokenizerTable::First, left).ok_or(invalid)?;
            let is_last = left == self.desc.tokens as usize;
            if first < from || first > self.desc.merges || (left == 0 && first != 0) {
                return Err(invalid);
            }
            let mut before = None;
            for index in from as usize..first as usize {
                let right = self.index(TokenizerTable::Right, index);
                if right <= before {
                    return Err(SectionError::Entry {
                        table: TokenizerTable::Right as usize,
                        index,
                    });
                }
                before = right;
            }
            if is_last && first != self.desc.merges {
                return Err(invalid);
            }
            from = first;
        }
        Ok(())
    }

    fn check_texts(&self) -> Result<(), SectionError> {
        let texts = self.table(TokenizerTable::Text);
        let mut rest = texts;
        for id in 0..self.desc.tokens as usize {
            let at = texts.len() - rest.len();
            let anchor = word_at(self.table(TokenizerTable::Anchors), id / ANCHOR_EVERY * 4);
            if id.is_multiple_of(ANCHOR_EVERY) && anchor != u32::try_from(at).ok() {
                return Err(SectionError::Entry {
                    table: TokenizerTable::Anchors as usize,
                    index: id / ANCHOR_EVERY,
                });
            }
            let invalid = SectionError::Entry {
                table: TokenizerTable::Text as usize,
                index: id,
            };
            rest = record(rest).ok_or(invalid)?.1;
        }
        let index = self.desc.tokens as usize;
        if rest.is_empty() {
            Ok(())
        } else {
            Err(SectionError::Entry {
                table: TokenizerTable::Text as usize,
                index,
            })
        }
    }

    fn check_added(&self) -> Result<(), SectionError> {
        let (mut from, mut before) = (0, None);
        for index in 0..self.desc.added as usize {
            let invalid = SectionError::Entry {
                table: TokenizerTable::Added as usize,
                index,
            };
            let token =
                AddedToken::read(self.table(TokenizerTable::Added), index).ok_or(invalid)?;
            let content = self
                .table(TokenizerTable::AddedText)
                .get(from..token.end as usize)
                .ok_or(invalid)?;
            let valid = core::str::from_utf8(content).is_ok_and(|text| !text.is_empty());
            if !valid
                || content.len() > MAX_TOKEN_BYTES
                || token.id >= self.desc.tokens
                || Some(token.id) <= before
            {
                return Err(invalid);
            }
            (from, before) = (token.end as usize, Some(token.id));
        }
        let index = self.desc.added as usize;
        if from == self.desc.added_bytes as usize {
            Ok(())
        } else {
            Err(SectionError::Entry {
                table: TokenizerTable::Added as usize,
                index,
            })
        }
    }

    /// Sorts added tokens that are few.
    fn order_few(&mut self) {
        for index in 0..FEW_ADDED.min(self.desc.added as usize) {
            let mut at = index;
            let key = self.added_key(index);
            while let Some(before) = at.checked_sub(1)
                && let Some(&other) = self.few.get(before)
                && self.added_key(other.into()) > key
            {
                if let Some(place) = self.few.get_mut(at) {
                    *place = other;
                }
                at = before;
            }
            if let Some(place) = self.few.get_mut(at) {
                *place = index as u8;
            }
        }
    }

    /// The order rises, so every added token is in it; counts and collects what the search begins
    /// with.
    fn check_order(&mut self) -> Result<(), SectionError> {
        let mut before = None;
        for index in 0..self.desc.added as usize {
            let invalid = SectionError::Entry {
                table: TokenizerTable::Order as usize,
                index,
            };
            let (token, content) = self.ordered(index).ok_or(invalid)?;
            let key = Some(token.order(content));
            if key <= before && self.desc.added as usize > FEW_ADDED {
                return Err(invalid);
            }
            before = key;
            let [set, normalized] = &mut self.first_bytes;
            (if token.normalized { normalized } else { set }).insert(content);
            self.plain += usize::from(!token.normalized);
        }
        Ok(())
    }

    /// What a token stands for; `None` for an id without a token.
    #[must_use]
    pub fn text(&self, id: u32) -> Option<Text<'s>> {
        if id >= self.desc.tokens {
            return None;
        }
        let id = id as usize;
        let anchor = word_at(self.table(TokenizerTable::Anchors), id / ANCHOR_EVERY * 4)?;
        let mut rest = self.table(TokenizerTable::Text).get(anchor as usize..)?;
        for _ in 0..id % ANCHOR_EVERY {
            work(1);
            rest = record(rest)?.1;
        }
        match record(rest)?.0 {
            Text::Bytes([]) => None,
            text => Some(text),
        }
    }

    /// Added token `index` by id, with its content.
    fn added_at(&self, index: usize) -> Option<(AddedToken, &'s [u8])> {
        work(1);
        let table = self.table(TokenizerTable::Added);
        let token = AddedToken::read(table, index)?;
        let from = index
            .checked_sub(1)
            .and_then(|before| AddedToken::read(table, before))
            .map_or(0, |before| before.end);
        Some((
            token,
            self.table(TokenizerTable::AddedText)
                .get(from as usize..token.end as usize)?,
        ))
    }

    fn added_key(&self, index: usize) -> Option<(bool, &'s [u8])> {
        self.added_at(index)
            .map(|(token, content)| token.order(content))
    }

    /// Added token `at` of the order.
    fn ordered(&self, at: usize) -> Option<(AddedToken, &'s [u8])> {
        let index = match self.desc.added as usize {
            0..=FEW_ADDED => u32::from(*self.few.get(at)?),
            _ => self.index(TokenizerTable::Order, at)?,
        };
        self.added_at(index as usize)
    }

    /// The longest added token of a set at the start of `rest`, and its length.
    ///
    /// A walk down the trie whose nodes are ranges of the order: at most [`MAX_TOKEN_BYTES`] steps,
    /// and two binary searches where the range branches.
    pub(crate) fn longest_added(
        &self,
        normalized: bool,
        rest: &[u8],
    ) -> Option<(AddedToken, usize)> {
        let (mut from, mut to) = if normalized {
            (self.plain, self.desc.added as usize)
        } else {
            (0, self.plain)
        };
        let (mut depth, mut found) = (0, None);
        // All of the range begin with the first `depth` bytes of `rest`.
        while from < to {
            let ((token, first), (_, last)) = (self.ordered(from)?, self.ordered(to - 1)?);
            let tails = first.iter().zip(last).zip(rest).skip(depth);
            let shared = tails
                .take_while(|&((first, last), byte)| first == last && first == byte)
                .count();
            work(shared.max(1));
            depth += shared;
            if first.len() == depth {
                // The shortest stands first.
                (from, found) = (from + 1, Some((token, depth)));
                continue;
            }
            let Some(byte) = rest.get(depth) else { break };
            if Some(byte) < first.get(depth) || Some(byte) > last.get(depth) {
                break;
            }
            let next = |at| self.ordered(at).and_then(|(_, content)| content.get(depth));
            from += partition(to - from, |at| next(from + at) < Some(byte));
            to = from + partition(to - from, |at| next(from + at) <= Some(byte));
        }
        found
    }

    /// The added tokens with their contents, by id.
    pub fn added(&self) -> impl Iterator<Item = (AddedToken, &'s str)> + use<'s> {
        let tokenizer = *self;
        (0..self.desc.added as usize).map_while(move |index| {
            let (token, content) = tokenizer.added_at(index)?;
            Some((token, core::str::from_utf8(content).ok()?))
        })
    }

    /// Whether decoding may leave an id out.
    #[must_use]
    pub fn is_special(&self, id: u32) -> bool {
        let table = self.table(TokenizerTable::Added);
        let found = search(self.desc.added as usize, |at| {
            AddedToken::read(table, at).map_or(Ordering::Greater, |token| token.id.cmp(&id))
        });
        found
            .and_then(|at| AddedToken::read(table, at))
            .is_some_and(|token| token.special)
    }

    /// The token of a byte: one that is a symbol of its own, or its fallback.
    pub(crate) fn byte(&self, byte: u8) -> Option<u32> {
        self.index(TokenizerTable::Bytes, byte.into())
            .and_then(some)
    }

    /// The token of a character.
    pub(crate) fn character(&self, c: char) -> Option<u32> {
        let points = self.table(TokenizerTable::CodePoints);
        let at = search(self.desc.characters as usize, |at| {
            word_at(points, at * 4).map_or(Ordering::Greater, |point| point.cmp(&u32::from(c)))
        })?;
        self.index(TokenizerTable::Characters, at)
    }

    /// Rank of the merge of two tokens.
    pub(crate) fn rank(&self, left: u32, right: u32) -> Option<u32> {
        let from = self.index(TokenizerTable::First, left as usize)? as usize;
        let to = self.index(TokenizerTable::First, left as usize + 1)? as usize;
        let at = search(to.saturating_sub(from), |at| {
            self.index(TokenizerTable::Right, from + at)
                .map_or(Ordering::Greater, |found| found.cmp(&right))
        })?;
        self.index(TokenizerTable::Rank, from + at)
    }

    /// The token that the merge of a rank gives.
    pub(crate) fn merged(&self, rank: u32) -> Option<u32> {
        self.index(TokenizerTable::Result, rank as usize)
    }

    /// The token that a whole pre-token is before any merge (F11.2).
    pub(crate) fn word(&self, word: impl Iterator<Item = u8> + Clone) -> Option<u32> {
        let token = |at| self.index(TokenizerTable::Words, at);
        let at = search(self.desc.words as usize, |at| {
            match token(at).and_then(|id| self.text(id)) {
                Some(Text::Bytes(text)) => text.iter().copied().cmp(word.clone()),
                _ => Ordering::Greater,
            }
        })?;
        token(at)
    }

    /// The template's ids before and behind a text.
    pub(crate) fn template(&self) -> [impl ExactSizeIterator<Item = u32> + use<'s>; 2] {
        let table = self.table(TokenizerTable::Template);
        let before = self.desc.before as usize;
        let all = table.len() / 4;
        [0..before, before..all.max(before)]
            .map(|range| range.map(move |at| word_at(table, at * 4).unwrap_or(0)))
    }
}

/// The record at the start of `texts`, and what follows it.
fn record(texts: &[u8]) -> Option<(Text<'_>, &[u8])> {
    let (&len, rest) = texts.split_first()?;
    if len == BYTE_RECORD {
        let (&byte, rest) = rest.split_first()?;
        return Some((Text::Byte(byte), rest));
    }
    let (text, rest) = rest.split_at_checked(len.into())?;
    Some((Text::Bytes(text), rest))
}

/// Binary search among `len` ordered entries.
fn search(len: usize, compare: impl Fn(usize) -> Ordering) -> Option<usize> {
    let at = partition(len, |at| compare(at) == Ordering::Less);
    (at < len && compare(at) == Ordering::Equal).then_some(at)
}

/// How many of `len` entries, those that are `before` first, are `before`.
fn partition(len: usize, before: impl Fn(usize) -> bool) -> usize {
    let (mut from, mut to) = (0, len);
    while from < to {
        work(1);
        let middle = from + (to - from) / 2;
        if before(middle) {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    from
}
