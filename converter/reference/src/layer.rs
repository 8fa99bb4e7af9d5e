//! One layer at a time, for a caller that holds the residual stream itself.

use crate::config::Config;
use crate::linalg::add;
use crate::mixer::{self, Context};
use crate::mlp;
use crate::model::layer_shapes;
use crate::norm::rms;
use crate::rotary::Rotary;
use crate::scratch::Scratch;
use crate::state::LayerState;
use crate::tap::{Op, Tap};
use crate::weights::LayerWeights;

/// One layer over one stream: what [`crate::Session`] does between [`Op::LayerIn`] and
/// [`Op::Residual`].
#[derive(Clone, Debug)]
pub struct LayerSession<'m> {
    config: &'m Config,
    weights: &'m LayerWeights,
    layer: usize,
    state: LayerState,
    scratch: Scratch,
    rotary: Rotary,
    position: u64,
}

impl<'m> LayerSession<'m> {
    /// A stream at its beginning; `layer` is the number that taps see.
    ///
    /// # Panics
    /// If the weights do not have the shapes that `config` asks for.
    pub fn new(config: &'m Config, weights: &'m LayerWeights, layer: usize) -> Self {
        if let Err(e) = layer_shapes(layer, weights, config) {
            panic!("LayerSession::new on an invalid layer: {e}");
        }
        Self {
            config,
            weights,
            layer,
            state: LayerState::new(config),
            scratch: Scratch::new(config),
            rotary: Rotary::new(config),
            position: 0,
        }
    }

    /// `x += mixer(norm(x))`, one token further; `x` is `[hidden]`.
    ///
    /// # Panics
    /// If `x` has another length.
    pub fn mix(&mut self, x: &mut [f64], tap: &mut impl Tap) {
        self.scratch.x.copy_from_slice(x);
        self.rotary.set_position(self.position);
        let context = Context {
            config: self.config,
            rotary: &self.rotary,
        };
        mix(
            &context,
            self.layer,
            self.weights,
            &mut self.state,
            &mut self.scratch,
            tap,
        );
        self.position += 1;
        x.copy_from_slice(&self.scratch.x);
    }

    /// `x += mlp(norm(x))`, which has no state; `x` is `[hidden]`.
    ///
    /// # Panics
    /// If `x` has another length.
    pub fn mlp(&mut self, x: &mut [f64], tap: &mut impl Tap) {
        self.scratch.x.copy_from_slice(x);
        mlp(
            self.config,
            self.layer,
            self.weights,
            &mut self.scratch,
            tap,
        );
        x.copy_from_slice(&self.scratch.x);
    }
}

/// The first half of a layer: `s.x += mixer(norm(s.x))`.
pub(crate) fn mix<T: Tap>(
    ctx: &Context<'_>,
    layer: usize,
    w: &LayerWeights,
    state: &mut LayerState,
    s: &mut Scratch,
    tap: &mut T,
) {
    tap.tap(layer, Op::LayerIn, &s.x);
    rms(&s.x, Some(&w.attn_norm), ctx.config.norm_eps, &mut s.normed);
    tap.tap(layer, Op::NormIn, &s.normed);
    mixer::step(ctx, layer, w, state, s, tap);
    add(&mut s.x, &s.out);
    tap.tap(layer, Op::MidResidual, &s.x);
}

/// The second half: `s.x += mlp(norm(s.x))`.
pub(crate) fn mlp<T: Tap>(
    config: &Config,
    layer: usize,
    w: &LayerWeights,
    s: &mut Scratch,
    tap: &mut T,
) {
    rms(&s.x, Some(&w.mlp_norm), config.norm_eps, &mut s.normed);
    tap.tap(layer, Op::NormMlp, &s.normed);
    mlp::step(layer, w, s, tap);
    add(&mut s.x, &s.out);
    tap.tap(layer, Op::Residual, &s.x);
}
