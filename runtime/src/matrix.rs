//! A quantised matrix in place, with its multipliers, shift and bias (numerics.md N5).

use core::fmt;

use crate::workspace::{LANES, LaneCount};
#[cfg(feature = "int4")]
use sla_format::TensorKind;
use sla_format::{TensorDesc, pad_cols};
#[cfg(feature = "int4")]
use sla_kernels::{I4Matrix, fixed, matvec_i4};
use sla_kernels::{
    I8Matrix, PANEL, add_saturating, dequantize_row, join, matvec_i8, matvec_i8_pair,
    shift_in_place,
};

/// A matrix of the file. Absent matrices have no rows and do nothing.
#[derive(Clone, Copy)]
pub struct Matrix<'m> {
    weights: Weights<'m>,
    multiplier: &'m [i32],
    bias: &'m [i32],
    desc: TensorDesc,
}

impl fmt::Debug for Matrix<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Matrix")
            .field("desc", &self.desc)
            .finish_non_exhaustive()
    }
}

/// The packed weights of either kind. Without the feature `int4` no file that has the second one is
/// opened, and the compiler drops its code.
#[derive(Clone, Copy)]
enum Weights<'m> {
    I8(I8Matrix<'m>),
    #[cfg(feature = "int4")]
    I4(I4Matrix<'m>),
}

impl<'m> Weights<'m> {
    fn new(desc: &TensorDesc, bytes: &'m [u8]) -> Self {
        #[cfg(feature = "int4")]
        if desc.kind == TensorKind::I4 {
            return Self::I4(I4Matrix::new(
                bytemuck::try_cast_slice(bytes).unwrap_or(&[]),
                desc.cols as usize,
            ));
        }
        let half_words = bytemuck::try_cast_slice(bytes).unwrap_or(&[]);
        Self::I8(I8Matrix::new(
            half_words,
            desc.cols as usize,
            16 * usize::from(desc.block_tiles),
        ))
    }

    fn rows(&self, start: usize, len: usize) -> Self {
        match self {
            Self::I8(w) => Self::I8(w.rows(start, len)),
            #[cfg(feature = "int4")]
            Self::I4(w) => Self::I4(w.rows(start, len)),
        }
    }

    fn times(&self, x: &[i16], multiplier: &[i32], out: &mut [i32]) {
        match self {
            Self::I8(w) => matvec_i8(w, x, multiplier, out),
            #[cfg(feature = "int4")]
            Self::I4(w) => matvec_i4(w, x, multiplier, out),
        }
    }
}

/// The int16 vectors that the next matrices read: one, or two that a weight is loaded once for.
pub(crate) struct Inputs<'a> {
    lanes: LaneCount,
    each: [&'a [i16]; LANES],
    joined: &'a [i16],
}

impl<'a> Inputs<'a> {
    /// Those of the first `lanes` of `each`, of `len` elements and padded as matrices need it;
    /// `joined` has room for all.
    pub fn new(
        lanes: LaneCount,
        each: &'a [&mut [i16]; LANES],
        len: usize,
        joined: &'a mut [i16],
    ) -> Self {
        let each = each.each_ref().map(|x| &**x);
        if lanes.get() > 1 {
            let cols = pad_cols(len);
            let joined = joined.get_mut(..LANES * cols).unwrap_or_default();
            for (lane, x) in each.iter().enumerate() {
                join(x.get(..cols).unwrap_or(x), lane, joined);
            }
        }
        Self {
            lanes,
            each,
            joined,
        }
    }
}

impl<'m> Matrix<'m> {
    pub(crate) fn new(
        desc: TensorDesc,
        bytes: &'m [u8],
        multiplier: &'m [i32],
        bias: &'m [i32],
    ) -> Self {
        Self {
            weights: Weights::new(&desc, bytes),
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

    /// Calls `f(column, integer)` for each weight of a row, padding included; for int4 the integers
    /// include their group's scale.
    pub fn for_each_in_row(&self, row: usize, mut f: impl FnMut(usize, i32)) {
        match &self.weights {
            Weights::I8(w) => w.row(row).enumerate().for_each(|(c, w)| f(c, w.into())),
            #[cfg(feature = "int4")]
            Weights::I4(w) => w.row(row).enumerate().for_each(|(c, w)| f(c, w.into())),
        }
    }

    /// Multipliers, one a padded row.
    #[must_use]
    pub fn multiplier(&self) -> &'m [i32] {
        self.multiplier
    }

    /// `out_r = sat(shift(mulhr(Σ w·x, m_r), shift + exponent) + b_r)` (N5.2), where `x·2^exponent`
    /// is the input in the units that the multipliers were made for. `out` has room for padded
    /// rows.
    pub(crate) fn apply(&self, x: &[i16], exponent: i32, out: &mut [i32]) {
        self.weights.times(x, self.multiplier, out);
        self.finish(exponent, self.bias, out);
    }

    /// [`Matrix::apply`] for each vector of `inputs`.
    pub(crate) fn apply_each(
        &self,
        inputs: &Inputs,
        exponents: [i32; LANES],
        mut outs: [&mut [i32]; LANES],
    ) {
        match (&self.weights, &mut outs[..]) {
            (Weights::I8(w), [first, second]) if inputs.lanes.get() > 1 => {
                let joined = inputs
                    .joined
                    .get(..LANES * pad_cols(self.desc.cols as usize))
                    .unwrap_or(&[]);
                matvec_i8_pair(w, joined, self.multiplier, [first, second]);
            }
            (weights, outs) => {
                for (x, out) in inputs.each.iter().zip(outs).take(inputs.lanes.get()) {
                    weights.times(x, self.multiplier, out);
                }
            }
        }
        for (out, exponent) in outs.iter_mut().zip(exponents).take(inputs.lanes.get()) {
            self.finish(exponent, self.bias, out);
        }
    }

    /// [`Matrix::apply`] for rows `start..start + len`; `start` is a multiple of 4.
    pub(crate) fn apply_rows(&self, start: usize, len: usize, x: &[i16], out: &mut [i32]) {
        let padded = len.next_multiple_of(PANEL);
        let rows = |all: &'m [i32]| {
            all.get(start..(start + padded).min(all.len()))
                .unwrap_or(&[])
        };
        self.weights
            .rows(start, len)
            .times(x, rows(self.multiplier), out);
        self.finish(0, rows(self.bias), out);
    }

    fn finish(&self, exponent: i32, bias: &[i32], out: &mut [i32]) {
        let n = i32::from(self.desc.shift).saturating_add(exponent);
        shift_in_place(out, n);
        if !bias.is_empty() {
            add_saturating(out, bias);
        }
    }

    /// One row as `out_c = shift(mulhr(w[row][c]·2^24, m_row), shift)`, with 2^20 for int4 (N5.3):
    /// an embedding.
    pub(crate) fn dequantize_row(&self, row: usize, out: &mut [i32]) {
        let m = self.multiplier.get(row).copied().unwrap_or(0);
        match &self.weights {
            Weights::I8(w) => dequantize_row(w, row, m, out),
            #[cfg(feature = "int4")]
            Weights::I4(w) => {
                let scaled = w.row(row).map(|w| fixed::mulhr(i32::from(w) << 20, m));
                out.iter_mut().zip(scaled).for_each(|(out, w)| *out = w);
            }
        }
        shift_in_place(out, i32::from(self.desc.shift));
    }
}
