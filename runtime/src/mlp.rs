//! SwiGLU: down(silu(gate·m) ⊙ (up·m)) (numerics.md N11).

use crate::matrix::Inputs;
use crate::mixer::Context;
use crate::norm::quantize;
use crate::probe::{Op, Probe, at_the_ends};
use crate::scales::hidden_frac;
use crate::workspace::{LANES, Workspace, take};
use sla_format::{Role, pad_rows};
use sla_kernels::silu_product;

/// Computes h = silu(gate·m) ⊙ (up·m) from the normed inputs in `act`, puts it there as the input
/// of `down_proj` and returns the exponents.
#[cfg_attr(feature = "prompt-pairs", inline(never))]
pub(crate) fn hidden<P: Probe>(cx: &Context, ws: &mut Workspace, probe: &mut P) -> [i32; LANES] {
    let desc = cx.model.desc();
    let width = desc.intermediate as usize;
    let padded = pad_rows(width);
    let (gate, up) = (
        cx.model.matrix(cx.layer, Role::MlpGate),
        cx.model.matrix(cx.layer, Role::MlpUp),
    );
    let inputs = Inputs::new(ws.lanes, &ws.act, desc.hidden as usize, ws.joined);
    let mut rests = ws.work.each_mut().map(|work| &mut **work);
    let mut h = rests.each_mut().map(|rest| take(rest, padded));
    let mut u = rests.each_mut().map(|rest| take(rest, padded));
    gate.apply_each(&inputs, [0; LANES], h.each_mut().map(|h| &mut **h));
    up.apply_each(&inputs, [0; LANES], u.each_mut().map(|u| &mut **u));

    let (gate_shift, up_shift) = (
        i32::from(gate.desc().pre_shift),
        i32::from(up.desc().pre_shift),
    );
    let in_bits = cx.model.tensor(cx.layer, Role::MlpDown).in_bits;
    let mut exponents = [0; LANES];
    let mut saturated = 0;
    for (((h, u), act), exponent) in h
        .iter_mut()
        .zip(&u)
        .zip(&mut ws.act)
        .zip(&mut exponents)
        .take(ws.lanes.get())
    {
        if P::ACTIVE {
            saturated += at_the_ends(h) + at_the_ends(u);
        }
        silu_product(h, u, gate_shift, up_shift);
        let h = h.get(..width).unwrap_or(&[]);
        if P::ACTIVE {
            probe.values(cx.layer, Op::Hidden, h, hidden_frac(gate.desc(), up.desc()));
        }
        *exponent = quantize(h, in_bits, act);
    }
    probe.saturated(cx.layer, Op::Hidden, saturated);
    probe.done(cx.layer, Op::Hidden);
    exponents
}
