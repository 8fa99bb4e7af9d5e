//! A stream that drives any model in the same way everywhere: what benchmarks, emulators and boards
//! run, and what the host runs to know the right digest.

use crate::error::StepError;
use crate::logits::Logits;
use crate::probe::{NoProbe, Probe};
use crate::session::Session;
use crate::slices::Slices;
use sla_format::{InputKind, ModelDesc, NONE, Role};

/// For a language model its own greedy text from the first token on; for a feature model
/// pseudo-random frames around the mean of its training features.
#[derive(Debug)]
pub struct Exercise<'f> {
    /// Next token.
    token: u32,
    /// Generator of the frames.
    noise: u32,
    /// Room for a frame.
    frame: &'f mut [i32],
}

impl<'f> Exercise<'f> {
    /// Length of the frame buffer that a model needs: 0 for language models.
    #[must_use]
    pub const fn frame_len(desc: &ModelDesc) -> usize {
        match desc.input {
            InputKind::Tokens => 0,
            InputKind::Features => desc.inputs as usize,
        }
    }

    /// The start of the stream; `frame` has [`Exercise::frame_len`] elements or more.
    #[must_use]
    pub fn new(desc: &ModelDesc, frame: &'f mut [i32]) -> Self {
        let first = if desc.bos == NONE {
            10.min(desc.inputs.saturating_sub(1))
        } else {
            desc.bos
        };
        Self {
            token: first,
            noise: 1,
            frame,
        }
    }

    /// Writes the next frame of a feature model. Not part of a step's cost.
    pub fn prepare(&mut self, session: &Session) {
        let model = session.model();
        let means: &[i32] = model.elements(0, Role::FeatureMean);
        let shift = (29 - model.desc().feature_frac).clamp(0, 31) as u32;
        for (out, mean) in self.frame.iter_mut().zip(means) {
            self.noise = self
                .noise
                .wrapping_mul(1_664_525)
                .wrapping_add(1_013_904_223);
            *out = mean.saturating_add((self.noise as i32) >> shift);
        }
    }

    /// Advances the session by the next token or the prepared frame.
    ///
    /// # Errors
    /// As [`Session::step`] and [`Session::step_features`].
    pub fn step<'a, 'm>(
        &mut self,
        session: &'a mut Session<'_, 'm>,
    ) -> Result<Logits<'a, 'm>, StepError> {
        self.step_probed(session, &mut NoProbe)
    }

    /// [`Exercise::step`] with a probe.
    ///
    /// # Errors
    /// As [`Exercise::step`].
    pub fn step_probed<'a, 'm, P: Probe>(
        &mut self,
        session: &'a mut Session<'_, 'm>,
        probe: &mut P,
    ) -> Result<Logits<'a, 'm>, StepError> {
        match session.model().desc().input {
            InputKind::Tokens => session.step_probed(self.token, probe),
            InputKind::Features => {
                let len = Self::frame_len(session.model().desc());
                session.step_features_probed(self.frame.get(..len).unwrap_or(&[]), probe)
            }
        }
    }

    /// [`Exercise::step`] in slices.
    ///
    /// # Errors
    /// As [`Exercise::step`].
    pub fn slices<'a, 's, 'm>(
        &mut self,
        session: &'a mut Session<'s, 'm>,
    ) -> Result<Slices<'a, 's, 'm>, StepError> {
        match session.model().desc().input {
            InputKind::Tokens => session.slices(self.token),
            InputKind::Features => {
                let len = Self::frame_len(session.model().desc());
                session.slices_features(self.frame.get(..len).unwrap_or(&[]))
            }
        }
    }

    /// Where the stream is, for [`Exercise::restore`].
    #[must_use]
    pub fn position(&self) -> (u32, u32) {
        (self.token, self.noise)
    }

    /// Back to an earlier [`Exercise::position`].
    pub fn restore(&mut self, position: (u32, u32)) {
        (self.token, self.noise) = position;
    }

    /// Tells which output was the largest; a language model's next token.
    pub fn choose(&mut self, output: u32) {
        self.token = output;
    }
}
