//! The token mixer: what the backbones share around their recurrences.

mod gated_deltanet;
mod gla;
mod heads;
mod retnet;

use crate::activation::{sigmoid, silu};
use crate::config::{Backbone, Config, OutputGate};
use crate::head_gate;
use crate::linalg::matvec;
use crate::norm::rms_in_place;
use crate::rotary::Rotary;
use crate::scratch::Scratch;
use crate::state::LayerState;
use crate::tap::{Op, Tap};
use crate::weights::LayerWeights;

/// What every layer's mixer sees of the model at one token.
pub(crate) struct Context<'a> {
    pub(crate) config: &'a Config,
    pub(crate) rotary: &'a Rotary,
}

/// Reads the normed input `s.normed`, advances `state`, fills `s.out` with the output of `o_proj`.
pub(crate) fn step<T: Tap>(
    ctx: &Context<'_>,
    layer: usize,
    w: &LayerWeights,
    state: &mut LayerState,
    s: &mut Scratch,
    tap: &mut T,
) {
    let c = ctx.config;
    project(layer, w, state, s, tap);
    if let Some(sla) = &c.sla {
        head_gate::step(sla, layer, w, s, tap);
    }
    match c.backbone {
        Backbone::RetNet => retnet::step(c, ctx.rotary, layer, state, s, tap),
        Backbone::Gla => gla::step(c, layer, w, state, s, tap),
        Backbone::GatedDeltaNet => gated_deltanet::step(c, layer, w, state, s, tap),
    }
    tap.tap(layer, Op::State, &state.matrix);
    tap.tap(layer, Op::Read, &s.y);
    output(c, layer, w, s, tap);
}

/// q, k and v from the normed input, each through its convolution where the model has one.
fn project<T: Tap>(
    layer: usize,
    w: &LayerWeights,
    state: &mut LayerState,
    s: &mut Scratch,
    tap: &mut T,
) {
    matvec(&w.q, &s.normed, &mut s.q);
    matvec(&w.k, &s.normed, &mut s.k);
    matvec(&w.v, &s.normed, &mut s.v);
    tap.tap(layer, Op::QProj, &s.q);
    tap.tap(layer, Op::KProj, &s.k);
    tap.tap(layer, Op::VProj, &s.v);
    if let Some(histories) = &mut state.conv {
        let convs = [&w.q_conv, &w.k_conv, &w.v_conv];
        for ((history, conv), u) in histories
            .iter_mut()
            .zip(convs)
            .zip([&mut s.q, &mut s.k, &mut s.v])
        {
            history.step(
                conv.as_ref().expect("validated: a convolution has weights"),
                u,
            );
        }
    }
}

/// Per-head norm, output gate, query gate on "output", `o_proj`: `s.y` to `s.out`.
fn output<T: Tap>(c: &Config, layer: usize, w: &LayerWeights, s: &mut Scratch, tap: &mut T) {
    for head in s.y.chunks_exact_mut(c.d_v) {
        rms_in_place(head, w.o_norm.as_deref(), c.norm_eps);
    }
    if let Some(g) = &w.g {
        matvec(g, &s.normed, &mut s.g);
        tap.tap(layer, Op::OutputGate, &s.g);
        let activation = if c.output_gate == OutputGate::Sigmoid {
            sigmoid
        } else {
            silu
        };
        for (y, g) in s.y.iter_mut().zip(&s.g) {
            *y *= activation(*g);
        }
    }
    if head_gate::on_output(c.sla.as_ref()) {
        head_gate::apply(&s.gq, c.value_heads / c.heads, c.d_v, &mut s.y);
    }
    tap.tap(layer, Op::MixerNorm, &s.y);
    matvec(&w.o, &s.y, &mut s.out);
    tap.tap(layer, Op::MixerOut, &s.out);
}
