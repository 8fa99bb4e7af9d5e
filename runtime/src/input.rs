//! From a token or a feature vector to the residual stream (numerics.md N12).

use crate::backbone::{FEATURE_VECTORS, backbone};
use crate::error::StepError;
use crate::model::Model;
use crate::norm::quantize;
use crate::probe::{Probe, at_the_ends};
use crate::workspace::Workspace;
use sla_format::{Backbone, InputKind, Role};
use sla_kernels::{fixed, nonlinear};

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

    /// Writes x of token `lane`. Returns how many values were saturated, if a probe wants to know.
    pub fn embed<P: Probe>(&self, model: &Model, ws: &mut Workspace, lane: usize) -> u32 {
        let mut saturated = 0;
        let regions =
            ws.x.get_mut(lane)
                .zip(ws.act.get_mut(lane))
                .zip(ws.work.get_mut(lane));
        let Some(((x, act), work)) = regions else {
            return 0;
        };
        let input = model.matrix(0, Role::Input);
        match self {
            Input::Token(token) => input.dequantize_row(*token as usize, x),
            Input::Features(features) if FEATURE_VECTORS => {
                // (raw - mean) / std, so that one exponent serves features of any size (N12.2).
                let means: &[i32] = model.elements(0, Role::FeatureMean);
                let (inverse_std, _) = model.channel_constants(0, Role::FeatureMean);
                let up = i32::from(model.tensor(0, Role::FeatureMean).shift);
                let standard = work.get_mut(..features.len()).unwrap_or_default();
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
                let exponent = quantize(standard, input.desc().in_bits, act);
                input.apply(act, exponent, x);
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

/// cos and sin of this position's rotary angles (N9.4): phase_j = position·θ_j/2π in 2^-64 turns,
/// exact in wrapping arithmetic at every position.
pub(crate) fn rotary_angles(model: &Model, position: u64, out: &mut [i32]) {
    if backbone(model.desc()) != Backbone::RetNet {
        return;
    }
    let steps: &[u64] = model.elements(0, Role::Rotary);
    let (cos, sin) = out
        .split_at_mut_checked(steps.len())
        .unwrap_or((&mut [], &mut []));
    for ((cos, sin), step) in cos.iter_mut().zip(sin).zip(steps) {
        (*cos, *sin) = nonlinear::cos_sin((position.wrapping_mul(*step) >> 32) as u32);
    }
}
