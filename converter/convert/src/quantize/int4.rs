//! int4 weights in groups of 32 columns, each with an integer scale (format.md F6.7).

use super::compensate::{Grid, Row};
use sla_format::{GROUP, pad_rows};
use sla_mapping::real::pow2;

/// An int4 matrix, natural order: a weight is `integer · group scale · unit`.
#[derive(Clone, Debug, Default)]
pub struct Int4Rows {
    /// Columns.
    pub cols: usize,
    /// `rows · cols` integers in -8…7.
    pub integers: Vec<i8>,
    /// `rows · ⌈cols/32⌉` group scales.
    pub group_scale: Vec<u8>,
    /// Real value of one unit, a row.
    pub unit: Vec<f64>,
}

impl Int4Rows {
    /// What rows of `cols` columns may be. The largest scale is 255, or less where √cols·8·255·2^13
    /// would not leave an accumulator below 2^31 (more than 16,000 columns).
    pub fn grid(cols: usize) -> Grid {
        let root = (cols.max(1) as f64).sqrt();
        let fits = pow2(31) / (8.0 * root * (pow2(super::LEAST_IN_BITS) + 0.5 * root)) - 1.0;
        Grid {
            low: -8,
            high: 7,
            group: GROUP,
            scales: fits.min(255.0) as u8,
        }
    }

    /// A matrix of rows on [`Int4Rows::grid`].
    pub fn of(rows: Vec<Row>, cols: usize) -> Self {
        let mut out = Self {
            cols,
            ..Self::default()
        };
        for row in rows {
            out.integers.extend_from_slice(&row.integers);
            out.group_scale.extend_from_slice(&row.scale);
            out.unit.push(row.unit);
        }
        out
    }

    fn groups(&self) -> usize {
        self.cols.div_ceil(GROUP)
    }

    /// The integers of a row with their group's scale.
    pub fn row(&self, r: usize) -> impl Iterator<Item = i32> {
        let scales = &self.group_scale[r * self.groups()..][..self.groups()];
        let integers = self.integers[r * self.cols..][..self.cols]
            .iter()
            .enumerate();
        integers.map(move |(c, &q)| i32::from(q) * i32::from(scales[c / GROUP]))
    }

    /// Nibbles and scales, panel by panel (F6.7).
    pub(super) fn pack(&self) -> Vec<u32> {
        const WORDS: usize = 17;
        let (rows, groups) = (self.unit.len(), self.groups());
        let mut out = vec![0x8888_8888u32; pad_rows(rows) / 4 * groups * WORDS];
        out.iter_mut()
            .skip(WORDS - 1)
            .step_by(WORDS)
            .for_each(|scales| *scales = 0);
        for r in 0..rows {
            for g in 0..groups {
                let block = &mut out[(r / 4 * groups + g) * WORDS..][..WORDS];
                block[16] |= u32::from(self.group_scale[r * groups + g]) << (8 * (r % 4));
                let columns = g * GROUP..self.cols.min((g + 1) * GROUP);
                for (i, &q) in self.integers[r * self.cols..][columns].iter().enumerate() {
                    let bit = 4 * (i % 8 / 2) + 16 * (i % 2);
                    // n = q + 8 in place of the padding's 8.
                    block[i / 8 * 4 + r % 4] ^= ((i32::from(q) + 8) as u32 ^ 8) << bit;
                }
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panels_hold_nibbles_and_scales_where_the_format_says() {
        let (rows, cols) = (5, 40);
        let integers: Vec<i8> = (0..rows * cols).map(|i| (i * 7 % 16) as i8 - 8).collect();
        let group_scale: Vec<u8> = (1..=2 * rows as u8).collect();
        let q = Int4Rows {
            cols,
            integers,
            group_scale,
            unit: vec![1.0; rows],
        };
        let words = q.pack();
        assert_eq!(words.len(), 2 * 2 * 17);
        for r in 0..8 {
            for c in 0..64 {
                let block = &words[(r / 4 * 2 + c / 32) * 17..][..17];
                let run = c % 32 / 8;
                let bit = 4 * (c % 8 / 2) + 16 * (c % 2);
                let n = block[4 * run + r % 4] >> bit & 15;
                let scale = block[16] >> (8 * (r % 4)) & 255;
                let inside = r < rows && c < cols;
                assert_eq!(
                    n as i32 - 8,
                    if inside {
                        q.integers[r * cols + c].into()
                    } else {
                        0
                    },
                    "row {r}, column {c}"
                );
                assert_eq!(
                    scale,
                    if r < rows {
                        q.group_scale[2 * r + c / 32].into()
                    } else {
                        0
                    }
                );
            }
        }
    }

    #[test]
    fn scales_shrink_only_where_accumulators_would_not_fit() {
        assert_eq!(Int4Rows::grid(4096).scales, 255);
        let cols = 65_536;
        let scales = Int4Rows::grid(cols).scales;
        let (root, largest) = ((cols as f64).sqrt(), 8.0 * f64::from(scales));
        assert!(scales > 60 && largest * root * (8192.0 + 0.5 * root) < pow2(31));
    }
}
