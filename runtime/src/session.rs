//! A running model: caller-owned state and scratch, one step at a time.

use crate::block::{BlockBuffers, block};
use crate::error::StepError;
use crate::input::{Input, rotary_angles};
use crate::logits::Logits;
use crate::mixer::Context;
use crate::model::Model;
use crate::norm::block_norm;
use crate::probe::{NoProbe, Op, Probe};
use crate::workspace::{State, Workspace};
use sla_format::Role;

/// A model with its state. Memory is the caller's and never grows.
pub struct Session<'s, 'm> {
    model: &'s Model<'m>,
    state: State<'s>,
    scratch: Workspace<'s>,
}

impl<'s, 'm> Session<'s, 'm> {
    /// A session at the start of a stream. The buffers need `plan.state_words` and `plan.scratch_words`
    /// words (longer ones are fine) and may hold anything.
    ///
    /// # Errors
    /// [`StepError::State`] or [`StepError::Scratch`] when a buffer is too short.
    pub fn new(
        model: &'s Model<'m>,
        state: &'s mut [u32],
        scratch: &'s mut [u32],
    ) -> Result<Session<'s, 'm>, StepError> {
        let plan = model.plan();
        let have = state.len();
        let state = state.get_mut(..plan.state_words).ok_or(StepError::State { need: plan.state_words, have })?;
        let have = scratch.len();
        let scratch =
            scratch.get_mut(..plan.scratch_words).ok_or(StepError::Scratch { need: plan.scratch_words, have })?;
        let mut session =
            Session { model, state: State::new(state, plan), scratch: Workspace::new(scratch, model.desc(), plan) };
        session.reset();
        Ok(session)
    }

    /// Back to the start of a stream.
    pub fn reset(&mut self) {
        self.state.reset();
    }

    /// The model.
    #[must_use]
    pub fn model(&self) -> &'s Model<'m> {
        self.model
    }

    /// Steps taken since the start of the stream.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.state.position()
    }

    /// Advances by one token; the result computes the logits for the next one on demand.
    ///
    /// # Errors
    /// [`StepError::Token`] for an id outside the vocabulary, [`StepError::Input`] for a feature model.
    pub fn step(&mut self, token: u32) -> Result<Logits<'_, 'm>, StepError> {
        self.advance(Input::Token(token), &mut NoProbe)
    }

    /// Advances by one feature vector, raw values with [`sla_format::ModelDesc::feature_frac`] fraction bits.
    ///
    /// # Errors
    /// [`StepError::Features`] for a wrong length, [`StepError::Input`] for a language model.
    pub fn step_features(&mut self, features: &[i32]) -> Result<Logits<'_, 'm>, StepError> {
        self.advance(Input::Features(features), &mut NoProbe)
    }

    /// Advances over a prompt; only the last token's logits can be asked for.
    ///
    /// # Errors
    /// As [`Session::step`], before anything is consumed; an empty prompt is [`StepError::Input`].
    pub fn prefill(&mut self, tokens: &[u32]) -> Result<Logits<'_, 'm>, StepError> {
        let Some((&last, others)) = tokens.split_last() else { return Err(StepError::Input) };
        for &token in tokens {
            Input::Token(token).check(self.model)?;
        }
        for &token in others {
            self.step(token)?;
        }
        self.step(last)
    }

    /// [`Session::step`] with a probe that sees what is computed. The result is the same.
    ///
    /// # Errors
    /// As [`Session::step`].
    pub fn step_probed<P: Probe>(&mut self, token: u32, probe: &mut P) -> Result<Logits<'_, 'm>, StepError> {
        self.advance(Input::Token(token), probe)
    }

    /// [`Session::step_features`] with a probe.
    ///
    /// # Errors
    /// As [`Session::step_features`].
    pub fn step_features_probed<P: Probe>(
        &mut self,
        features: &[i32],
        probe: &mut P,
    ) -> Result<Logits<'_, 'm>, StepError> {
        self.advance(Input::Features(features), probe)
    }

    fn advance<P: Probe>(&mut self, input: Input, probe: &mut P) -> Result<Logits<'_, 'm>, StepError> {
        input.check(self.model)?;
        let desc = self.model.desc();
        let layers = desc.layers as usize;
        input.embed(self.model, &mut self.scratch);
        rotary_angles(self.model, self.state.position(), self.scratch.rotary);
        if P::ACTIVE {
            let x = self.scratch.x.get(..desc.hidden as usize).unwrap_or(&[]);
            probe.values(layers, Op::Residual, x, desc.residual_frac);
        }
        probe.done(layers, Op::Residual);

        let slot = self.state.slot();
        let (mut buffers, rotary) = BlockBuffers::of(&mut self.scratch);
        for layer in 0..layers {
            let cx = Context { model: self.model, layer, rotary, slot };
            block(&cx, &mut buffers, &mut self.state.layer(layer, desc), probe);
        }
        self.state.advance(desc.conv_width.saturating_sub(1));

        let BlockBuffers { x, act, .. } = buffers;
        block_norm(x, desc, act);
        // A tied head cannot have the norm's weights folded into it (N13.1).
        for (a, w) in act.iter_mut().zip(self.model.elements::<i16>(0, Role::FinalNorm)) {
            *a = ((i32::from(*a) * i32::from(*w) + (1 << 14)) >> 15) as i16;
        }
        probe.done(layers, Op::Head);
        Ok(self.logits())
    }

    /// The logits of the last step again. Before the first step, and after anything else has used the scratch buffer,
    /// they mean nothing.
    pub fn logits(&mut self) -> Logits<'_, 'm> {
        let tile = self.scratch.work.get_mut(..sla_format::LOGIT_TILE).unwrap_or_default();
        Logits { model: self.model, act: self.scratch.act, tile }
    }
}
