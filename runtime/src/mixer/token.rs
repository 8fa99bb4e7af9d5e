//! One token in the mixer: its projections, and what recurrences do to them alike (numerics.md
//! N9.1).

use super::Context;
use crate::bounds::take;
use crate::conv::{Conv, History};
use crate::matrix::Product;
use crate::probe::{Probe, at_the_ends};
use crate::workspace::{Activation, LANES, Lane, LaneCount, LayerState, Place};
use sla_format::{FeatureMap, Role, pad_rows};
use sla_kernels::{nonlinear, shift_in_place, silu_in_place};

/// q, k or v of all heads and its fraction bits.
#[derive(Default)]
pub(super) struct Channels<'w> {
    pub x: &'w mut [i32],
    pub frac: i32,
}

/// Everything that is computed for all heads at once, before the state.
#[derive(Default)]
pub(super) struct Projections<'w> {
    pub q: Channels<'w>,
    pub k: Channels<'w>,
    pub v: Channels<'w>,
    /// The output gate's pre-activation (Q16), later y.
    pub y: &'w mut [i32],
    /// GLA: z per key channel; Gated DeltaNet: the decay's pre-activation per head (Q16).
    pub decay: &'w mut [i32],
    /// GLA: the inner vector of z's low rank; Gated DeltaNet: β's pre-activation per head (Q16).
    pub beta: &'w mut [i32],
    pub query_logits: &'w mut [i32],
    pub key_logits: &'w mut [i32],
}

/// The mixer's part of a lane.
pub(super) struct Token<'w, 's> {
    pub act: &'w mut Activation<'s>,
    pub place: &'w Place<'s>,
    /// What is left of the lane's temporaries.
    pub rest: &'w mut [i32],
    pub projections: Projections<'w>,
}

impl<'w, 's> Token<'w, 's> {
    /// Before its projections.
    pub fn new(lane: &'w mut Lane<'s>) -> Self {
        Self {
            act: &mut lane.act,
            place: &lane.place,
            rest: lane.temporary,
            projections: Projections::default(),
        }
    }
}

impl Projections<'_> {
    /// Cuts the padding off and takes the fraction bits from the projections.
    pub fn trim(&mut self, cx: &Context) {
        let desc = cx.model.desc();
        for (channels, role, len) in [
            (&mut self.q, Role::Query, desc.q_len()),
            (&mut self.k, Role::Key, desc.k_len()),
            (&mut self.v, Role::Value, desc.v_len()),
        ] {
            channels.x = take(&mut channels.x, len);
            channels.frac = cx.model.tensor(cx.layer, role).out_frac;
        }
        self.y = take(&mut self.y, desc.y_len());
    }

    /// Results that are at an end of int32 (N1.8), before anything is done with them.
    pub fn at_the_ends(&self) -> u32 {
        let results: [&[i32]; 8] = [
            self.q.x,
            self.k.x,
            self.v.x,
            self.y,
            self.decay,
            self.beta,
            self.query_logits,
            self.key_logits,
        ];
        results.into_iter().map(at_the_ends).sum()
    }

    /// Short convolution with its SiLU over q, k and v (N8), whose inputs go to `slot` of the
    /// history. Returns how many values were saturated, if a probe wants to know.
    pub fn convolve<P: Probe>(&mut self, cx: &Context, slot: usize, state: &mut LayerState) -> u32 {
        let desc = cx.model.desc();
        let stride = desc.q_len() + desc.k_len() + desc.v_len();
        let mut saturated = 0;
        let mut offset = 0;
        for (role, channels) in [
            (Role::QueryConv, &mut self.q),
            (Role::KeyConv, &mut self.k),
            (Role::ValueConv, &mut self.v),
        ] {
            let (multiplier, bias) = cx.model.channel_constants(cx.layer, role);
            let conv = Conv {
                weights: cx.model.elements(cx.layer, role),
                multiplier,
                bias,
                shift: i32::from(cx.model.tensor(cx.layer, role).shift),
                width: desc.conv_width as usize,
            };
            let history = History {
                inputs: state.history,
                stride,
                offset,
                slot,
            };
            saturated += conv.apply::<P>(channels.x, history);
            channels.frac = nonlinear::SILU_FRAC;
            offset += channels.x.len();
        }
        saturated
    }
}

impl Channels<'_> {
    /// Elementwise map of q or k (N9.3); returns how many arguments were saturated.
    pub fn map_features<P: Probe>(&mut self, map: FeatureMap) -> u32 {
        let Self { x, frac } = self;
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
}

/// Projects the activations of all tokens.
pub(super) struct Projector<'p, 'm, 'w, 's> {
    pub cx: &'p Context<'p, 'm>,
    pub count: LaneCount,
    pub tokens: &'p mut [Token<'w, 's>; LANES],
    pub joined: &'p mut [i16],
}

impl<'w> Projector<'_, '_, 'w, '_> {
    /// Puts one projection of each token into its next words, at `place`.
    #[inline(never)]
    pub fn run(
        &mut self,
        role: Role,
        rows: usize,
        place: for<'t> fn(&'t mut Projections<'w>) -> &'t mut &'w mut [i32],
    ) {
        let products = self.tokens.each_mut().map(|token| {
            let out = place(&mut token.projections);
            *out = take(&mut token.rest, pad_rows(rows));
            Product {
                input: token.act,
                out,
            }
        });
        let matrix = self.cx.model.matrix(self.cx.layer, role);
        matrix.apply_each(self.count, products, self.joined);
    }
}
