//! Everything that is computed for all heads at once, before the state (numerics.md N9.1).

use super::Context;
use crate::backbone::backbone;
use crate::conv::Conv;
use crate::norm::quantize;
use crate::workspace::{LayerState, take};
use sla_format::{Backbone, FeatureMap, KeyGate, ModelDesc, QueryGate, Role, pad_rows};
use sla_kernels::{fixed::mulhr, nonlinear, shift_in_place, silu_in_place};

/// q, k, v of all heads and their fraction bits.
pub(super) struct Qkv<'w> {
    pub q: &'w mut [i32],
    pub k: &'w mut [i32],
    pub v: &'w mut [i32],
    pub q_frac: i32,
    pub k_frac: i32,
    pub v_frac: i32,
}

pub(super) struct Projections<'w> {
    pub qkv: Qkv<'w>,
    /// The output gate's pre-activation (Q16), later y.
    pub y: &'w mut [i32],
    /// GLA: z per key channel; Gated DeltaNet: the decay's pre-activation per head (Q16).
    pub decay: &'w mut [i32],
    /// Gated DeltaNet: β's pre-activation per head (Q16).
    pub beta: &'w mut [i32],
    pub query_logits: &'w mut [i32],
    pub key_logits: &'w mut [i32],
}

impl<'w> Projections<'w> {
    pub fn run(cx: &Context, act: &mut [i16], rest: &mut &'w mut [i32], state: &mut LayerState) -> Self {
        let desc = cx.model.desc();
        let heads = pad_rows(desc.heads as usize);
        let mut project = |role: Role, rows: usize, act: &[i16]| project(cx, role, rows, act, rest);
        let q = project(Role::Query, desc.q_len(), act);
        let k = project(Role::Key, desc.k_len(), act);
        let v = project(Role::Value, desc.v_len(), act);
        let y = project(Role::OutputGate, desc.y_len(), act);
        let query_logits =
            if desc.query_gate == QueryGate::None { &mut [] } else { project(Role::QueryHeadGate, heads, act) };
        let key_logits = if desc.key_gate == KeyGate::None { &mut [] } else { project(Role::KeyHeadGate, heads, act) };
        let (decay, beta): (&mut [i32], &mut [i32]) = match backbone(desc) {
            Backbone::RetNet => (&mut [], &mut []),
            Backbone::Gla => {
                let low_rank = project(Role::DecayDown, desc.gate_rank as usize, act);
                let up = cx.model.matrix(cx.layer, Role::DecayUp);
                let used = low_rank.get(..desc.gate_rank as usize).unwrap_or(&[]);
                let exponent = quantize(used, up.desc().in_bits, act);
                let z = take(rest, pad_rows(desc.k_len()));
                up.apply(act, exponent, z);
                (z, &mut [])
            }
            Backbone::GatedDeltaNet => (
                project(Role::DeltaDecay, desc.state_heads as usize, act),
                project(Role::DeltaBeta, desc.state_heads as usize, act),
            ),
        };
        let mut p = Projections {
            qkv: Qkv {
                q: q.get_mut(..desc.q_len()).unwrap_or_default(),
                k: k.get_mut(..desc.k_len()).unwrap_or_default(),
                v: v.get_mut(..desc.v_len()).unwrap_or_default(),
                q_frac: cx.model.tensor(cx.layer, Role::Query).out_frac,
                k_frac: cx.model.tensor(cx.layer, Role::Key).out_frac,
                v_frac: cx.model.tensor(cx.layer, Role::Value).out_frac,
            },
            y: y.get_mut(..desc.y_len()).unwrap_or_default(),
            decay,
            beta,
            query_logits,
            key_logits,
        };
        p.qkv.activate(cx, state, desc);
        p
    }
}

/// One projection of the mixer's input, in the next words of `rest`.
#[inline(never)]
fn project<'w>(cx: &Context, role: Role, rows: usize, act: &[i16], rest: &mut &'w mut [i32]) -> &'w mut [i32] {
    let out = take(rest, pad_rows(rows));
    cx.model.matrix(cx.layer, role).apply(act, 0, out);
    out
}

impl Qkv<'_> {
    /// Convolution, activation, feature map and rotation, in the backbone's order.
    fn activate(&mut self, cx: &Context, state: &mut LayerState, desc: &ModelDesc) {
        let backbone = backbone(desc);
        let convolved = desc.conv_width > 0 && backbone != Backbone::RetNet;
        if convolved {
            let stride = desc.q_len() + desc.k_len() + desc.v_len();
            for (role, u, offset) in [
                (Role::QueryConv, &mut *self.q, 0),
                (Role::KeyConv, &mut *self.k, desc.q_len()),
                (Role::ValueConv, &mut *self.v, desc.q_len() + desc.k_len()),
            ] {
                let (multiplier, bias) = cx.model.channel_constants(cx.layer, role);
                let conv = Conv {
                    weights: cx.model.elements(cx.layer, role),
                    multiplier,
                    bias,
                    shift: i32::from(cx.model.tensor(cx.layer, role).shift),
                    width: desc.conv_width as usize,
                };
                conv.apply(u, state.history, stride, offset, cx.slot);
            }
        } else if backbone == Backbone::GatedDeltaNet {
            for x in [&mut *self.q, &mut *self.k, &mut *self.v] {
                silu_in_place(x);
            }
        }
        if convolved || backbone == Backbone::GatedDeltaNet {
            (self.q_frac, self.k_frac, self.v_frac) =
                (nonlinear::SILU_FRAC, nonlinear::SILU_FRAC, nonlinear::SILU_FRAC);
        }
        if backbone == Backbone::GatedDeltaNet {
            return; // it has no map
        }
        for (x, frac) in [(&mut *self.q, &mut self.q_frac), (&mut *self.k, &mut self.k_frac)] {
            map_features(desc.feature_map, x, frac);
            if backbone == Backbone::RetNet {
                rotate(x, cx.rotary, desc.d_k as usize);
                *frac -= 1;
            }
        }
    }
}

/// Elementwise map of q or k (N9.3).
fn map_features(map: FeatureMap, x: &mut [i32], frac: &mut i32) {
    // What follows a convolution has Q15, a projection that feeds a map is made with Q16.
    let up = nonlinear::ARG_FRAC as i32 - *frac;
    match map {
        FeatureMap::None => {}
        FeatureMap::Relu => x.iter_mut().for_each(|x| *x = (*x).max(0)),
        FeatureMap::Silu => {
            shift_in_place(x, up);
            silu_in_place(x);
            *frac = nonlinear::SILU_FRAC;
        }
        FeatureMap::Sigmoid => {
            // Q31 would leave no room for sums over channels.
            shift_in_place(x, up);
            x.iter_mut().for_each(|x| *x = nonlinear::sigmoid(*x) >> 11);
            *frac = 20;
        }
    }
}

/// Rotary position embedding, halves rotated against each other (N9.4); results have one fraction bit less.
fn rotate(x: &mut [i32], rotary: &[i32], d_k: usize) {
    let (cos, sin) = rotary.split_at_checked(d_k / 2).unwrap_or((&[], &[]));
    for head in x.chunks_exact_mut(d_k.max(1)) {
        let (low, high) = head.split_at_mut_checked(d_k / 2).unwrap_or((&mut [], &mut []));
        for ((low, high), (cos, sin)) in low.iter_mut().zip(high).zip(cos.iter().zip(sin)) {
            let (a, b) = (*low, *high);
            *low = mulhr(a, *cos).wrapping_sub(mulhr(b, *sin));
            *high = mulhr(a, *sin).wrapping_add(mulhr(b, *cos));
        }
    }
}
