//! What config.json says.

use sla_reference::{Backbone, FeatureMap, OutputGate, Sla};

use super::features::Features;

/// What the config says. Vocabulary, MLP width (unless given), gate rank and convolution width come
/// from the tensors.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) model_type: String,
    pub(super) backbone: Backbone,
    pub(super) hidden: usize,
    pub(super) layers: usize,
    /// Whether `num_hidden_layers` is absent.
    pub(super) layers_defaulted: bool,
    pub(super) heads: usize,
    pub(super) kv_heads: usize,
    pub(super) value_heads: usize,
    pub(super) d_k: usize,
    pub(super) d_v: usize,
    /// `intermediate_size`, unless null.
    pub(super) intermediate: Option<usize>,
    pub(super) norm_eps: f64,
    pub(super) output_gate: OutputGate,
    pub(super) conv: bool,
    /// `conv_size`, if the key is there.
    pub(super) conv_size: Option<usize>,
    pub(super) feature_map: FeatureMap,
    pub(super) clamp_min: Option<f64>,
    pub(super) allow_neg_eigval: bool,
    /// Whether the output norm has a weight.
    pub(super) output_norm: bool,
    /// `tie_word_embeddings`, if the key is there.
    pub(super) tied: Option<bool>,
    /// `vocab_size`, if the key is there.
    pub(super) vocab: Option<usize>,
    pub(super) sla: Option<Sla>,
    /// A classifier over feature vectors.
    pub(super) features: Option<Features>,
    pub(super) bos: Option<i128>,
    pub(super) eos: Vec<i128>,
}

impl Plan {
    /// Elements of the matrix states of all layers.
    pub(super) fn state_len(&self) -> u64 {
        [self.value_heads, self.d_k, self.d_v]
            .iter()
            .fold(self.layers as u64, |n, &size| n.saturating_mul(size as u64))
    }
}
