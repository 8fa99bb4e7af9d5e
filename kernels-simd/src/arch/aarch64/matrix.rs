//! int8 matrix times int16 vector (numerics.md N5).

use super::{has_dot_product, mulhr};
use crate::scalar::matrix::{I8Matrix, PANEL, RUN, TILE};
use core::arch::aarch64::*;
use core::arch::asm;

/// Half-words of a panel's tile: 16 columns of both pairs of rows, which are two runs of each.
const TILE_LEN: usize = PANEL / 2 * TILE;
/// The largest activation whose upper byte, rounded, fits a signed byte.
const LARGEST: i16 = 127 * 256 + 127;

/// [`crate::scalar::matrix::matvec_i8`] with NEON.
pub fn matvec_i8(w: &I8Matrix, x: &[i16], multiplier: &[i32], out: &mut [i32]) {
    let x = &x[..w.cols().min(x.len() / TILE * TILE)];
    if has_dot_product() && x.iter().all(|&x| x <= LARGEST) {
        // SAFETY: the processor was just found to have the dot product.
        unsafe { dot_products(w, x, multiplier, out) }
    } else {
        // SAFETY: the target has NEON; this module exists for no other.
        unsafe { long_products(w, x, multiplier, out) }
    }
}

/// SMLAL on half-words and on their sign-extended low bytes. `x` is whole tiles, at most the
/// matrix's.
#[target_feature(enable = "neon")]
fn long_products(w: &I8Matrix, x: &[i16], multiplier: &[i32], out: &mut [i32]) {
    for ((panel, m), out) in w
        .panels()
        .zip(multiplier.chunks_exact(PANEL))
        .zip(out.chunks_exact_mut(PANEL))
    {
        let (mut low, mut high) = ([vdupq_n_s32(0); 2], [vdupq_n_s32(0); 2]);
        for (block, x) in panel.chunks(PANEL / 2 * w.block()).zip(x.chunks(w.block())) {
            // Σh·x minus Σ(low byte)·x is 256·D₁ of this block; in 32 bits it is exact in every
            // lane, since |D₁| < 2^23 over any part of a block.
            let mut both = low;
            let ((runs, _), (xs, _)) = (
                block.as_chunks::<{ PANEL / 2 * RUN }>(),
                x.as_chunks::<RUN>(),
            );
            for (runs, x) in runs.iter().zip(xs) {
                let x = load(x);
                for ((pair, both), low) in runs.chunks_exact(RUN).zip(&mut both).zip(&mut low) {
                    let h = load(pair);
                    let bytes = vshrq_n_s16::<8>(vshlq_n_s16::<8>(h));
                    *both =
                        vmlal_high_s16(vmlal_s16(*both, vget_low_s16(h), vget_low_s16(x)), h, x);
                    *low = vmlal_high_s16(
                        vmlal_s16(*low, vget_low_s16(bytes), vget_low_s16(x)),
                        bytes,
                        x,
                    );
                }
            }
            for ((high, both), low) in high.iter_mut().zip(both).zip(low) {
                *high = vsraq_n_s32::<8>(*high, vsubq_s32(both, low));
            }
        }
        finish([low[0], high[0], low[1], high[1]], m, out);
    }
}

/// SDOT on bytes: x = 256·a + b with signed bytes a and b, and a half-word's bytes are w[r] and
/// w[r+1] less the sign bit of w[r]. The sums of w·a and of w·b are exact modulo 2^32, so nothing
/// depends on the blocks. `x` is as in [`long_products`], and at most [`LARGEST`].
#[target_feature(enable = "neon,dotprod")]
fn dot_products(w: &I8Matrix, x: &[i16], multiplier: &[i32], out: &mut [i32]) {
    let len = w.panel_len().max(1);
    let mut constants = multiplier
        .chunks_exact(PANEL)
        .zip(out.chunks_exact_mut(PANEL));
    let mut put = |sums| {
        constants
            .next()
            .into_iter()
            .for_each(|(m, out)| finish(sums, m, out))
    };
    for panels in w.data().chunks(2 * len) {
        match panels.split_at(panels.len().min(len)) {
            (first, second) if second.len() == len => {
                dot_sums([first, second], x).into_iter().for_each(&mut put)
            }
            (first, _) if first.len() == len => dot_sums([first], x).into_iter().for_each(&mut put),
            _ => {}
        }
    }
}

/// For each panel the lanes' sums of its four rows.
#[inline]
#[target_feature(enable = "neon,dotprod")]
fn dot_sums<const N: usize>(panels: [&[i16]; N], x: &[i16]) -> [[int32x4_t; PANEL]; N] {
    let zero = vdupq_n_s32(0);
    let (mut upper, mut lower) = ([[zero; PANEL]; N], [[zero; PANEL]; N]);
    let (xs, _) = x.as_chunks::<TILE>();
    let panels = panels.map(|panel| panel.as_chunks::<TILE_LEN>().0);
    let tiles = panels
        .iter()
        .fold(xs.len(), |tiles, panel| tiles.min(panel.len()));
    let (xs, panels) = (&xs[..tiles], panels.map(|panel| &panel[..tiles]));
    for (tile, x) in xs.iter().enumerate() {
        let (x0, x1) = (load(x), load(&x[RUN..]));
        let a = vrshrn_high_n_s16::<8>(vrshrn_n_s16::<8>(x0), x1);
        let b = vuzp1q_s8(vreinterpretq_s8_s16(x0), vreinterpretq_s8_s16(x1));
        for ((panel, upper), lower) in panels.iter().zip(&mut upper).zip(&mut lower) {
            let panel = &panel[tile];
            for pair in 0..PANEL / 2 {
                let run = |run: usize| {
                    vreinterpretq_s8_s16(load(&panel[(run * PANEL / 2 + pair) * RUN..]))
                };
                let (run0, run1) = (run(0), run(1));
                let even = vuzp1q_s8(run0, run1);
                let odd = vreinterpretq_u8_s8(vuzp2q_s8(run0, run1));
                let odd = vreinterpretq_s8_u8(vsraq_n_u8::<7>(odd, vreinterpretq_u8_s8(even)));
                for (row, w) in [even, odd].into_iter().enumerate() {
                    let row = 2 * pair + row;
                    upper[row] = dot(upper[row], w, a);
                    lower[row] = dot(lower[row], w, b);
                }
            }
        }
    }
    for (upper, lower) in upper.iter().zip(&mut lower) {
        upper
            .iter()
            .zip(lower)
            .for_each(|(upper, lower)| *lower = vaddq_s32(*lower, vshlq_n_s32::<8>(*upper)));
    }
    lower
}

/// Adds to each lane the four products of its bytes.
#[inline]
#[target_feature(enable = "neon,dotprod")]
fn dot(sum: int32x4_t, a: int8x16_t, b: int8x16_t) -> int32x4_t {
    let mut sum = sum;
    // SAFETY: one instruction on registers, which this function's features include.
    unsafe {
        asm!("sdot {0:v}.4s, {1:v}.16b, {2:v}.16b", inout(vreg) sum, in(vreg) a, in(vreg) b,
            options(pure, nomem, nostack, preserves_flags));
    }
    sum
}

/// Requantises the four rows of a panel from the sums' lanes; `m` and `out` have four elements or
/// more.
#[inline]
#[target_feature(enable = "neon")]
fn finish(sums: [int32x4_t; PANEL], m: &[i32], out: &mut [i32]) {
    let [a, b, c, d] = sums;
    let acc = vpaddq_s32(vpaddq_s32(a, b), vpaddq_s32(c, d));
    let (m, out) = (&m[..PANEL], &mut out[..PANEL]);
    // SAFETY: both slices have the four elements of a vector.
    unsafe { vst1q_s32(out.as_mut_ptr(), mulhr(acc, vld1q_s32(m.as_ptr()))) };
}

/// The first eight elements.
#[inline]
#[target_feature(enable = "neon")]
fn load(x: &[i16]) -> int16x8_t {
    let x = &x[..RUN];
    // SAFETY: the slice has the eight elements of a vector.
    unsafe { vld1q_s16(x.as_ptr()) }
}
