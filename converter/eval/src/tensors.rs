//! What rounding did to each matrix and convolution: the float weights against what the file means.

use sla_format::{LAYER_ROLES, Role, TensorKind};
use sla_reference::{Config, Model as FloatModel};
use sla_runtime::Model;

use crate::parallel::parallel;
use sla_mapping::recipe::{conv, recipe};

/// Where the weights of a tensor lie.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// The smallest.
    pub min: f64,
    /// A thousandth is below.
    pub low: f64,
    /// The one in the middle.
    pub median: f64,
    /// A thousandth is above.
    pub high: f64,
    /// The largest.
    pub max: f64,
}

/// One matrix, or the taps of a convolution.
#[derive(Clone, Debug)]
pub struct TensorFigures {
    /// Its layer; `None` for tensors that the model has once.
    pub layer: Option<usize>,
    /// What it is for.
    pub role: Role,
    /// Rows and columns.
    pub shape: [usize; 2],
    /// How the file stores it.
    pub kind: TensorKind,
    /// The float weights.
    pub spread: Spread,
    /// 10·log10(Σ w² / Σ (w - ŵ)²) with ŵ as the file has it; `None` where all are zero, infinite
    /// where nothing differs.
    pub snr: Option<f64>,
}

/// Figures of all matrices and convolutions, in the table's order. `dequantized` has the config of
/// `reference` and the weights that the file means. A tied head is its embedding and has no entry.
pub fn tensor_figures<'w>(
    reference: &'w FloatModel,
    dequantized: &'w FloatModel,
    model: &Model,
) -> Vec<TensorFigures> {
    let places = places(&reference.config, model.desc().tied());
    let figures = parallel(places.len(), |i| {
        let (layer, role) = places[i];
        let at = layer.unwrap_or(0);
        let table = |role: Role| model.tensor(at, role);
        let matrix = |of: &'w FloatModel| match role {
            Role::QueryConv | Role::KeyConv | Role::ValueConv => {
                Some(&conv(of.weights.layers.get(at)?, role)?.weight)
            }
            _ => Some(recipe(&of.config, &of.weights, model.desc(), at, role, &table)?.matrix),
        };
        let (float, file) = (matrix(reference)?, matrix(dequantized)?);
        let kind = model.tensor(at, role).kind;
        let shape = [float.rows, float.cols];
        Some(TensorFigures {
            layer,
            role,
            shape,
            kind,
            spread: spread(&float.data)?,
            snr: snr(&float.data, &file.data),
        })
    });
    figures.into_iter().flatten().collect()
}

fn places(config: &Config, tied: bool) -> Vec<(Option<usize>, Role)> {
    let layers = (0..config.layers).flat_map(|layer| {
        Role::ALL[..LAYER_ROLES]
            .iter()
            .map(move |&r| (Some(layer), r))
    });
    [(None, Role::Input)]
        .into_iter()
        .chain(layers)
        .chain((!tied).then_some((None, Role::Head)))
        .collect()
}

fn spread(weights: &[f32]) -> Option<Spread> {
    let mut sorted = weights.to_vec();
    sorted.sort_unstable_by(f32::total_cmp);
    let last = sorted.len().checked_sub(1)?;
    let at = |share: f64| f64::from(sorted[(share * last as f64).round() as usize]);
    Some(Spread {
        min: at(0.0),
        low: at(0.001),
        median: at(0.5),
        high: at(0.999),
        max: at(1.0),
    })
}

fn snr(float: &[f32], file: &[f32]) -> Option<f64> {
    let (mut signal, mut noise) = (0.0, 0.0);
    for (a, b) in float.iter().zip(file) {
        let (a, b) = (f64::from(*a), f64::from(*b));
        signal += a * a;
        noise += (a - b) * (a - b);
    }
    (signal > 0.0).then(|| 10.0 * (signal / noise).log10())
}
