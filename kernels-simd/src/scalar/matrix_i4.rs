//! int4 matrix with group scales times int16 vector (numerics.md N5.7).

use super::matrix::{PANEL, padded_rows};
use crate::fixed::mulhr;

/// Columns that share a scale; columns are padded to a multiple of this.
pub const GROUP: usize = 32;
/// Words of a panel's group: a word for each row and run of 8 columns, and one with the four
/// scales.
pub const GROUP_WORDS: usize = PANEL * GROUP / 8 + 1;
/// Columns of a word.
const RUN: usize = 8;
/// What a nibble of weight 0 is.
pub const ZERO: i32 = 8;

/// An int4 matrix `[rows, cols]` with a scale for every 32 columns of a row (format.md F6.7).
///
/// A weight is `s·(n - 8)` with the nibble n in 0…15 and its group's scale s in 0…255. For each
/// panel of 4 rows and each group of 32 columns there are 17 words: for every 8 columns one word a
/// row, then one whose byte r is the scale of row r. In a word bits 4k hold column 2k and bits 16 +
/// 4k column 2k + 1, so that a mask gives a pair of half-words.
#[derive(Clone, Copy, Debug)]
pub struct I4Matrix<'a> {
    data: &'a [u32],
    /// Padded.
    cols: usize,
}

impl<'a> I4Matrix<'a> {
    /// A view of `data`, [`GROUP_WORDS`] words for each panel and group.
    #[must_use]
    pub fn new(data: &'a [u32], cols: usize) -> Self {
        Self {
            data,
            cols: cols.next_multiple_of(GROUP),
        }
    }

    /// Columns, padded.
    #[must_use]
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// The words.
    #[must_use]
    pub fn data(&self) -> &'a [u32] {
        self.data
    }

    /// Words of a panel.
    #[must_use]
    pub fn panel_len(&self) -> usize {
        self.cols / GROUP * GROUP_WORDS
    }

    /// The panels.
    pub fn panels(&self) -> impl Iterator<Item = &'a [u32]> + use<'a> {
        let (mut rest, len) = (self.data, self.panel_len());
        core::iter::from_fn(move || {
            let (panel, others) = rest.split_at_checked(len).filter(|_| len > 0)?;
            rest = others;
            Some(panel)
        })
    }

    /// Rows `start..start + len` as a matrix of their own; `start` is a multiple of [`PANEL`].
    #[must_use]
    pub fn rows(&self, start: usize, len: usize) -> I4Matrix<'a> {
        let at = |row: usize| {
            (row / PANEL)
                .saturating_mul(self.panel_len())
                .min(self.data.len())
        };
        let data = self
            .data
            .get(at(start)..at(padded_rows(start.saturating_add(len))))
            .unwrap_or(&[]);
        I4Matrix { data, ..*self }
    }

    /// The weights `s·(n - 8)` of one row, column by column (padding included); empty past the last
    /// row.
    pub fn row(&self, row: usize) -> impl Iterator<Item = i16> + 'a {
        let panel = self.rows(row / PANEL * PANEL, PANEL).data;
        let lane = row % PANEL;
        panel.chunks_exact(GROUP_WORDS).flat_map(move |group| {
            let (words, scale) = group.split_at(GROUP_WORDS - 1);
            let scale = scale.first().map_or(0, |s| (s >> (8 * lane)) as u8);
            words
                .iter()
                .skip(lane)
                .step_by(PANEL)
                .flat_map(move |&word| {
                    (0..RUN).map(move |c| (i32::from(scale) * (nibble(word, c) - ZERO)) as i16)
                })
        })
    }
}

/// The nibble of column `c` of a word's eight.
#[inline(always)]
fn nibble(word: u32, c: usize) -> i32 {
    (word >> (4 * (c / 2) + 16 * (c % 2)) & 15) as i32
}

/// `out_r = mulhr(Σ_g s[r][g]·Σ_(c in g) (n[r][c] - 8)·x_c, multiplier_r)` for every padded row
/// (N5.7).
///
/// Shapes: `x` ≥ padded cols, `multiplier` and `out` ≥ padded rows; |out| ≤ 2^30.
/// A group's sum stays below 2^24 in magnitude; the sum over groups wraps, and the converter proves
/// that it stays below 2^31 for every row of every file it writes (format.md F5.3).
#[inline(never)] // its frame must not be part of the int8 path's
pub fn matvec_i4(w: &I4Matrix, x: &[i16], multiplier: &[i32], out: &mut [i32]) {
    for ((panel, m), out) in w
        .panels()
        .zip(multiplier.as_chunks::<PANEL>().0.iter())
        .zip(out.as_chunks_mut::<PANEL>().0.iter_mut())
    {
        let mut acc = [0i32; PANEL];
        for (group, x) in panel
            .as_chunks::<GROUP_WORDS>()
            .0
            .iter()
            .zip(x.as_chunks::<GROUP>().0.iter())
        {
            let (words, scales) = group.split_at(GROUP_WORDS - 1);
            let zero = x.iter().fold(0i32, |sum, &x| sum - ZERO * i32::from(x));
            let mut sums = [zero; PANEL];
            for (rows, x) in words
                .as_chunks::<PANEL>()
                .0
                .iter()
                .zip(x.as_chunks::<RUN>().0.iter())
            {
                let &[a, b, c, d, e, f, g, h] = x;
                for (sum, &word) in sums.iter_mut().zip(rows) {
                    // Written out: this is what devices without a backend run, and their compilers
                    // look at size.
                    *sum += nibble(word, 0) * i32::from(a) + nibble(word, 1) * i32::from(b);
                    *sum += nibble(word, 2) * i32::from(c) + nibble(word, 3) * i32::from(d);
                    *sum += nibble(word, 4) * i32::from(e) + nibble(word, 5) * i32::from(f);
                    *sum += nibble(word, 6) * i32::from(g) + nibble(word, 7) * i32::from(h);
                }
            }
            let scales = scales.first().map_or([0; PANEL], |s| s.to_le_bytes());
            for ((acc, sum), s) in acc.iter_mut().zip(sums).zip(scales) {
                *acc = acc.wrapping_add(sum.wrapping_mul(i32::from(s)));
            }
        }
        for ((out, acc), m) in out.iter_mut().zip(acc).zip(m) {
            *out = mulhr(acc, *m);
        }
    }
}
