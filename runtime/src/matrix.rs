//! A quantised matrix in place, with its multipliers, shift and bias (numerics.md N5).

use crate::bounds::{cast, part};
use crate::workspace::{Activation, LANES, LaneCount};
#[cfg(feature = "int4")]
use sla_format::TensorKind;
use sla_format::{TensorDesc, pad_cols};
#[cfg(feature = "int4")]
use sla_kernels::{I4Matrix, fixed, matvec_i4};
use sla_kernels::{
    I8Matrix, PANEL, add_saturating, dequantize_row, matvec_i8, matvec_i8_pair, shift_in_place,
};

/// A matrix of the file. Absent matrices have no rows and do nothing.
#[derive(Clone, Copy)]
pub struct Matrix<'m> {
    weights: Weights<'m>,
    multiplier: &'m [i32],
    bias: &'m [i32],
    desc: TensorDesc,
}

impl core::fmt::Debug for Matrix<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
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
            return Self::I4(I4Matrix::new(cast(bytes), desc.cols as usize));
        }
        Self::I8(I8Matrix::new(
            cast(bytes),
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

/// A vector that a matrix multiplies, and the place of the result: padded rows.
pub(crate) struct Product<'a> {
    pub input: &'a Activation<'a>,
    pub out: &'a mut [i32],
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
    /// is the input in the units that the multipliers were made for.
    pub(crate) fn apply(&self, product: Product) {
        self.weights
            .times(product.input.values, self.multiplier, product.out);
        self.finish(product.input.exponent, self.bias, product.out);
    }

    /// [`Matrix::apply`] for each of the first `count` lanes, whose inputs are `joined` where they
    /// are two.
    pub(crate) fn apply_each(
        &self,
        count: LaneCount,
        mut products: [Product; LANES],
        joined: &[i16],
    ) {
        match (&self.weights, &mut products[..]) {
            (Weights::I8(w), [first, second]) if count.get() > 1 => {
                let joined = part(joined, ..LANES * pad_cols(self.desc.cols as usize));
                let outs = [&mut *first.out, &mut *second.out];
                matvec_i8_pair(w, joined, self.multiplier, outs);
            }
            (weights, products) => {
                for product in products.iter_mut().take(count.get()) {
                    weights.times(product.input.values, self.multiplier, product.out);
                }
            }
        }
        for product in products.into_iter().take(count.get()) {
            self.finish(product.input.exponent, self.bias, product.out);
        }
    }

    /// [`Matrix::apply`] for rows `start..start + len`; `start` is a multiple of 4.
    pub(crate) fn apply_rows(&self, start: usize, len: usize, x: &[i16], out: &mut [i32]) {
        let padded = len.next_multiple_of(PANEL);
        // Of a matrix without biases there are none.
        let rows =
            |all: &'m [i32]| part(all, start.min(all.len())..(start + padded).min(all.len()));
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
