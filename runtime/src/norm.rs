//! RMS norms as unit vectors (numerics.md N4).
//!
//! x / √(mean(x²) + ε) = √n · x / √(Σx² + n·ε): the runtime computes the unit vector u = x / √(Σx² + n·ε),
//! |u_j| ≤ 1 whatever x is, and the converter folds √n and the norm's weights into the next matrix.

use crate::scales::UNIT_FRAC;
use sla_format::RealBits;
use sla_kernels::{Apply, Real, align, fixed, magnitude, sum_squares};

pub(crate) fn real(bits: RealBits) -> Real {
    Real::new(u64::from(bits.mantissa), bits.exponent)
}

/// What turns `x` into `factor·x / √(Σ(factor·x)² + eps)` with `frac` fraction bits (N4.3), where `factor`
/// is the real value of one unit of `x`, times `gain`. `None` for a zero vector.
pub(crate) fn unit(x: &[i32], factor: Real, eps: Real, gain: Real, frac: i32) -> Option<Apply> {
    let mask = magnitude(x);
    if mask == 0 {
        return None;
    }
    let to_24 = 24 - fixed::bit_len(mask);
    let unit = factor.scale(-to_24);
    let square = Real::new(sum_squares(x, mask), 0).mul(unit).mul(unit).add(eps);
    Some(unit.mul(square.rsqrt()).mul(gain).scale(to_24).applied(align(mask), frac))
}

/// 1/√(Σ(factor·x)² + eps) (N4.4): the L2 normaliser of Gated DeltaNet's q and k.
pub(crate) fn inverse_length(x: &[i32], factor: Real, eps: Real) -> Real {
    let mask = magnitude(x);
    let unit = factor.scale(fixed::bit_len(mask) - 24);
    Real::new(sum_squares(x, mask), 0).mul(unit).mul(unit).add(eps).rsqrt()
}

/// The unit vector of the residual stream in Q14 (N4.5); the rest of `out` becomes 0.
pub(crate) fn block_norm(x: &[i32], residual_frac: i32, eps: RealBits, out: &mut [i16]) {
    out.fill(0);
    if let Some(unit) = unit(x, Real::pow2(-residual_frac), real(eps), Real::ONE, UNIT_FRAC) {
        for (out, x) in out.iter_mut().zip(x) {
            *out = unit.to(*x).clamp(-UNIT_MAX, UNIT_MAX) as i16;
        }
    }
}

/// Rounds a vector to integers of length below 2^14 with a common exponent, x ≈ out·2^exponent, and returns the
/// exponent (N5.4); the rest of `out` becomes 0.
pub(crate) fn quantize(x: &[i32], out: &mut [i16]) -> i32 {
    out.fill(0);
    let mask = magnitude(x);
    let to_24 = 24 - fixed::bit_len(mask);
    let square = sum_squares(x, mask);
    let length_bits = (64 - square.leading_zeros() as i32 + 1) >> 1; // Σ < 2^(2·length_bits)
    let exponent = length_bits - UNIT_FRAC - to_24;
    for (out, x) in out.iter_mut().zip(x) {
        *out = fixed::shift(*x, -exponent).clamp(-UNIT_MAX, UNIT_MAX) as i16;
    }
    exponent
}

/// No element of a vector of length ≤ 2^14 is larger.
const UNIT_MAX: i32 = 1 << UNIT_FRAC;
