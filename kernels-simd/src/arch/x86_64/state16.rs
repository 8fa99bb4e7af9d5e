//! The int16 state (numerics.md N6.7) with AVX2.

use crate::scalar::state16::{self, DITHER_STEP};
use core::arch::x86_64::*;

/// Words of a vector.
const LANES: usize = 8;

/// [`state16::state16_write_read`] with AVX2: a vector holds eight words of a pair of rows.
///
/// # Safety
/// The processor has AVX2 ([`super::available`]).
#[target_feature(enable = "avx2")]
pub unsafe fn state16_write_read(
    s: &mut [i32],
    shifts: &[u32],
    k: &[i32],
    v: &[i32],
    q: &[i32],
    dither: u32,
    o: &mut [i32],
) -> u32 {
    if v.len() != o.len() || !v.len().is_multiple_of(LANES) {
        return state16::state16_write_read(s, shifts, k, v, q, dither, o);
    }
    o.fill(0);
    let high = _mm256_set1_epi32(!0xffff);
    let step = DITHER_STEP as i32;
    let lanes = _mm256_mullo_epi32(
        _mm256_set1_epi32(step),
        _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7),
    );
    let mut dither = _mm256_add_epi32(_mm256_set1_epi32(dither as i32), lanes);
    let mut mask = _mm256_setzero_si256();
    let shift = |row: usize| _mm_cvtsi32_si128(shifts.get(row).map_or(0, |&n| n.min(31)) as i32);
    for (i, ((row, &k), &q)) in s.chunks_exact_mut(v.len().max(1)).zip(k).zip(q).enumerate() {
        let (n0, n1) = (shift(2 * i), shift(2 * i + 1));
        let (k0, k1) = (
            _mm256_set1_epi32(i32::from(k as i16)),
            _mm256_set1_epi32(k >> 16),
        );
        let q = _mm256_set1_epi32(q);
        let columns = row
            .chunks_exact_mut(LANES)
            .zip(v.chunks_exact(LANES))
            .zip(o.chunks_exact_mut(LANES));
        for ((s, v), o) in columns {
            // SAFETY: each chunk has the 32 bytes that are read.
            let (old, v, sum) = unsafe {
                (
                    _mm256_loadu_si256(s.as_ptr().cast()),
                    _mm256_loadu_si256(v.as_ptr().cast()),
                    _mm256_loadu_si256(o.as_ptr().cast()),
                )
            };
            let t0 = _mm256_sra_epi32(_mm256_slli_epi32::<16>(old), n0);
            let t1 = _mm256_sra_epi32(_mm256_and_si256(old, high), n1);
            let t0 = _mm256_add_epi32(
                _mm256_add_epi32(t0, _mm256_andnot_si256(high, dither)),
                mul_high(v, k0),
            );
            let t1 = _mm256_add_epi32(
                _mm256_add_epi32(t1, _mm256_srli_epi32::<16>(dither)),
                mul_high(v, k1),
            );
            let new = _mm256_blend_epi16::<0xaa>(_mm256_srli_epi32::<16>(t0), t1);
            mask = _mm256_or_si256(mask, _mm256_xor_si256(new, _mm256_srai_epi32::<1>(new)));
            // SAFETY: each chunk has the 32 bytes that are written.
            unsafe {
                _mm256_storeu_si256(s.as_mut_ptr().cast(), new);
                _mm256_storeu_si256(
                    o.as_mut_ptr().cast(),
                    _mm256_add_epi32(sum, _mm256_madd_epi16(new, q)),
                );
            }
            dither = _mm256_add_epi32(dither, _mm256_set1_epi32(step.wrapping_mul(LANES as i32)));
        }
    }
    let mut words = [0u32; LANES];
    // SAFETY: the array has the 32 bytes that are stored.
    unsafe { _mm256_storeu_si256(words.as_mut_ptr().cast(), mask) };
    let mask = words.iter().fold(0, |mask, word| mask | word);
    (mask | mask >> 16) & 0x7fff
}

/// `⌊v·k / 2^16⌋` of each lane: bits 16 to 47 of the product.
#[target_feature(enable = "avx2")]
fn mul_high(v: __m256i, k: __m256i) -> __m256i {
    let even = _mm256_srli_epi64::<16>(_mm256_mul_epi32(v, k));
    let odd = _mm256_slli_epi64::<16>(_mm256_mul_epi32(_mm256_srli_epi64::<32>(v), k));
    _mm256_blend_epi32::<0xaa>(even, odd)
}
