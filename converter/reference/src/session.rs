//! One stream through a model.

use std::fmt;

use crate::config::{Config, Input};
use crate::layer;
use crate::linalg::{add_bias, matvec};
use crate::mixer::Context;
use crate::model::Model;
use crate::norm::rms;
use crate::rotary::Rotary;
use crate::scratch::Scratch;
use crate::state::LayerState;
use crate::tap::{Op, Tap};
use crate::weights::InputWeights;

/// A stream: recurrent state, scratch and position. A step allocates nothing.
#[derive(Clone, Debug)]
pub struct Session<'m> {
    model: &'m Model,
    layers: Vec<LayerState>,
    scratch: Scratch,
    rotary: Rotary,
    position: u64,
}

/// Why a step was refused; the state is unchanged.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum StepError {
    /// The token is not in the vocabulary.
    Token {
        /// The id given.
        id: u32,
        /// Ids are below this.
        vocab: usize,
    },
    /// The feature vector has the wrong length.
    Length {
        /// The model's input size.
        need: usize,
        /// The length given.
        have: usize,
    },
    /// A feature is NaN or infinite.
    NotFinite {
        /// Its index.
        index: usize,
    },
    /// The model reads feature vectors, not tokens.
    NeedsFeatures,
    /// The model reads tokens, not feature vectors.
    NeedsTokens,
}

impl fmt::Display for StepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Token { id, vocab } => {
                write!(f, "token {id} is outside the vocabulary of {vocab}")
            }
            Self::Length { need, have } => {
                write!(f, "{have} features where the model reads {need}")
            }
            Self::NotFinite { index } => write!(f, "feature {index} is not finite"),
            Self::NeedsFeatures => write!(f, "the model reads feature vectors, not tokens"),
            Self::NeedsTokens => write!(f, "the model reads tokens, not feature vectors"),
        }
    }
}

impl std::error::Error for StepError {}

impl<'m> Session<'m> {
    /// A stream at its beginning.
    ///
    /// # Panics
    /// If the model's public fields were changed so that [`Model::validate`] fails.
    pub fn new(model: &'m Model) -> Self {
        if let Err(e) = model.validate() {
            panic!("Session::new on an invalid model: {e}");
        }
        let c = &model.config;
        Self {
            model,
            layers: (0..c.layers).map(|_| LayerState::new(c)).collect(),
            scratch: Scratch::new(c),
            rotary: Rotary::new(c),
            position: 0,
        }
    }

    /// Back to the beginning: zero state, position 0.
    pub fn reset(&mut self) {
        self.layers.iter_mut().for_each(LayerState::reset);
        self.position = 0;
    }

    /// The model.
    pub fn model(&self) -> &'m Model {
        self.model
    }

    /// Steps taken since the beginning.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Elements (`f64`) carried from step to step: matrix states and convolution histories of all
    /// layers. Constant.
    pub fn state_len(&self) -> usize {
        state_len(&self.model.config)
    }

    /// Advances by one token; returns the logits, `[outputs]`.
    ///
    /// # Errors
    /// [`StepError::Token`] or [`StepError::NeedsFeatures`].
    pub fn step_token(&mut self, id: u32, tap: &mut impl Tap) -> Result<&[f64], StepError> {
        self.model.embed(id, &mut self.scratch.x)?;
        Ok(self.advance(tap))
    }

    /// Advances by one raw feature vector; returns the logits, `[outputs]`.
    ///
    /// # Errors
    /// [`StepError::Length`], [`StepError::NotFinite`] or [`StepError::NeedsTokens`].
    pub fn step_features(&mut self, raw: &[f64], tap: &mut impl Tap) -> Result<&[f64], StepError> {
        self.model
            .project(raw, &mut self.scratch.features, &mut self.scratch.x)?;
        Ok(self.advance(tap))
    }

    /// From the residual stream in `scratch.x` to the logits.
    fn advance<T: Tap>(&mut self, tap: &mut T) -> &[f64] {
        let (c, w) = (&self.model.config, &self.model.weights);
        let s = &mut self.scratch;
        self.rotary.set_position(self.position);
        let ctx = Context {
            config: c,
            rotary: &self.rotary,
        };
        for (i, (state, w)) in self.layers.iter_mut().zip(&w.layers).enumerate() {
            layer::mix(&ctx, i, w, state, s, tap);
            layer::mlp(c, i, w, s, tap);
        }
        rms(&s.x, Some(&w.norm), c.norm_eps, &mut s.normed);
        tap.tap(c.layers, Op::FinalNorm, &s.normed);
        matvec(self.model.head_matrix(), &s.normed, &mut s.logits);
        add_bias(&mut s.logits, w.head.bias.as_ref());
        tap.tap(c.layers, Op::Logits, &s.logits);
        self.position += 1;
        &s.logits
    }
}

impl Model {
    /// The residual stream of a token, `[hidden]`: its embedding.
    ///
    /// # Errors
    /// [`StepError::Token`] or [`StepError::NeedsFeatures`].
    ///
    /// # Panics
    /// If `x` has another length.
    pub fn embed(&self, id: u32, x: &mut [f64]) -> Result<(), StepError> {
        let InputWeights::Embedding(embedding) = &self.weights.input else {
            return Err(StepError::NeedsFeatures);
        };
        let vocab = embedding.rows;
        let row = usize::try_from(id)
            .ok()
            .filter(|&i| i < vocab)
            .ok_or(StepError::Token { id, vocab })?;
        assert_eq!(x.len(), embedding.cols, "the length of a residual stream");
        x.iter_mut()
            .zip(embedding.row(row))
            .for_each(|(x, e)| *x = f64::from(*e));
        Ok(())
    }

    /// The residual stream of a raw feature vector, `[hidden]`: its projection. `standard` receives
    /// the standardised features, `[size]`.
    ///
    /// # Errors
    /// [`StepError::Length`], [`StepError::NotFinite`] or [`StepError::NeedsTokens`].
    ///
    /// # Panics
    /// If `standard` or `x` has another length.
    pub fn project(
        &self,
        raw: &[f64],
        standard: &mut [f64],
        x: &mut [f64],
    ) -> Result<(), StepError> {
        let (InputWeights::Projection { weight, bias }, Input::Features { size, mean, std }) =
            (&self.weights.input, &self.config.input)
        else {
            return Err(StepError::NeedsTokens);
        };
        if raw.len() != *size {
            return Err(StepError::Length {
                need: *size,
                have: raw.len(),
            });
        }
        if let Some(index) = raw.iter().position(|r| !r.is_finite()) {
            return Err(StepError::NotFinite { index });
        }
        for (i, f) in standard.iter_mut().enumerate() {
            *f = (raw[i] - mean[i]) / std[i];
        }
        weight.times(standard, x);
        add_bias(x, Some(bias));
        Ok(())
    }
}

fn state_len(c: &Config) -> usize {
    c.layers * (c.matrix_state_len() + c.conv_state_len())
}
