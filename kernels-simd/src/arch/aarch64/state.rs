//! The recurrent state of one head (numerics.md N6): strips of columns, whose sums stay in
//! registers.

use super::mulhr;
use crate::fixed;
use core::arch::aarch64::*;

/// Columns of a vector.
const LANES: usize = 4;
/// Columns of a wide strip.
const WIDE: usize = 4 * LANES;

/// [`crate::scalar::state::state_write_read`] with NEON.
pub fn state_write_read(
    s: &mut [i32],
    shifts: &[u32],
    k: &[i32],
    v: &[i32],
    q: &[i32],
    o: &mut [i32],
) -> u32 {
    let (stride, cols) = (v.len().max(1), v.len().min(o.len()));
    let (mut col, mut mask) = (0, 0);
    while col < cols {
        let rows = s
            .chunks_exact_mut(stride)
            .zip(k)
            .zip(q)
            .zip(shifts.iter().copied().chain(core::iter::repeat(0)));
        let rows = rows.map(|(((row, &k), &q), n)| (&mut row[col..], k, q, n));
        let (v, o) = (&v[col..cols], &mut o[col..cols]);
        // SAFETY: the target has NEON; this module exists for no other.
        let (width, strip_mask) = unsafe {
            if v.len() >= WIDE {
                (WIDE, strip::<{ WIDE / LANES }>(rows, v, o))
            } else if v.len() >= LANES {
                (LANES, strip::<1>(rows, v, o))
            } else {
                (1, column(rows, v[0], &mut o[0]))
            }
        };
        mask |= strip_mask;
        col += width;
    }
    fixed::ones(mask)
}

/// `N` vectors of columns of each row with its k, q and shift; their magnitude mask.
#[inline]
#[target_feature(enable = "neon")]
fn strip<'s, const N: usize>(
    rows: impl Iterator<Item = (&'s mut [i32], i32, i32, u32)>,
    v: &[i32],
    o: &mut [i32],
) -> u32 {
    let (mut vs, mut sums, mut masks) = ([vdupq_n_s32(0); N], [vdupq_n_s32(0); N], vdupq_n_s32(0));
    vs.iter_mut()
        .zip(v.chunks_exact(LANES))
        .for_each(|(to, v)| *to = load(v));
    for (row, k, q, n) in rows {
        let (k, q) = (vdupq_n_s32(k), vdupq_n_s32(q));
        // A shift by a negative count goes right and rounds as N1.2 does, to 0 from 32 on.
        let down = vdupq_n_s32(-(n.min(32) as i32));
        let row = &mut row[..N * LANES];
        for i in 0..N {
            let place = &mut row[i * LANES..];
            let s = vaddq_s32(vrshlq_s32(load(place), down), mulhr(vs[i], k));
            store(place, s);
            sums[i] = vaddq_s32(sums[i], mulhr(s, q));
            masks = vorrq_s32(masks, veorq_s32(s, vshrq_n_s32::<31>(s)));
        }
    }
    o.chunks_exact_mut(LANES)
        .zip(sums)
        .for_each(|(o, sum)| store(o, sum));
    let pairs = vorr_s32(vget_low_s32(masks), vget_high_s32(masks));
    (vget_lane_s32::<0>(pairs) | vget_lane_s32::<1>(pairs)) as u32
}

/// The first column of each row, as [`strip`].
fn column<'s>(
    rows: impl Iterator<Item = (&'s mut [i32], i32, i32, u32)>,
    v: i32,
    o: &mut i32,
) -> u32 {
    let (mut sum, mut mask) = (0i32, 0);
    for (row, k, q, n) in rows {
        let s = &mut row[0];
        *s = fixed::round_shr(*s, n).wrapping_add(fixed::mulhr(k, v));
        sum = sum.wrapping_add(fixed::mulhr(*s, q));
        mask |= (*s ^ (*s >> 31)) as u32;
    }
    *o = sum;
    mask
}

/// [`crate::scalar::state::state_read`] with NEON.
pub fn state_read(s: &[i32], k: &[i32], r: &mut [i32]) {
    // SAFETY: the target has NEON; this module exists for no other.
    unsafe { read(s, k, r) }
}

#[target_feature(enable = "neon")]
fn read(s: &[i32], k: &[i32], r: &mut [i32]) {
    let stride = r.len().max(1);
    for (strip, r) in r.chunks_mut(LANES).enumerate() {
        let rows = s
            .chunks_exact(stride)
            .zip(k)
            .map(|(row, &k)| (&row[strip * LANES..], k));
        if r.len() == LANES {
            let sum = rows.fold(vdupq_n_s32(0), |sum, (row, k)| {
                vaddq_s32(sum, mulhr(load(row), vdupq_n_s32(k)))
            });
            store(r, sum);
        } else {
            r.fill(0);
            for (row, k) in rows {
                r.iter_mut()
                    .zip(row)
                    .for_each(|(r, &s)| *r = r.wrapping_add(fixed::mulhr(s, k)));
            }
        }
    }
}

/// The first four elements.
#[inline]
#[target_feature(enable = "neon")]
fn load(x: &[i32]) -> int32x4_t {
    let x = &x[..LANES];
    // SAFETY: the slice has the four elements of a vector.
    unsafe { vld1q_s32(x.as_ptr()) }
}

/// Into the first four elements.
#[inline]
#[target_feature(enable = "neon")]
fn store(out: &mut [i32], x: int32x4_t) {
    let out = &mut out[..LANES];
    // SAFETY: the slice has the four elements of a vector.
    unsafe { vst1q_s32(out.as_mut_ptr(), x) };
}
