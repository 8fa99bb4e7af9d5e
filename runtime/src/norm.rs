//! RMS norms as unit vectors (numerics.md N4).
//!
//! x / √(mean(x²) + ε) = √n · x / √(Σx² + n·ε): the runtime computes the unit vector u = x / √(Σx²
//! + n·ε), |u_j| ≤ 1 whatever x is, and the converter folds √n and the norm's weights into the next
//!   matrix.

use crate::workspace::Activation;
use sla_format::{ModelDesc, RealBits, pad_input};
use sla_kernels::{Apply, Real, align, apply_i16, fixed, magnitude, shift_i16, sum_squares};

/// A number of the model's description, which is in normal form.
pub(crate) fn real(bits: RealBits) -> Real {
    Real::normal(bits.mantissa, bits.exponent)
}

/// What turns `x` into `factor·x / √(Σ(factor·x)² + eps)` with `frac` fraction bits (N4.3), where
/// `factor` is the real value of one unit of `x`, times `gain`. `None` for a zero vector.
pub(crate) fn unit(x: &[i32], factor: Real, eps: Real, gain: Real, frac: i32) -> Option<Apply> {
    let mask = magnitude(x);
    if mask == 0 {
        return None;
    }
    let to_24 = 24 - fixed::bit_len(mask);
    let unit = factor.scale(-to_24);
    let square = Real::new(sum_squares(x, mask), 0)
        .mul(unit)
        .mul(unit)
        .add(eps);
    Some(
        unit.mul(square.rsqrt())
            .mul(gain)
            .scale(to_24)
            .applied(align(mask), frac),
    )
}

/// 1/√(Σ(factor·x)² + eps) (N4.4): the L2 normaliser of Gated DeltaNet's q and k.
pub(crate) fn inverse_length(x: &[i32], factor: Real, eps: Real) -> Real {
    let mask = magnitude(x);
    let unit = factor.scale(fixed::bit_len(mask) - 24);
    Real::new(sum_squares(x, mask), 0)
        .mul(unit)
        .mul(unit)
        .add(eps)
        .rsqrt()
}

/// The unit vector of the residual stream (N4.5); the rest of the last group becomes 0.
pub(crate) fn block_norm(x: &[i32], desc: &ModelDesc, out: &mut [i16]) {
    unit_i16(
        x,
        Real::pow2(-desc.residual_frac),
        real(desc.norm_eps),
        desc.unit_frac,
        out,
    );
}

/// [`unit`] without a gain, as int16; the rest of the last tile becomes 0.
pub(crate) fn unit_i16(x: &[i32], factor: Real, eps: Real, frac: i32, out: &mut [i16]) {
    match unit(x, factor, eps, Real::ONE, frac) {
        Some(unit) => apply_i16(unit, x, out),
        None => out.fill(0),
    }
    pad(x.len(), out);
}

/// Rounds a vector to integers of length below 2^bits with a common exponent, x ≈
/// values·2^exponent (N5.4); the rest of the last group becomes 0.
pub(crate) fn quantize(x: &[i32], bits: u8, out: &mut Activation) {
    let mask = magnitude(x);
    let to_24 = 24 - fixed::bit_len(mask);
    let square = sum_squares(x, mask);
    let length_bits = (64 - square.leading_zeros() as i32 + 1) >> 1; // Σ < 2^(2·length_bits)
    out.exponent = length_bits - i32::from(bits.min(15)) - to_24;
    shift_i16(x, -out.exponent, out.values);
    pad(x.len(), out.values);
}

/// Zeros from `len` to the end of the last group.
fn pad(len: usize, out: &mut [i16]) {
    if let Some(padding) = out.get_mut(len..pad_input(len)) {
        padding.fill(0);
    }
}
