//! One head's state with its own exponent (numerics.md N6).
//!
//! S is kept as integers with `frac` fraction bits, chosen anew whenever the numbers ask for it: no value of
//! any input can saturate it, and a head whose gate stays small keeps its precision. Decay is lazy: its
//! whole powers of two go into `frac` (or shift a row), its fraction into `carry`, so that a decay near 1 has
//! no dead zone.

use crate::norm;
use crate::scales::HEAD_UNIT_FRAC;
use sla_kernels::{self as kernels, Real, align, fixed, magnitude, state_shift, state_write_read};

/// Bits of |S| after which the state moves down.
const FULL: i32 = 29;
/// Where it moves to.
const ROOM: i32 = 27;
/// Bits of |S| below which it may move up, when the writes are small too.
const LOW: i32 = 20;
/// Final shift of a write below which it counts as small.
const SMALL_WRITE: i32 = -8;
/// Whole bits that a row may lose to decay before a small write has the state's magnitude mask taken anew: a mask far
/// above a state that has decayed would leave the write without bits.
const STALE: u32 = 4;
/// Exponents stay within ±2^20, far inside those of a real, so that a write to a long idle state finds its exponent.
const FRAC_LIMIT: i32 = 1 << 20;

pub(crate) struct HeadState<'s> {
    pub s: &'s mut [i32],
    pub frac: &'s mut i32,
    pub mask: &'s mut u32,
}

/// One step of a head: see [`HeadState::write_read`].
pub(crate) struct Update<'a> {
    /// Whole bits that each row decays by; room for them otherwise.
    pub shifts: &'a mut [u32],
    /// Whether rows decay one by one (GLA).
    pub decays: bool,
    pub k: Scaled<'a>,
    pub v: Scaled<'a>,
    pub gain: Real,
    pub q: Scaled<'a>,
}

/// A vector with fraction bits.
#[derive(Clone, Copy)]
pub(crate) struct Scaled<'v> {
    pub v: &'v [i32],
    pub frac: i32,
}

impl HeadState<'_> {
    /// S ← S·2^-bits, exactly (N6.1).
    pub fn decay_whole_bits(&mut self, bits: u32) {
        *self.frac = self.frac.saturating_add(bits as i32).clamp(-FRAC_LIMIT, FRAC_LIMIT);
    }

    /// Row i of S ← round_shr(row i, shifts_i) if it `decays`, S ← S + gain·k⊗v, then o = Sᵀq (N6.4). Returns
    /// the real value of one unit of `o`.
    ///
    /// Needs |k| ≤ 2^30 ([`align_largest`]) and Σ|q| < 2^31 ([`align_sum`]). `buffer` is scratch of v's length.
    pub fn write_read(&mut self, step: Update, buffer: &mut [i32], o: &mut [i32]) -> Real {
        let Update { shifts, decays: mut shifted, k, v, gain, q } = step;
        let v_mask = magnitude(v.v);
        // A zero key has no exponent that could say how much room its write needs.
        if v_mask == 0 || gain.is_zero() || magnitude(k.v) == 0 {
            buffer.fill(0);
        } else {
            // V = v·gain in units that make mulhr(k, V) a state increment.
            let natural = 32 - k.frac - v.frac + *self.frac;
            let apply = gain.applied(align(v_mask), natural);
            if shifted && apply.post < SMALL_WRITE && shifts.iter().any(|&bits| bits >= STALE) {
                self.shift_rows(shifts);
                *self.mask = magnitude(self.s);
                shifted = false;
            }
            let moved = self.room_for(apply.post);
            if moved < 0 && *self.mask != 0 {
                // The pass that writes moves the rows down too, together with their decay.
                if !shifted {
                    shifts.fill(0);
                }
                shifts.iter_mut().for_each(|bits| *bits = bits.saturating_add(moved.unsigned_abs()));
                shifted = true;
            } else if moved > 0 && *self.mask != 0 {
                if shifted {
                    self.shift_rows(shifts);
                }
                state_shift(self.s, moved);
                shifted = false;
            }
            *self.frac = self.frac.saturating_add(moved).clamp(-FRAC_LIMIT, FRAC_LIMIT);
            kernels::apply(apply.scaled(moved), v.v, buffer);
        }
        let shifts: &[u32] = if shifted { shifts } else { &[] };
        *self.mask = state_write_read(self.s, shifts, k.v, buffer, q.v, o);
        Real::pow2(32 - *self.frac - q.frac)
    }

    /// How far S has to move so that writes whose final shift would be `post` fit: afterwards |V| < 2^29 and
    /// |S| < 2^29, and neither is small without need (N6.5).
    fn room_for(&self, post: i32) -> i32 {
        let bits = fixed::bit_len(*self.mask);
        if bits == 0 {
            -3 - post
        } else if post > 0 || bits > FULL {
            let for_write = if post > 0 { post.saturating_add(2) } else { 0 };
            -for_write.max(if bits > FULL { bits - ROOM } else { 0 })
        } else if bits < LOW && post < SMALL_WRITE {
            (ROOM - bits).min(-3 - post)
        } else {
            0
        }
    }

    fn shift_rows(&mut self, shifts: &[u32]) {
        let d_v = self.s.len() / shifts.len().max(1);
        for (row, n) in self.s.chunks_exact_mut(d_v.max(1)).zip(shifts) {
            state_shift(row, -(*n as i32));
        }
    }
}

/// Copies `x` shifted so that 2^30 ≤ Σ|x| < 2^31 and returns the shift (N6.6): for vectors that read the state.
pub(crate) fn align_sum(x: &[i32], out: &mut [i32]) -> i32 {
    let sum = kernels::sum_magnitudes(x);
    let up = if sum == 0 { 0 } else { sum.leading_zeros() as i32 - 33 };
    kernels::shift_into(x, up, out);
    up
}

/// Copies `x` shifted so that every |x| ≤ 2^30 and returns the shift (N6.6): for vectors that only write.
pub(crate) fn align_largest(x: &[i32], out: &mut [i32]) -> i32 {
    let mask = magnitude(x);
    let up = if mask == 0 { 0 } else { align(mask) };
    kernels::shift_into(x, up, out);
    up
}

/// The factor and gains of a head's output norm applied: y = gain·o/√(Σo² + eps) in Q30 (N4.6).
pub(crate) fn normalize_head(o: &mut [i32], factor: Real, eps: Real, gain: Real) {
    match norm::unit(o, factor, eps, gain, HEAD_UNIT_FRAC) {
        Some(apply) => kernels::apply_in_place(apply, o),
        None => o.fill(0),
    }
}
