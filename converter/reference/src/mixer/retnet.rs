//! RetNet: `S_n = γ_n · S_n + k_n ⊗ v_n`, `o_n = S_nᵀ · q_n · d_k^-0.5`, with rotary q and k.

use super::heads::{gate_and_expand, read_scale};
use crate::activation::feature_map;
use crate::config::Config;
use crate::rotary::Rotary;
use crate::scratch::Scratch;
use crate::state::{LayerState, decay_and_write, read};
use crate::tap::{Op, Tap};

/// `γ_n = 1 - 2^(-5-n)`, by query head.
fn gamma(head: usize) -> f64 {
    1.0 - libm::ldexp(1.0, -5 - head as i32)
}

/// Advances the state from `s.q`, `s.k`, `s.v` and fills `s.y` with the read-out.
pub(super) fn step<T: Tap>(
    c: &Config,
    rotary: &Rotary,
    layer: usize,
    state: &mut LayerState,
    s: &mut Scratch,
    tap: &mut T,
) {
    feature_map(c.feature_map, &mut s.q);
    feature_map(c.feature_map, &mut s.k);
    rotary.apply(&mut s.q);
    rotary.apply(&mut s.k);
    gate_and_expand(c, layer, s, tap);

    let decay = &mut s.decay[..c.heads];
    decay
        .iter_mut()
        .enumerate()
        .for_each(|(n, d)| *d = gamma(n));
    tap.tap(layer, Op::Decay, decay);

    let group = c.heads / c.kv_heads;
    let matrices = state.matrix.chunks_exact_mut(c.d_k * c.d_v);
    for (n, (matrix, o)) in matrices.zip(s.y.chunks_exact_mut(c.d_v)).enumerate() {
        let v = n / group * c.d_v;
        let keys = n * c.d_k..(n + 1) * c.d_k;
        decay_and_write(
            matrix,
            |_| s.decay[n],
            &s.k_heads[keys.clone()],
            &s.v[v..v + c.d_v],
        );
        read(matrix, &s.q[keys], read_scale(c), o);
    }
}
