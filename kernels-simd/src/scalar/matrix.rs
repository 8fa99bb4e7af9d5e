//! int8 matrix times int16 vector (numerics.md N5).

use crate::fixed::mulhr;

/// Rows of a panel: rows are padded to a multiple of this.
pub const PANEL: usize = 4;
/// Columns are padded to a multiple of this.
pub const TILE: usize = 16;

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

/// Where column c of a group of four stands in its word: bytes hold columns 0, 2, 1, 3, so that two
/// sign-extending half-word unpackings of a word give the pairs (0, 1) and (2, 3).
pub const BYTE_OF_COLUMN: [usize; 4] = [0, 2, 1, 3];

/// An int8 matrix `[rows, cols]` in panel layout (format.md F6.2): panels of four rows; in a panel,
/// for each group of four columns, one word a row with the columns in the order 0, 2, 1, 3.
#[derive(Clone, Copy, Debug)]
pub struct I8Matrix<'a> {
    data: &'a [i8],
    /// Padded.
    cols: usize,
}

impl<'a> I8Matrix<'a> {
    /// A view of `data`, whose length is `padded_rows(rows) · padded_cols(cols)`.
    #[must_use]
    pub fn new(data: &'a [i8], cols: usize) -> Self {
        Self { data, cols: padded_cols(cols) }
    }

    /// The packed bytes.
    #[must_use]
    pub fn data(&self) -> &'a [i8] {
        self.data
    }

    /// Columns, padded.
    #[must_use]
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// The panels, each `PANEL · cols` bytes.
    pub fn panels(&self) -> core::slice::ChunksExact<'a, i8> {
        self.data.chunks_exact((PANEL * self.cols).max(1))
    }

    /// Rows `start..start + len` as a matrix of their own; `start` is a multiple of [`PANEL`].
    #[must_use]
    pub fn rows(&self, start: usize, len: usize) -> I8Matrix<'a> {
        let from = start.saturating_mul(self.cols).min(self.data.len());
        let to = from.saturating_add(padded_rows(len).saturating_mul(self.cols)).min(self.data.len());
        I8Matrix { data: self.data.get(from..to).unwrap_or(&[]), cols: self.cols }
    }

    /// The elements of one row, column by column (padding included); empty past the last row.
    pub fn row(&self, row: usize) -> impl Iterator<Item = i8> + 'a {
        let panel_len = PANEL * self.cols;
        let start = (row / PANEL).saturating_mul(panel_len);
        let panel = self.data.get(start..start.saturating_add(panel_len)).unwrap_or(&[]);
        let lane = (row % PANEL) * 4;
        panel
            .chunks_exact(PANEL * 4)
            .filter_map(move |tile| tile.get(lane..lane + 4))
            .flat_map(|word| BYTE_OF_COLUMN.map(|byte| word.get(byte).copied().unwrap_or(0)))
    }
}

/// `out_r = mulhr(Σ_c w[r][c]·x_c, multiplier_r)` for every padded row (N5.1).
///
/// Shapes: `x` ≥ padded cols, `multiplier` and `out` ≥ padded rows; |out| ≤ 2^30.
/// The sum wraps; the converter proves `|Σ_c w·x| < 2^31` for every row of every file it writes
/// (format.md F5.3), so on such a file it never does.
pub fn matvec_i8(w: &I8Matrix, x: &[i16], multiplier: &[i32], out: &mut [i32]) {
    for ((panel, m), out) in w.panels().zip(multiplier.chunks_exact(PANEL)).zip(out.chunks_exact_mut(PANEL)) {
        let mut acc = [0i32; PANEL];
        for (tile, x) in panel.chunks_exact(PANEL * 4).zip(x.chunks_exact(4)) {
            let &[x0, x1, x2, x3] = x else { continue };
            for (acc, word) in acc.iter_mut().zip(tile.chunks_exact(4)) {
                let &[w0, w2, w1, w3] = word else { continue };
                *acc = acc
                    .wrapping_add(i32::from(w0) * i32::from(x0))
                    .wrapping_add(i32::from(w1) * i32::from(x1))
                    .wrapping_add(i32::from(w2) * i32::from(x2))
                    .wrapping_add(i32::from(w3) * i32::from(x3));
            }
        }
        for ((out, acc), m) in out.iter_mut().zip(acc).zip(m) {
            *out = mulhr(acc, *m);
        }
    }
}
