//! A quantised matrix in place, with its multipliers, shift and bias (numerics.md N5).

use sla_format::TensorDesc;
use sla_kernels::{I8Matrix, PANEL, fixed, matvec_i8, shift_in_place};

/// An int8 matrix of the file. Absent matrices have no rows and do nothing.
#[derive(Clone, Copy)]
pub struct Matrix<'m> {
    weights: I8Matrix<'m>,
    multiplier: &'m [i32],
    bias: &'m [i32],
    desc: TensorDesc,
}

impl<'m> Matrix<'m> {
    pub(crate) fn new(desc: TensorDesc, data: &'m [i16], multiplier: &'m [i32], bias: &'m [i32]) -> Self {
        Self {
            weights: I8Matrix::new(data, desc.cols as usize, 16 * usize::from(desc.block_tiles)),
            multiplier,
            bias,
            desc,
        }
    }

    /// The table's entry.
    #[must_use]
    pub fn desc(&self) -> &TensorDesc {
        &self.desc
    }

    /// The packed weights.
    #[must_use]
    pub fn weights(&self) -> &I8Matrix<'m> {
        &self.weights
    }

    /// Multipliers, one a padded row.
    #[must_use]
    pub fn multiplier(&self) -> &'m [i32] {
        self.multiplier
    }

    /// `out_r = sat(shift(mulhr(Σ w·x, m_r), shift + exponent) + b_r)` (N5.2), where `x·2^exponent` is the
    /// input in the units that the multipliers were made for. `out` has room for padded rows.
    pub(crate) fn apply(&self, x: &[i16], exponent: i32, out: &mut [i32]) {
        matvec_i8(&self.weights, x, self.multiplier, out);
        self.finish(exponent, self.bias, out);
    }

    /// [`Matrix::apply`] for rows `start..start + len`; `start` is a multiple of 4.
    pub(crate) fn apply_rows(&self, start: usize, len: usize, x: &[i16], out: &mut [i32]) {
        let padded = len.next_multiple_of(PANEL);
        let rows = |all: &'m [i32]| all.get(start..(start + padded).min(all.len())).unwrap_or(&[]);
        matvec_i8(&self.weights.rows(start, len), x, rows(self.multiplier), out);
        self.finish(0, rows(self.bias), out);
    }

    fn finish(&self, exponent: i32, bias: &[i32], out: &mut [i32]) {
        let n = i32::from(self.desc.shift).saturating_add(exponent);
        shift_in_place(out, n);
        for (out, b) in out.iter_mut().zip(bias) {
            *out = out.saturating_add(*b);
        }
    }

    /// One row as `out_c = shift(mulhr(w[row][c]·2^24, m_row), shift)` (N5.3): an embedding.
    pub(crate) fn dequantize_row(&self, row: usize, out: &mut [i32]) {
        let m = self.multiplier.get(row).copied().unwrap_or(0);
        let n = i32::from(self.desc.shift);
        for (out, w) in out.iter_mut().zip(self.weights.row(row)) {
            *out = fixed::shift(fixed::mulhr(i32::from(w) << 24, m), n);
        }
    }
}
