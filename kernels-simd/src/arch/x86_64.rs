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
