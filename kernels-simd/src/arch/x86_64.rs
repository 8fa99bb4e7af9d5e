//! x86-64 with AVX2, chosen at run time.
#![allow(unsafe_code, reason = "intrinsics; every block states why it is sound")]

use crate::fixed::mulhr;
use crate::scalar::matrix::{I8Matrix, PANEL, RUN};
use core::arch::x86_64::*;

/// Whether this processor has what the functions below need.
pub fn available() -> bool {
    std::arch::is_x86_feature_detected!("avx2")
}

/// [`crate::scalar::matrix::matvec_i8`] with AVX2: a vector holds a run of both pairs of rows.
///
/// # Safety
/// The processor has AVX2 ([`available`]).
#[target_feature(enable = "avx2")]
pub unsafe fn matvec_i8(w: &I8Matrix, x: &[i16], multiplier: &[i32], out: &mut [i32]) {
    for ((panel, m), out) in w.panels().zip(multiplier.chunks_exact(PANEL)).zip(out.chunks_exact_mut(PANEL)) {
        let mut low = _mm256_setzero_si256();
        let mut total = _mm256_setzero_si256();
        for (block, x) in panel.chunks(PANEL / 2 * w.block()).zip(x.chunks(w.block())) {
            // Two independent sums each, to hide the latency of the additions.
            let (mut both, mut both2) = (_mm256_setzero_si256(), _mm256_setzero_si256());
            let (mut low1, mut low2) = (_mm256_setzero_si256(), _mm256_setzero_si256());
            for (runs, x) in block.chunks_exact(2 * PANEL / 2 * RUN).zip(x.chunks_exact(2 * RUN)) {
                // SAFETY: `runs` has 32 half-words and `x` 16 elements: all four loads are inside.
                let (w1, w2, x1, x2) = unsafe {
                    (
                        _mm256_loadu_si256(runs.as_ptr().cast()),
                        _mm256_loadu_si256(runs.as_ptr().add(16).cast()),
                        _mm256_broadcastsi128_si256(_mm_loadu_si128(x.as_ptr().cast())),
                        _mm256_broadcastsi128_si256(_mm_loadu_si128(x.as_ptr().add(8).cast())),
                    )
                };
                let low_bytes = |w| _mm256_srai_epi16::<8>(_mm256_slli_epi16::<8>(w));
                both = _mm256_add_epi32(both, _mm256_madd_epi16(w1, x1));
                both2 = _mm256_add_epi32(both2, _mm256_madd_epi16(w2, x2));
                low1 = _mm256_add_epi32(low1, _mm256_madd_epi16(low_bytes(w1), x1));
                low2 = _mm256_add_epi32(low2, _mm256_madd_epi16(low_bytes(w2), x2));
            }
            // In 32 bits 256·D₁ of a lane is exact, since |D₁| < 2^23 over any part of a block.
            let block_low = _mm256_add_epi32(low1, low2);
            let high = _mm256_sub_epi32(_mm256_add_epi32(both, both2), block_low);
            total = _mm256_add_epi32(total, _mm256_srai_epi32::<8>(high));
            low = _mm256_add_epi32(low, block_low);
        }
        let (mut lows, mut highs) = ([0i32; 8], [0i32; 8]);
        // SAFETY: each array has the 32 bytes that are stored.
        unsafe {
            _mm256_storeu_si256(lows.as_mut_ptr().cast(), low);
            _mm256_storeu_si256(highs.as_mut_ptr().cast(), total);
        }
        let sum = |lanes: &[i32]| lanes.iter().fold(0i32, |sum, &lane| sum.wrapping_add(lane));
        let acc = [sum(&lows[..4]), sum(&highs[..4]), sum(&lows[4..]), sum(&highs[4..])];
        for ((out, acc), m) in out.iter_mut().zip(acc).zip(m) {
            *out = mulhr(acc, *m);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scalar;
    use std::{vec, vec::Vec};

    #[test]
    fn equals_the_oracle() {
        if !available() {
            std::eprintln!("skipped: this processor has no AVX2");
            return;
        }
        let mut seed = 7u32;
        let mut next = move || {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 8) as i32
        };
        for (rows, cols, block) in [(4, 16, 0), (8, 48, 16), (20, 256, 64), (4, 0, 0), (256, 112, 32), (8, 80, 48)] {
            for round in 0..20 {
                // |D₁| < 2^23 over a block: 127·x·block, x < 2^23/(127·block).
                let limit = (1 << 23) / (127 * if block == 0 { cols.max(1) } else { block }) as i32;
                let mut value = |limit: i32| {
                    let v = next();
                    if round == 0 { if v & 1 == 0 { limit } else { -limit } } else { v % (limit + 1) }
                };
                let data: Vec<i16> = (0..rows / 2 * cols).map(|_| (256 * value(127) + value(127)) as i16).collect();
                let x: Vec<i16> = (0..cols).map(|_| value(limit.min(32_767)) as i16).collect();
                let m: Vec<i32> = (0..rows).map(|_| value(i32::MAX - 1)).collect();
                let w = I8Matrix::new(&data, cols, block);
                let (mut got, mut want) = (vec![7; rows], vec![7; rows]);
                // SAFETY: checked above.
                unsafe { matvec_i8(&w, &x, &m, &mut got) };
                scalar::matrix::matvec_i8(&w, &x, &m, &mut want);
                assert_eq!(got, want, "{rows}x{cols}");
            }
        }
    }
}
