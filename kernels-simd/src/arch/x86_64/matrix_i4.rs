//! int4 matrix with group scales times int16 vector.

use crate::fixed::mulhr;
use crate::scalar::matrix::PANEL;
use crate::scalar::matrix_i4::{GROUP, GROUP_WORDS, I4Matrix, ZERO};
use core::arch::x86_64::*;

/// [`crate::scalar::matrix_i4::matvec_i4`] with AVX2: a vector holds two runs, a lane a row of one
/// of them.
///
/// # Safety
/// The processor has AVX2.
#[target_feature(enable = "avx2")]
pub unsafe fn matvec_i4(w: &I4Matrix, x: &[i16], multiplier: &[i32], out: &mut [i32]) {
    let mask = _mm256_set1_epi32(0x000f_000f);
    for ((panel, m), out) in w
        .panels()
        .zip(multiplier.chunks_exact(PANEL))
        .zip(out.chunks_exact_mut(PANEL))
    {
        let mut total = _mm_setzero_si128();
        for (group, x) in panel.chunks_exact(GROUP_WORDS).zip(x.chunks_exact(GROUP)) {
            let (mut sums, mut ones) = (_mm256_setzero_si256(), _mm256_setzero_si256());
            for (words, x) in group.chunks_exact(2 * PANEL).zip(x.chunks_exact(GROUP / 2)) {
                // SAFETY: `words` has 8 words and `x` 16 elements: 32 bytes each.
                let (words, x) = unsafe {
                    (
                        _mm256_loadu_si256(words.as_ptr().cast()),
                        _mm256_loadu_si256(x.as_ptr().cast()),
                    )
                };
                ones = _mm256_add_epi32(ones, _mm256_madd_epi16(x, _mm256_set1_epi16(1)));
                let products = [
                    _mm256_madd_epi16(
                        _mm256_and_si256(words, mask),
                        _mm256_shuffle_epi32::<0x00>(x),
                    ),
                    _mm256_madd_epi16(
                        _mm256_and_si256(_mm256_srli_epi32::<4>(words), mask),
                        _mm256_shuffle_epi32::<0x55>(x),
                    ),
                    _mm256_madd_epi16(
                        _mm256_and_si256(_mm256_srli_epi32::<8>(words), mask),
                        _mm256_shuffle_epi32::<0xaa>(x),
                    ),
                    _mm256_madd_epi16(
                        _mm256_and_si256(_mm256_srli_epi32::<12>(words), mask),
                        _mm256_shuffle_epi32::<0xff>(x),
                    ),
                ];
                for product in products {
                    sums = _mm256_add_epi32(sums, product);
                }
            }
            let halves =
                |v| _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256::<1>(v));
            let ones = halves(ones);
            let ones = _mm_add_epi32(ones, _mm_shuffle_epi32::<0x4e>(ones));
            let ones = _mm_add_epi32(ones, _mm_shuffle_epi32::<0xb1>(ones));
            let sums = _mm_sub_epi32(halves(sums), _mm_mullo_epi32(ones, _mm_set1_epi32(ZERO)));
            let scales = group.last().map_or(0, |&s| s as i32);
            total = _mm_add_epi32(
                total,
                _mm_mullo_epi32(sums, _mm_cvtepu8_epi32(_mm_cvtsi32_si128(scales))),
            );
        }
        let mut acc = [0i32; PANEL];
        // SAFETY: the array has the 16 bytes that are stored.
        unsafe { _mm_storeu_si128(acc.as_mut_ptr().cast(), total) };
        for ((out, acc), m) in out.iter_mut().zip(acc).zip(m) {
            *out = mulhr(acc, *m);
        }
    }
}
