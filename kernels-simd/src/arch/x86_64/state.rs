//! The recurrent state of one head (numerics.md N6): strips of columns, whose sums stay in
//! registers.

use super::{mulhr, odd};
use crate::fixed;
use core::arch::x86_64::*;

/// Columns of a vector.
const LANES: usize = 8;

/// [`crate::scalar::state::state_write_read`] with AVX2.
#[target_feature(enable = "avx2")]
pub fn state_write_read(
    s: &mut [i32],
    shifts: &[u32],
    k: &[i32],
    v: &[i32],
    q: &[i32],
    o: &mut [i32],
) -> u32 {
    let cols = v.len().min(o.len());
    let rows = (s.len() / v.len().max(1)).min(k.len()).min(q.len());
    let mut head = Head {
        s: &mut s[..rows * v.len()],
        shifts,
        k: &k[..rows],
        q: &q[..rows],
        v: &v[..cols],
    };
    let stride = v.len();
    let mut masks = _mm256_setzero_si256();
    let mut col = 0;
    while col + 2 * LANES <= cols {
        masks = _mm256_or_si256(masks, head.strip::<2>(stride, col, o));
        col += 2 * LANES;
    }
    if col + LANES <= cols {
        masks = _mm256_or_si256(masks, head.strip::<1>(stride, col, o));
        col += LANES;
    }
    let halves = _mm_or_si128(
        _mm256_castsi256_si128(masks),
        _mm256_extracti128_si256::<1>(masks),
    );
    let pairs = _mm_or_si128(halves, _mm_unpackhi_epi64(halves, halves));
    let mut mask = (_mm_extract_epi32::<0>(pairs) | _mm_extract_epi32::<1>(pairs)) as u32;
    for (col, o) in o.iter_mut().enumerate().take(cols).skip(col) {
        mask |= head.column(stride, col, o);
    }
    fixed::ones(mask)
}

/// What a write and read takes: `k`, `q` and the rows of `s` are equally many.
struct Head<'a> {
    s: &'a mut [i32],
    shifts: &'a [u32],
    k: &'a [i32],
    q: &'a [i32],
    v: &'a [i32],
}

impl Head<'_> {
    /// `N` vectors of columns from `col` on; the lanes' magnitude masks. `stride` is the length of
    /// a row.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn strip<const N: usize>(&mut self, stride: usize, col: usize, o: &mut [i32]) -> __m256i {
        let zero = _mm256_setzero_si256();
        let (mut v, mut sums, mut masks) = ([zero; N], [zero; N], zero);
        for (v, x) in v.iter_mut().zip(self.v[col..].chunks_exact(LANES)) {
            // SAFETY: a chunk has as many elements as a vector.
            *v = unsafe { _mm256_loadu_si256(x.as_ptr().cast()) };
        }
        let shifts = self.shifts.iter().copied().chain(core::iter::repeat(0));
        for (((row, &k), &q), n) in self
            .s
            .chunks_exact_mut(stride)
            .zip(self.k)
            .zip(self.q)
            .zip(shifts)
        {
            let (k, q) = (_mm256_set1_epi32(k), _mm256_set1_epi32(q));
            let row = &mut row[col..][..N * LANES];
            for i in 0..N {
                let place = &mut row[i * LANES..][..LANES];
                // SAFETY: the slice has as many elements as a vector.
                let mut s = unsafe { _mm256_loadu_si256(place.as_ptr().cast()) };
                if n > 0 {
                    s = round_shr(s, n);
                }
                s = _mm256_add_epi32(s, mulhr(v[i], odd(v[i]), k, k));
                // SAFETY: as above.
                unsafe { _mm256_storeu_si256(place.as_mut_ptr().cast(), s) };
                sums[i] = _mm256_add_epi32(sums[i], mulhr(s, odd(s), q, q));
                masks = _mm256_or_si256(masks, _mm256_xor_si256(s, _mm256_srai_epi32::<31>(s)));
            }
        }
        for (o, sum) in o[col..].chunks_exact_mut(LANES).zip(sums) {
            // SAFETY: a chunk has as many elements as a vector.
            unsafe { _mm256_storeu_si256(o.as_mut_ptr().cast(), sum) };
        }
        masks
    }

    /// One column; its magnitude mask.
    fn column(&mut self, stride: usize, col: usize, o: &mut i32) -> u32 {
        let (mut sum, mut mask) = (0i32, 0);
        let shifts = self.shifts.iter().copied().chain(core::iter::repeat(0));
        for (((row, &k), &q), n) in self
            .s
            .chunks_exact_mut(stride)
            .zip(self.k)
            .zip(self.q)
            .zip(shifts)
        {
            let s = &mut row[col];
            *s = fixed::round_shr(*s, n).wrapping_add(fixed::mulhr(k, self.v[col]));
            sum = sum.wrapping_add(fixed::mulhr(*s, q));
            mask |= (*s ^ (*s >> 31)) as u32;
        }
        *o = sum;
        mask
    }
}

/// [`fixed::round_shr`] of each lane, n > 0.
#[inline]
#[target_feature(enable = "avx2")]
fn round_shr(x: __m256i, n: u32) -> __m256i {
    if n > 31 {
        return _mm256_setzero_si256();
    }
    let count = |n: u32| _mm_cvtsi32_si128(n as i32);
    let half = _mm256_and_si256(_mm256_sra_epi32(x, count(n - 1)), _mm256_set1_epi32(1));
    _mm256_add_epi32(_mm256_sra_epi32(x, count(n)), half)
}

/// [`crate::scalar::state::state_shift`]; its loops vectorise as they are.
#[target_feature(enable = "avx2")]
pub fn state_shift(s: &mut [i32], n: i32) {
    crate::scalar::state::state_shift(s, n);
}

/// [`crate::scalar::state::state_read`] with AVX2.
#[target_feature(enable = "avx2")]
pub fn state_read(s: &[i32], k: &[i32], r: &mut [i32]) {
    let stride = r.len().max(1);
    for (strip, r) in r.chunks_mut(LANES).enumerate() {
        let col = strip * LANES;
        let rows = s.chunks_exact(stride).zip(k);
        if r.len() == LANES {
            let mut sum = _mm256_setzero_si256();
            for (row, &k) in rows {
                let (s, k) = (&row[col..col + LANES], _mm256_set1_epi32(k));
                // SAFETY: the slice has as many elements as a vector.
                let s = unsafe { _mm256_loadu_si256(s.as_ptr().cast()) };
                sum = _mm256_add_epi32(sum, mulhr(s, odd(s), k, k));
            }
            // SAFETY: `r` has as many elements as a vector.
            unsafe { _mm256_storeu_si256(r.as_mut_ptr().cast(), sum) };
        } else {
            r.fill(0);
            for (row, &k) in rows {
                r.iter_mut()
                    .zip(&row[col..])
                    .for_each(|(r, &s)| *r = r.wrapping_add(fixed::mulhr(s, k)));
            }
        }
    }
}
