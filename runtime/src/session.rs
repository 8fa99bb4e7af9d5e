//! A running model: caller-owned state and scratch, one step at a time.

use core::fmt;

use crate::block;
use crate::error::StepError;
use crate::head_state::dither;
use crate::input::{Input, rotary_angles};
use crate::logits::Logits;
use crate::mixer::Context;
use crate::model::Model;
use crate::norm::block_norm;
use crate::probe::{NoProbe, Op, Probe};
use crate::slices::Slices;
use crate::workspace::{LaneCount, State, Workspace};
use sla_format::Role;

/// A model with its state. Memory is the caller's and never grows.
pub struct Session<'s, 'm> {
    pub(crate) model: &'s Model<'m>,
    pub(crate) state: State<'s>,
    pub(crate) scratch: Workspace<'s>,
    /// Slices of the last step that have been run; all of them between steps.
    done: usize,
}

impl fmt::Debug for Session<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("model", &self.model)
            .field("done", &self.done)
            .finish_non_exhaustive()
    }
}

impl<'s, 'm> Session<'s, 'm> {
    /// A session at the start of a stream. The buffers need `plan.state_words` and
    /// `plan.scratch_words` words (longer ones are fine) and may hold anything. With
    /// `plan.prompt_scratch_words` of scratch a prompt takes fewer instructions
    /// ([`Session::prefill`]).
    ///
    /// # Errors
    /// [`StepError::State`] or [`StepError::Scratch`] when a buffer is too short.
    pub fn new(
        model: &'s Model<'m>,
        state: &'s mut [u32],
        scratch: &'s mut [u32],
    ) -> Result<Session<'s, 'm>, StepError> {
        let mut session = Self::attach(model, state, scratch)?;
        session.reset();
        Ok(session)
    }

    /// Goes on where a session of the same model stopped, in buffers of the same lengths that hold
    /// what it left there and with as many slices of its last step left ([`Slices::left`] of
    /// [`Session::pending`]). For sessions that share scratch: none has to keep its borrow.
    ///
    /// Between steps the next one needs only the state. With slices left, and for the last step's
    /// logits or a snapshot, scratch has to hold what was there too. A state that something
    /// else could have changed is for [`Session::restore`], which checks it; here nothing does.
    ///
    /// # Errors
    /// As [`Session::new`].
    pub fn resume(
        model: &'s Model<'m>,
        state: &'s mut [u32],
        scratch: &'s mut [u32],
        left: usize,
    ) -> Result<Session<'s, 'm>, StepError> {
        let mut session = Self::attach(model, state, scratch)?;
        session.done = session.slice_count().saturating_sub(left);
        Ok(session)
    }

    /// A session in these buffers, all of whose slices are left.
    fn attach(
        model: &'s Model<'m>,
        state: &'s mut [u32],
        scratch: &'s mut [u32],
    ) -> Result<Session<'s, 'm>, StepError> {
        let plan = model.plan();
        let have = state.len();
        let state = state.get_mut(..plan.state_words).ok_or(StepError::State {
            need: plan.state_words,
            have,
        })?;
        let have = scratch.len();
        if have < plan.scratch_words {
            return Err(StepError::Scratch {
                need: plan.scratch_words,
                have,
            });
        }
        let scratch = Workspace::new(scratch, model.desc(), plan);
        Ok(Session {
            model,
            state: State::new(state),
            scratch,
            done: 0,
        })
    }

    /// Back to the start of a stream.
    pub fn reset(&mut self) {
        self.state.reset();
        self.forget_step();
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
    /// [`StepError::Token`] for an id outside the vocabulary, [`StepError::Input`] for a feature
    /// model.
    pub fn step(&mut self, token: u32) -> Result<Logits<'_, 'm>, StepError> {
        self.advance(Input::Token(token), &mut NoProbe)
    }

    /// Advances by one feature vector, raw values with [`sla_format::ModelDesc::feature_frac`]
    /// fraction bits.
    ///
    /// # Errors
    /// [`StepError::Features`] for a wrong length, [`StepError::Input`] for a language model.
    pub fn step_features(&mut self, features: &[i32]) -> Result<Logits<'_, 'm>, StepError> {
        self.advance(Input::Features(features), &mut NoProbe)
    }

    /// [`Session::step`] in slices, between which other work can be done.
    ///
    /// # Errors
    /// As [`Session::step`].
    pub fn slices(&mut self, token: u32) -> Result<Slices<'_, 's, 'm>, StepError> {
        self.begin(&[Input::Token(token)], &mut NoProbe)?;
        Ok(Slices::new(self))
    }

    /// [`Session::step_features`] in slices.
    ///
    /// # Errors
    /// As [`Session::step_features`].
    pub fn slices_features(&mut self, features: &[i32]) -> Result<Slices<'_, 's, 'm>, StepError> {
        self.begin(&[Input::Features(features)], &mut NoProbe)?;
        Ok(Slices::new(self))
    }

    /// What is left of a step that has begun and whose [`Slices`] were dropped, for a task that
    /// keeps nothing but the session from one activation to the next; nothing between steps.
    pub fn pending(&mut self) -> Slices<'_, 's, 'm> {
        Slices::new(self)
    }

    /// Advances over a prompt; only the last token's logits can be asked for. State and logits are
    /// those of as many [`Session::step`]s. What only another token's logits need is left out,
    /// and with `plan.prompt_scratch_words` of scratch a weight is loaded once for two tokens.
    ///
    /// # Errors
    /// As [`Session::step`], before anything is consumed; an empty prompt is [`StepError::Input`].
    pub fn prefill(&mut self, tokens: &[u32]) -> Result<Logits<'_, 'm>, StepError> {
        let Some((&last, others)) = tokens.split_last() else {
            return Err(StepError::Input);
        };
        for &token in tokens {
            Input::Token(token).check(self.model)?;
        }
        let mut others = others;
        while let [first, rest @ ..] = others {
            let first = Input::Token(*first);
            others = match rest {
                [second, rest @ ..] if self.scratch.has_room() => {
                    self.begin(&[first, Input::Token(*second)], &mut NoProbe)?;
                    rest
                }
                _ => {
                    self.begin(&[first], &mut NoProbe)?;
                    rest
                }
            };
            while self.run_next(false, &mut NoProbe) {}
        }
        self.step(last)
    }

    /// [`Session::step`] with a probe that sees what is computed. The result is the same.
    ///
    /// # Errors
    /// As [`Session::step`].
    pub fn step_probed<P: Probe>(
        &mut self,
        token: u32,
        probe: &mut P,
    ) -> Result<Logits<'_, 'm>, StepError> {
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

    fn advance<P: Probe>(
        &mut self,
        input: Input,
        probe: &mut P,
    ) -> Result<Logits<'_, 'm>, StepError> {
        self.begin(&[input], probe)?;
        while self.run_next(true, probe) {}
        Ok(self.logits())
    }

    /// Takes in one token, or two where there is room. The state does not change yet.
    fn begin<P: Probe>(&mut self, inputs: &[Input], probe: &mut P) -> Result<(), StepError> {
        for input in inputs {
            input.check(self.model)?;
        }
        // A step whose slices were not all run.
        while self.run_next(true, &mut NoProbe) {}
        self.done = 0;
        let desc = self.model.desc();
        let layers = desc.layers as usize;
        self.scratch.lanes = LaneCount::of(inputs.len());
        for (lane, input) in inputs.iter().enumerate() {
            let saturated = input.embed::<P>(self.model, &mut self.scratch, lane);
            probe.saturated(layers, Op::Residual, saturated);
            if let Some(angles) = self.scratch.rotary.get_mut(lane) {
                rotary_angles(
                    self.model,
                    self.state.position().wrapping_add(lane as u64),
                    angles,
                );
            }
        }
        if P::ACTIVE {
            let [x, ..] = &self.scratch.x;
            probe.values(
                layers,
                Op::Residual,
                x.get(..desc.hidden as usize).unwrap_or(&[]),
                desc.residual_frac,
            );
        }
        probe.done(layers, Op::Residual);
        Ok(())
    }

    /// Slices of a step: the halves of each layer, and the end.
    fn slice_count(&self) -> usize {
        2 * self.model.desc().layers as usize + 1
    }

    /// Makes nothing of a step that has begun, as between steps.
    pub(crate) fn forget_step(&mut self) {
        self.done = self.slice_count();
    }

    /// Slices of the step that are left.
    pub(crate) fn slices_left(&self) -> usize {
        self.slice_count() - self.done
    }

    /// Runs the next slice of the step; `false` if there is none. Without `outputs` no logits can
    /// be asked for.
    pub(crate) fn run_next<P: Probe>(&mut self, outputs: bool, probe: &mut P) -> bool {
        if self.slices_left() == 0 {
            return false;
        }
        self.run(self.done, outputs, probe);
        self.done += 1;
        true
    }

    fn run<P: Probe>(&mut self, slice: usize, outputs: bool, probe: &mut P) {
        let desc = self.model.desc();
        let slots = desc.conv_width.saturating_sub(1);
        let (layer, layers) = (slice / 2, desc.layers as usize);
        if layer < layers {
            let outputs = outputs || layer + 1 < layers;
            let position = self.state.position();
            let dithers = core::array::from_fn(|lane| dither(position.wrapping_add(lane as u64)));
            let cx = Context {
                model: self.model,
                layer,
                slots: self.state.slots(slots),
                dithers,
                outputs,
            };
            match slice % 2 {
                0 => block::mixer(
                    &cx,
                    &mut self.scratch,
                    &mut self.state.layer(layer, desc, self.model.states()),
                    probe,
                ),
                _ => block::mlp(&cx, &mut self.scratch, probe),
            }
            return;
        }
        for _ in 0..self.scratch.lanes.get() {
            self.state.advance(slots);
        }
        if outputs {
            let ([x, ..], [act, ..]) = (&self.scratch.x, &mut self.scratch.act);
            block_norm(x, desc, act);
            // A tied head cannot have the norm's weights folded into it (N13.1).
            for (a, w) in act
                .iter_mut()
                .zip(self.model.elements::<i16>(0, Role::FinalNorm))
            {
                *a = ((i32::from(*a) * i32::from(*w) + (1 << 14)) >> 15) as i16;
            }
            probe.done(layers, Op::Head);
        }
    }

    /// The logits of the last step again. Before the first step, and after anything else has used
    /// the scratch buffer, they mean nothing.
    pub fn logits(&mut self) -> Logits<'_, 'm> {
        let ([act, ..], [work, ..]) = (&self.scratch.act, &mut self.scratch.work);
        let tile = work.get_mut(..sla_format::LOGIT_TILE).unwrap_or_default();
        Logits {
            model: self.model,
            act,
            tile,
        }
    }
}
