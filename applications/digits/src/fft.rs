//! The power spectrum of 256 real values by a complex transform of 128 points (docs/frontend.md
//! M3).

use crate::tables::CIRCLE_Q31;
use sla_kernels::fixed::{mulhr, round_shr};

/// Real values of a transform.
pub const LEN: usize = 256;
/// Complex points that they are packed into.
pub const POINTS: usize = LEN / 2;
/// Bits that a power is cut by (M3.4).
const POWER_SHIFT: u32 = 12;

/// A complex integer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Complex {
    /// Real part.
    pub re: i32,
    /// Imaginary part.
    pub im: i32,
}

impl Complex {
    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        Self {
            re: self.re.wrapping_add(other.re),
            im: self.im.wrapping_add(other.im),
        }
    }

    #[inline(always)]
    fn minus(self, other: Self) -> Self {
        Self {
            re: self.re.wrapping_sub(other.re),
            im: self.im.wrapping_sub(other.im),
        }
    }

    /// Times -i.
    #[inline(always)]
    fn turned_back(self) -> Self {
        Self {
            re: self.im,
            im: self.re.wrapping_neg(),
        }
    }

    /// Half of `self·(cos - i·sin)`, each product rounded by itself (M3.2).
    #[inline(always)]
    fn half_turned(self, (cos, sin): (i32, i32)) -> Self {
        Self {
            re: mulhr(self.re, cos).wrapping_add(mulhr(self.im, sin)),
            im: mulhr(self.im, cos).wrapping_sub(mulhr(self.re, sin)),
        }
    }

    /// `(re² + im²) / 2^12`, floor (M3.4).
    #[inline(always)]
    fn power(self) -> u64 {
        let square = |x: i32| (i64::from(x) * i64::from(x)) as u64;
        (square(self.re) + square(self.im)) >> POWER_SHIFT
    }
}

/// In place, decimation in frequency: `Z_k` ends at the index that is k with its 7 bits reversed
/// (M3.2).
///
/// Needs Σ|re| + |im| < 2^30 - 2^15: every value on the way is a part of such a sum, and twice it
/// fits 32 bits.
pub fn transform(z: &mut [Complex; POINTS]) {
    for half in [64, 32, 16, 8, 4] {
        stage(z, half);
    }
    // The last two stages turn by quarters only: exact.
    let (quads, _) = z.as_chunks_mut::<4>();
    for [a, b, c, d] in quads {
        let (even, odd) = (a.plus(*c), b.plus(*d));
        let (even_rest, odd_rest) = (a.minus(*c), b.minus(*d).turned_back());
        (*a, *b) = (even.plus(odd), even.minus(odd));
        (*c, *d) = (even_rest.plus(odd_rest), even_rest.minus(odd_rest));
    }
}

/// Blocks of 2·half values, whose second halves are turned.
fn stage(z: &mut [Complex; POINTS], half: usize) {
    // Neither is 0, which the compiler does not see.
    let (block_len, step) = ((2 * half).max(1), (POINTS / half.max(1)).max(1));
    for block in z.chunks_exact_mut(block_len) {
        let (low, high) = block.split_at_mut_checked(half).unwrap_or_default();
        for ((a, b), &turn) in low
            .iter_mut()
            .zip(high)
            .zip(CIRCLE_Q31.iter().step_by(step))
        {
            let d = a.minus(*b);
            *a = a.plus(*b);
            *b = Complex {
                re: d.re.wrapping_shl(1),
                im: d.im.wrapping_shl(1),
            }
            .half_turned(turn);
        }
    }
}

/// P_k for k = 1…127 (M3.4) of the 256 real values that were packed into what [`transform`] made
/// `z` of; P_0 is left alone.
pub fn powers(z: &[Complex; POINTS], powers: &mut [u64; POINTS]) {
    let at = |k: usize| {
        z.get((k as u32).reverse_bits() as usize >> 25)
            .copied()
            .unwrap_or_default()
    };
    for (k, &turn) in CIRCLE_Q31.iter().enumerate().take(POINTS / 2 + 1).skip(1) {
        let (a, b) = (at(k), at(POINTS - k));
        let b = Complex {
            re: b.re,
            im: b.im.wrapping_neg(),
        };
        let (sum, difference) = (a.plus(b), a.minus(b));
        let even = Complex {
            re: round_shr(sum.re, 1),
            im: round_shr(sum.im, 1),
        };
        let odd = difference.half_turned(turn).turned_back();
        // For k = 64 both are the same bin; M3.3 takes the sum, which is written last.
        if let Some(power) = powers.get_mut(POINTS - k) {
            *power = even.minus(odd).power();
        }
        if let Some(power) = powers.get_mut(k) {
            *power = even.plus(odd).power();
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use core::f64::consts::TAU;
    use std::vec::Vec;

    /// |X_k|² of M3's definition.
    fn naive(x: &[i32], k: usize) -> f64 {
        let turn = |n: usize| TAU * ((k * n) % LEN) as f64 / LEN as f64;
        let (re, im) = x.iter().enumerate().fold((0.0, 0.0), |(re, im), (n, &x)| {
            (
                re + f64::from(x) * turn(n).cos(),
                im - f64::from(x) * turn(n).sin(),
            )
        });
        re * re + im * im
    }

    fn fixed(x: &[i32]) -> [u64; POINTS] {
        let mut z = core::array::from_fn(|n| Complex {
            re: x[2 * n],
            im: x[2 * n + 1],
        });
        transform(&mut z);
        let mut out = [0; POINTS];
        powers(&z, &mut out);
        out
    }

    #[test]
    fn powers_are_those_of_the_definition() {
        // The largest sum that M2 can make, as DC, alternation, square waves and noise; and small
        // noise.
        let peak = 32_768 * 255 / 2;
        let mut noise = 1u32;
        let mut random = |bits: u32| {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (noise as i32) >> (32 - bits)
        };
        let mut signals: Vec<Vec<i32>> = [1, 2, 3, 5, 16, 37, 64, 128, 256]
            .map(|half| {
                (0..LEN)
                    .map(|n| if n / half % 2 == 0 { peak } else { -peak })
                    .collect()
            })
            .to_vec();
        signals.extend([8, 16, 23].map(|bits| (0..LEN).map(|_| random(bits)).collect()));
        signals.push((0..LEN).map(|n| if n == 77 { peak } else { 0 }).collect());
        for x in &signals {
            let got = fixed(x);
            for (k, &got) in got.iter().enumerate().skip(1) {
                let (want, got) = (naive(x, k).sqrt(), (got as f64 * 4096.0).sqrt());
                // 64 for the cut power of 0, and rounding: a tenth of a sample's unit is 26.
                assert!(
                    (got - want).abs() <= 26.0 + 64.0 * f64::from(want < 256.0),
                    "{k}: {got} {want}"
                );
            }
        }
    }
}
