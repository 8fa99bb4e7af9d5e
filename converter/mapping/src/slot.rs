//! The entries of the tensor table, and where each stands among the float weights.

use sla_format::{LAYER_ROLES, Role};
use sla_reference::{InputWeights, LayerWeights, Matrix, Weights};

/// Layer and role of every entry, in table order; the layer is `layers` for roles that the model has
/// once.
pub fn entries(layers: usize) -> impl Iterator<Item = (usize, Role)> {
    (0..=layers).flat_map(move |layer| {
        let roles = match layer < layers {
            true => &Role::ALL[..LAYER_ROLES],
            false => &Role::ALL[LAYER_ROLES..],
        };
        roles.iter().map(move |&role| (layer, role))
    })
}

/// A role's matrix or taps among the weights; `None` for roles that are neither or that the model
/// lacks, a tied head among them.
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

/// A role's matrix or taps among a layer's weights.
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
        Role::QueryConv => w.q_conv.as_mut().map(|conv| &mut conv.weight),
        Role::KeyConv => w.k_conv.as_mut().map(|conv| &mut conv.weight),
        Role::ValueConv => w.v_conv.as_mut().map(|conv| &mut conv.weight),
        _ => None,
    }
}
