//! Everything that is computed for all heads at once, before the state (numerics.md N9.1).

use super::Context;
use crate::backbone::backbone;
use crate::conv::Conv;
use crate::matrix::Inputs;
use crate::norm::quantize;
use crate::probe::{Probe, at_the_ends};
use crate::workspace::{LANES, LaneCount, LayerState, take};
use sla_format::{Backbone, FeatureMap, KeyGate, QueryGate, Role, pad_rows};
use sla_kernels::{fixed::mulhr, nonlinear, shift_in_place, silu_in_place};

/// q, k, v of all heads and their fraction bits.
#[derive(Default)]
pub(super) struct Qkv<'w> {
    pub q: &'w mut [i32],
    pub k: &'w mut [i32],
    pub v: &'w mut [i32],
    pub q_frac: i32,
    pub k_frac: i32,
    pub v_frac: i32,
}

#[derive(Default)]
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
    /// Those of each token, from its normed input in `act`, in the first words of its `rest`. Uses
    /// up `act`.
    #[inline(never)]
    pub fn run(
        cx: &Context,
        lanes: LaneCount,
        act: &mut [&mut [i16]; LANES],
        rests: &mut [&'w mut [i32]; LANES],
        joined: &mut [i16],
    ) -> [Self; LANES] {
        let desc = cx.model.desc();
        let heads = pad_rows(desc.heads as usize);
        let mut tokens: [Self; LANES] = Default::default();
        let inputs = Inputs::new(lanes, act, desc.hidden as usize, joined);
        let mut run = |role: Role, rows: usize, place: fn(&mut Self) -> &mut &'w mut [i32]| {
            let outs = project(cx, role, rows, &inputs, [0; LANES], rests);
            tokens
                .iter_mut()
                .zip(outs)
                .for_each(|(token, out)| *place(token) = out);
        };
        run(Role::Query, desc.q_len(), |p| &mut p.qkv.q);
        run(Role::Key, desc.k_len(), |p| &mut p.qkv.k);
        run(Role::Value, desc.v_len(), |p| &mut p.qkv.v);
        // y takes the place of its gate.
        run(Role::OutputGate, desc.y_len(), |p| &mut p.y);
        if desc.query_gate != QueryGate::None {
            run(Role::QueryHeadGate, heads, |p| &mut p.query_logits);
        }
        if desc.key_gate != KeyGate::None {
            run(Role::KeyHeadGate, heads, |p| &mut p.key_logits);
        }
        match backbone(desc) {
            Backbone::RetNet => {}
            Backbone::Gla => {
                // The inner vector of the low rank has its place in `beta`, which GLA has none of.
                run(Role::DecayDown, desc.gate_rank as usize, |p| &mut p.beta);
                let up = cx.model.matrix(cx.layer, Role::DecayUp).desc().in_bits;
                let mut exponents = [0; LANES];
                for ((token, act), exponent) in tokens
                    .iter()
                    .zip(&mut *act)
                    .zip(&mut exponents)
                    .take(lanes.get())
                {
                    *exponent = quantize(
                        token.beta.get(..desc.gate_rank as usize).unwrap_or(&[]),
                        up,
                        act,
                    );
                }
                let inputs = Inputs::new(lanes, act, desc.gate_rank as usize, joined);
                let outs = project(cx, Role::DecayUp, desc.k_len(), &inputs, exponents, rests);
                tokens
                    .iter_mut()
                    .zip(outs)
                    .for_each(|(token, out)| token.decay = out);
            }
            Backbone::GatedDeltaNet => {
                run(Role::DeltaDecay, desc.state_heads as usize, |p| {
                    &mut p.decay
                });
                run(Role::DeltaBeta, desc.state_heads as usize, |p| &mut p.beta);
            }
        }
        for token in &mut tokens {
            token.qkv.trim(cx);
            token.y = core::mem::take(&mut token.y)
                .get_mut(..desc.y_len())
                .unwrap_or_default();
        }
        tokens
    }
}

/// One projection of each token, in the next words of its `rest`.
#[inline(never)]
fn project<'w>(
    cx: &Context,
    role: Role,
    rows: usize,
    inputs: &Inputs,
    exponents: [i32; LANES],
    rests: &mut [&'w mut [i32]; LANES],
) -> [&'w mut [i32]; LANES] {
    let mut outs = rests.each_mut().map(|rest| take(rest, pad_rows(rows)));
    cx.model.matrix(cx.layer, role).apply_each(
        inputs,
        exponents,
        outs.each_mut().map(|out| &mut **out),
    );
    outs
}

impl Projections<'_> {
    /// Results that are at an end of int32 (N1.8), before anything is done with them.
    pub fn at_the_ends(&self) -> u32 {
        let Self {
            qkv: Qkv { q, k, v, .. },
            y,
            decay,
            beta,
            query_logits,
            key_logits,
        } = self;
        let results: [&[i32]; 8] = [q, k, v, y, decay, beta, query_logits, key_logits];
        results.into_iter().map(at_the_ends).sum()
    }
}

impl Qkv<'_> {
    /// Cuts the padding off and takes the fraction bits from the projections.
    fn trim(&mut self, cx: &Context) {
        let desc = cx.model.desc();
        for (x, frac, role, len) in [
            (&mut self.q, &mut self.q_frac, Role::Query, desc.q_len()),
            (&mut self.k, &mut self.k_frac, Role::Key, desc.k_len()),
            (&mut self.v, &mut self.v_frac, Role::Value, desc.v_len()),
        ] {
            *x = core::mem::take(x).get_mut(..len).unwrap_or_default();
            *frac = cx.model.tensor(cx.layer, role).out_frac;
        }
    }

    /// Convolution, activation, feature map and rotation, in the backbone's order. Returns how many
    /// values were saturated on the way, if a probe wants to know.
    pub fn activate<P: Probe>(
        &mut self,
        cx: &Context,
        rotary: &[i32],
        slot: usize,
        state: &mut LayerState,
    ) -> u32 {
        let mut saturated = 0;
        let desc = cx.model.desc();
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
                saturated += conv.apply::<P>(u, state.history, stride, offset, slot);
            }
        } else if backbone == Backbone::GatedDeltaNet {
            for x in [&mut *self.q, &mut *self.k, &mut *self.v] {
                silu_in_place(x);
            }
        }
        if convolved || backbone == Backbone::GatedDeltaNet {
            (self.q_frac, self.k_frac, self.v_frac) = (
                nonlinear::SILU_FRAC,
                nonlinear::SILU_FRAC,
                nonlinear::SILU_FRAC,
            );
        }
        if backbone == Backbone::GatedDeltaNet {
            return saturated; // it has no map
        }
        for (x, frac) in [
            (&mut *self.q, &mut self.q_frac),
            (&mut *self.k, &mut self.k_frac),
        ] {
            saturated += map_features::<P>(desc.feature_map, x, frac);
            if backbone == Backbone::RetNet {
                rotate(x, rotary, desc.d_k as usize);
                *frac -= 1;
            }
        }
        saturated
    }
}

/// Elementwise map of q or k (N9.3); returns how many arguments were saturated.
fn map_features<P: Probe>(map: FeatureMap, x: &mut [i32], frac: &mut i32) -> u32 {
    // What follows a convolution has Q15, a projection that feeds a map is made with Q16.
    let up = nonlinear::ARG_FRAC as i32 - *frac;
    let mut saturated = 0;
    let mut to_argument = |x: &mut [i32]| {
        shift_in_place(x, up);
        if P::ACTIVE && up > 0 {
            saturated = at_the_ends(x);
        }
    };
    match map {
        FeatureMap::None => {}
        FeatureMap::Relu => x.iter_mut().for_each(|x| *x = (*x).max(0)),
        FeatureMap::Silu => {
            to_argument(x);
            silu_in_place(x);
            *frac = nonlinear::SILU_FRAC;
        }
        FeatureMap::Sigmoid => {
            // Q31 would leave no room for sums over channels.
            to_argument(x);
            x.iter_mut().for_each(|x| *x = nonlinear::sigmoid(*x) >> 11);
            *frac = 20;
        }
    }
    saturated
}

/// Rotary position embedding, halves rotated against each other (N9.4); results have one fraction
/// bit less.
fn rotate(x: &mut [i32], rotary: &[i32], d_k: usize) {
    let (cos, sin) = rotary.split_at_checked(d_k / 2).unwrap_or((&[], &[]));
    for head in x.chunks_exact_mut(d_k.max(1)) {
        let (low, high) = head
            .split_at_mut_checked(d_k / 2)
            .unwrap_or((&mut [], &mut []));
        for ((low, high), (cos, sin)) in low.iter_mut().zip(high).zip(cos.iter().zip(sin)) {
            let (a, b) = (*low, *high);
            *low = mulhr(a, *cos).wrapping_sub(mulhr(b, *sin));
            *high = mulhr(a, *sin).wrapping_add(mulhr(b, *cos));
        }
    }
}
