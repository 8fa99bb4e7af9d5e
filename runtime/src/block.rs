//! One layer: x ← x + mixer(norm(x)), x ← x + mlp(norm(x)) (numerics.md N9, N11).

use crate::mixer::{self, Context};
use crate::mlp;
use crate::norm::block_norm;
use crate::probe::{Op, Probe};
use crate::workspace::{LayerState, Workspace};
use sla_format::{Role, pad_rows};

pub(crate) fn block<P: Probe>(cx: &Context, ws: &mut BlockBuffers, state: &mut LayerState, probe: &mut P) {
    let desc = cx.model.desc();
    block_norm(ws.x, desc, ws.act);
    probe.done(cx.layer, Op::MixerNorm);
    let exponent = mixer::mix(cx, ws.act, ws.work, state, probe);
    contribute(cx, Role::Output, Op::MixerOut, exponent, ws, probe);

    block_norm(ws.x, desc, ws.act);
    let exponent = mlp::hidden(cx.model, cx.layer, ws.act, ws.work, probe);
    contribute(cx, Role::MlpDown, Op::MlpOut, exponent, ws, probe);
    if P::ACTIVE {
        let x = ws.x.get(..desc.hidden as usize).unwrap_or(&[]);
        probe.values(cx.layer, Op::Residual, x, desc.residual_frac);
    }
}

/// The buffers of [`Workspace`] that a block writes.
pub(crate) struct BlockBuffers<'a> {
    pub x: &'a mut [i32],
    pub act: &'a mut [i16],
    pub work: &'a mut [i32],
}

impl<'a> BlockBuffers<'a> {
    /// Splits a workspace into what a block writes and the rotary table that it reads.
    pub fn of(ws: &'a mut Workspace) -> (Self, &'a [i32]) {
        (Self { x: ws.x, act: ws.act, work: ws.work }, ws.rotary)
    }
}

/// x ← sat(x + M·act): the residual connection (N5.5).
fn contribute<P: Probe>(cx: &Context, role: Role, op: Op, exponent: i32, ws: &mut BlockBuffers, probe: &mut P) {
    let desc = cx.model.desc();
    let delta = ws.work.get_mut(..pad_rows(desc.hidden as usize)).unwrap_or_default();
    cx.model.matrix(cx.layer, role).apply(ws.act, exponent, delta);
    let mut saturated = 0;
    for (x, delta) in ws.x.iter_mut().zip(delta.iter()) {
        if P::ACTIVE {
            saturated += u32::from(x.checked_add(*delta).is_none());
        }
        *x = x.saturating_add(*delta);
    }
    if P::ACTIVE {
        probe.values(cx.layer, op, delta.get(..desc.hidden as usize).unwrap_or(&[]), desc.residual_frac);
        probe.saturated(cx.layer, op, saturated);
    }
    probe.done(cx.layer, op);
}
