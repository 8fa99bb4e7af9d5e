//! fla's RetNet.

use sla_reference::Backbone;

use super::dims::{expanded_dims, silu_gate};
use super::facts::Family;

pub(super) const FAMILY: Family = Family {
    keys: &[
        "conv_size",
        "elementwise_affine",
        "expand_k",
        "expand_v",
        "feature_map",
        "num_kv_heads",
        "use_output_gate",
        "use_short_conv",
    ],
    heads: 8,
    layers: 24,
    conv: false,
    has_old_layout: false,
    dims: |keys, hidden, heads| expanded_dims(keys, Backbone::RetNet, hidden, heads, (1.0, 2.0)),
    output_gate: silu_gate,
    gate_why: "use_output_gate asks for it",
    norm: (
        "attn.g_norm.weight",
        "elementwise_affine asks for it (or for g_norm_swish_gate)",
    ),
    fused_norm: Some("attn.g_norm_swish_gate.weight"),
    unread: &[],
    without_effect: |keys, _| {
        let is_asked = keys.get("use_short_conv").and_then(|v| v.as_bool()) == Some(true);
        is_asked.then_some(("use_short_conv", "fla's RetNet never builds a convolution"))
    },
};
