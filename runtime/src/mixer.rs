//! The token mixer: projections, then each head's state update, read, norm and gate.
//!
//! A recurrence is one file with three functions: `project` for what it projects besides q, k and
//! v, `activate` for what comes between projections and heads, `head` for one step of one head.

mod gated_deltanet;
mod gla;
mod retnet;
mod token;

use crate::bounds::{cast_mut, part, take};
use crate::cargo_features::Recurrence;
use crate::head_gate::HeadGate;
use crate::head_state::{HeadState, normalize_head};
use crate::model::Model;
use crate::norm::{quantize, real};
use crate::probe::{Op, Probe};
use crate::scales::y_frac;
use crate::workspace::{LANES, Lane, LayerState, Workspace};
use sla_format::{KeyGate, ModelDesc, OutputGate, QueryGate, Role};
use sla_kernels::{Real, sigmoid_product, silu_product};
use token::{Projector, Token};

/// What one call needs to know.
pub(crate) struct Context<'a, 'm> {
    pub model: &'a Model<'m>,
    pub layer: usize,
    pub recurrence: Recurrence,
    /// Whether anybody reads what the layer adds to the residual stream. In a prompt nobody does
    /// in the last layer, where only the state counts.
    pub outputs: bool,
}

/// Scratch of one head.
struct HeadBuffers<'w> {
    k: &'w mut [i32],
    q: &'w mut [i32],
    v: &'w mut [i32],
    o: &'w mut [i32],
    /// Bits that each row of the state moves down by.
    shifts: &'w mut [u32],
}

/// One state head of one token.
struct Head<'h, 's, 'w> {
    index: usize,
    state: HeadState<'s>,
    /// The gate on the write.
    write: Real,
    buffers: &'h mut HeadBuffers<'w>,
    /// Predictions that did not fit their format (Gated DeltaNet), if anybody wants to know.
    saturated: &'h mut Option<u32>,
}

/// Runs the mixer on the normed inputs in `act` and puts each token's y there as the input of
/// `o_proj`. y is, for each state head, unit(o)·gates, with [`crate::scales::y_frac`] fraction bits.
pub(crate) fn mix<P: Probe>(
    cx: &Context,
    ws: &mut Workspace,
    state: &mut LayerState,
    probe: &mut P,
) {
    let (count, mut tokens) = (ws.count, project(cx, ws));
    for token in tokens.iter_mut().take(count.get()) {
        let raw = if P::ACTIVE {
            token.projections.at_the_ends()
        } else {
            0
        };
        let activated = match cx.recurrence {
            Recurrence::RetNet(_) => retnet::activate::<P>(cx, token),
            Recurrence::Gla(_) => gla::activate::<P>(cx, token, state),
            Recurrence::GatedDeltaNet(_) => gated_deltanet::activate::<P>(cx, token, state),
        };
        probe.saturated(cx.layer, Op::Project, raw + activated);
        probe.done(cx.layer, Op::Project);
        heads(cx, token, state, probe);
    }
}

/// What the recurrence of a model needs to know of a token's position.
pub(crate) fn locate(model: &Model, lane: &mut Lane, position: u64) {
    match model.recurrence() {
        Recurrence::RetNet(_) => retnet::rotary_angles(model, position, lane.place.rotary),
        Recurrence::Gla(_) | Recurrence::GatedDeltaNet(_) => {}
    }
}

/// Everything that is computed for all heads at once, before the state (numerics.md N9.1). Uses up
/// the activations.
#[inline(never)]
fn project<'w, 's>(cx: &Context, ws: &'w mut Workspace<'s>) -> [Token<'w, 's>; LANES] {
    let desc = cx.model.desc();
    ws.join(desc.hidden as usize);
    let mut tokens = ws.lanes.each_mut().map(Token::new);
    let heads = desc.heads as usize;
    let mut projector = Projector {
        cx,
        count: ws.count,
        tokens: &mut tokens,
        joined: ws.joined,
    };
    projector.run(Role::Query, desc.q_len(), |p| &mut p.q.x);
    projector.run(Role::Key, desc.k_len(), |p| &mut p.k.x);
    projector.run(Role::Value, desc.v_len(), |p| &mut p.v.x);
    // y takes the place of its gate.
    projector.run(Role::OutputGate, desc.y_len(), |p| &mut p.y);
    if desc.query_gate != QueryGate::None {
        projector.run(Role::QueryHeadGate, heads, |p| &mut p.query_logits);
    }
    if desc.key_gate != KeyGate::None {
        projector.run(Role::KeyHeadGate, heads, |p| &mut p.key_logits);
    }
    match cx.recurrence {
        Recurrence::RetNet(_) => {}
        Recurrence::Gla(_) => gla::project(&mut projector),
        Recurrence::GatedDeltaNet(_) => gated_deltanet::project(&mut projector),
    }
    for token in &mut tokens {
        token.projections.trim(cx);
    }
    tokens
}

/// The part of one token after its projections: gates over the heads, then each head.
#[cfg_attr(feature = "prompt-pairs", inline(never))] // its frame, and that of the projections, are not needed at once
fn heads<P: Probe>(cx: &Context, token: &mut Token, state: &mut LayerState, probe: &mut P) {
    let desc = cx.model.desc();
    let (d_k, d_v) = (desc.d_k as usize, desc.d_v as usize);
    let p = &mut token.projections;
    let query_gate = head_gate(
        cx,
        Role::QueryHeadGate,
        &mut p.query_logits,
        query_gate_scale(desc),
    );
    let key_gate = head_gate(
        cx,
        Role::KeyHeadGate,
        &mut p.key_logits,
        key_gate_scale(desc),
    );
    if P::ACTIVE {
        for head in 0..desc.heads as usize {
            probe.real(cx.layer, Op::QueryGate, head, query_gate.of(head));
            probe.real(cx.layer, Op::KeyGate, head, key_gate.of(head));
        }
    }
    probe.done(cx.layer, Op::QueryGate);

    let rest = &mut token.rest;
    let mut buffers = HeadBuffers {
        k: take(rest, d_k),
        q: take(rest, d_k),
        v: take(rest, d_v),
        o: take(rest, d_v),
        shifts: cast_mut(take(rest, d_k)),
    };
    let gate_tensor = cx.model.tensor(cx.layer, Role::OutputGate);
    let heads_share = share(desc.state_heads, desc.heads);
    let mut saturated = P::ACTIVE.then_some(0);
    let y_all = core::mem::take(&mut token.projections.y);
    let heads = state
        .heads(desc, token.place.dither)
        .zip(y_all.chunks_exact_mut(d_v.max(1)));
    for (index, (state, y)) in heads.enumerate() {
        let gate = index / heads_share;
        let mut head = Head {
            index,
            state,
            write: key_gate.of(gate),
            buffers: &mut buffers,
            saturated: &mut saturated,
        };
        let unit = match cx.recurrence {
            Recurrence::RetNet(_) => retnet::head(cx, token, &mut head),
            Recurrence::Gla(_) => gla::head(cx, token, &mut head),
            Recurrence::GatedDeltaNet(_) => gated_deltanet::head(cx, token, &mut head),
        };
        if !cx.outputs {
            continue;
        }
        let (read, gain) = match desc.query_gate {
            QueryGate::None => (Real::ONE, Real::ONE),
            QueryGate::Query => (query_gate.of(gate), Real::ONE),
            QueryGate::Output => (Real::ONE, query_gate.of(gate)),
        };
        let o = &mut *buffers.o;
        normalize_head(o, unit.mul(read), real(desc.head_eps), gain);
        match desc.output_gate {
            OutputGate::None => y.iter_mut().zip(o.iter()).for_each(|(y, o)| *y = *o),
            OutputGate::Silu => silu_product(y, o, i32::from(gate_tensor.pre_shift), 0),
            OutputGate::Sigmoid => sigmoid_product(y, o),
        }
    }
    if !cx.outputs {
        return;
    }
    if P::ACTIVE {
        let frac = y_frac(desc.output_gate, &gate_tensor);
        probe.values(cx.layer, Op::Heads, y_all, frac);
    }
    let in_bits = cx.model.tensor(cx.layer, Role::Output).in_bits;
    quantize(y_all, in_bits, token.act);
    probe.saturated(cx.layer, Op::Heads, saturated.unwrap_or(0));
    probe.done(cx.layer, Op::Heads);
}

/// A gate over the heads (SLA), where the model has it: with its scale.
#[inline(never)]
fn head_gate<'w>(
    cx: &Context,
    role: Role,
    logits: &mut &'w mut [i32],
    scale: Option<Real>,
) -> HeadGate<'w> {
    let Some(scale) = scale else {
        return HeadGate::NONE;
    };
    let frac = cx.model.tensor(cx.layer, role).out_frac;
    let heads = cx.model.desc().heads as usize;
    HeadGate::new(core::mem::take(logits), frac, heads, scale)
}

/// The scale of the gate on q or on the output, which folds it into o_proj.
fn query_gate_scale(desc: &ModelDesc) -> Option<Real> {
    match desc.query_gate {
        QueryGate::None => None,
        QueryGate::Query => Some(real(desc.query_scale)),
        QueryGate::Output => Some(Real::ONE),
    }
}

/// The scale of the gate on k or β.
fn key_gate_scale(desc: &ModelDesc) -> Option<Real> {
    match desc.key_gate {
        KeyGate::None => None,
        KeyGate::Key | KeyGate::Beta => Some(real(desc.key_scale)),
    }
}

/// How many of `heads` share one of `groups`.
fn share(heads: u32, groups: u32) -> usize {
    (heads / groups.max(1)).max(1) as usize
}

/// Channels of head `head` of a `[heads][len]` vector.
fn of_head(x: &[i32], head: usize, len: usize) -> &[i32] {
    part(x, head * len..(head + 1) * len)
}
