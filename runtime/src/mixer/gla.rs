//! Gated linear attention: S_i ← α_i·S_i + k_i·v with α = σ(z)^(1/16) per key channel (numerics.md
//! N10.2).

use super::token::{Projector, Token};
use super::{Context, Head, of_head, share};
use crate::bounds::part;
use crate::head_state::{Rows, Scaled, Update, align_largest, align_sum};
use crate::norm::quantize;
use crate::probe::Probe;
use crate::workspace::{LayerState, join_lanes};
use sla_format::Role;
use sla_kernels::{Real, gla_channels};

/// z through its low rank.
pub(super) fn project(projector: &mut Projector) {
    let (cx, count) = (projector.cx, projector.count);
    let desc = cx.model.desc();
    let rank = desc.gate_rank as usize;
    projector.run(Role::DecayDown, rank, |p| &mut p.beta);
    let in_bits = cx.model.tensor(cx.layer, Role::DecayUp).in_bits;
    for token in projector.tokens.iter_mut().take(count.get()) {
        quantize(part(token.projections.beta, ..rank), in_bits, token.act);
    }
    let inputs = projector.tokens.each_ref().map(|token| &*token.act);
    join_lanes(count, inputs, rank, projector.joined);
    projector.run(Role::DecayUp, desc.k_len(), |p| &mut p.decay);
}

/// Convolution, where the model has one, and feature map. Returns how many values were saturated
/// on the way, if a probe wants to know.
pub(super) fn activate<P: Probe>(cx: &Context, token: &mut Token, state: &mut LayerState) -> u32 {
    let desc = cx.model.desc();
    let p = &mut token.projections;
    let mut saturated = 0;
    if desc.conv_width > 0 {
        saturated += p.convolve::<P>(cx, token.place.slot, state);
    }
    for channels in [&mut p.q, &mut p.k] {
        saturated += channels.map_features::<P>(desc.feature_map);
    }
    saturated
}

/// One step of one head; returns the real value of one unit of `o`.
pub(super) fn head(cx: &Context, token: &Token, head: &mut Head) -> Real {
    let desc = cx.model.desc();
    let (d_k, d_v) = (desc.d_k as usize, desc.d_v as usize);
    let (p, b) = (&token.projections, &mut *head.buffers);
    let kv_head = head.index / share(desc.heads, desc.kv_heads);

    let k_up = align_largest(of_head(p.k.x, kv_head, d_k), b.k);
    let q_up = align_sum(of_head(p.q.x, head.index, d_k), b.q);
    gla_channels(
        of_head(p.decay, kv_head, d_k),
        desc.decay_max,
        head.state.carry,
        b.shifts,
        b.k,
        b.q,
    );
    let step = Update {
        shifts: b.shifts,
        decays: true,
        k: Rows {
            v: b.k,
            frac: p.k.frac + k_up - 2,
        },
        v: Scaled {
            v: of_head(p.v.x, kv_head, d_v),
            frac: p.v.frac,
        },
        gain: head.write,
        q: Rows {
            v: b.q,
            frac: p.q.frac + q_up - 1,
        },
    };
    head.state.write_read(step, b.v, b.o)
}
