//! Gated linear attention: S_i ← α_i·S_i + k_i·v with α = σ(z)^(1/16) per key channel (numerics.md N10.2).

use super::project::Qkv;
use super::{Context, HeadBuffers, of_head};
use crate::head_state::{HeadState, Scaled, carry_decay, left_align};
use sla_kernels::{Real, fixed::mulhr, magnitude, nonlinear, state_shift};

/// 1 / (16·ln 2), from nats of logsigmoid to the log2-decay.
const PER_SIXTEENTH: Real = Real::new(1_549_082_005, -34);

/// Whole bits that a row may lose to decay before the head's magnitude mask is taken anew: a mask far above a
/// state that has decayed would leave a small write without bits.
const STALE: u32 = 4;

/// One head; returns the real value of one unit of `o`.
#[expect(clippy::too_many_arguments, reason = "one head's slice of everything")]
pub(super) fn head(
    cx: &Context,
    head: usize,
    x: &Qkv,
    z: &[i32],
    state: &mut HeadState,
    carry: &mut [u32],
    write: Real,
    b: &mut HeadBuffers,
) -> Real {
    let desc = cx.model.desc();
    let (d_k, d_v) = (desc.d_k as usize, desc.d_v as usize);
    let kv_head = head / (desc.heads / desc.kv_heads).max(1) as usize;

    let k_up = left_align(of_head(x.k, kv_head, d_k), b.k);
    let q_up = left_align(of_head(x.q, head, d_k), b.q);
    let channels = b.k.iter_mut().zip(b.q.iter_mut()).zip(of_head(z, kv_head, d_k));
    let rows = state.s.chunks_exact_mut(d_v.max(1)).zip(carry);
    let mut most_bits = 0;
    for (((k, q), &z), (row, carry)) in channels.zip(rows) {
        let bits = carry_decay(carry, decay(z).min(desc.decay_max));
        if bits > 0 {
            state_shift(row, -(bits as i32));
            most_bits = most_bits.max(bits);
        }
        *k = mulhr(*k, nonlinear::exp2(*carry) as i32); // 2^carry in Q30: k loses 2 fraction bits
        *q = mulhr(*q, nonlinear::exp2_neg(*carry) as i32); // 2^-carry in Q31: q loses 1
    }
    if most_bits >= STALE {
        *state.mask = magnitude(state.s);
    }
    let k = Scaled { v: b.k, frac: x.k_frac + k_up - 2 };
    let q = Scaled { v: b.q, frac: x.q_frac + q_up - 1 };
    let v = Scaled { v: of_head(x.v, kv_head, d_v), frac: x.v_frac };
    state.write_read(k, v, write, q, b.v, b.o)
}

/// -log2 α = softplus(-z) / (16·ln 2) in Q27 for z in Q18.
fn decay(z: i32) -> u32 {
    let (linear, rest) = nonlinear::softplus(z.saturating_neg());
    PER_SIXTEENTH.times(linear, 9).saturating_add(PER_SIXTEENTH.times(rest, 0))
}
