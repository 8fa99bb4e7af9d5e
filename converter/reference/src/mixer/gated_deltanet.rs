//! Gated DeltaNet: `S ← α·S; S ← S + k ⊗ β(v - Sᵀk); o = Sᵀ · q · d_k^-0.5` with L2-normed q and k,
//! `α = exp(-exp(A_log) · softplus(a·x + dt_bias))` and `β = σ(b·x)`, doubled by
//! `allow_neg_eigval`.

use super::heads::{gate_and_expand, read_scale};
use crate::activation::{sigmoid, silu, softplus};
use crate::config::Config;
use crate::head_gate;
use crate::linalg::{add_bias, matvec};
use crate::norm::l2_in_place;
use crate::scratch::Scratch;
use crate::state::{LayerState, decay_and_write, read};
use crate::tap::{Op, Tap};
use crate::weights::LayerWeights;

/// Advances the state from `s.q`, `s.k`, `s.v`, `s.normed` and fills `s.y` with the read-out.
pub(super) fn step<T: Tap>(
    c: &Config,
    layer: usize,
    w: &LayerWeights,
    state: &mut LayerState,
    s: &mut Scratch,
    tap: &mut T,
) {
    if c.conv.is_none() {
        for x in [&mut s.q, &mut s.k, &mut s.v] {
            x.iter_mut().for_each(|x| *x = silu(*x));
        }
    }
    s.q.chunks_exact_mut(c.d_k).for_each(l2_in_place);
    s.k.chunks_exact_mut(c.d_k).for_each(l2_in_place);
    gate_and_expand(c, layer, s, tap);
    decay_and_beta(c, layer, w, s, tap);

    let group = c.value_heads / c.heads;
    let matrices = state.matrix.chunks_exact_mut(c.d_k * c.d_v);
    for (j, (matrix, o)) in matrices.zip(s.y.chunks_exact_mut(c.d_v)).enumerate() {
        let keys = j / group * c.d_k..(j / group + 1) * c.d_k;
        let k = &s.k_heads[keys.clone()];
        matrix.iter_mut().for_each(|m| *m *= s.decay[j]);
        read(matrix, k, 1.0, &mut s.correction);
        for (u, v) in s.correction.iter_mut().zip(&s.v[j * c.d_v..]) {
            *u = s.beta[j] * (v - *u);
        }
        decay_and_write(matrix, |_| 1.0, k, &s.correction);
        read(matrix, &s.q[keys], read_scale(c), o);
    }
}

/// Fills `s.decay` and `s.beta`, `[value_heads]` each.
fn decay_and_beta<T: Tap>(
    c: &Config,
    layer: usize,
    w: &LayerWeights,
    s: &mut Scratch,
    tap: &mut T,
) {
    let (Some(a), Some(b), Some(a_log)) = (&w.a, &w.b, &w.a_log) else {
        unreachable!("validated: Gated DeltaNet has decay and beta projections")
    };
    let decay = &mut s.decay[..c.value_heads];
    matvec(a, &s.normed, decay);
    add_bias(decay, w.dt_bias.as_ref());
    tap.tap(layer, Op::DecayLogit, decay);
    for (d, a_log) in decay.iter_mut().zip(a_log) {
        *d = libm::exp(-libm::exp(f64::from(*a_log)) * softplus(*d));
    }
    tap.tap(layer, Op::Decay, decay);

    matvec(b, &s.normed, &mut s.beta);
    let range = if c.allow_neg_eigval { 2.0 } else { 1.0 };
    s.beta.iter_mut().for_each(|b| *b = range * sigmoid(*b));
    if head_gate::on_beta(c.sla.as_ref()) {
        head_gate::apply(&s.gk, c.value_heads / c.heads, 1, &mut s.beta);
    }
    tap.tap(layer, Op::Beta, &s.beta);
}
