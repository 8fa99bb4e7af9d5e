//! int8 matrix times int16 vector (numerics.md N5).

use crate::fixed::mulhr;

/// Rows of a panel: rows are padded to a multiple of this.
pub const PANEL: usize = 4;
/// Columns are padded to a multiple of this.
pub const TILE: usize = 16;
/// Columns of a run: this many half-words of one pair of rows lie side by side.
pub const RUN: usize = 8;

/// `rows` rounded up to whole panels.
#[must_use]
pub const fn padded_rows(rows: usize) -> usize {
    rows.next_multiple_of(PANEL)
}

/// `cols` rounded up to whole tiles.
#[must_use]
pub const fn padded_cols(cols: usize) -> usize {
    cols.next_multiple_of(TILE)
}

/// An int8 matrix `[rows, cols]` as half-words of row pairs (format.md F6.2).
///
/// A half-word is `256·w[r+1][c] + w[r][c]`. A panel is two pairs of rows; in it, for every 8
/// columns, come 8 half-words of the first pair, then 8 of the second. So one multiplication of a
/// half-word serves two rows: Σh·x = 256·D₁ + D₀, and the low bytes alone give D₀.
#[derive(Clone, Copy, Debug)]
pub struct I8Matrix<'a> {
    data: &'a [i16],
    /// Padded.
    cols: usize,
    /// Columns over which 256·D₁ is known to fit 32 bits; a multiple of [`TILE`].
    block: usize,
}

impl<'a> I8Matrix<'a> {
    /// A view of `data`, `padded_rows(rows)/2 · padded_cols(cols)` half-words. Over any `block`
    /// columns from a multiple of `block` on, |D₁| < 2^23 has to hold; 0 stands for all
    /// columns.
    #[must_use]
    pub fn new(data: &'a [i16], cols: usize, block: usize) -> Self {
        let cols = padded_cols(cols);
        let block = if block == 0 { cols } else { padded_cols(block) };
        Self {
            data,
            cols,
            block: block.max(TILE),
        }
    }

    /// Columns, padded.
    #[must_use]
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// Columns between two flushes.
    #[must_use]
    pub fn block(&self) -> usize {
        self.block
    }

    /// The half-words.
    #[must_use]
    pub fn data(&self) -> &'a [i16] {
        self.data
    }

    /// Half-words of a panel.
    #[must_use]
    pub fn panel_len(&self) -> usize {
        PANEL / 2 * self.cols
    }

    /// The panels.
    pub fn panels(&self) -> impl Iterator<Item = &'a [i16]> + use<'a> {
        let (mut rest, len) = (self.data, self.panel_len());
        core::iter::from_fn(move || {
            let (panel, others) = rest.split_at_checked(len).filter(|_| len > 0)?;
            rest = others;
            Some(panel)
        })
    }

    /// Rows `start..start + len` as a matrix of their own; `start` is a multiple of [`PANEL`].
    #[must_use]
    pub fn rows(&self, start: usize, len: usize) -> I8Matrix<'a> {
        let at = |row: usize| {
            (row / PANEL)
                .saturating_mul(self.panel_len())
                .min(self.data.len())
        };
        let data = self
            .data
            .get(at(start)..at(padded_rows(start.saturating_add(len))))
            .unwrap_or(&[]);
        I8Matrix { data, ..*self }
    }

    /// The elements of one row, column by column (padding included); empty past the last row.
    pub fn row(&self, row: usize) -> impl Iterator<Item = i8> + 'a {
        let panel = self.rows(row / PANEL * PANEL, PANEL).data;
        let (pair, odd) = (row % PANEL / 2, row % 2 == 1);
        panel
            .chunks_exact(RUN)
            .skip(pair)
            .step_by(PANEL / 2)
            .flatten()
            .map(move |&h| if odd { high(h) } else { h as i8 })
    }
}

/// w[r+1] of a half-word.
#[inline(always)]
fn high(h: i16) -> i8 {
    ((i32::from(h) - i32::from(h as i8)) >> 8) as i8
}

/// `out_r = mulhr(Σ_c w[r][c]·x_c, multiplier_r)` for every padded row (N5.1).
///
/// Shapes: `x` ≥ padded cols, `multiplier` and `out` ≥ padded rows; |out| ≤ 2^30.
/// The sum wraps; the converter proves `|Σ_c w·x| < 2^31`, and below 2^23 in each block, for every
/// row of every file it writes (format.md F5.3), so on such a file it never does.
#[inline(never)] // its frame must not be part of a backend's that falls back to it
pub fn matvec_i8(w: &I8Matrix, x: &[i16], multiplier: &[i32], out: &mut [i32]) {
    for ((panel, m), out) in w
        .panels()
        .zip(multiplier.as_chunks::<PANEL>().0.iter())
        .zip(out.as_chunks_mut::<PANEL>().0.iter_mut())
    {
        let (mut low, mut total) = ([0i32; 2], [0i32; 2]);
        let (mut panel, mut x) = (panel, x);
        while !panel.is_empty() && w.block > 0 {
            let (block, panel_rest) = panel
                .split_at_checked(PANEL / 2 * w.block)
                .unwrap_or((panel, &[]));
            let (x_block, x_rest) = x.split_at_checked(w.block).unwrap_or((x, &[]));
            // Σh·x minus Σ(low byte)·x is 256·D₁ of this block.
            let mut both = low;
            for (runs, x) in block
                .as_chunks::<{ PANEL / 2 * RUN }>()
                .0
                .iter()
                .zip(x_block.as_chunks::<RUN>().0.iter())
            {
                for ((pair, both), low) in runs
                    .as_chunks::<RUN>()
                    .0
                    .iter()
                    .zip(&mut both)
                    .zip(&mut low)
                {
                    for (&h, &x) in pair.iter().zip(x) {
                        *both = both.wrapping_add(i32::from(h) * i32::from(x));
                        *low = low.wrapping_add(i32::from(h as i8) * i32::from(x));
                    }
                }
            }
            for ((total, both), low) in total.iter_mut().zip(both).zip(low) {
                *total = total.wrapping_add(both.wrapping_sub(low) >> 8);
            }
            (panel, x) = (panel_rest, x_rest);
        }
        let acc = [low[0], total[0], low[1], total[1]];
        for ((out, acc), m) in out.iter_mut().zip(acc).zip(m) {
            *out = mulhr(acc, *m);
        }
    }
}
