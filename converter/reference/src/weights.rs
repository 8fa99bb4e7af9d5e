//! The tensors of a model, in the layout of the checkpoint: `[out, in]` row-major, `y = M·x`.

use crate::config::{Config, Decay, Input, KeyGate, OutputGate, QueryGate};
use crate::linalg::Matrix;

/// A depthwise causal convolution; tap `W-1` multiplies the current token.
#[derive(Clone, Debug, PartialEq)]
pub struct Conv {
    /// `[channels, W]`
    pub weight: Matrix,
    /// `[channels]`, added before the SiLU.
    pub bias: Option<Vec<f32>>,
}

/// What turns the input of a step into the residual stream.
#[derive(Clone, Debug, PartialEq)]
pub enum InputWeights {
    /// `[vocab, hidden]`
    Embedding(Matrix),
    /// `x = weight · ((raw - mean) / std) + bias`
    Projection {
        /// `[hidden, input size]`
        weight: Matrix,
        /// `[hidden]`
        bias: Vec<f32>,
    },
}

/// What turns the normed residual stream into logits.
#[derive(Clone, Debug, PartialEq)]
pub struct Head {
    /// `[outputs, hidden]`; `None` when tied to the embedding.
    pub weight: Option<Matrix>,
    /// `[outputs]`; classifiers only.
    pub bias: Option<Vec<f32>>,
}

/// One layer. Which tensors are present follows from the [`Config`]; see [`crate::Model::new`].
#[derive(Clone, Debug, PartialEq)]
pub struct LayerWeights {
    /// `[hidden]`
    pub attn_norm: Vec<f32>,
    /// `[hidden]`
    pub mlp_norm: Vec<f32>,
    /// `[heads · d_k, hidden]`
    pub q: Matrix,
    /// `[kv_heads · d_k, hidden]`
    pub k: Matrix,
    /// `[v_heads · d_v, hidden]`
    pub v: Matrix,
    /// `[value_heads · d_v, hidden]`, with an output gate.
    pub g: Option<Matrix>,
    /// `[hidden, value_heads · d_v]`
    pub o: Matrix,
    /// `[d_v]`, shared by all heads; `None` means ones.
    pub o_norm: Option<Vec<f32>>,
    /// GLA: `[gate_rank, hidden]`
    pub gk0: Option<Matrix>,
    /// GLA: `[kv_heads · d_k, gate_rank]`
    pub gk1: Option<Matrix>,
    /// GLA: `[kv_heads · d_k]`
    pub gk1_bias: Option<Vec<f32>>,
    /// Gated DeltaNet: `[value_heads, hidden]`, the decay projection.
    pub a: Option<Matrix>,
    /// Gated DeltaNet: `[value_heads, hidden]`, the β projection.
    pub b: Option<Matrix>,
    /// Gated DeltaNet: `[value_heads]`
    pub a_log: Option<Vec<f32>>,
    /// Gated DeltaNet: `[value_heads]`
    pub dt_bias: Option<Vec<f32>>,
    /// `[heads · d_k, W]`
    pub q_conv: Option<Conv>,
    /// `[kv_heads · d_k, W]`
    pub k_conv: Option<Conv>,
    /// `[v_heads · d_v, W]`
    pub v_conv: Option<Conv>,
    /// `[heads, hidden]`, with a query gate.
    pub query_gate: Option<Matrix>,
    /// `[heads]`, with a query gate and `bias`.
    pub query_gate_bias: Option<Vec<f32>>,
    /// `[heads, hidden]`, with a key gate.
    pub key_gate: Option<Matrix>,
    /// `[heads]`, with a key gate and `bias`.
    pub key_gate_bias: Option<Vec<f32>>,
    /// `[intermediate, hidden]`
    pub gate: Matrix,
    /// `[intermediate, hidden]`
    pub up: Matrix,
    /// `[hidden, intermediate]`
    pub down: Matrix,
}

/// All tensors of a model.
#[derive(Clone, Debug, PartialEq)]
pub struct Weights {
    /// Embedding or input projection.
    pub input: InputWeights,
    /// One entry a layer.
    pub layers: Vec<LayerWeights>,
    /// `[hidden]`, the final norm.
    pub norm: Vec<f32>,
    /// LM head or classifier.
    pub head: Head,
}

impl Weights {
    /// Every tensor that `config` requires, all zeros; a feature input gets a head with bias (a
    /// classifier).
    ///
    /// # Panics
    /// If `config` is so large that memory runs out.
    pub fn zeros(config: &Config) -> Self {
        let (input, bias) = match &config.input {
            Input::Tokens { vocab } => (
                InputWeights::Embedding(Matrix::zeros(*vocab, config.hidden)),
                None,
            ),
            Input::Features { size, .. } => (
                InputWeights::Projection {
                    weight: Matrix::zeros(config.hidden, *size),
                    bias: vec![0.0; config.hidden],
                },
                Some(vec![0.0; config.outputs]),
            ),
        };
        Self {
            input,
            layers: (0..config.layers)
                .map(|_| LayerWeights::zeros(config))
                .collect(),
            norm: vec![0.0; config.hidden],
            head: Head {
                weight: (!config.tied).then(|| Matrix::zeros(config.outputs, config.hidden)),
                bias,
            },
        }
    }
}

impl LayerWeights {
    /// Every tensor of a layer that `config` requires, all zeros; output norm present, convolutions
    /// without bias.
    pub fn zeros(config: &Config) -> Self {
        let h = config.hidden;
        let matrix = |when: bool, rows, cols| when.then(|| Matrix::zeros(rows, cols));
        let vector = |when: bool, len| when.then(|| vec![0.0; len]);
        let conv = |channels| {
            config.conv.map(|w| Conv {
                weight: Matrix::zeros(channels, w),
                bias: None,
            })
        };
        let decay = config.backbone.decay();
        let (low_rank, per_head) = (decay == Decay::Channel, decay == Decay::Head);
        let bias = config.sla.as_ref().is_some_and(|s| s.bias);
        let (query, key) = (
            config.query_gate() != QueryGate::None,
            config.key_gate() != KeyGate::None,
        );
        Self {
            attn_norm: vec![0.0; h],
            mlp_norm: vec![0.0; h],
            q: Matrix::zeros(config.q_dim(), h),
            k: Matrix::zeros(config.k_dim(), h),
            v: Matrix::zeros(config.v_dim(), h),
            g: matrix(config.output_gate != OutputGate::None, config.y_dim(), h),
            o: Matrix::zeros(h, config.y_dim()),
            o_norm: Some(vec![0.0; config.d_v]),
            gk0: matrix(low_rank, config.gate_rank, h),
            gk1: matrix(low_rank, config.k_dim(), config.gate_rank),
            gk1_bias: vector(low_rank, config.k_dim()),
            a: matrix(per_head, config.value_heads, h),
            b: matrix(config.backbone.has_delta_rule(), config.value_heads, h),
            a_log: vector(per_head, config.value_heads),
            dt_bias: vector(per_head, config.value_heads),
            q_conv: conv(config.q_dim()),
            k_conv: conv(config.k_dim()),
            v_conv: conv(config.v_dim()),
            query_gate: matrix(query, config.heads, h),
            query_gate_bias: vector(query && bias, config.heads),
            key_gate: matrix(key, config.heads, h),
            key_gate_bias: vector(key && bias, config.heads),
            gate: Matrix::zeros(config.intermediate, h),
            up: Matrix::zeros(config.intermediate, h),
            down: Matrix::zeros(h, config.intermediate),
        }
    }
}
