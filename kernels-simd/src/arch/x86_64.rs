//! x86-64 with AVX2, chosen at run time.
#![allow(unsafe_code, reason = "intrinsics; every block states why it is sound")]

use crate::fixed::mulhr;
use crate::scalar::matrix::{I8Matrix, PANEL};
use core::arch::x86_64::*;

/// Whether this processor has what the functions below need.
pub fn available() -> bool {
    std::arch::is_x86_feature_detected!("avx2")
}

/// [`crate::scalar::matrix::matvec_i8`] with AVX2.
///
/// # Safety
/// The processor has AVX2 ([`available`]).
#[target_feature(enable = "avx2")]
pub unsafe fn matvec_i8(w: &I8Matrix, x: &[i16], multiplier: &[i32], out: &mut [i32]) {
    for ((panel, m), out) in w.panels().zip(multiplier.chunks_exact(PANEL)).zip(out.chunks_exact_mut(PANEL)) {
        let mut acc = [_mm256_setzero_si256(); 4];
        // A step is 16 columns: four tiles of 16 bytes with four words of activations.
        for (tiles, x) in panel.chunks_exact(64).zip(x.chunks_exact(16)) {
            for (i, acc) in acc.iter_mut().enumerate() {
                // SAFETY: `tiles` has 64 bytes and `x` 16 elements, i < 4: both loads are inside.
                let (w, x) = unsafe {
                    (
                        _mm_loadu_si128(tiles.as_ptr().add(16 * i).cast()),
                        _mm_loadl_epi64(x.as_ptr().add(4 * i).cast()),
                    )
                };
                // Activations in the byte order of the words: 0, 2, 1, 3.
                let x = _mm_shufflelo_epi16::<0b11_01_10_00>(x);
                let pairs = _mm256_madd_epi16(_mm256_cvtepi8_epi16(w), _mm256_broadcastq_epi64(x));
                *acc = _mm256_add_epi32(*acc, pairs);
            }
        }
        let sum = _mm256_add_epi32(_mm256_add_epi32(acc[0], acc[1]), _mm256_add_epi32(acc[2], acc[3]));
        let mut lanes = [0i32; 8];
        // SAFETY: the array has the 32 bytes that are stored.
        unsafe { _mm256_storeu_si256(lanes.as_mut_ptr().cast(), sum) };
        for (r, (out, m)) in out.iter_mut().zip(m).enumerate() {
            *out = mulhr(lanes[2 * r].wrapping_add(lanes[2 * r + 1]), *m);
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
        for (rows, cols) in [(4, 16), (8, 48), (20, 256), (4, 0), (256, 112)] {
            for extreme in [false, true] {
                let mut value = |limit: i32| {
                    let v = next();
                    if extreme { if v & 1 == 0 { limit } else { -limit - 1 } } else { v % (limit + 1) }
                };
                let data: Vec<i8> = (0..rows * cols).map(|_| value(127) as i8).collect();
                let x: Vec<i16> = (0..cols).map(|_| value(32_767) as i16).collect();
                let m: Vec<i32> = (0..rows).map(|_| value(i32::MAX - 1)).collect();
                let w = I8Matrix::new(&data, cols);
                let (mut got, mut want) = (vec![7; rows], vec![7; rows]);
                // SAFETY: checked above.
                unsafe { matvec_i8(&w, &x, &m, &mut got) };
                scalar::matrix::matvec_i8(&w, &x, &m, &mut want);
                assert_eq!(got, want, "{rows}x{cols}");
            }
        }
    }
}
