//! What a model is: sizes and options. The names of the backbones, gates and maps are those of the
//! `.sla` file, so that there is one list of each.

pub use sla_format::{Backbone, Decay, FeatureMap, KeyGate, OutputGate, QueryGate};

/// The head gates: `g = scale · softmax((W·a + bias) / temperature)` over the query heads.
#[derive(Clone, Debug, PartialEq)]
pub struct Sla {
    /// Read-side gate.
    pub query_gate: QueryGate,
    /// Write-side gate.
    pub key_gate: KeyGate,
    /// Sum of the read-side gate over the heads; finite, > 0.
    pub query_gate_scale: f64,
    /// Sum of the write-side gate over the heads; finite, > 0.
    pub key_gate_scale: f64,
    /// Divides the logits; finite, > 0.
    pub temperature: f64,
    /// Whether both gate projections carry a bias.
    pub bias: bool,
}

/// What one step consumes.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// A token id in `0..vocab`, looked up in the embedding.
    Tokens {
        /// Rows of the embedding.
        vocab: usize,
    },
    /// A raw feature vector; the model computes `x = input_proj · ((raw - mean) / std) + bias`.
    Features {
        /// Length of the raw vector.
        size: usize,
        /// `[size]`, finite.
        mean: Vec<f64>,
        /// `[size]`, finite, > 0.
        std: Vec<f64>,
    },
}

/// Sizes and options of a model. [`Config::validate`] states the rules between them.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The recurrence.
    pub backbone: Backbone,
    /// Width of the residual stream.
    pub hidden: usize,
    /// Number of layers.
    pub layers: usize,
    /// Query heads H; also the width of the head gates.
    pub heads: usize,
    /// Key/value heads (RetNet, GLA), a divisor of `heads`; equals `heads` in Gated DeltaNet.
    pub kv_heads: usize,
    /// Value heads HV (Gated DeltaNet), a multiple of `heads`; equals `heads` otherwise.
    pub value_heads: usize,
    /// Width of a key head; even in RetNet.
    pub d_k: usize,
    /// Width of a value head.
    pub d_v: usize,
    /// MLP width I.
    pub intermediate: usize,
    /// Logits: vocabulary size or number of labels.
    pub outputs: usize,
    /// Token ids or feature vectors.
    pub input: Input,
    /// ε of every RMS norm, inside the square root; finite, > 0.
    pub norm_eps: f64,
    /// Output gate.
    pub output_gate: OutputGate,
    /// Kernel width W of the causal convolutions on q, k and v (GLA, Gated DeltaNet).
    pub conv: Option<usize>,
    /// Elementwise map on q and k (RetNet, GLA).
    pub feature_map: FeatureMap,
    /// Floor of the GLA log-decay.
    pub clamp_min: Option<f64>,
    /// Gated DeltaNet: β in [0, 2] instead of [0, 1].
    pub allow_neg_eigval: bool,
    /// GLA: rank of the decay projection, `gk1 · gk0`; 0 otherwise.
    pub gate_rank: usize,
    /// The head is the embedding.
    pub tied: bool,
    /// Head gates; `None` is the plain backbone.
    pub sla: Option<Sla>,
}

/// Upper limit of every single size.
const MAX_SIZE: usize = 1 << 24;
/// Upper limit of the recurrent state, in elements: 2 GiB of `f64`.
const MAX_STATE: usize = 1 << 28;

impl Config {
    /// Query channels, `heads · d_k`.
    pub fn q_dim(&self) -> usize {
        self.heads * self.d_k
    }

    /// Key channels as projected, `kv_heads · d_k`.
    pub fn k_dim(&self) -> usize {
        self.kv_heads * self.d_k
    }

    /// Heads that `v_proj` yields: `value_heads` in Gated DeltaNet, `kv_heads` otherwise.
    pub fn v_heads(&self) -> usize {
        match self.backbone.has_value_heads() {
            true => self.value_heads,
            false => self.kv_heads,
        }
    }

    /// Value channels as projected, `v_heads · d_v`.
    pub fn v_dim(&self) -> usize {
        self.v_heads() * self.d_v
    }

    /// Channels read from the state, `value_heads · d_v`: the input width of `o_proj`.
    pub fn y_dim(&self) -> usize {
        self.value_heads * self.d_v
    }

    /// Elements of the matrix states of one layer, `value_heads · d_k · d_v`.
    pub fn matrix_state_len(&self) -> usize {
        self.value_heads * self.d_k * self.d_v
    }

    /// Elements of the convolution histories of one layer, `(W-1) · (q_dim + k_dim + v_dim)`.
    pub fn conv_state_len(&self) -> usize {
        self.conv.map_or(0, |w| {
            (w - 1) * (self.q_dim() + self.k_dim() + self.v_dim())
        })
    }

    /// The query-side gate.
    pub fn query_gate(&self) -> QueryGate {
        self.sla.as_ref().map_or(QueryGate::None, |s| s.query_gate)
    }

    /// The key-side gate.
    pub fn key_gate(&self) -> KeyGate {
        self.sla.as_ref().map_or(KeyGate::None, |s| s.key_gate)
    }

    /// Checks every rule between the fields, with no arithmetic that could overflow.
    ///
    /// # Errors
    /// The field and the rule it breaks.
    pub fn validate(&self) -> Result<(), (&'static str, String)> {
        self.validate_sizes()?;
        self.validate_options()?;
        self.validate_state()
    }

    fn validate_sizes(&self) -> Result<(), (&'static str, String)> {
        for (field, value) in [
            ("hidden", self.hidden),
            ("layers", self.layers),
            ("heads", self.heads),
            ("kv_heads", self.kv_heads),
            ("value_heads", self.value_heads),
            ("d_k", self.d_k),
            ("d_v", self.d_v),
            ("intermediate", self.intermediate),
            ("outputs", self.outputs),
            ("conv", self.conv.unwrap_or(1)),
        ] {
            in_range(field, value)?;
        }
        let (has_value_heads, title) = (self.backbone.has_value_heads(), self.backbone.title());
        if has_value_heads && self.kv_heads != self.heads {
            return Err((
                "kv_heads",
                format!(
                    "{} must equal heads = {} in {title}",
                    self.kv_heads, self.heads
                ),
            ));
        }
        if !has_value_heads && self.value_heads != self.heads {
            return Err((
                "value_heads",
                format!("{} must equal heads = {}", self.value_heads, self.heads),
            ));
        }
        if !self.heads.is_multiple_of(self.kv_heads) {
            return Err((
                "kv_heads",
                format!("{} does not divide heads = {}", self.kv_heads, self.heads),
            ));
        }
        if !self.value_heads.is_multiple_of(self.heads) {
            return Err((
                "value_heads",
                format!(
                    "{} is not a multiple of heads = {}",
                    self.value_heads, self.heads
                ),
            ));
        }
        if self.backbone.has_rotary() && !self.d_k.is_multiple_of(2) {
            return Err((
                "d_k",
                format!("{} is odd; rotary positions need pairs", self.d_k),
            ));
        }
        if self.backbone.decay() == Decay::Channel {
            in_range("gate_rank", self.gate_rank)?;
        }
        Ok(())
    }

    fn validate_options(&self) -> Result<(), (&'static str, String)> {
        let title = self.backbone.title();
        positive("norm_eps", self.norm_eps)?;
        match &self.input {
            Input::Tokens { vocab } => {
                in_range("vocab", *vocab)?;
                if self.tied && *vocab != self.outputs {
                    return Err((
                        "tied",
                        format!("outputs = {} but vocab = {vocab}", self.outputs),
                    ));
                }
            }
            Input::Features { size, mean, std } => {
                in_range("input size", *size)?;
                if mean.len() != *size || std.len() != *size {
                    return Err((
                        "mean, std",
                        format!(
                            "lengths {}, {} but input size {size}",
                            mean.len(),
                            std.len()
                        ),
                    ));
                }
                if mean.iter().any(|m| !m.is_finite()) {
                    return Err(("mean", "must be finite".into()));
                }
                for &s in std {
                    positive("std", s)?;
                }
                if self.tied {
                    return Err(("tied", "a feature input has no embedding to tie to".into()));
                }
            }
        }
        if self.conv.is_some() && !self.backbone.may_convolve() {
            return Err(("conv", format!("{title} has no convolution")));
        }
        if self.feature_map != FeatureMap::None && !self.backbone.may_map() {
            return Err(("feature_map", format!("{title} has none")));
        }
        if self.clamp_min.is_some() && self.backbone.decay() != Decay::Channel {
            return Err(("clamp_min", "belongs to GLA".into()));
        }
        if self.clamp_min.is_some_and(|c| !c.is_finite()) {
            return Err(("clamp_min", "must be finite".into()));
        }
        if self.allow_neg_eigval && !self.backbone.has_delta_rule() {
            return Err(("allow_neg_eigval", "belongs to Gated DeltaNet".into()));
        }
        if let Some(sla) = &self.sla {
            positive("query_gate_scale", sla.query_gate_scale)?;
            positive("key_gate_scale", sla.key_gate_scale)?;
            positive("temperature", sla.temperature)?;
            if sla.key_gate == KeyGate::Beta && !self.backbone.has_delta_rule() {
                return Err(("key_gate", "\"beta\" belongs to Gated DeltaNet".into()));
            }
        }
        Ok(())
    }

    fn validate_state(&self) -> Result<(), (&'static str, String)> {
        let matrix = product(&[self.value_heads, self.d_k, self.d_v]);
        let channels = [
            (self.heads, self.d_k),
            (self.kv_heads, self.d_k),
            (self.v_heads(), self.d_v),
        ]
        .iter()
        .try_fold(0usize, |sum, &(heads, d)| {
            sum.checked_add(heads.checked_mul(d)?)
        });
        let conv = channels.and_then(|c| c.checked_mul(self.conv.unwrap_or(1) - 1));
        let state = matrix
            .zip(conv)
            .and_then(|(m, c)| m.checked_add(c)?.checked_mul(self.layers));
        match state {
            Some(len) if len <= MAX_STATE => Ok(()),
            _ => Err(("state", format!("more than {MAX_STATE} elements"))),
        }
    }
}

fn product(factors: &[usize]) -> Option<usize> {
    factors.iter().try_fold(1usize, |p, &f| p.checked_mul(f))
}

fn in_range(field: &'static str, value: usize) -> Result<(), (&'static str, String)> {
    match value {
        1..=MAX_SIZE => Ok(()),
        _ => Err((field, format!("{value} is outside 1..={MAX_SIZE}"))),
    }
}

fn positive(field: &'static str, value: f64) -> Result<(), (&'static str, String)> {
    if value.is_finite() && value > 0.0 {
        Ok(())
    } else {
        Err((field, format!("{value} must be finite and > 0")))
    }
}
