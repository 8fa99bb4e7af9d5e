//! The float weights that a file's integers mean: the other end of every [`crate::recipe`].
//!
//! Running the float reference over them isolates what the integer arithmetic costs from what the weights
//! cost.

use crate::checkpoint::Checkpoint;
use crate::recipe::{Target, pow2, recipe};
use sla_format::{ModelDesc, Role};
use sla_reference::{Conv, InputWeights, LayerWeights, Matrix, Weights};
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

/// Weights for the checkpoint's own config (norms and biases as they are, every matrix and convolution as
/// the file has it).
///
/// # Errors
/// [`Mismatch`] when sizes differ.
pub fn dequantize(model: &Model, checkpoint: &Checkpoint) -> Result<Weights, Mismatch> {
    let config = &checkpoint.config;
    let desc = model.desc();
    let own = crate::lower::describe(config, desc.residual_frac, desc.unit_frac, None, None);
    let same = ModelDesc { feature_frac: desc.feature_frac, bos: desc.bos, eos: desc.eos, ..own };
    if same != *desc {
        return Err(Mismatch { what: "the model description".into() });
    }
    let mut out = checkpoint.weights.clone();
    for role in Role::ALL {
        let layers = if (role as usize) < Role::Input as usize { 0..config.layers } else { 0..1 };
        for layer in layers {
            let table = |role: Role| model.tensor(layer, role);
            let Some(recipe) = recipe(config, &checkpoint.weights, desc, layer, role, &table) else { continue };
            let entry = model.matrix(layer, role);
            let (shift, frac) = match recipe.target {
                Target::Int16 => (0, 0),
                _ => (i32::from(entry.desc().shift), entry.desc().out_frac),
            };
            let input = recipe.source.scale(entry.desc().kind);
            let mut data = Vec::with_capacity(recipe.matrix.data.len());
            for r in 0..recipe.matrix.rows {
                let unit = f64::from(entry.multiplier().get(r).copied().unwrap_or(0)) * pow2(shift - 32 - frac)
                    / (input * recipe.gain);
                entry.for_each_in_row(r, |c, w| {
                    if c < recipe.matrix.cols {
                        let column = recipe.columns.as_ref().map_or(1.0, |columns| columns[c]);
                        data.push(if column == 0.0 { 0.0 } else { (f64::from(w) * unit / column) as f32 });
                    }
                });
            }
            if let Some(slot) = slot(&mut out, layer, role)
                && data.len() == slot.data.len()
            {
                slot.data = data;
            }
        }
    }
    for (layer, w) in out.layers.iter_mut().enumerate() {
        for (role, conv) in
            [(Role::QueryConv, &mut w.q_conv), (Role::KeyConv, &mut w.k_conv), (Role::ValueConv, &mut w.v_conv)]
        {
            if let Some(conv) = conv {
                dequantize_conv(model, layer, role, conv);
            }
        }
    }
    Ok(out)
}

/// Taps in units of the int16 projections, whose own scale [`Target::Int16`] leaves out.
fn dequantize_conv(model: &Model, layer: usize, role: Role, conv: &mut Conv) {
    let taps: &[i16] = model.elements(layer, role);
    let (multiplier, _) = model.channel_constants(layer, role);
    let entry = model.tensor(layer, role);
    let (channels, width) = (conv.weight.rows, conv.weight.cols);
    for c in 0..channels {
        let unit = f64::from(multiplier[c]) * pow2(i32::from(entry.shift) - 32 - entry.out_frac);
        for j in 0..width {
            conv.weight.data[c * width + j] = (f64::from(taps[j * channels + c]) * unit) as f32;
        }
    }
}

/// A role's matrix among the weights; `None` for roles that are no matrix or that the model lacks, a tied head among them.
pub fn slot(weights: &mut Weights, layer: usize, role: Role) -> Option<&mut Matrix> {
    match role {
        Role::Input => {
            return Some(match &mut weights.input {
                InputWeights::Embedding(m) => m,
                InputWeights::Projection { weight, .. } => weight,
            });
        }
        Role::Head => return weights.head.weight.as_mut(),
        _ => {}
    }
    layer_slot(weights.layers.get_mut(layer)?, role)
}

/// A role's matrix among a layer's weights.
pub fn layer_slot(w: &mut LayerWeights, role: Role) -> Option<&mut Matrix> {
    match role {
        Role::Query => Some(&mut w.q),
        Role::Key => Some(&mut w.k),
        Role::Value => Some(&mut w.v),
        Role::OutputGate => w.g.as_mut(),
        Role::DecayDown => w.gk0.as_mut(),
        Role::DecayUp => w.gk1.as_mut(),
        Role::DeltaDecay => w.a.as_mut(),
        Role::DeltaBeta => w.b.as_mut(),
        Role::QueryHeadGate => w.query_gate.as_mut(),
        Role::KeyHeadGate => w.key_gate.as_mut(),
        Role::Output => Some(&mut w.o),
        Role::MlpGate => Some(&mut w.gate),
        Role::MlpUp => Some(&mut w.up),
        Role::MlpDown => Some(&mut w.down),
        _ => None,
    }
}
