//! One layer in two halves: x ← x + mixer(norm(x)), x ← x + mlp(norm(x)) (numerics.md N9, N11).

use crate::matrix::Inputs;
use crate::mixer::{self, Context};
use crate::mlp;
use crate::norm::block_norm;
use crate::probe::{Op, Probe, at_the_ends};
use crate::workspace::{LANES, LayerState, Workspace};
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
    let exponents = mixer::mix(cx, ws, state, probe);
    if cx.outputs {
        contribute(cx, Role::Output, Op::MixerOut, exponents, ws, probe);
    }
}

/// The second half.
pub(crate) fn mlp<P: Probe>(cx: &Context, ws: &mut Workspace, probe: &mut P) {
    if !cx.outputs {
        return;
    }
    let desc = cx.model.desc();
    norm(cx, ws);
    let exponents = mlp::hidden(cx, ws, probe);
    contribute(cx, Role::MlpDown, Op::MlpOut, exponents, ws, probe);
    if P::ACTIVE {
        for x in ws.x.iter().take(ws.lanes.get()) {
            probe.values(
                cx.layer,
                Op::Residual,
                x.get(..desc.hidden as usize).unwrap_or(&[]),
                desc.residual_frac,
            );
        }
    }
}

#[cfg_attr(feature = "prompt-pairs", inline(never))]
fn norm(cx: &Context, ws: &mut Workspace) {
    for (x, act) in ws.x.iter().zip(&mut ws.act).take(ws.lanes.get()) {
        block_norm(x, cx.model.desc(), act);
    }
}

/// x ← sat(x + M·act): the residual connection (N5.5).
fn contribute<P: Probe>(
    cx: &Context,
    role: Role,
    op: Op,
    exponents: [i32; LANES],
    ws: &mut Workspace,
    probe: &mut P,
) {
    let desc = cx.model.desc();
    let hidden = desc.hidden as usize;
    let matrix = cx.model.matrix(cx.layer, role);
    let inputs = Inputs::new(ws.lanes, &ws.act, matrix.desc().cols as usize, ws.joined);
    let deltas = ws
        .work
        .each_mut()
        .map(|work| work.get_mut(..pad_rows(hidden)).unwrap_or_default());
    matrix.apply_each(&inputs, exponents, deltas);
    for (x, delta) in ws.x.iter_mut().zip(&ws.work).take(ws.lanes.get()) {
        if P::ACTIVE {
            let full = |(x, delta): &(&i32, &i32)| x.checked_add(**delta).is_none();
            let saturated = x.iter().zip(delta.iter()).filter(full).count() as u32;
            probe.values(
                cx.layer,
                op,
                delta.get(..hidden).unwrap_or(&[]),
                desc.residual_frac,
            );
            probe.saturated(
                cx.layer,
                op,
                saturated + at_the_ends(delta.get(..hidden).unwrap_or(&[])),
            );
        }
        add_saturating(x, delta);
    }
    probe.done(cx.layer, op);
}
