//! `down · (silu(gate · m) ⊙ (up · m))`

use crate::activation::silu;
use crate::linalg::matvec;
use crate::scratch::Scratch;
use crate::tap::{Op, Tap};
use crate::weights::LayerWeights;

/// Reads `s.normed`, fills `s.out`.
pub(crate) fn step<T: Tap>(layer: usize, w: &LayerWeights, s: &mut Scratch, tap: &mut T) {
    matvec(&w.gate, &s.normed, &mut s.gate);
    matvec(&w.up, &s.normed, &mut s.up);
    tap.tap(layer, Op::MlpGate, &s.gate);
    tap.tap(layer, Op::MlpUp, &s.up);
    for (gate, up) in s.gate.iter_mut().zip(&s.up) {
        *gate = silu(*gate) * up;
    }
    tap.tap(layer, Op::Hidden, &s.gate);
    matvec(&w.down, &s.gate, &mut s.out);
    tap.tap(layer, Op::MlpOut, &s.out);
}
