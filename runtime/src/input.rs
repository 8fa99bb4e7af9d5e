//! From a token or a feature vector to the residual stream (numerics.md N12).

use crate::bounds::part_mut;
use crate::cargo_features::FEATURE_VECTORS;
use crate::error::StepError;
use crate::matrix::Product;
use crate::model::Model;
use crate::norm::quantize;
use crate::probe::{Probe, at_the_ends};
use crate::workspace::Lane;
use sla_format::{InputKind, Role};
use sla_kernels::fixed;

/// What a step consumes.
#[derive(Clone, Copy)]
pub(crate) enum Input<'f> {
    Token(u32),
    /// Raw features with `feature_frac` fraction bits.
    Features(&'f [i32]),
}

impl Input<'_> {
    /// Refuses what the model cannot take, before anything is written.
    pub fn check(&self, model: &Model) -> Result<(), StepError> {
        let desc = model.desc();
        match (self, desc.input) {
            (Input::Token(token), InputKind::Tokens) if *token < desc.inputs => Ok(()),
            (Input::Token(token), InputKind::Tokens) => Err(StepError::Token {
                token: *token,
                vocabulary: desc.inputs,
            }),
            (Input::Features(f), InputKind::Features) if f.len() == desc.inputs as usize => Ok(()),
            (Input::Features(f), InputKind::Features) => Err(StepError::Features {
                need: desc.inputs as usize,
                have: f.len(),
            }),
            _ => Err(StepError::Input),
        }
    }

    /// Writes x of a lane. Returns how many values were saturated, if a probe wants to know.
    pub fn embed<P: Probe>(&self, model: &Model, lane: &mut Lane) -> u32 {
        let mut saturated = 0;
        let Lane {
            x, act, temporary, ..
        } = lane;
        let input = model.matrix(0, Role::Input);
        match self {
            Input::Token(token) => input.dequantize_row(*token as usize, x),
            Input::Features(features) if FEATURE_VECTORS => {
                // (raw - mean) / std, so that one exponent serves features of any size (N12.2).
                let means: &[i32] = model.elements(0, Role::FeatureMean);
                let (inverse_std, _) = model.channel_constants(0, Role::FeatureMean);
                let up = i32::from(model.tensor(0, Role::FeatureMean).shift);
                let standard = part_mut(temporary, ..features.len());
                for ((out, f), (mean, m)) in standard
                    .iter_mut()
                    .zip(*features)
                    .zip(means.iter().zip(inverse_std))
                {
                    *out = fixed::shift(fixed::mulhr(f.saturating_sub(*mean), *m), up);
                }
                if P::ACTIVE {
                    saturated = at_the_ends(standard);
                }
                quantize(standard, input.desc().in_bits, act);
                input.apply(Product { input: act, out: x });
            }
            Input::Features(_) => {} // no such model was opened
        }
        // Padding rows carry nothing.
        for x in x.iter_mut().skip(model.desc().hidden as usize) {
            *x = 0;
        }
        if P::ACTIVE {
            saturated += at_the_ends(x);
        }
        saturated
    }
}
