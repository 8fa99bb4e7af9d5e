//! int8 weights with one scale a row (format.md F6.2).

use super::compensate::{Grid, Row};
use sla_format::{pad_cols, pad_rows};

/// An int8 matrix, natural order.
#[derive(Clone, Debug)]
pub struct Int8Rows {
    /// Columns.
    pub cols: usize,
    /// `rows · cols` integers in ±127.
    pub integers: Vec<i8>,
    /// Real value of one unit, a row.
    pub scale: Vec<f64>,
}

impl Int8Rows {
    /// Rounds each row to multiples of max|w|/127, ties away from zero.
    pub fn round(weights: &[f64], cols: usize) -> Self {
        let mut integers = Vec::with_capacity(weights.len());
        let mut scale = Vec::new();
        for row in weights.chunks_exact(cols.max(1)) {
            let max = row.iter().fold(0.0f64, |m, w| m.max(w.abs()));
            // A row of zeros has no unit: it must not decide the format of its matrix.
            let step = max / 127.0;
            let unit = if step > 0.0 { step } else { 1.0 };
            integers.extend(
                row.iter()
                    .map(|w| (w / unit).round().clamp(-127.0, 127.0) as i8),
            );
            scale.push(step);
        }
        Self {
            cols,
            integers,
            scale,
        }
    }

    /// What a row may be: one scale over all columns.
    pub const GRID: Grid = Grid {
        low: -127,
        high: 127,
        group: usize::MAX / 2,
        scales: 1,
    };

    /// A matrix of rows on [`Int8Rows::GRID`].
    pub fn of(rows: Vec<Row>, cols: usize) -> Self {
        let mut out = Self {
            cols,
            integers: Vec::with_capacity(rows.len() * cols),
            scale: Vec::new(),
        };
        for row in rows {
            out.integers.extend_from_slice(&row.integers);
            out.scale.push(row.unit);
        }
        out
    }

    /// The integers of a row.
    pub fn row(&self, r: usize) -> &[i8] {
        &self.integers[r * self.cols..][..self.cols]
    }

    fn rows(&self) -> impl Iterator<Item = &[i8]> {
        self.integers.chunks_exact(self.cols.max(1))
    }

    /// Half-words of row pairs (format.md F6.2).
    pub(super) fn pack(&self) -> Vec<i16> {
        let (rows, cols) = (self.scale.len(), pad_cols(self.cols));
        let mut out = vec![0i16; pad_rows(rows) / 2 * cols];
        for (r, row) in self.rows().enumerate() {
            for (c, &w) in row.iter().enumerate() {
                let at = r / 4 * 2 * cols + c / 8 * 16 + r % 4 / 2 * 8 + c % 8;
                out[at] += if r % 2 == 1 {
                    256 * i16::from(w)
                } else {
                    i16::from(w)
                };
            }
        }
        out
    }

    /// The most tiles of 16 columns, 0 for all, over each of which the odd rows' |Σ w·x| < 2^23 for
    /// every vector of length `length`; `None` if not even one tile has that.
    pub(super) fn block_tiles(&self, length: f64) -> Option<u8> {
        let tiles = self.cols.div_ceil(16);
        let holds = |block: usize| {
            let fits = |part: &[i8]| {
                super::length(part.iter().map(|&w| w.into())) * length < f64::from(1 << 23)
            };
            self.rows()
                .skip(1)
                .step_by(2)
                .all(|row| row.chunks(16 * block).all(fits))
        };
        if holds(tiles.max(1)) {
            return Some(0);
        }
        (1..tiles.min(255))
            .rev()
            .find(|&block| holds(block))
            .map(|block| block as u8)
    }
}
