//! The recurrent state of one head in int16 (numerics.md N6.7 to N6.11).
//!
//! Words hold the rows of S in pairs: word `[i][j]` is `S[2i][j]` in its low half and `S[2i+1][j]`
//! in its high half, so that one multiplication of half-words reads two rows. Vectors over the rows
//! are packed alike. A last row without a partner has one of zeros.

use crate::fixed::{round_shr, shift};

/// What the dither grows by from one word to the next (N6.9).
pub const DITHER_STEP: u32 = 0x9d9d_9d9d;
/// What the dither of the first word grows by from one token to the next (N6.9).
pub const DITHER_TOKEN: u32 = 0x9e37_6a09;

/// `⌊v·k / 2^16⌋` for |k| ≤ 2^15.
#[inline(always)]
fn mul_high(v: i32, k: i32) -> i32 {
    // Both products fit 32 bits.
    ((v >> 16).wrapping_mul(k)).wrapping_add(((v & 0xffff).wrapping_mul(k)) >> 16)
}

/// The halves of a word: low, high.
#[inline(always)]
fn halves(pair: i32) -> (i32, i32) {
    (i32::from(pair as i16), pair >> 16)
}

/// One pass with a dither d in [0, 2^16) of its own for each element:
/// `S_ij ← ⌊(⌊S_ij·2^16 / 2^n_i⌋ + ⌊V_j·k_i / 2^16⌋ + d_ij) / 2^16⌋`, then `o_j = Σ_i S_ij·q_i`.
/// Returns the OR of `x ^ (x >> 1)` over the new elements, whose bit length is that of their
/// magnitude mask (N6.9, N6.10).
///
/// Shapes: `s` pairs·d_v words, `k` and `q` pairs words, `shifts` a number below 32 for each row or
/// none (no row is shifted), `v` and `o` d_v. `dither` is that of the first word. Sums wrap; the
/// caller keeps `|S|·2^16 + |V·k|/2^16` below 2^31 - 2^16 and `|S|·Σ|q|` below 2^31, so on its
/// values they never do.
pub fn state16_write_read(
    s: &mut [i32],
    shifts: &[u32],
    k: &[i32],
    v: &[i32],
    q: &[i32],
    mut dither: u32,
    o: &mut [i32],
) -> u32 {
    o.fill(0);
    let mut mask = 0u32;
    let bits = |row: usize| shifts.get(row).map_or(0, |&n| n.min(31));
    for (i, ((row, &k), &q)) in s.chunks_exact_mut(v.len().max(1)).zip(k).zip(q).enumerate() {
        let (n0, n1) = (bits(2 * i), bits(2 * i + 1));
        let ((k0, k1), (q0, q1)) = (halves(k), halves(q));
        for ((s, &v), o) in row.iter_mut().zip(v).zip(o.iter_mut()) {
            let t0 = ((*s << 16) >> n0)
                .wrapping_add((dither & 0xffff) as i32)
                .wrapping_add(mul_high(v, k0));
            let t1 = ((*s & !0xffff) >> n1)
                .wrapping_add((dither >> 16) as i32)
                .wrapping_add(mul_high(v, k1));
            *s = (t1 & !0xffff) | (t0 as u32 >> 16) as i32;
            let (s0, s1) = halves(*s);
            *o = o.wrapping_add(s0 * q0).wrapping_add(s1 * q1);
            mask |= (*s ^ (*s >> 1)) as u32;
            dither = dither.wrapping_add(DITHER_STEP);
        }
    }
    // Bit 15 of a word is its halves' border.
    (mask | mask >> 16) & 0x7fff
}

/// `r_j = Σ_i S_ij·k_i` (N6.10). Shapes as in [`state16_write_read`].
pub fn state16_read(s: &[i32], k: &[i32], r: &mut [i32]) {
    r.fill(0);
    for (row, &k) in s.chunks_exact(r.len().max(1)).zip(k) {
        let (k0, k1) = halves(k);
        for (&s, r) in row.iter().zip(r.iter_mut()) {
            let (s0, s1) = halves(s);
            *r = r.wrapping_add(s0 * k0).wrapping_add(s1 * k1);
        }
    }
}

/// `S_ij ← S_ij·2^n` modulo 2^16 (N6.8); n ≤ 15.
pub fn state16_shift_up(s: &mut [i32], n: u32) {
    let n = n.min(15);
    for s in s {
        *s = ((*s & !0xffff) << n) | ((*s << n) & 0xffff);
    }
}

/// `x_i ← shift(x_i, n)` saturated to int16, in place: the pairs are in the first half of `x`
/// (N6.10). Returns them.
pub fn pack_pairs(x: &mut [i32], n: i32) -> &mut [i32] {
    let to_i16 = |x: i32| {
        let x = if (-31..0).contains(&n) {
            round_shr(x, n.unsigned_abs())
        } else {
            shift(x, n)
        };
        x.clamp(-(1 << 15), (1 << 15) - 1)
    };
    let pairs = x.len().div_ceil(2);
    for i in 0..pairs {
        // Pair i comes from elements 2i and 2i + 1, which are not before it.
        let low = x.get(2 * i).map_or(0, |&x| to_i16(x));
        let high = x.get(2 * i + 1).map_or(0, |&x| to_i16(x));
        if let Some(pair) = x.get_mut(i) {
            *pair = (low & 0xffff) | (high << 16);
        }
    }
    x.get_mut(..pairs).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A write of 2^-10 to 3/4 units at each of 100,000 tokens adds up to what it is worth, in
    /// every element; rounding to nearest would lose all of the writes below 1/2.
    #[test]
    fn writes_below_one_unit_do_not_vanish() {
        const TOKENS: u32 = 100_000;
        for share in [1 << 6, 1 << 12, 0x5555, 0x7fff, 0xc000] {
            let mut s = [0i32; 24];
            let (k, q) = ([1 << 14 | 1 << 30; 3], [0; 3]);
            let (v, mut o, mut sum) = ([share * 4; 8], [0; 8], [[0i64; 2]; 24]);
            for t in 0..TOKENS {
                let dither = t.wrapping_mul(DITHER_TOKEN);
                state16_write_read(&mut s, &[], &k, &v, &q, dither, &mut o);
                // What was written is taken out, so that no element leaves its range.
                for (s, sum) in s.iter_mut().zip(&mut sum) {
                    let (low, high) = halves(*s);
                    sum[0] += i64::from(low);
                    sum[1] += i64::from(high);
                    *s = 0;
                }
            }
            let want = f64::from(share) / 65_536.0 * f64::from(TOKENS);
            for sum in sum.as_flattened() {
                assert!((*sum as f64 - want).abs() <= 4.0, "{sum} instead of {want}");
            }
        }
    }
}
