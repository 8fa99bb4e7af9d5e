//! Activations and gates over whole vectors (numerics.md N3, N9.2, N10.2, N11.1).

use crate::fixed::{mulhr, realign};
use crate::nonlinear::{DECAY_FRAC, exp2, exp2_neg, sigmoid, silu, softplus};
use crate::real::Real;

/// `g_j ← mulhr(realign(silu(g_j), g_up), realign(x_j, x_up))`: SwiGLU, and the SiLU output gate
/// (N11.1, N9.2).
pub fn silu_product(g: &mut [i32], x: &[i32], g_up: i32, x_up: i32) {
    let pairs = g.iter_mut().zip(x);
    if (0..32).contains(&g_up) && (0..32).contains(&x_up) {
        // The usual case without a choice of direction in the loop.
        pairs.for_each(|(g, x)| *g = mulhr(silu(*g) << g_up, *x << x_up));
    } else {
        pairs.for_each(|(g, x)| *g = mulhr(realign(silu(*g), g_up), realign(*x, x_up)));
    }
}

/// `g_j ← mulhr(σ(g_j), x_j)` (N9.2).
pub fn sigmoid_product(g: &mut [i32], x: &[i32]) {
    g.iter_mut()
        .zip(x)
        .for_each(|(g, x)| *g = mulhr(sigmoid(*g), *x));
}

/// `x_j ← silu(x_j)`, Q16 to Q15 (N3.3).
pub fn silu_in_place(x: &mut [i32]) {
    x.iter_mut().for_each(|x| *x = silu(*x));
}

/// 1 / (16·ln 2), from nats of logsigmoid to the log2-decay.
pub(crate) const PER_SIXTEENTH: Real = Real::new(1_549_082_005, -34);

/// -log2 α = softplus(-z) / (16·ln 2) in Q27 for z in Q16 (N10.2).
#[inline(always)]
fn gla_decay(z: i32) -> u32 {
    let (linear, rest) = softplus(z.saturating_neg());
    PER_SIXTEENTH
        .times(linear, 11)
        .saturating_add(PER_SIXTEENTH.times(rest, 0))
}

/// Adds a token's log2-decay (Q27) to a carry; returns the whole bits that fell out (N6.1).
#[inline(always)]
pub fn carry_decay(carry: &mut u32, decay: u32) -> u32 {
    let sum = carry.saturating_add(decay);
    *carry = sum & ((1 << DECAY_FRAC) - 1);
    sum >> DECAY_FRAC
}

/// A GLA head's channels (N10.2): from z the whole bits of decay of each row and the new carry L,
/// then `k_i ← mulhr(k_i, 2^L_i)` and `q_i ← mulhr(q_i, 2^-L_i)` (two and one fraction bits fewer).
/// All slices have d_k elements.
pub fn gla_channels(
    z: &[i32],
    decay_max: u32,
    carry: &mut [u32],
    bits: &mut [u32],
    k: &mut [i32],
    q: &mut [i32],
) {
    let outputs = carry.iter_mut().zip(bits).zip(k.iter_mut().zip(q));
    for (&z, ((carry, bits), (k, q))) in z.iter().zip(outputs) {
        *bits = carry_decay(carry, gla_decay(z).min(decay_max));
        *k = mulhr(*k, exp2(*carry) as i32);
        *q = mulhr(*q, exp2_neg(*carry) as i32);
    }
}
