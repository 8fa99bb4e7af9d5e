//! The merges of one pre-token, in place (F11.2): always the lowest rank, of several the leftmost.
//!
//! Symbols keep their slots. A symbol that has taken others covers a run of slots: the first holds
//! it, the second and the last hold the run's length. The ranks of all neighbours lie in a second
//! array, above which a tree of minima stands, so a pre-token of n symbols costs O(n log n) however
//! it merges.

use crate::scan::work;
use crate::tables::Tokenizer;

/// Children of a node of the tree; up to so many symbols need none.
const WAYS: usize = 16;
/// Rank of a pair that does not merge.
const NEVER: u32 = u32::MAX;
/// Marks a slot that a symbol further left covers; ids are below it.
const COVERED: u32 = 1 << 31;

/// Words that the merges of a pre-token of `symbols` symbols need, the symbols included.
pub(crate) const fn words(symbols: usize) -> usize {
    let (mut words, mut level) = (symbols.saturating_mul(2), symbols);
    while level > WAYS {
        level = level.div_ceil(WAYS);
        words = words.saturating_add(level);
    }
    words
}

/// Merges the first `count` words of `work`, which has [`words`] of them; returns how many symbols
/// are left, at its start.
pub(crate) fn merge(tokenizer: &Tokenizer, count: usize, work: &mut [u32]) -> usize {
    let Some((symbols, rest)) = work.split_at_mut_checked(count) else {
        return 0;
    };
    let Some((ranks, tree)) = rest.split_at_mut_checked(count) else {
        return 0;
    };
    ranks.fill(NEVER);
    let mut any = false;
    for (rank, pair) in ranks.iter_mut().zip(symbols.windows(2)) {
        if let [left, right] = *pair
            && let Some(found) = tokenizer.rank(left, right)
        {
            (*rank, any) = (found, true);
        }
    }
    if !any {
        return count;
    }
    build(ranks, tree);
    let mut word = Word {
        symbols,
        ranks,
        tree,
    };
    while let Some((at, rank)) = lowest(word.ranks, word.tree) {
        word.merge(tokenizer, at, rank);
    }
    word.compact()
}

struct Word<'w> {
    symbols: &'w mut [u32],
    ranks: &'w mut [u32],
    tree: &'w mut [u32],
}

impl Word<'_> {
    fn symbol(&self, at: usize) -> Option<u32> {
        self.symbols
            .get(at)
            .copied()
            .filter(|symbol| symbol & COVERED == 0)
    }

    /// The slot behind the run that begins at `at`.
    fn behind(&self, at: usize) -> usize {
        match self.symbols.get(at + 1) {
            Some(&word) if word & COVERED != 0 => at + (word ^ COVERED) as usize,
            _ => at + 1,
        }
    }

    /// The slot where the run before the one at `at` begins.
    fn before(&self, at: usize) -> Option<usize> {
        let last = at.checked_sub(1)?;
        match self.symbols.get(last) {
            Some(&word) if word & COVERED != 0 => at.checked_sub((word ^ COVERED) as usize),
            _ => Some(last),
        }
    }

    fn merge(&mut self, tokenizer: &Tokenizer, at: usize, rank: u32) {
        let right = self.behind(at);
        let end = self.behind(right);
        // The id in a slot is below 2^24, and a run has fewer slots than a slice has elements.
        let length = COVERED | (end - at) as u32 & !COVERED;
        for (slot, word) in [(right, length), (end - 1, length), (at + 1, length)] {
            if let Some(place) = self.symbols.get_mut(slot) {
                *place = word;
            }
        }
        if let (Some(place), Some(result)) = (self.symbols.get_mut(at), tokenizer.merged(rank)) {
            *place = result;
        }
        self.set(right, NEVER);
        self.update(tokenizer, at, end);
        if let Some(before) = self.before(at) {
            self.update(tokenizer, before, at);
        }
    }

    /// The rank of the symbols at two slots.
    fn update(&mut self, tokenizer: &Tokenizer, left: usize, right: usize) {
        let pair = self.symbol(left).zip(self.symbol(right));
        let rank = pair.and_then(|(left, right)| tokenizer.rank(left, right));
        self.set(left, rank.unwrap_or(NEVER));
    }

    fn set(&mut self, at: usize, rank: u32) {
        if let Some(place) = self.ranks.get_mut(at)
            && *place != rank
        {
            *place = rank;
            refresh(self.ranks, self.tree, at);
        }
    }

    /// Moves what is left to the front.
    fn compact(&mut self) -> usize {
        let (mut from, mut to) = (0, 0);
        while let Some(symbol) = self.symbol(from) {
            work(1);
            from = self.behind(from);
            if let Some(place) = self.symbols.get_mut(to) {
                *place = symbol;
            }
            to += 1;
        }
        to
    }
}

fn least(ranks: &[u32]) -> u32 {
    work(ranks.len());
    ranks.iter().copied().min().unwrap_or(NEVER)
}

/// Fills the levels of the tree, one behind the other: each holds the minima of groups of the level
/// below.
fn build(ranks: &[u32], tree: &mut [u32]) {
    let (mut below, mut rest) = (ranks, tree);
    while below.len() > WAYS
        && let Some((level, above)) = rest.split_at_mut_checked(below.len().div_ceil(WAYS))
    {
        for (node, group) in level.iter_mut().zip(below.chunks(WAYS)) {
            *node = least(group);
        }
        (below, rest) = (level, above);
    }
}

/// The same for the nodes above one rank.
fn refresh(ranks: &[u32], tree: &mut [u32], at: usize) {
    let (mut below, mut rest, mut at) = (ranks, tree, at);
    while below.len() > WAYS
        && let Some((level, above)) = rest.split_at_mut_checked(below.len().div_ceil(WAYS))
    {
        let from = at / WAYS * WAYS;
        at /= WAYS;
        let minimum = below
            .get(from..)
            .map_or(NEVER, |rest| least(rest.get(..WAYS).unwrap_or(rest)));
        match level.get_mut(at) {
            Some(node) if *node != minimum => *node = minimum,
            _ => return,
        }
        (below, rest) = (level, above);
    }
}

/// The lowest rank and where it stands first; `None` when nothing merges. Recurs once a level, 8 at
/// most.
fn lowest(ranks: &[u32], tree: &[u32]) -> Option<(usize, u32)> {
    if ranks.len() <= WAYS {
        return first(ranks);
    }
    let (level, above) = tree.split_at_checked(ranks.len().div_ceil(WAYS))?;
    let (group, _) = lowest(level, above)?;
    let (at, rank) = first(ranks.chunks(WAYS).nth(group)?)?;
    Some((group * WAYS + at, rank))
}

fn first(ranks: &[u32]) -> Option<(usize, u32)> {
    work(ranks.len());
    let found = ranks
        .iter()
        .copied()
        .enumerate()
        .min_by_key(|&(_, rank)| rank);
    found.filter(|&(_, rank)| rank != NEVER)
}
