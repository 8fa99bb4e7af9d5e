//! The natural logarithm of a band (docs/frontend.md M5).

use crate::tables::LN_Q27;

/// M5.1: `round(10^-6·2^49)`, what is added to a band.
pub const FLOOR: u64 = 562_949_953;
/// Fraction bits of a band (M4.3): full scale is 2^49.
const BAND_FRAC: i32 = 49;
/// `round(2^27·ln 2)`.
const LN_2_Q27: i32 = 93_032_640;

/// M5.3 of an empty band, ≈ ln 10^-6: the feature of silence.
pub const LOG_FLOOR_Q27: i32 = -1_854_287_878;

/// ln(v/2^49) in Q27 for `v` ≥ 2^28 (M5.2). Error below 3.2e-5.
#[must_use]
pub fn ln_q27(v: u64) -> i32 {
    let zeros = v.leading_zeros();
    let mantissa = (v.wrapping_shl(zeros) >> 32) as u32;
    let index = (mantissa >> 25) as usize & 63;
    let (low, high) = match (LN_Q27.get(index), LN_Q27.get(index + 1)) {
        (Some(&low), Some(&high)) => (low, high),
        _ => (0, 0),
    };
    let rest = ((u64::from(high.wrapping_sub(low)) * u64::from(mantissa << 7)) >> 32) as u32;
    let exponent = 63 - zeros as i32 - BAND_FRAC;
    exponent
        .wrapping_mul(LN_2_Q27)
        .wrapping_add(low.wrapping_add(rest) as i32)
}

#[cfg(test)]
mod tests {
    use super::*;
    extern crate std;

    #[test]
    fn the_logarithm_is_one() {
        assert_eq!(ln_q27(FLOOR), LOG_FLOOR_Q27);
        assert!((f64::from(LOG_FLOOR_Q27) / 2f64.powi(27) - 1e-6f64.ln()).abs() < 3.2e-5);
        let mut last = i32::MIN;
        let mut v = 1u64 << 28;
        while v < u64::MAX / 128 * 127 {
            let got = ln_q27(v);
            let want = (v as f64).ln() - 49.0 * core::f64::consts::LN_2;
            assert!(
                (f64::from(got) / 2f64.powi(27) - want).abs() < 3.2e-5,
                "{v}"
            );
            assert!(got >= last, "monotone at {v}");
            last = got;
            v += (v >> 13) + 1;
        }
        assert!(ln_q27(u64::MAX) > last);
    }
}
