//! Weights as integers: int8 with a scale a row, or int4 with a scale a group of 32 columns.
//!
//! [`Int8Rows::round`] rounds to the nearest. Everything else in here serves error-compensated
//! rounding: [`moments`] of what a matrix reads, a [`cholesky`] factor of them, [`compensate`] for
//! a row, [`sequential`] for a model, layer after layer, and [`choose`] for the bits of each
//! tensor. docs/quantization.md has the formulas and the papers.

pub mod cholesky;
pub mod choose;
pub mod compensate;
mod evidence;
mod int4;
mod int8;
mod matrix;
pub mod model;
pub mod moments;
pub mod sequential;
mod streams;

pub use int4::Int4Rows;
pub use int8::Int8Rows;
pub use matrix::{Lowered, lower_matrix, saturate};

use sla_format::TensorKind;
use sla_mapping::real::pow2;

/// Fewest bits of the length of an int16 input: below, more blocks take over.
pub const LEAST_IN_BITS: i32 = 13;

/// Bits of a weight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Bits {
    /// 4, and 8 for the scale of every 32.
    Int4,
    /// 8.
    #[default]
    Int8,
}

/// A matrix as integers, natural order, without what its recipe multiplies it by.
#[derive(Clone, Debug)]
pub enum QuantizedMatrix {
    /// One scale a row.
    Int8(Int8Rows),
    /// One scale a group of 32 columns.
    Int4(Int4Rows),
}

impl QuantizedMatrix {
    /// Columns.
    pub fn cols(&self) -> usize {
        match self {
            Self::Int8(w) => w.cols,
            Self::Int4(w) => w.cols,
        }
    }

    /// Real value of one unit, a row.
    pub fn unit(&self) -> &[f64] {
        match self {
            Self::Int8(w) => &w.scale,
            Self::Int4(w) => &w.unit,
        }
    }

    /// How the file stores it.
    pub fn kind(&self) -> TensorKind {
        match self {
            Self::Int8(_) => TensorKind::I8,
            Self::Int4(_) => TensorKind::I4,
        }
    }

    /// Calls `f(column, integer)` for a row's weights; for int4 the integers include their group's
    /// scale.
    pub fn for_each_in_row(&self, row: usize, mut f: impl FnMut(usize, i32)) {
        match self {
            Self::Int8(w) => w
                .row(row)
                .iter()
                .enumerate()
                .for_each(|(c, &q)| f(c, q.into())),
            Self::Int4(w) => w.row(row).enumerate().for_each(|(c, q)| f(c, q)),
        }
    }

    /// The largest magnitude of an integer.
    pub fn reach(&self) -> f64 {
        let mut largest = 0;
        (0..self.unit().len())
            .for_each(|r| self.for_each_in_row(r, |_, w| largest = largest.max(w.abs())));
        f64::from(largest)
    }

    /// √Σw² of each row's integers.
    pub fn lengths(&self) -> Vec<f64> {
        let rows = 0..self.unit().len();
        match self {
            Self::Int8(w) => rows
                .map(|r| length(w.row(r).iter().map(|&q| q.into())))
                .collect(),
            Self::Int4(w) => rows.map(|r| length(w.row(r))).collect(),
        }
    }

    /// The most bits of the input's length, from [`LEAST_IN_BITS`] to 15, with which every odd int8
    /// row is one block, or every int4 accumulator stays below 2^31.
    pub fn one_block_bits(&self) -> i32 {
        let fits = |bits: &i32| self.block_tiles(input_length(*bits, self.cols())) == Some(0);
        (LEAST_IN_BITS..=15)
            .rev()
            .find(fits)
            .unwrap_or(LEAST_IN_BITS)
    }

    /// `block_tiles` of the file for inputs of at most this length; `None` where no proof holds.
    fn block_tiles(&self, length: f64) -> Option<u8> {
        match self {
            Self::Int8(w) => w.block_tiles(length),
            Self::Int4(_) => self
                .lengths()
                .iter()
                .all(|l| l * length < pow2(31))
                .then_some(0),
        }
    }

    /// The elements as the file has them.
    fn pack(&self) -> Vec<u8> {
        match self {
            Self::Int8(w) => w.pack().into_iter().flat_map(i16::to_le_bytes).collect(),
            Self::Int4(w) => w.pack().into_iter().flat_map(u32::to_le_bytes).collect(),
        }
    }
}

/// The largest length of an int16 input of `bits` bits: rounding adds at most half a unit an
/// element.
fn input_length(bits: i32, cols: usize) -> f64 {
    pow2(bits) + 0.5 * (cols as f64).sqrt()
}

/// √Σw²
fn length(row: impl Iterator<Item = i32>) -> f64 {
    (row.map(|w| i64::from(w) * i64::from(w)).sum::<i64>() as f64).sqrt()
}
