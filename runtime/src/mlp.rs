//! SwiGLU: down(silu(gate·m) ⊙ (up·m)) (numerics.md N11).

use crate::model::Model;
use crate::norm::quantize;
use crate::probe::{Op, Probe};
use crate::scales::hidden_frac;
use crate::workspace::take;
use sla_format::{Role, pad_rows};
use sla_kernels::silu_product;

/// Computes h = silu(gate·m) ⊙ (up·m) from the normed input in `act`, puts it there as the input of
/// `down_proj` and returns its exponent.
pub(crate) fn hidden<P: Probe>(model: &Model, layer: usize, act: &mut [i16], work: &mut [i32], probe: &mut P) -> i32 {
    let width = model.desc().intermediate as usize;
    let (gate, up) = (model.matrix(layer, Role::MlpGate), model.matrix(layer, Role::MlpUp));
    let mut rest = work;
    let h = take(&mut rest, pad_rows(width));
    let u = take(&mut rest, pad_rows(width));
    gate.apply(act, 0, h);
    up.apply(act, 0, u);
    let (gate_up, u_up) = (i32::from(gate.desc().pre_shift), i32::from(up.desc().pre_shift));
    silu_product(h, u, gate_up, u_up);
    let h = h.get(..width).unwrap_or(&[]);
    if P::ACTIVE {
        probe.values(layer, Op::Hidden, h, hidden_frac(gate.desc(), up.desc()));
    }
    let exponent = quantize(h, model.tensor(layer, Role::MlpDown).in_bits, act);
    probe.done(layer, Op::Hidden);
    exponent
}
