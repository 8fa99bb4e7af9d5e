//! Non-negative reals as mantissa and exponent: one per head, never per element (numerics.md N2).
//! So the operations are calls, which keeps the code of a step small.

use crate::fixed::{bit_len, mulhr, shift};

/// `mantissa · 2^exponent` with a mantissa in `[2^30, 2^31)`, or zero (N2.1).
///
/// Scales that have no fixed range (a softmax gate, 1/‖x‖, a decay since the last carry) are held
/// like this, so that none of them can leave its format. All operations truncate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Real {
    mantissa: u32,
    exponent: i32,
}

/// Exponents stay within ±2^24, far from i32's ends, so that sums of several cannot overflow.
const EXP_LIMIT: i32 = 1 << 24;

impl Real {
    /// 0.
    pub const ZERO: Real = Real {
        mantissa: 0,
        exponent: 0,
    };
    /// 1.
    pub const ONE: Real = Real {
        mantissa: 1 << 30,
        exponent: -30,
    };

    /// The normalised value of `value · 2^exponent`, truncated to 31 bits (N2.2).
    #[inline(never)]
    #[must_use]
    pub const fn new(value: u64, exponent: i32) -> Real {
        if value == 0 {
            return Real::ZERO;
        }
        let up = value.leading_zeros() as i32 - 33; // bring the leading one to bit 30
        let mantissa = if up >= 0 { value << up } else { value >> -up };
        Real {
            mantissa: mantissa as u32,
            exponent: clamp_exponent(exponent.saturating_sub(up)),
        }
    }

    /// `mantissa · 2^exponent` for a mantissa in `[2^30, 2^31)` or for 0·2^0, and an exponent in
    /// ±2^24: nothing to do.
    #[inline]
    #[must_use]
    pub const fn normal(mantissa: u32, exponent: i32) -> Real {
        debug_assert!(mantissa >> 30 == 1 || mantissa == 0 && exponent == 0);
        Real { mantissa, exponent }
    }

    /// 2^exponent.
    #[must_use]
    pub const fn pow2(exponent: i32) -> Real {
        Real {
            mantissa: 1 << 30,
            exponent: clamp_exponent(exponent.saturating_sub(30)),
        }
    }

    /// The mantissa, in `[2^30, 2^31)` or 0.
    #[must_use]
    pub const fn mantissa(self) -> i32 {
        self.mantissa as i32
    }

    /// The exponent; 0 for zero.
    #[must_use]
    pub const fn exponent(self) -> i32 {
        self.exponent
    }

    /// Whether the value is 0.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.mantissa == 0
    }

    /// Product (N2.3).
    #[inline(never)]
    #[must_use]
    pub const fn mul(self, other: Real) -> Real {
        let product = self.mantissa as u64 * other.mantissa as u64;
        if product == 0 {
            return Real::ZERO;
        }
        let down = if product >> 61 != 0 { 31 } else { 30 };
        Real {
            mantissa: (product >> down) as u32,
            exponent: clamp_exponent(self.exponent + other.exponent + down),
        }
    }

    /// `self · 2^n` (exact).
    #[inline(never)]
    #[must_use]
    pub const fn scale(self, n: i32) -> Real {
        if self.mantissa == 0 {
            return self;
        }
        Real {
            mantissa: self.mantissa,
            exponent: clamp_exponent(self.exponent.saturating_add(n)),
        }
    }

    /// Sum (N2.4): the smaller operand is aligned by truncation.
    #[inline(never)]
    #[must_use]
    pub const fn add(self, other: Real) -> Real {
        if self.mantissa == 0 {
            return other;
        }
        if other.mantissa == 0 {
            return self;
        }
        let (big, small) = if self.exponent >= other.exponent {
            (self, other)
        } else {
            (other, self)
        };
        let apart = (big.exponent - small.exponent) as u32;
        let addend = if apart > 31 {
            0
        } else {
            small.mantissa >> apart
        };
        let sum = big.mantissa + addend; // < 2^32
        if sum >> 31 != 0 {
            Real {
                mantissa: sum >> 1,
                exponent: clamp_exponent(big.exponent + 1),
            }
        } else {
            Real {
                mantissa: sum,
                exponent: big.exponent,
            }
        }
    }

    /// Reciprocal, `floor(2^61 / mantissa)` normalised (N2.5); exact for powers of two. 0 for 0.
    #[inline(never)]
    #[must_use]
    pub const fn recip(self) -> Real {
        if self.mantissa == 0 {
            return Real::ZERO;
        }
        // x ≈ 2^61/m = 2^30/D for D = m/2^31: 1/D in Q30, from the linear start 48/17 - 32/17·D
        // within 1/17, an error that each round of Newton's iteration x ← x·(2 - D·x)
        // squares. The exact floor is a few units away.
        let d = self.mantissa << 1;
        let mut x = 3_031_741_620 - umulh(d, 2_021_161_080);
        let mut i = 0;
        while i < 3 {
            let t = (2u32 << 30).wrapping_sub(umulh(d, x));
            x = ((x as u64 * t as u64) >> 30) as u32;
            i += 1;
        }
        let mut rest = (1i64 << 61).wrapping_sub((x as u64 * self.mantissa as u64) as i64);
        while rest < 0 {
            x -= 1;
            rest += self.mantissa as i64;
        }
        while rest >= self.mantissa as i64 {
            x += 1;
            rest -= self.mantissa as i64;
        }
        Real::new(x as u64, clamp_exponent(-61 - self.exponent))
    }

    /// `1/√self` to about 2^-29 relative, by Newton's iteration from a linear start (N2.6). 0 for
    /// 0.
    #[inline(never)]
    #[must_use]
    pub const fn rsqrt(self) -> Real {
        if self.mantissa == 0 {
            return Real::ZERO;
        }
        // self = u·2^e with u = m/2^32 in [1/4, 1) and e even.
        let odd = (self.exponent & 1) as u32;
        let u = self.mantissa << odd;
        let e = self.exponent - odd as i32 + 32;
        // r ≈ 1/√u in [1, 2], Q30. Start: 2.134 - 1.22·u, within 8.7 %.
        let mut r = 2_291_365_052u32 - umulh(u, 1_309_965_025);
        let mut i = 0;
        while i < 4 {
            // r ← r·(3 - u·r²)/2
            let r2 = umulh(r, r); // Q28
            let ur2 = umulh(u, r2); // Q28, near 2^28
            let t = (3u32 << 28).wrapping_sub(ur2); // Q28, near 2·2^28
            r = ((r as u64 * t as u64) >> 29) as u32; // Q58 to Q30, and the half
            i += 1;
        }
        Real::new(r as u64, -30 - e / 2)
    }

    /// Multiplies a vector: `out_j = shift(mulhr(x_j << up, mantissa), exponent + 32 - up + frac)`
    /// (N2.7), where `up` (in ±32) left-aligns the vector (`|x_j| << up < 2^30`, see [`align`]).
    /// The result is `x·self·2^frac`.
    #[inline(never)]
    #[must_use]
    pub const fn applied(self, up: i32, frac: i32) -> Apply {
        Apply {
            up,
            mantissa: self.mantissa as i32,
            post: clamp_exponent((self.exponent + 32 - up).saturating_add(frac)),
        }
    }

    /// `round(value·self·2^frac)` saturated to u32 (N2.8).
    #[must_use]
    pub const fn times(self, value: u32, frac: i32) -> u32 {
        let product = value as u64 * self.mantissa as u64;
        let n = self.exponent as i64 + frac as i64;
        if product == 0 || n < -63 {
            0
        } else if n < 0 {
            let half = 1u64 << (-n - 1);
            let rounded = (product + half) >> -n; // product < 2^63
            if rounded > u32::MAX as u64 {
                u32::MAX
            } else {
                rounded as u32
            }
        } else if n >= 32 || product >> (32 - n) != 0 {
            u32::MAX
        } else {
            (product << n) as u32
        }
    }
}

/// A [`Real`] made ready to multiply many elements: see [`Real::applied`].
#[derive(Clone, Copy, Debug)]
pub struct Apply {
    pub(crate) up: i32,
    pub(crate) mantissa: i32,
    /// The final shift; at most 0 keeps every result below 2^29.
    pub post: i32,
}

impl Apply {
    /// One element (N2.7).
    #[inline(always)]
    #[must_use]
    pub const fn to(self, x: i32) -> i32 {
        shift(mulhr(shift(x, self.up), self.mantissa), self.post)
    }

    /// The same with a further shift of the result by `2^n`.
    #[must_use]
    pub const fn scaled(self, n: i32) -> Apply {
        Apply {
            post: clamp_exponent(self.post.saturating_add(n)),
            ..self
        }
    }
}

/// The left-alignment of a vector whose magnitude mask is `mask`: `mask << up` is in `[2^29, 2^30)`
/// (N2.9). Negative for masks of 31 or 32 bits.
#[inline]
#[must_use]
pub const fn align(mask: u32) -> i32 {
    30 - bit_len(mask)
}

const fn umulh(a: u32, b: u32) -> u32 {
    ((a as u64 * b as u64) >> 32) as u32
}

const fn clamp_exponent(e: i32) -> i32 {
    if e > EXP_LIMIT {
        EXP_LIMIT
    } else if e < -EXP_LIMIT {
        -EXP_LIMIT
    } else {
        e
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::vec::Vec;

    fn f(r: Real) -> f64 {
        f64::from(r.mantissa) * f64::powi(2.0, r.exponent)
    }

    fn samples() -> Vec<Real> {
        let mut seed = 1u64;
        let mut out = std::vec![
            Real::ONE,
            Real::new(3, 0),
            Real::new(u64::MAX, -64),
            Real::new(1 << 30, 1)
        ];
        for _ in 0..20_000 {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            out.push(Real::new(seed >> (seed >> 58), (seed & 63) as i32 - 32));
        }
        out.push(Real {
            mantissa: (1 << 31) - 1,
            exponent: 0,
        });
        out.push(Real {
            mantissa: (1 << 31) - 1,
            exponent: 1,
        });
        out
    }

    #[test]
    fn operations_match_real_arithmetic() {
        let s = samples();
        for w in s.windows(2) {
            let (a, b) = (w[0], w[1]);
            for (got, want, tol) in [
                (a.mul(b), f(a) * f(b), 2e-9),
                (a.add(b), f(a) + f(b), 2e-9),
                (a.recip(), 1.0 / f(a), 2e-9),
                (a.rsqrt(), 1.0 / f(a).sqrt(), 4e-9),
            ] {
                assert!(
                    (f(got) / want - 1.0).abs() < tol,
                    "{a:?} {b:?} {got:?} {want}"
                );
                assert!(got.mantissa >> 30 == 1, "normalised: {got:?}");
            }
        }
    }

    #[test]
    fn reciprocals_are_floors() {
        for m in
            (1u32 << 30..1 << 31)
                .step_by(99_991)
                .chain([(1 << 30) + 1, (1 << 31) - 1, 0x5a82_799a])
        {
            let got = Real::normal(m, 0).recip();
            assert_eq!(got, Real::new((1 << 61) / u64::from(m), -61), "{m}");
        }
    }

    #[test]
    fn reciprocals_of_powers_of_two_are_exact() {
        for e in -40..40 {
            assert_eq!(Real::pow2(e).recip(), Real::pow2(-e));
        }
        assert_eq!(Real::ZERO.recip(), Real::ZERO);
        assert_eq!(Real::ZERO.rsqrt(), Real::ZERO);
    }

    #[test]
    fn apply_multiplies_vectors() {
        for r in samples().into_iter().step_by(7) {
            for x in [1i32, -5, 1000, -30_000, 1 << 29, i32::MAX, i32::MIN] {
                let up = align(x.unsigned_abs());
                let n = 27 - (f(r) * f64::from(x.unsigned_abs())).log2().floor() as i32;
                let got = f64::from(r.applied(up, n).to(x));
                let want = f(r) * f64::from(x) * f64::powi(2.0, n);
                assert!((got - want).abs() <= 1.6, "{r:?} {x} {got} {want}");
            }
        }
    }

    #[test]
    fn times_rounds_and_saturates() {
        assert_eq!(Real::ONE.times(7, 0), 7);
        assert_eq!(Real::pow2(-1).times(7, 0), 4);
        assert_eq!(Real::pow2(-70).times(u32::MAX, 0), 0);
        assert_eq!(Real::pow2(1).times(u32::MAX, 0), u32::MAX);
        assert_eq!(Real::pow2(90).times(1, 0), u32::MAX);
        assert_eq!(Real::new(3, 0).times(1 << 27, 2), 3 << 29);
    }
}
