//! Real numbers as the file has them: powers of two, and mantissas with exponents.

use sla_format::RealBits;

/// 2^n.
pub fn pow2(n: i32) -> f64 {
    libm::ldexp(1.0, n)
}

/// The smallest e with x < 2^e.
pub fn exponent_above(x: f64) -> i32 {
    libm::frexp(x.max(f64::MIN_POSITIVE)).1
}

/// The normal form of x ≥ 0 (format.md F4.5).
pub fn real(x: f64) -> RealBits {
    if x <= 0.0 {
        return RealBits::default();
    }
    let (fraction, exponent) = libm::frexp(x); // in [1/2, 1)
    let mantissa = (fraction * pow2(31)).round();
    if mantissa >= pow2(31) {
        RealBits {
            mantissa: 1 << 30,
            exponent: exponent - 30,
        }
    } else {
        RealBits {
            mantissa: mantissa as u32,
            exponent: exponent - 31,
        }
    }
}

/// The largest |x|, at least the smallest normal number.
pub fn largest(x: &[f32]) -> f64 {
    x.iter()
        .fold(f64::MIN_POSITIVE, |m, &x| m.max(f64::from(x).abs()))
}
