//! All matrices of a model as integers.

use super::{Int8Rows, QuantizedMatrix};
use sla_format::{LAYER_ROLES, ModelDesc, Role, TensorDesc};
use sla_mapping::entries;
use sla_mapping::recipe::{Recipe, conv, recipe};
use sla_reference::{Config, Matrix, Model, Weights};

/// One matrix for each layer and role that the model has; a tied head is the input's.
#[derive(Clone, Debug)]
pub struct Quantized {
    layers: usize,
    tied: bool,
    matrices: Vec<Option<QuantizedMatrix>>,
}

impl Quantized {
    /// No matrix yet.
    pub fn new(config: &Config) -> Self {
        let entries = config.layers * LAYER_ROLES + Role::ALL.len() - LAYER_ROLES;
        Self {
            layers: config.layers,
            tied: config.tied,
            matrices: vec![None; entries],
        }
    }

    /// Every matrix as int8, rounded to the nearest.
    pub fn nearest(config: &Config, weights: &Weights, desc: &ModelDesc) -> Self {
        let mut out = Self::new(config);
        for (layer, role) in matrices(config, weights, desc) {
            let recipe = folding(config, weights, desc, layer, role).expect("listed");
            let q = Int8Rows::round(&recipe.folded(), recipe.matrix.cols);
            out.set(layer, role, QuantizedMatrix::Int8(q));
        }
        out
    }

    /// Sets a matrix; `layer` means nothing for roles that the model has once.
    pub fn set(&mut self, layer: usize, role: Role, matrix: QuantizedMatrix) {
        self.matrices[role.index(layer, self.layers)] = Some(matrix);
    }

    /// A matrix.
    ///
    /// # Panics
    /// If it was not set.
    pub fn matrix(&self, layer: usize, role: Role) -> &QuantizedMatrix {
        let role = if role == Role::Head && self.tied {
            Role::Input
        } else {
            role
        };
        self.matrices[role.index(layer, self.layers)]
            .as_ref()
            .expect("every matrix of the model is quantised")
    }
}

/// A recipe for the sake of its matrix and what is folded into it; the formats in it mean nothing.
pub fn folding<'w>(
    config: &Config,
    weights: &'w Weights,
    desc: &ModelDesc,
    layer: usize,
    role: Role,
) -> Option<Recipe<'w>> {
    recipe(config, weights, desc, layer, role, &|_| TensorDesc::ABSENT)
}

/// Layer and role of every matrix with integers of its own, in table order; the layer is the number
/// of layers for roles that the model has once.
pub fn matrices(config: &Config, weights: &Weights, desc: &ModelDesc) -> Vec<(usize, Role)> {
    entries(config.layers)
        .filter(|&(_, role)| !(role == Role::Head && config.tied))
        .filter(|&(layer, role)| folding(config, weights, desc, layer, role).is_some())
        .collect()
}

/// Whether an entry of the table has biases, by layer and role.
pub fn has_bias(model: &Model, desc: &ModelDesc) -> impl Fn(usize, Role) -> bool {
    let (config, weights) = (&model.config, &model.weights);
    move |layer, role| match role {
        Role::QueryConv | Role::KeyConv | Role::ValueConv => {
            let w = weights.layers.get(layer);
            let conv = w.and_then(|w| conv(w, role));
            conv.is_some_and(|conv| conv.bias.is_some())
        }
        _ => folding(config, weights, desc, layer, role).is_some_and(|r| r.bias.is_some()),
    }
}

/// The float matrix that integers mean, with the folded factors of its columns divided out.
pub fn dequantized(q: &QuantizedMatrix, columns: Option<&[f64]>) -> Matrix {
    let (rows, cols) = (q.unit().len(), q.cols());
    let inverse = inverse(columns, cols);
    let mut data = Vec::with_capacity(rows * cols);
    for (r, unit) in q.unit().iter().enumerate() {
        q.for_each_in_row(r, |c, w| {
            data.push((f64::from(w) * unit * inverse[c]) as f32)
        });
    }
    Matrix::new(rows, cols, data)
}

/// 1/column, and 0 for columns that are 0: what they multiply is lost.
pub fn inverse(columns: Option<&[f64]>, cols: usize) -> Vec<f64> {
    columns.map_or_else(
        || vec![1.0; cols],
        |all| {
            all.iter()
                .map(|&c| if c == 0.0 { 0.0 } else { c.recip() })
                .collect()
        },
    )
}
