//! fla's GLA.

use sla_reference::Backbone;

use super::dims::{expanded_dims, silu_gate};
use super::facts::Family;

pub(super) const FAMILY: Family = Family {
    keys: &[
        "clamp_min",
        "conv_size",
        "elementwise_affine",
        "expand_k",
        "expand_v",
        "feature_map",
        "gate_logit_normalizer",
        "gate_low_rank_dim",
        "num_kv_heads",
        "use_output_gate",
        "use_short_conv",
    ],
    heads: 4,
    layers: 24,
    conv: false,
    has_old_layout: false,
    dims: |keys, hidden, heads| expanded_dims(keys, Backbone::Gla, hidden, heads, (0.5, 1.0)),
    output_gate: silu_gate,
    gate_why: "use_output_gate asks for it",
    norm: (
        "attn.g_norm.weight",
        "elementwise_affine asks for it (or for g_norm_swish_gate)",
    ),
    fused_norm: Some("attn.g_norm_swish_gate.weight"),
    unread: &[],
    without_effect: |keys, _| {
        let other = |v: &serde_json::Value| v.as_f64() != Some(16.0);
        let is_other = keys.get("gate_logit_normalizer").is_some_and(other);
        is_other.then_some(("gate_logit_normalizer", "fla always uses 16"))
    },
};
