//! The SLA gate: a softmax over the heads.

use crate::config::{KeyGate, QueryGate, Sla};
use crate::linalg::{add_bias, matvec};
use crate::scratch::Scratch;
use crate::tap::{Op, Tap};
use crate::weights::LayerWeights;

/// Fills `s.gq` and `s.gk` (each `[heads]`) from the normed input: `g = scale · softmax((W·a +
/// bias) / temperature)`. A gate that the config lacks keeps the ones it was created with.
pub(crate) fn step<T: Tap>(
    sla: &Sla,
    layer: usize,
    w: &LayerWeights,
    s: &mut Scratch,
    tap: &mut T,
) {
    if let Some(m) = &w.query_gate {
        matvec(m, &s.normed, &mut s.gq);
        add_bias(&mut s.gq, w.query_gate_bias.as_ref());
        s.gq.iter_mut().for_each(|g| *g /= sla.temperature);
        tap.tap(layer, Op::QueryGateLogit, &s.gq);
        softmax(&mut s.gq, sla.query_gate_scale);
        tap.tap(layer, Op::QueryGate, &s.gq);
    }
    if let Some(m) = &w.key_gate {
        matvec(m, &s.normed, &mut s.gk);
        add_bias(&mut s.gk, w.key_gate_bias.as_ref());
        s.gk.iter_mut().for_each(|g| *g /= sla.temperature);
        tap.tap(layer, Op::KeyGateLogit, &s.gk);
        softmax(&mut s.gk, sla.key_gate_scale);
        tap.tap(layer, Op::KeyGate, &s.gk);
    }
}

/// Whether the query gate multiplies q.
pub(crate) fn on_query(sla: Option<&Sla>) -> bool {
    sla.is_some_and(|s| s.query_gate == QueryGate::Query)
}

/// Whether the query gate multiplies y.
pub(crate) fn on_output(sla: Option<&Sla>) -> bool {
    sla.is_some_and(|s| s.query_gate == QueryGate::Output)
}

/// Whether the key gate multiplies k.
pub(crate) fn on_key(sla: Option<&Sla>) -> bool {
    sla.is_some_and(|s| s.key_gate == KeyGate::Key)
}

/// Whether the key gate multiplies β.
pub(crate) fn on_beta(sla: Option<&Sla>) -> bool {
    sla.is_some_and(|s| s.key_gate == KeyGate::Beta)
}

/// Multiplies head h of `x` (`[heads · d]`) by `gate[h / group]`; `group` is the number of heads of
/// `x` per gate.
pub(crate) fn apply(gate: &[f64], group: usize, d: usize, x: &mut [f64]) {
    for (h, head) in x.chunks_exact_mut(d).enumerate() {
        head.iter_mut().for_each(|v| *v *= gate[h / group]);
    }
}

/// `x ← scale · e^(x - max) / Σ e^(x - max)`
fn softmax(x: &mut [f64], scale: f64) {
    let max = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    x.iter_mut().for_each(|v| *v = libm::exp(*v - max));
    let factor = scale / x.iter().sum::<f64>();
    x.iter_mut().for_each(|v| *v *= factor);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn softmax_sums_to_its_scale_and_reaches_the_ends() {
        let mut x = [1e4, -1e4, 0.0];
        softmax(&mut x, 8.0);
        assert_eq!(x, [8.0, 0.0, 0.0]);
        let mut x = [0.1, 0.2, -0.7, 0.1];
        softmax(&mut x, 4.0);
        assert!((x.iter().sum::<f64>() - 4.0).abs() < 1e-14);
        assert!(x[1] > x[0] && x[0] == x[3] && x[0] > x[2]);
    }
}
