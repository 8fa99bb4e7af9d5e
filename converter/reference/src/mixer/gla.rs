//! Gated linear attention: `S_n[i,:] = α_n[i] · S_n[i,:] + k_n[i] · v_n`, `o_n = S_nᵀ · q_n ·
//! d_k^-0.5`, with `α = exp(max(logsigmoid(z) / 16, clamp_min))` and `z = gk1 · (gk0 · a) + bias`.

use super::heads::{gate_and_expand, read_scale};
use crate::activation::{feature_map, log_sigmoid};
use crate::config::Config;
use crate::linalg::{add_bias, matvec};
use crate::scratch::Scratch;
use crate::state::{LayerState, decay_and_write, read};
use crate::tap::{Op, Tap};
use crate::weights::LayerWeights;

/// fla never passes any other value, whatever config.json says.
const GATE_LOGIT_NORMALIZER: f64 = 16.0;

/// Advances the state from `s.q`, `s.k`, `s.v`, `s.normed` and fills `s.y` with the read-out.
pub(super) fn step<T: Tap>(
    c: &Config,
    layer: usize,
    w: &LayerWeights,
    state: &mut LayerState,
    s: &mut Scratch,
    tap: &mut T,
) {
    feature_map(c.feature_map, &mut s.q);
    feature_map(c.feature_map, &mut s.k);
    gate_and_expand(c, layer, s, tap);
    decay(c, layer, w, s, tap);

    let group = c.heads / c.kv_heads;
    let matrices = state.matrix.chunks_exact_mut(c.d_k * c.d_v);
    for (n, (matrix, o)) in matrices.zip(s.y.chunks_exact_mut(c.d_v)).enumerate() {
        let kv = n / group;
        let keys = n * c.d_k..(n + 1) * c.d_k;
        let decay = &s.decay[kv * c.d_k..(kv + 1) * c.d_k];
        decay_and_write(
            matrix,
            |i| decay[i],
            &s.k_heads[keys.clone()],
            &s.v[kv * c.d_v..(kv + 1) * c.d_v],
        );
        read(matrix, &s.q[keys], read_scale(c), o);
    }
}

/// Fills `s.decay` with α, `[kv_heads · d_k]`.
fn decay<T: Tap>(c: &Config, layer: usize, w: &LayerWeights, s: &mut Scratch, tap: &mut T) {
    let (Some(gk0), Some(gk1)) = (&w.gk0, &w.gk1) else {
        unreachable!("validated: GLA has a decay projection")
    };
    let decay = &mut s.decay[..c.k_dim()];
    matvec(gk0, &s.normed, &mut s.low);
    tap.tap(layer, Op::GateLow, &s.low);
    matvec(gk1, &s.low, decay);
    add_bias(decay, w.gk1_bias.as_ref());
    tap.tap(layer, Op::DecayLogit, decay);
    for d in decay.iter_mut() {
        let log = log_sigmoid(*d) / GATE_LOGIT_NORMALIZER;
        *d = libm::exp(c.clamp_min.map_or(log, |min| log.max(min)));
    }
    tap.tap(layer, Op::Decay, decay);
}
