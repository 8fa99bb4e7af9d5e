//! Intermediate vectors of a step, allocated once.

use crate::config::{Config, Input};

/// One buffer an intermediate; shapes as in [`crate::Op`].
#[derive(Clone, Debug)]
pub(crate) struct Scratch {
    /// The residual stream.
    pub(crate) x: Vec<f64>,
    /// The normed input of the mixer or the MLP.
    pub(crate) normed: Vec<f64>,
    pub(crate) q: Vec<f64>,
    pub(crate) k: Vec<f64>,
    /// k expanded to query heads, key gate applied.
    pub(crate) k_heads: Vec<f64>,
    pub(crate) v: Vec<f64>,
    pub(crate) low: Vec<f64>,
    pub(crate) decay: Vec<f64>,
    pub(crate) beta: Vec<f64>,
    /// `v - prediction` of one value head, times β.
    pub(crate) correction: Vec<f64>,
    pub(crate) gq: Vec<f64>,
    pub(crate) gk: Vec<f64>,
    /// Read-out, then y.
    pub(crate) y: Vec<f64>,
    pub(crate) g: Vec<f64>,
    /// Output of the mixer or the MLP.
    pub(crate) out: Vec<f64>,
    pub(crate) gate: Vec<f64>,
    pub(crate) up: Vec<f64>,
    pub(crate) features: Vec<f64>,
    pub(crate) logits: Vec<f64>,
}

impl Scratch {
    pub(crate) fn new(c: &Config) -> Self {
        let zeros = |len| vec![0.0; len];
        let features = match &c.input {
            Input::Tokens { .. } => 0,
            Input::Features { size, .. } => *size,
        };
        Self {
            x: zeros(c.hidden),
            normed: zeros(c.hidden),
            q: zeros(c.q_dim()),
            k: zeros(c.k_dim()),
            k_heads: zeros(c.q_dim()),
            v: zeros(c.v_dim()),
            low: zeros(c.gate_rank),
            decay: zeros(c.k_dim().max(c.value_heads)),
            beta: zeros(c.value_heads),
            correction: zeros(c.d_v),
            gq: vec![1.0; c.heads],
            gk: vec![1.0; c.heads],
            y: zeros(c.y_dim()),
            g: zeros(c.y_dim()),
            out: zeros(c.hidden),
            gate: zeros(c.intermediate),
            up: zeros(c.intermediate),
            features: zeros(features),
            logits: zeros(c.outputs),
        }
    }
}
