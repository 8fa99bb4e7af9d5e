//! q, k and v as the heads of the state read them.

use crate::config::Config;
use crate::head_gate;
use crate::scratch::Scratch;
use crate::tap::{Op, Tap};

/// Applies the gates to q and k and expands k to query heads (query head n uses key head `n /
/// (heads / kv_heads)`).
pub(super) fn gate_and_expand<T: Tap>(c: &Config, layer: usize, s: &mut Scratch, tap: &mut T) {
    if head_gate::on_query(c.sla.as_ref()) {
        head_gate::apply(&s.gq, 1, c.d_k, &mut s.q);
    }
    let group = c.heads / c.kv_heads;
    for (h, head) in s.k_heads.chunks_exact_mut(c.d_k).enumerate() {
        let from = h / group * c.d_k;
        head.copy_from_slice(&s.k[from..from + c.d_k]);
    }
    if head_gate::on_key(c.sla.as_ref()) {
        head_gate::apply(&s.gk, 1, c.d_k, &mut s.k_heads);
    }
    tap.tap(layer, Op::Q, &s.q);
    tap.tap(layer, Op::K, &s.k_heads);
    tap.tap(layer, Op::V, &s.v);
}

/// `d_k^-0.5`
pub(super) fn read_scale(c: &Config) -> f64 {
    1.0 / (c.d_k as f64).sqrt()
}
