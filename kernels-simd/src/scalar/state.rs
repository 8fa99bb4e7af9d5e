//! The recurrent state of one head, `S [d_k, d_v]`, row-major int32 (numerics.md N6).

use crate::fixed::{mulhr, ones, round_shr};

/// One pass: `S_ij ← round_shr(S_ij, n_i)`, `S_ij += mulhr(k_i, v_j)`, then `o_j = Σ_i mulhr(S_ij,
/// q_i)`; returns the magnitude mask of the new state (N6.1, N6.4).
///
/// Shapes: `s` d_k·d_v, `k` and `q` d_k, `shifts` (below 2^31) d_k or none (no row is shifted), `v`
/// and `o` d_v. Sums wrap; the caller keeps `|S| + |k·v|/2^32` below 2^30 and `Σ|q|` below 2^31, so
/// on its values they never do.
pub fn state_write_read(
    s: &mut [i32],
    shifts: &[u32],
    k: &[i32],
    v: &[i32],
    q: &[i32],
    o: &mut [i32],
) -> u32 {
    o.fill(0);
    let mut mask = 0u32;
    let shifts = shifts.iter().copied().chain(core::iter::repeat(0));
    for (((row, &k), &q), n) in s.chunks_exact_mut(v.len().max(1)).zip(k).zip(q).zip(shifts) {
        if n > 0 {
            row.iter_mut().for_each(|s| *s = round_shr(*s, n));
        }
        for ((s, &v), o) in row.iter_mut().zip(v).zip(o.iter_mut()) {
            *s = s.wrapping_add(mulhr(k, v));
            *o = o.wrapping_add(mulhr(*s, q));
            mask |= (*s ^ (*s >> 31)) as u32;
        }
    }
    ones(mask)
}

/// `r_j = Σ_i mulhr(S_ij, k_i)` (N6.3). Shapes as in [`state_write_read`].
pub fn state_read(s: &[i32], k: &[i32], r: &mut [i32]) {
    r.fill(0);
    for (row, &k) in s.chunks_exact(r.len().max(1)).zip(k) {
        for (&s, r) in row.iter().zip(r.iter_mut()) {
            *r = r.wrapping_add(mulhr(s, k));
        }
    }
}

/// `S_ij ← round(S_ij / 2^-n)` for n < 0, `S_ij·2^n` (wrapping) for n ≥ 0 (N6.2).
pub fn state_shift(s: &mut [i32], n: i32) {
    if n < 0 {
        let n = n.unsigned_abs();
        for s in s {
            *s = round_shr(*s, n);
        }
    } else {
        let n = n.unsigned_abs().min(31);
        for s in s {
            *s = s.wrapping_shl(n);
        }
    }
}
