//! What a long stream is fed with, step by step.

use sla_format::NONE;
use sla_reference::{Config, Input};
use sla_runtime::Model;

use super::EvalError;
use crate::random::{Generator, Noise};
use sla_checkpoint::rows::Rows;

/// Where a stream's input comes from.
#[derive(Clone, Copy, Debug)]
pub enum Source<'r> {
    /// The float model's own samples (temperature 1, a fixed seed); for feature models the
    /// synthetic [`Noise`], without end.
    Own,
    /// The rows one behind the other, and from the first again after the last.
    Rows(&'r Rows),
}

/// The input of a step.
pub(super) enum StepInput {
    Token(u32),
    Frame(Vec<f64>),
}

impl StepInput {
    /// What the step before should have predicted.
    pub(super) fn target(&self) -> Option<usize> {
        match self {
            Self::Token(token) => Some(*token as usize),
            Self::Frame(_) => None,
        }
    }
}

/// A step with the output wanted of it.
pub(super) struct Step {
    pub(super) input: StepInput,
    pub(super) target: Option<usize>,
}

/// An endless input.
pub(super) enum Feed<'r> {
    Samples { first: u32, generator: Generator },
    Tokens { ids: Vec<u32>, at: usize },
    Noise(Noise<'r>),
    Frames { frames: Vec<&'r [f64]>, at: usize },
}

impl<'r> Feed<'r> {
    pub(super) fn new(
        source: Source<'r>,
        model: &Model,
        config: &'r Config,
    ) -> Result<Self, EvalError> {
        let desc = model.desc();
        if let Source::Rows(rows) = source {
            rows.check(config)?;
        }
        Ok(match (source, &config.input) {
            (Source::Rows(Rows::Tokens(rows)), _) => Self::Tokens {
                ids: rows.iter().flat_map(|row| &row.ids).copied().collect(),
                at: 0,
            },
            (Source::Rows(Rows::Features(rows)), _) => Self::Frames {
                frames: rows
                    .iter()
                    .flat_map(|row| &row.frames)
                    .map(Vec::as_slice)
                    .collect(),
                at: 0,
            },
            (Source::Own, Input::Features { mean, std, .. }) => {
                Self::Noise(Noise::stream(0, mean, std))
            }
            (Source::Own, Input::Tokens { vocab }) => {
                let first = if desc.bos == NONE {
                    10.min(*vocab as u32 - 1)
                } else {
                    desc.bos
                };
                Self::Samples {
                    first,
                    generator: Generator::default(),
                }
            }
        })
    }

    /// The input of the first step.
    pub(super) fn first(&mut self) -> StepInput {
        match self {
            Self::Samples { first, .. } => StepInput::Token(*first),
            _ => self.next(&[]),
        }
    }

    /// The input of the step after the one that gave the float model's `logits`.
    pub(super) fn next(&mut self, logits: &[f64]) -> StepInput {
        match self {
            Self::Samples { generator, .. } => StepInput::Token(generator.draw(logits)),
            Self::Tokens { ids, at } => StepInput::Token(ids[turn(at, ids.len())]),
            Self::Noise(frames) => StepInput::Frame(frames.next_frame()),
            Self::Frames { frames, at } => {
                StepInput::Frame(frames[turn(at, frames.len())].to_vec())
            }
        }
    }
}

/// `at`, which moves on to the next of `len` places in a circle.
fn turn(at: &mut usize, len: usize) -> usize {
    let now = *at;
    *at = (now + 1) % len;
    now
}
