//! One layer in two halves: x ← x + mixer(norm(x)), x ← x + mlp(norm(x)) (numerics.md N9, N11).

use crate::bounds::{part, take};
use crate::matrix::Product;
use crate::mixer::{self, Context};
use crate::mlp;
use crate::norm::block_norm;
use crate::probe::{Op, Probe, at_the_ends};
use crate::workspace::{LayerState, Workspace};
use sla_format::{Role, pad_rows};
use sla_kernels::add_saturating;

/// The first half.
pub(crate) fn mixer<P: Probe>(
    cx: &Context,
    ws: &mut Workspace,
    state: &mut LayerState,
    probe: &mut P,
) {
    norm(cx, ws);
    probe.done(cx.layer, Op::MixerNorm);
    mixer::mix(cx, ws, state, probe);
    if cx.outputs {
        contribute(cx, Role::Output, Op::MixerOut, ws, probe);
    }
}

/// The second half.
pub(crate) fn mlp<P: Probe>(cx: &Context, ws: &mut Workspace, probe: &mut P) {
    if !cx.outputs {
        return;
    }
    norm(cx, ws);
    mlp::hidden(cx, ws, probe);
    contribute(cx, Role::MlpDown, Op::MlpOut, ws, probe);
    if P::ACTIVE {
        let desc = cx.model.desc();
        for lane in ws.active() {
            let x = part(lane.x, ..desc.hidden as usize);
            probe.values(cx.layer, Op::Residual, x, desc.residual_frac);
        }
    }
}

#[cfg_attr(feature = "prompt-pairs", inline(never))]
fn norm(cx: &Context, ws: &mut Workspace) {
    for lane in ws.active() {
        block_norm(lane.x, cx.model.desc(), lane.act.values);
        lane.act.exponent = 0;
    }
}

/// x ← sat(x + M·act): the residual connection (N5.5).
fn contribute<P: Probe>(cx: &Context, role: Role, op: Op, ws: &mut Workspace, probe: &mut P) {
    let desc = cx.model.desc();
    let hidden = desc.hidden as usize;
    let padded = pad_rows(hidden);
    let matrix = cx.model.matrix(cx.layer, role);
    ws.join(matrix.desc().cols as usize);
    let products = ws.lanes.each_mut().map(|lane| Product {
        input: &lane.act,
        out: take(&mut &mut *lane.temporary, padded),
    });
    matrix.apply_each(ws.count, products, ws.joined);
    for lane in ws.active() {
        if P::ACTIVE {
            let delta = part(lane.temporary, ..hidden);
            let full = |(x, delta): &(&i32, &i32)| x.checked_add(**delta).is_none();
            let saturated = lane.x.iter().zip(delta).filter(full).count() as u32;
            probe.values(cx.layer, op, delta, desc.residual_frac);
            probe.saturated(cx.layer, op, saturated + at_the_ends(delta));
        }
        add_saturating(lane.x, lane.temporary);
    }
    probe.done(cx.layer, op);
}
