//! Whole-vector measurements (numerics.md N1.5, N4).

use crate::fixed::{bit_len, shift};

/// The OR of `x ^ (x >> 31)`: all |x_j| (or |x_j| - 1 for negative ones) are ≤ this (N1.5).
#[must_use]
pub fn magnitude(x: &[i32]) -> u32 {
    x.iter().fold(0, |mask, &x| mask | (x ^ (x >> 31)) as u32)
}

/// `Σ (x_j aligned to 24 bits)²` for a vector with magnitude mask `mask`: element j enters as
/// `shift(x_j, 24 - bit_len(mask))` (N4.2). Exact for up to 2^15 elements.
#[must_use]
pub fn sum_squares(x: &[i32], mask: u32) -> u64 {
    let up = 24 - bit_len(mask);
    x.iter().fold(0u64, |sum, &x| {
        let x = i64::from(shift(x, up));
        sum.wrapping_add((x * x) as u64)
    })
}
