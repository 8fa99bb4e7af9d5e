//! One head's state with its own exponent (numerics.md N6).
//!
//! S is kept as integers with `frac` fraction bits, chosen anew whenever the numbers ask for it: no
//! value of any input can saturate it, and a head whose gate stays small keeps its precision. Decay
//! is lazy: its whole powers of two go into `frac` (or shift a row), its fraction into `carry`, so
//! that a decay near 1 has no dead zone.

use crate::cargo_features::STATE_INT16;
use crate::norm;
use crate::scales::HEAD_UNIT_FRAC;
use sla_format::StateKind;
use sla_kernels::{
    self as kernels, Real, align, carry_decay, fixed, magnitude, pack_pairs,
    scalar::state16::DITHER_TOKEN, state_read, state_shift, state_write_read, state16_read,
    state16_shift_up, state16_write_read,
};

/// When S moves and how far (N6.5, N6.8), in bits of |S| and of the final shift of a write.
struct Limits {
    /// Bits of |S| after which it moves down,
    full: i32,
    /// and where it moves to.
    room: i32,
    /// Bits of |S| below which it may move up,
    low: i32,
    /// when the final shift of a write is below this too.
    small: i32,
    /// Largest final shift of a write,
    write: i32,
    /// what a larger one is brought to,
    settle: i32,
    /// and the final shift of a write to an empty state.
    start: i32,
}

const INT32: Limits = Limits {
    full: 29,
    room: 27,
    low: 20,
    small: -8,
    write: 0,
    settle: -2,
    start: -3,
};
const INT16: Limits = Limits {
    full: 14,
    room: 14,
    low: 11,
    small: -2,
    write: 1,
    settle: 1,
    start: 1,
};

/// Final shift of a write below which a stale mask does harm.
const STALE_WRITE: i32 = -8;
/// Whole bits that a row may lose to decay before a small write has the state's magnitude mask
/// taken anew: a mask far above a state that has decayed would leave the write without bits.
const STALE: u32 = 4;
/// Exponents stay within ±2^20, far inside those of a real, so that a write to a long idle state
/// finds its exponent.
pub(crate) const FRAC_LIMIT: i32 = 1 << 20;

pub(crate) struct HeadState<'s> {
    pub s: &'s mut [i32],
    pub kind: StateKind,
    /// Of the first word (N6.9).
    pub dither: u32,
    /// Fractions of the accumulated log2-decay, Q27: one of the head, or one a key channel (GLA).
    pub carry: &'s mut [u32],
    pub frac: &'s mut i32,
    pub mask: &'s mut u32,
}

/// One step of a head: see [`HeadState::write_read`].
pub(crate) struct Update<'a> {
    /// Whole bits that each row decays by; room for them otherwise.
    pub shifts: &'a mut [u32],
    /// Whether rows decay one by one (GLA).
    pub decays: bool,
    pub k: Rows<'a>,
    pub v: Scaled<'a>,
    pub gain: Real,
    pub q: Rows<'a>,
}

/// A vector with fraction bits.
#[derive(Clone, Copy)]
pub(crate) struct Scaled<'v> {
    pub v: &'v [i32],
    pub frac: i32,
}

/// A vector over the rows of S with fraction bits, in a buffer that the state may overwrite.
pub(crate) struct Rows<'v> {
    pub v: &'v mut [i32],
    pub frac: i32,
}

/// Dither of the first word of every state at a position (N6.9).
pub(crate) fn dither(position: u64) -> u32 {
    if STATE_INT16 {
        (position as u32).wrapping_mul(DITHER_TOKEN)
    } else {
        0
    }
}

impl HeadState<'_> {
    /// The representation. Where only one is compiled in, the compiler sees it.
    #[inline(always)]
    pub fn kind(&self) -> StateKind {
        if STATE_INT16 {
            self.kind
        } else {
            StateKind::Int32
        }
    }

    /// Decays all of S by 2^-decay (Q27): whole bits at once, exactly; returns the carry with what
    /// is left (N6.1).
    #[inline(always)]
    pub fn decay(&mut self, decay: u32) -> u32 {
        let Some(carry) = self.carry.first_mut() else {
            return 0;
        };
        let bits = carry_decay(carry, decay);
        *self.frac = self
            .frac
            .saturating_add(bits as i32)
            .clamp(-FRAC_LIMIT, FRAC_LIMIT);
        *carry
    }

    /// r = Sᵀk (N6.3, N6.10); returns the fraction bits of r. Needs Σ|k| < 2^31; `buffer` is
    /// scratch of k's length.
    pub fn read(&self, k: &Rows, buffer: &mut [i32], r: &mut [i32]) -> i32 {
        match self.kind() {
            StateKind::Int32 => {
                state_read(self.s, k.v, r);
                *self.frac + k.frac - 32
            }
            StateKind::Int16 => {
                buffer
                    .iter_mut()
                    .zip(k.v.iter())
                    .for_each(|(copy, k)| *copy = *k);
                let k = Rows {
                    v: buffer,
                    frac: k.frac,
                }
                .packed(pack_sum);
                state16_read(self.s, k.v, r);
                *self.frac + k.frac
            }
        }
    }

    /// Row i of S ← 2^-shifts_i·row i if it `decays`, S ← S + gain·k⊗v, then o = Sᵀq (N6.4, N6.8).
    /// Returns the real value of one unit of `o`.
    ///
    /// Needs |k| ≤ 2^30 ([`align_largest`]) and Σ|q| < 2^31 ([`align_sum`]), and may overwrite
    /// both. `buffer` is scratch of v's length.
    pub fn write_read(&mut self, step: Update, buffer: &mut [i32], o: &mut [i32]) -> Real {
        let Update {
            shifts,
            decays: mut shifted,
            mut k,
            v,
            gain,
            mut q,
        } = step;
        let (v_mask, k_mask) = (magnitude(v.v), magnitude(k.v));
        if self.kind() == StateKind::Int16 {
            k = k.packed(|_| 15 - fixed::bit_len(k_mask));
            q = q.packed(pack_sum);
        }
        // A zero key has no exponent that could say how much room its write needs.
        if v_mask == 0 || gain.is_zero() || k_mask == 0 {
            buffer.fill(0);
        } else {
            // V = v·gain in units that make mulhr(k, V) a state increment; of an int16 state,
            // V·k/2^16 one in 2^-16.
            let natural = 32 - k.frac - v.frac + *self.frac;
            let apply = gain.applied(align(v_mask), natural);
            let limits = match self.kind() {
                StateKind::Int32 => INT32,
                StateKind::Int16 => INT16,
            };
            if shifted && apply.post < STALE_WRITE && shifts.iter().any(|&bits| bits >= STALE) {
                self.shift_rows(shifts, k.v, q.v, buffer, o);
                if self.kind() == StateKind::Int32 {
                    *self.mask = magnitude(self.s);
                }
                shifted = false;
            }
            let moved = self.room_for(apply.post, &limits);
            if moved < 0 && *self.mask != 0 {
                // The pass that writes moves the rows down too, together with their decay.
                if !shifted {
                    shifts.fill(0);
                }
                shifts
                    .iter_mut()
                    .for_each(|bits| *bits = bits.saturating_add(moved.unsigned_abs()));
                shifted = true;
            } else if moved > 0 && *self.mask != 0 {
                if shifted {
                    self.shift_rows(shifts, k.v, q.v, buffer, o);
                }
                match self.kind() {
                    StateKind::Int32 => state_shift(self.s, moved),
                    StateKind::Int16 => state16_shift_up(self.s, moved.unsigned_abs()),
                }
                shifted = false;
            }
            *self.frac = self
                .frac
                .saturating_add(moved)
                .clamp(-FRAC_LIMIT, FRAC_LIMIT);
            kernels::apply(apply.scaled(moved), v.v, buffer);
        }
        let shifts: &[u32] = if shifted { shifts } else { &[] };
        match self.kind() {
            StateKind::Int32 => {
                *self.mask = state_write_read(self.s, shifts, k.v, buffer, q.v, o);
                Real::pow2(32 - *self.frac - q.frac)
            }
            StateKind::Int16 => {
                *self.mask = state16_write_read(self.s, shifts, k.v, buffer, q.v, self.dither, o);
                Real::pow2(-*self.frac - q.frac)
            }
        }
    }

    /// How far S has to move so that writes whose final shift would be `post` fit, and neither they
    /// nor S are small without need (N6.5, N6.8).
    fn room_for(&self, post: i32, l: &Limits) -> i32 {
        let bits = fixed::bit_len(*self.mask);
        if bits == 0 {
            l.start - post
        } else if post > l.write || bits > l.full {
            let for_write = if post > l.write {
                post.saturating_sub(l.settle)
            } else {
                0
            };
            -for_write.max(if bits > l.full { bits - l.room } else { 0 })
        } else if bits < l.low && post < l.small {
            (l.room - bits).min(l.start - post)
        } else {
            0
        }
    }

    /// The rows' decay alone; an int16 state learns its new mask.
    fn shift_rows(
        &mut self,
        shifts: &[u32],
        k: &[i32],
        q: &[i32],
        zero: &mut [i32],
        o: &mut [i32],
    ) {
        match self.kind() {
            StateKind::Int32 => {
                let d_v = self.s.len() / shifts.len().max(1);
                for (row, n) in self.s.chunks_exact_mut(d_v.max(1)).zip(shifts) {
                    state_shift(row, -(*n as i32));
                }
            }
            StateKind::Int16 => {
                zero.fill(0);
                *self.mask = state16_write_read(self.s, shifts, k, zero, q, self.dither, o);
            }
        }
    }
}

impl Rows<'_> {
    /// In int16 pairs, shifted by what `n` says of the vector (N6.10).
    fn packed(self, n: impl FnOnce(&[i32]) -> i32) -> Self {
        let n = n(self.v);
        Self {
            v: pack_pairs(self.v, n),
            frac: self.frac + n,
        }
    }
}

/// The shift after which Σ|x| < 2^16 and |x| < 2^15, but for rounding (N6.10): for vectors that
/// read an int16 state.
fn pack_sum(x: &[i32]) -> i32 {
    let sum = kernels::sum_magnitudes(x);
    let sum_bits = u64::BITS as i32 - sum.leading_zeros() as i32;
    (16 - sum_bits).min(15 - fixed::bit_len(magnitude(x)))
}

/// Copies `x` shifted so that 2^30 ≤ Σ|x| < 2^31 and returns the shift (N6.6): for vectors that
/// read the state.
pub(crate) fn align_sum(x: &[i32], out: &mut [i32]) -> i32 {
    let sum = kernels::sum_magnitudes(x);
    let up = if sum == 0 {
        0
    } else {
        sum.leading_zeros() as i32 - 33
    };
    kernels::shift_into(x, up, out);
    up
}

/// Copies `x` shifted so that every |x| ≤ 2^30 and returns the shift (N6.6): for vectors that only
/// write.
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
