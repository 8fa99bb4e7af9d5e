//! SwiGLU: down(silu(gate·m) ⊙ (up·m)) (numerics.md N11).

use crate::bounds::{part, take};
use crate::matrix::Product;
use crate::mixer::Context;
use crate::norm::quantize;
use crate::probe::{Op, Probe, at_the_ends};
use crate::scales::hidden_frac;
use crate::workspace::{Activation, Workspace};
use sla_format::{Role, pad_rows};
use sla_kernels::silu_product;

/// The MLP's part of a lane.
struct Lane<'w, 's> {
    act: &'w mut Activation<'s>,
    gate: &'w mut [i32],
    up: &'w mut [i32],
}

/// Computes h = silu(gate·m) ⊙ (up·m) from the normed inputs in `act` and puts it there as the
/// input of `down_proj`.
#[cfg_attr(feature = "prompt-pairs", inline(never))]
pub(crate) fn hidden<P: Probe>(cx: &Context, ws: &mut Workspace, probe: &mut P) {
    let desc = cx.model.desc();
    let width = desc.intermediate as usize;
    let padded = pad_rows(width);
    let (gate, up) = (
        cx.model.matrix(cx.layer, Role::MlpGate),
        cx.model.matrix(cx.layer, Role::MlpUp),
    );
    ws.join(desc.hidden as usize);
    let mut lanes = ws.lanes.each_mut().map(|lane| {
        let mut rest = &mut *lane.temporary;
        Lane {
            act: &mut lane.act,
            gate: take(&mut rest, padded),
            up: take(&mut rest, padded),
        }
    });
    let products = lanes.each_mut().map(|lane| Product {
        input: lane.act,
        out: lane.gate,
    });
    gate.apply_each(ws.count, products, ws.joined);
    let products = lanes.each_mut().map(|lane| Product {
        input: lane.act,
        out: lane.up,
    });
    up.apply_each(ws.count, products, ws.joined);

    let (gate_shift, up_shift) = (
        i32::from(gate.desc().pre_shift),
        i32::from(up.desc().pre_shift),
    );
    let in_bits = cx.model.tensor(cx.layer, Role::MlpDown).in_bits;
    let mut saturated = 0;
    for lane in lanes.iter_mut().take(ws.count.get()) {
        if P::ACTIVE {
            saturated += at_the_ends(lane.gate) + at_the_ends(lane.up);
        }
        silu_product(lane.gate, lane.up, gate_shift, up_shift);
        let h = part(lane.gate, ..width);
        if P::ACTIVE {
            probe.values(cx.layer, Op::Hidden, h, hidden_frac(gate.desc(), up.desc()));
        }
        quantize(h, in_bits, lane.act);
    }
    probe.saturated(cx.layer, Op::Hidden, saturated);
    probe.done(cx.layer, Op::Hidden);
}
