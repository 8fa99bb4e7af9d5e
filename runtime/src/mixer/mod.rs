//! The token mixer: projections, then each head's state update, read, norm and gate.

mod gated_deltanet;
mod gla;
mod project;
mod retnet;

use crate::backbone::backbone;
use crate::head_gate::HeadGate;
use crate::head_state::{HeadState, normalize_head};
use crate::model::Model;
use crate::norm::{quantize, real};
use crate::probe::{Op, Probe};
use crate::scales::y_frac;
use crate::workspace::{LANES, LayerState, Workspace, take};
use project::Projections;
use sla_format::{Backbone, KeyGate, OutputGate, QueryGate, Role};
use sla_kernels::{Real, sigmoid_product, silu_product};

/// What one call needs to know.
pub(crate) struct Context<'a, 'm> {
    pub model: &'a Model<'m>,
    pub layer: usize,
    /// Convolution slot of each token.
    pub slots: [usize; LANES],
    /// Dither of each token (N6.9).
    pub dithers: [u32; LANES],
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
    /// Predictions that did not fit their format (Gated DeltaNet), if anybody wants to know.
    saturated: Option<u32>,
    /// Bits that each row of the state moves down by.
    shifts: &'w mut [u32],
}

/// Runs the mixer on the normed inputs in `act`, puts each token's y there as the input of `o_proj`
/// and returns the exponents. y is, for each state head, unit(o)·gates, with
/// [`crate::scales::y_frac`] fraction bits.
pub(crate) fn mix<P: Probe>(
    cx: &Context,
    ws: &mut Workspace,
    state: &mut LayerState,
    probe: &mut P,
) -> [i32; LANES] {
    let mut rests = ws.work.each_mut().map(|work| &mut **work);
    let mut projections = Projections::run(cx, ws.lanes, &mut ws.act, &mut rests, ws.joined);
    let mut exponents = [0; LANES];
    let tokens = projections
        .iter_mut()
        .zip(&mut rests)
        .zip(&ws.rotary)
        .zip(&mut ws.act)
        .take(ws.lanes.get());
    let tokens = tokens
        .zip(cx.slots.iter().zip(&cx.dithers))
        .zip(&mut exponents);
    for (((((p, rest), rotary), act), (slot, dither)), exponent) in tokens {
        let raw = if P::ACTIVE { p.at_the_ends() } else { 0 };
        let activated = p.qkv.activate::<P>(cx, rotary, *slot, state);
        probe.saturated(cx.layer, Op::Project, raw + activated);
        probe.done(cx.layer, Op::Project);
        *exponent = heads(cx, p, rest, act, *dither, state, probe);
    }
    exponents
}

/// The part of one token after its projections: gates over the heads, then each head.
#[cfg_attr(feature = "prompt-pairs", inline(never))] // its frame, and that of the projections, are not needed at once
fn heads<P: Probe>(
    cx: &Context,
    p: &mut Projections,
    mut rest: &mut [i32],
    act: &mut [i16],
    dither: u32,
    state: &mut LayerState,
    probe: &mut P,
) -> i32 {
    let desc = cx.model.desc();
    let (d_k, d_v) = (desc.d_k as usize, desc.d_v as usize);
    let gate = |logits, role, present, scale| match present {
        true => HeadGate::new(
            logits,
            cx.model.tensor(cx.layer, role).out_frac,
            desc.heads as usize,
            scale,
        ),
        false => HeadGate::NONE,
    };
    let on_query = desc.query_gate != QueryGate::None;
    let query_gate = gate(
        p.query_logits,
        Role::QueryHeadGate,
        on_query,
        output_scale(desc),
    );
    let key_gate = gate(
        p.key_logits,
        Role::KeyHeadGate,
        desc.key_gate != KeyGate::None,
        real(desc.key_scale),
    );
    if P::ACTIVE {
        for head in 0..desc.heads as usize {
            probe.real(cx.layer, Op::QueryGate, head, query_gate.of(head));
            probe.real(cx.layer, Op::KeyGate, head, key_gate.of(head));
        }
    }
    probe.done(cx.layer, Op::QueryGate);

    let mut buffers = HeadBuffers {
        k: take(&mut rest, d_k),
        q: take(&mut rest, d_k),
        v: take(&mut rest, d_v),
        o: take(&mut rest, d_v),
        saturated: P::ACTIVE.then_some(0),
        shifts: bytemuck::try_cast_slice_mut(take(&mut rest, d_k)).unwrap_or(&mut []),
    };
    let gate_tensor = cx.model.tensor(cx.layer, Role::OutputGate);
    let query_heads_share = share(desc.state_heads, desc.heads);
    let carry_len = if backbone(desc) == Backbone::Gla {
        d_k
    } else {
        1
    };
    let heads = state
        .s
        .chunks_exact_mut(state.kind.head_words(desc).max(1))
        .zip(state.carry.chunks_exact_mut(carry_len.max(1)))
        .zip(state.frac.iter_mut().zip(state.mask.iter_mut()))
        .zip(p.y.chunks_exact_mut(d_v.max(1)))
        .enumerate();
    for (head, (((s, carry), (frac, mask)), y)) in heads {
        let mut state = HeadState {
            s,
            kind: state.kind,
            dither,
            frac,
            mask,
        };
        let query_head = head / query_heads_share;
        let read = match desc.query_gate {
            QueryGate::Query => query_gate.of(query_head),
            _ => Real::ONE,
        };
        let write = key_gate.of(query_head);
        let factor = match backbone(desc) {
            Backbone::RetNet => {
                retnet::head(cx, head, &p.qkv, &mut state, carry, write, &mut buffers)
            }
            Backbone::Gla => gla::head(
                cx,
                head,
                &p.qkv,
                p.decay,
                &mut state,
                carry,
                write,
                &mut buffers,
            ),
            Backbone::GatedDeltaNet => gated_deltanet::head(
                cx,
                head,
                &mut p.qkv,
                (p.decay, p.beta),
                &mut state,
                carry,
                write,
                &mut buffers,
            ),
        };
        if !cx.outputs {
            continue;
        }
        let gain = match desc.query_gate {
            QueryGate::Output => query_gate.of(query_head),
            _ => Real::ONE,
        };
        normalize_head(buffers.o, factor.mul(read), real(desc.head_eps), gain);
        let up = i32::from(gate_tensor.pre_shift);
        match desc.output_gate {
            OutputGate::None => y
                .iter_mut()
                .zip(buffers.o.iter())
                .for_each(|(y, o)| *y = *o),
            OutputGate::Silu => silu_product(y, buffers.o, up, 0),
            OutputGate::Sigmoid => sigmoid_product(y, buffers.o),
        }
    }
    if !cx.outputs {
        return 0;
    }
    if P::ACTIVE {
        probe.values(
            cx.layer,
            Op::Heads,
            p.y,
            y_frac(desc.output_gate, &gate_tensor),
        );
    }
    let exponent = quantize(p.y, cx.model.tensor(cx.layer, Role::Output).in_bits, act);
    probe.saturated(cx.layer, Op::Heads, buffers.saturated.unwrap_or(0));
    probe.done(cx.layer, Op::Heads);
    exponent
}

/// The query gate's scale belongs to f where the gate multiplies q; on the output it is folded into
/// o_proj.
fn output_scale(desc: &sla_format::ModelDesc) -> Real {
    match desc.query_gate {
        QueryGate::Query => real(desc.query_scale),
        _ => Real::ONE,
    }
}

/// How many of `heads` share one of `groups`.
fn share(heads: u32, groups: u32) -> usize {
    (heads / groups.max(1)).max(1) as usize
}

/// Channels of head `head` of a `[heads][len]` vector.
fn of_head(x: &[i32], head: usize, len: usize) -> &[i32] {
    x.get(head * len..(head + 1) * len).unwrap_or(&[])
}
