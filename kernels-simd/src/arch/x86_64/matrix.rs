//! int8 matrix times int16 vector (numerics.md N5).

use super::{mulhr, odd};
use crate::fixed;
use crate::scalar::matrix::{I8Matrix, PANEL, RUN, TILE};
use core::arch::x86_64::*;

/// Bytes of weights that are asked for ahead of their use. The stream crosses pages, where the
/// processor's own prefetcher stops.
const AHEAD: usize = 2048;

/// [`crate::scalar::matrix::matvec_i8`] with AVX2, two panels at a time.
#[target_feature(enable = "avx2")]
pub fn matvec_i8(w: &I8Matrix, x: &[i16], multiplier: &[i32], out: &mut [i32]) {
    let (two, len) = (2 * PANEL, w.panel_len().max(1));
    let rows = (w.data().len() / len * PANEL)
        .min(multiplier.len())
        .min(out.len());
    let mut row = 0;
    while row + two <= rows {
        let [first, second] = sums::<2>(w, &w.data()[row / PANEL * len..], x);
        // Pairs of rows of both panels come one after the other: (0, 1, 4, 5, 2, 3, 6, 7).
        let acc = _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_hadd_epi32(first, second));
        let (m, out) = (&multiplier[row..row + two], &mut out[row..row + two]);
        // SAFETY: `m` and `out` have the eight elements of a vector.
        unsafe {
            let m = _mm256_loadu_si256(m.as_ptr().cast());
            _mm256_storeu_si256(out.as_mut_ptr().cast(), mulhr(acc, odd(acc), m, odd(m)));
        }
        row += two;
    }
    if row + PANEL <= rows {
        let [sums] = sums::<1>(w, &w.data()[row / PANEL * len..], x);
        let acc = _mm256_hadd_epi32(sums, sums);
        let acc = [
            _mm256_extract_epi32::<0>(acc),
            _mm256_extract_epi32::<1>(acc),
            _mm256_extract_epi32::<4>(acc),
            _mm256_extract_epi32::<5>(acc),
        ];
        let last = multiplier[row..].iter().zip(&mut out[row..]);
        last.zip(acc)
            .for_each(|((m, out), acc)| *out = fixed::mulhr(acc, *m));
    }
}

/// For each of `N` panels the two halves of the sums of its rows: rows 0, 0, 1, 1, 2, 2, 3, 3.
#[inline]
#[target_feature(enable = "avx2")]
fn sums<const N: usize>(w: &I8Matrix, panels: &[i16], x: &[i16]) -> [__m256i; N] {
    let (cols, len) = (w.cols().min(x.len() / TILE * TILE), w.panel_len());
    assert!(panels.len() >= N * len, "N panels");
    let zero = _mm256_setzero_si256();
    let (mut low, mut high) = ([zero; N], [zero; N]);
    let mut col = 0;
    while col < cols {
        // Σh·x minus Σ(low byte)·x is 256·D₁ of this block; in 32 bits it is exact in every lane,
        // since |D₁| < 2^23 over any part of a block.
        let mut both = low;
        let end = cols.min(col.saturating_add(w.block()));
        while col < end {
            for panel in 0..N {
                // SAFETY: `col` is a multiple of 16 below the panel's `cols`, so this place is
                // inside the panel, of which there are N. A prefetch may be of any address.
                let place = unsafe {
                    let place = panels.as_ptr().add(panel * len + PANEL / 2 * col);
                    _mm_prefetch::<_MM_HINT_T0>(place.cast::<i8>().wrapping_add(AHEAD));
                    place
                };
                for run in 0..TILE / RUN {
                    // SAFETY: a tile has 16 columns, which end at or before `cols` and the length
                    // of `x`; in the panel they are two runs of 16 half-words.
                    let (w, x) = unsafe {
                        let x = _mm_loadu_si128(x.as_ptr().add(col + RUN * run).cast());
                        (
                            _mm256_loadu_si256(place.add(PANEL / 2 * RUN * run).cast()),
                            _mm256_broadcastsi128_si256(x),
                        )
                    };
                    let low_bytes = _mm256_srai_epi16::<8>(_mm256_slli_epi16::<8>(w));
                    both[panel] = _mm256_add_epi32(both[panel], _mm256_madd_epi16(w, x));
                    low[panel] = _mm256_add_epi32(low[panel], _mm256_madd_epi16(low_bytes, x));
                }
            }
            col += TILE;
        }
        for ((high, both), low) in high.iter_mut().zip(both).zip(low) {
            *high = _mm256_add_epi32(*high, _mm256_srai_epi32::<8>(_mm256_sub_epi32(both, low)));
        }
    }
    let mut sums = low;
    sums.iter_mut()
        .zip(high)
        .for_each(|(low, high)| *low = _mm256_hadd_epi32(*low, high));
    sums
}
