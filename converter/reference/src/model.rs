//! A config and weights that fit each other.

use std::fmt;

use crate::config::{Config, Decay, Input, KeyGate, OutputGate, QueryGate};
use crate::linalg::Matrix;
use crate::weights::{Conv, InputWeights, LayerWeights, Weights};

/// A model whose weights have the shapes its config asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// Sizes and options.
    pub config: Config,
    /// Tensors.
    pub weights: Weights,
}

/// Why a config and weights do not make a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModelError {
    /// A field of the config breaks a rule.
    Config {
        /// The field.
        field: &'static str,
        /// The rule.
        reason: String,
    },
    /// `weights.layers` is not `config.layers` long.
    Layers {
        /// `config.layers`
        need: usize,
        /// `weights.layers.len()`
        have: usize,
    },
    /// The config asks for a tensor that is absent.
    Missing {
        /// The tensor, such as `layers.0.gk1`.
        name: String,
    },
    /// The config does not know what to do with a tensor that is present.
    Unexpected {
        /// The tensor.
        name: String,
    },
    /// A tensor has the wrong shape; vectors are `[1, len]`, and `data.len()` must be the product.
    Shape {
        /// The tensor.
        name: String,
        /// Rows and columns wanted.
        need: (usize, usize),
        /// Rows and columns found.
        have: (usize, usize),
    },
}

impl fmt::Display for ModelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config { field, reason } => write!(f, "config: {field}: {reason}"),
            Self::Layers { need, have } => {
                write!(f, "config asks for {need} layers, weights hold {have}")
            }
            Self::Missing { name } => write!(f, "weights lack {name}"),
            Self::Unexpected { name } => {
                write!(f, "weights hold {name}, which the config does not use")
            }
            Self::Shape { name, need, have } => {
                write!(
                    f,
                    "{name} is [{}, {}] where the config needs [{}, {}]",
                    have.0, have.1, need.0, need.1
                )
            }
        }
    }
}

impl std::error::Error for ModelError {}

impl Model {
    /// Checks the config and the presence and shape of every tensor.
    ///
    /// # Errors
    /// The first rule broken, see [`ModelError`].
    pub fn new(config: Config, weights: Weights) -> Result<Self, ModelError> {
        let model = Self { config, weights };
        model.validate()?;
        Ok(model)
    }

    /// The checks of [`Model::new`], for a model whose public fields were changed.
    ///
    /// # Errors
    /// The first rule broken.
    pub fn validate(&self) -> Result<(), ModelError> {
        let (c, w) = (&self.config, &self.weights);
        c.validate()
            .map_err(|(field, reason)| ModelError::Config { field, reason })?;
        if w.layers.len() != c.layers {
            return Err(ModelError::Layers {
                need: c.layers,
                have: w.layers.len(),
            });
        }
        match (&c.input, &w.input) {
            (Input::Tokens { vocab }, InputWeights::Embedding(m)) => {
                matrix("embedding", m, *vocab, c.hidden)?
            }
            (Input::Features { size, .. }, InputWeights::Projection { weight, bias }) => {
                matrix("input_proj", weight, c.hidden, *size)?;
                vector("input_proj.bias", bias, c.hidden)?;
            }
            (Input::Tokens { .. }, _) => {
                return Err(ModelError::Missing {
                    name: "embedding".into(),
                });
            }
            (Input::Features { .. }, _) => {
                return Err(ModelError::Missing {
                    name: "input_proj".into(),
                });
            }
        }
        for (i, layer) in w.layers.iter().enumerate() {
            layer_shapes(i, layer, c)?;
        }
        vector("norm", &w.norm, c.hidden)?;
        optional(!c.tied, "head", w.head.weight.as_ref(), |n, m| {
            matrix(n, m, c.outputs, c.hidden)
        })?;
        w.head
            .bias
            .as_ref()
            .map_or(Ok(()), |b| vector("head.bias", b, c.outputs))
    }

    /// The head's matrix, `[outputs, hidden]`: its own, or the embedding when tied.
    ///
    /// # Panics
    /// If the public fields were changed so that there is neither.
    pub fn head_matrix(&self) -> &Matrix {
        match (&self.weights.head.weight, &self.weights.input) {
            (Some(m), _) | (None, InputWeights::Embedding(m)) => m,
            (None, InputWeights::Projection { .. }) => panic!("an untied head without weight"),
        }
    }
}

pub(crate) fn layer_shapes(i: usize, w: &LayerWeights, c: &Config) -> Result<(), ModelError> {
    let h = c.hidden;
    let (low_rank, per_head) = (
        c.backbone.decay() == Decay::Channel,
        c.backbone.decay() == Decay::Head,
    );
    let bias = c.sla.as_ref().is_some_and(|s| s.bias);
    let (query, key) = (
        c.query_gate() != QueryGate::None,
        c.key_gate() != KeyGate::None,
    );
    let name = |n: &str| format!("layers.{i}.{n}");

    for (n, m, rows, cols) in [
        ("q", &w.q, c.q_dim(), h),
        ("k", &w.k, c.k_dim(), h),
        ("v", &w.v, c.v_dim(), h),
        ("o", &w.o, h, c.y_dim()),
        ("gate", &w.gate, c.intermediate, h),
        ("up", &w.up, c.intermediate, h),
        ("down", &w.down, h, c.intermediate),
    ] {
        matrix(&name(n), m, rows, cols)?;
    }
    vector(&name("attn_norm"), &w.attn_norm, h)?;
    vector(&name("mlp_norm"), &w.mlp_norm, h)?;
    if let Some(norm) = &w.o_norm {
        vector(&name("o_norm"), norm, c.d_v)?;
    }
    for (when, n, m, rows, cols) in [
        (c.output_gate != OutputGate::None, "g", &w.g, c.y_dim(), h),
        (low_rank, "gk0", &w.gk0, c.gate_rank, h),
        (low_rank, "gk1", &w.gk1, c.k_dim(), c.gate_rank),
        (per_head, "a", &w.a, c.value_heads, h),
        (c.backbone.has_delta_rule(), "b", &w.b, c.value_heads, h),
        (query, "query_gate", &w.query_gate, c.heads, h),
        (key, "key_gate", &w.key_gate, c.heads, h),
    ] {
        optional(when, &name(n), m.as_ref(), |n, m| matrix(n, m, rows, cols))?;
    }
    for (when, n, v, len) in [
        (low_rank, "gk1_bias", &w.gk1_bias, c.k_dim()),
        (per_head, "a_log", &w.a_log, c.value_heads),
        (per_head, "dt_bias", &w.dt_bias, c.value_heads),
        (
            query && bias,
            "query_gate_bias",
            &w.query_gate_bias,
            c.heads,
        ),
        (key && bias, "key_gate_bias", &w.key_gate_bias, c.heads),
    ] {
        optional(when, &name(n), v.as_ref(), |n, v| vector(n, v, len))?;
    }
    for (n, conv, channels) in [
        ("q_conv", &w.q_conv, c.q_dim()),
        ("k_conv", &w.k_conv, c.k_dim()),
        ("v_conv", &w.v_conv, c.v_dim()),
    ] {
        optional(
            c.conv.is_some(),
            &name(n),
            conv.as_ref(),
            |n, conv: &Conv| {
                matrix(n, &conv.weight, channels, c.conv.unwrap_or(1))?;
                conv.bias
                    .as_ref()
                    .map_or(Ok(()), |b| vector(&format!("{n}.bias"), b, channels))
            },
        )?;
    }
    Ok(())
}

fn optional<T: ?Sized>(
    when: bool,
    name: &str,
    tensor: Option<&T>,
    check: impl FnOnce(&str, &T) -> Result<(), ModelError>,
) -> Result<(), ModelError> {
    match (when, tensor) {
        (true, Some(t)) => check(name, t),
        (true, None) => Err(ModelError::Missing { name: name.into() }),
        (false, Some(_)) => Err(ModelError::Unexpected { name: name.into() }),
        (false, None) => Ok(()),
    }
}

fn matrix(name: &str, m: &Matrix, rows: usize, cols: usize) -> Result<(), ModelError> {
    if (m.rows, m.cols) == (rows, cols) && Some(m.data.len()) == rows.checked_mul(cols) {
        Ok(())
    } else {
        Err(ModelError::Shape {
            name: name.into(),
            need: (rows, cols),
            have: (m.rows, m.cols),
        })
    }
}

fn vector(name: &str, v: &[f32], len: usize) -> Result<(), ModelError> {
    if v.len() == len {
        Ok(())
    } else {
        Err(ModelError::Shape {
            name: name.into(),
            need: (1, len),
            have: (1, v.len()),
        })
    }
}
