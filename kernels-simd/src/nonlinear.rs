//! The nonlinear functions of the token path: table and linear interpolation (numerics.md N3).

use crate::fixed::{mulhr, round_shr};
use crate::tables::{EXP2_Q30, SIGMOID_Q31, SINE_Q31, SOFTPLUS_Q27};

/// Fraction bits of the arguments of [`sigmoid`], [`silu`] and [`softplus`] (N3.1).
pub const ARG_FRAC: u32 = 16;
/// Fraction bits of [`silu`]'s result (N3.3).
pub const SILU_FRAC: i32 = 15;
/// Fraction bits of log2-decays and their carries (N3.5).
pub const DECAY_FRAC: u32 = 27;

/// Reads a falling table over `[0, 16]` in steps of 1/32 at `t` ≥ 0 in Q16; 0 from 16 on.
#[inline(always)]
fn falling(table: &[u32; 513], t: u32) -> u32 {
    if t >= 16 << ARG_FRAC {
        return 0;
    }
    let index = (t >> 11) as usize; // below 512
    let (a, b) = (table[index], table[index + 1]);
    a - umulh(a - b, (t & 0x7ff) << 21)
}

/// σ(t) in Q31, capped at 2^31 - 1, for `t` in Q16 (N3.2). Error below 1.3e-5.
#[inline]
#[must_use]
pub fn sigmoid(t: i32) -> i32 {
    let low = falling(&SIGMOID_Q31, t.unsigned_abs());
    let value = if t < 0 {
        low
    } else {
        (1u32 << 31).wrapping_sub(low)
    };
    if value > i32::MAX as u32 {
        i32::MAX
    } else {
        value as i32
    }
}

/// silu(t) = t·σ(t) in Q15 for `t` in Q16 (N3.3).
#[inline]
#[must_use]
pub fn silu(t: i32) -> i32 {
    mulhr(t, sigmoid(t))
}

/// ln(1 + e^t) as its two parts, `(max(t, 0) in Q16, ln(1 + e^-|t|) in Q27)` (N3.4).
#[inline]
#[must_use]
pub fn softplus(t: i32) -> (u32, u32) {
    (t.max(0) as u32, falling(&SOFTPLUS_Q27, t.unsigned_abs()))
}

/// 2^x in Q30, in `[2^30, 2^31)`, for a fraction `x` in Q27, `x < 2^27` (N3.5; the integer part is
/// ignored).
#[inline]
#[must_use]
pub fn exp2(x: u32) -> u32 {
    let index = ((x >> 19) & 0xff) as usize;
    let (a, b) = (EXP2_Q30[index], EXP2_Q30[index + 1]);
    a + umulh(b - a, (x & 0x7_ffff) << 13)
}

/// 2^-x in Q31, in `(2^30, 2^31)`, for a fraction `x` in Q27 (N3.6); 2^31 - 1 at 0.
#[inline]
#[must_use]
pub fn exp2_neg(x: u32) -> u32 {
    let x = x & ((1 << DECAY_FRAC) - 1);
    if x == 0 {
        i32::MAX as u32
    } else {
        exp2((1 << DECAY_FRAC) - x)
    }
}

/// (cos, sin) of `phase` turns·2^32 in Q31 (N3.7). Error below 5e-6.
#[inline]
#[must_use]
pub fn cos_sin(phase: u32) -> (i32, i32) {
    (sine(phase.wrapping_add(1 << 30)), sine(phase))
}

fn sine(phase: u32) -> i32 {
    let quarter = phase & 0x3fff_ffff;
    let x = if phase & 0x4000_0000 != 0 {
        0x4000_0000 - quarter
    } else {
        quarter
    };
    let index = (x >> 22) as usize;
    let value = match (SINE_Q31.get(index), SINE_Q31.get(index + 1)) {
        (Some(&a), Some(&b)) => a.wrapping_add(umulh(b.wrapping_sub(a), (x & 0x3f_ffff) << 10)),
        _ => i32::MAX as u32, // x is a full quarter
    } as i32;
    if phase >> 31 != 0 { -value } else { value }
}

/// `2^-below` in Q30 for `below` in Q16 (N4.1).
#[inline]
#[must_use]
pub fn exp2_below(below: u32) -> u32 {
    let value = exp2_neg((below & 0xffff) << 11);
    // Q31 to Q30 and the integer part in one rounding shift; below 2^-31 the weight is 0.
    let n = (below >> 16).saturating_add(1);
    if below == 0 {
        1 << 30
    } else {
        round_shr(value as i32, n.min(32)) as u32
    }
}

#[inline(always)]
fn umulh(a: u32, b: u32) -> u32 {
    ((u64::from(a) * u64::from(b)) >> 32) as u32
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use core::f64::consts::TAU;

    fn q(x: i32) -> f64 {
        f64::from(x) / 2f64.powi(16)
    }

    /// Every 7th argument in ±18 and the ends.
    fn arguments() -> impl Iterator<Item = i32> {
        (-18 << 16..18 << 16)
            .step_by(7)
            .chain([i32::MIN, i32::MIN + 1, i32::MAX, 0, -1, 1])
    }

    #[test]
    fn sigmoid_and_silu_follow_their_formulas() {
        let mut last = 0;
        for t in (i32::MIN..i32::MIN + 9).chain((-18 << 16..18 << 16).step_by(7)) {
            let s = sigmoid(t);
            assert!(s >= last, "monotone at {t}");
            last = s;
        }
        for t in arguments() {
            let s = 1.0 / (1.0 + (-q(t)).exp());
            assert!(
                (f64::from(sigmoid(t)) / 2f64.powi(31) - s).abs() < 1.3e-5,
                "{t}"
            );
            let got = f64::from(silu(t)) / 2f64.powi(15);
            assert!(
                (got - q(t) * s).abs() < 2e-5 + 4e-5 * q(t).abs().min(16.0),
                "{t} {got}"
            );
        }
    }

    #[test]
    fn softplus_follows_its_formula() {
        for t in arguments() {
            let (linear, rest) = softplus(t);
            let got = f64::from(linear) / 2f64.powi(16) + f64::from(rest) / 2f64.powi(27);
            let want = q(t).max(0.0) + (-q(t).abs()).exp().ln_1p();
            let bound = 1.3e-4 * (-q(t).abs()).exp().ln_1p() + 1.3e-7;
            assert!((got - want).abs() < bound, "{t} {got} {want}");
        }
    }

    #[test]
    fn exponentials_follow_their_formulas() {
        for x in (0..1u32 << 27).step_by(1021).chain([0, 1, (1 << 27) - 1]) {
            let want = (f64::from(x) / 2f64.powi(27)).exp2();
            let up = f64::from(exp2(x)) / 2f64.powi(30);
            let down = f64::from(exp2_neg(x)) / 2f64.powi(31);
            assert!(
                (up / want - 1.0).abs() < 1e-6 && (1 << 30..1 << 31).contains(&exp2(x)),
                "{x}"
            );
            assert!(
                (down * want - 1.0).abs() < 1e-6 && exp2_neg(x) < 1 << 31,
                "{x}"
            );
        }
        let mut last = 0;
        for t in (-34 << 16..=0).step_by(3) {
            let e = exp2_below(-t as u32);
            assert!(e >= last, "monotone at {t}");
            last = e;
            let want = (f64::from(t) / 65_536.0).exp2() * 2f64.powi(30);
            assert!(
                (f64::from(e) - want).abs() < 1e-6 * want + 1.0,
                "{t} {e} {want}"
            );
        }
        assert_eq!(exp2_below(0), 1 << 30);
        assert_eq!(exp2_below(u32::MAX), 0);
    }

    #[test]
    fn circle_follows_its_formula() {
        for p in
            (0..=u32::MAX - 99_991)
                .step_by(99_991)
                .chain([0, 1 << 30, 1 << 31, 3 << 30, u32::MAX])
        {
            let a = f64::from(p) / 2f64.powi(32) * TAU;
            let (c, s) = cos_sin(p);
            assert!((f64::from(c) / 2f64.powi(31) - a.cos()).abs() < 5e-6, "{p}");
            assert!((f64::from(s) / 2f64.powi(31) - a.sin()).abs() < 5e-6, "{p}");
        }
    }
}
