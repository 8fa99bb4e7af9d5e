//! The float weights that a file's integers mean: the other end of every [`crate::recipe`].
//!
//! Running the float reference over them isolates what the integer arithmetic costs from what the
//! weights cost.

use crate::describe;
use crate::real::pow2;
use crate::recipe::{Target, conv, recipe, tap_step};
use crate::slot;
use sla_checkpoint::Checkpoint;
use sla_format::{ModelDesc, Role};
use sla_reference::{LayerWeights, Matrix, Weights};
use sla_runtime::Model;

/// The checkpoint and the file do not describe the same model.
#[derive(Debug, thiserror::Error)]
#[error(
    "the file was not converted from this checkpoint: {what} differs; give the one that it is from, or convert this one"
)]
pub struct Mismatch {
    /// First thing that differs.
    pub what: String,
}

/// Weights for the checkpoint's own config (norms and biases as they are, every matrix and
/// convolution as the file has it, with what was folded into it taken back). A weight that a zero
/// of norm or taps multiplies stays as it is: the file lost it.
///
/// # Errors
/// [`Mismatch`] when sizes differ.
pub fn dequantize(model: &Model, checkpoint: &Checkpoint) -> Result<Weights, Mismatch> {
    let config = &checkpoint.config;
    let desc = model.desc();
    let own = describe(config, desc.residual_frac, desc.unit_frac, None, None);
    let same = ModelDesc {
        feature_frac: desc.feature_frac,
        bos: desc.bos,
        eos: desc.eos,
        ..own
    };
    if same != *desc {
        return Err(Mismatch {
            what: "the model description".into(),
        });
    }
    let mut out = checkpoint.weights.clone();
    for role in Role::ALL {
        let layers = if (role as usize) < Role::Input as usize {
            0..config.layers
        } else {
            0..1
        };
        for layer in layers {
            let table = |role: Role| model.tensor(layer, role);
            let Some(recipe) = recipe(config, &checkpoint.weights, desc, layer, role, &table)
            else {
                continue;
            };
            let entry = model.matrix(layer, role);
            let (shift, frac, channels) = match recipe.target {
                Target::Int16 => (
                    0,
                    0,
                    channel_scales(model, &checkpoint.weights.layers[layer], layer, role),
                ),
                _ => (
                    i32::from(entry.desc().shift),
                    entry.desc().out_frac,
                    vec![1.0; recipe.matrix.rows],
                ),
            };
            let input = recipe.source.scale(entry.desc().kind);
            let Some(slot) = slot(&mut out, layer, role) else {
                continue;
            };
            for (r, (channel, row)) in channels
                .iter()
                .zip(slot.data.chunks_exact_mut(slot.cols.max(1)))
                .enumerate()
            {
                let unit = channel
                    * f64::from(entry.multiplier().get(r).copied().unwrap_or(0))
                    * pow2(shift - 32 - frac)
                    / (input * recipe.gain);
                entry.for_each_in_row(r, |c, w| {
                    let column = recipe
                        .columns
                        .as_ref()
                        .map_or(1.0, |columns| columns.get(c).copied().unwrap_or(0.0));
                    // What a zero multiplies is not in the file, and nothing reads it.
                    if let Some(weight) =
                        row.get_mut(c).filter(|_| *channel != 0.0 && column != 0.0)
                    {
                        *weight = (f64::from(w) * unit / column) as f32;
                    }
                });
            }
        }
    }
    for layer in 0..config.layers {
        for (_, role) in CONVS {
            if let Some(taps) = slot(&mut out, layer, role) {
                dequantize_taps(model, layer, role, taps);
            }
        }
    }
    Ok(out)
}

/// Matrices and the convolutions that read what they give.
const CONVS: [(Role, Role); 3] = [
    (Role::Query, Role::QueryConv),
    (Role::Key, Role::KeyConv),
    (Role::Value, Role::ValueConv),
];

/// Real value of one unit of each row of a [`Target::Int16`] matrix: only its convolution's
/// multipliers have it, multiplied by the step of the taps, which the checkpoint tells. 0 where all
/// taps are.
fn channel_scales(model: &Model, w: &LayerWeights, layer: usize, role: Role) -> Vec<f64> {
    let Some((&(_, reader), conv)) = CONVS.iter().find(|c| c.0 == role).zip(conv(w, role)) else {
        return Vec::new();
    };
    let (multiplier, _) = model.channel_constants(layer, reader);
    let entry = model.tensor(layer, reader);
    let unit = pow2(i32::from(entry.shift) - 32 - entry.out_frac);
    let scale = |(c, &multiplier): (usize, &i32)| match tap_step(conv.weight.row(c)) {
        0.0 => 0.0,
        step => f64::from(multiplier) * unit / step,
    };
    multiplier
        .iter()
        .take(conv.weight.rows)
        .enumerate()
        .map(scale)
        .collect()
}

fn dequantize_taps(model: &Model, layer: usize, role: Role, weight: &mut Matrix) {
    let taps: &[i16] = model.elements(layer, role);
    let channels = weight.rows;
    for (c, row) in weight.data.chunks_exact_mut(weight.cols.max(1)).enumerate() {
        let step = tap_step(row);
        row.iter_mut()
            .enumerate()
            .for_each(|(j, w)| *w = (f64::from(taps[j * channels + c]) * step) as f32);
    }
}
