//! fla's Gated DeltaNet.

use sla_reference::OutputGate;

use super::dims::{Dims, whole};
use super::facts::Family;
use crate::CheckpointError;
use crate::json::Keys;

pub(super) const FAMILY: Family = Family {
    keys: &[
        "allow_neg_eigval",
        "conv_size",
        "expand_v",
        "head_dim",
        "num_kv_heads",
        "num_v_heads",
        "output_gate_activation",
        "use_gate",
        "use_short_conv",
    ],
    heads: 6,
    layers: 21,
    conv: true,
    has_old_layout: true,
    dims: |keys, _, heads| dims(keys, heads),
    output_gate,
    gate_why: "use_gate asks for it",
    norm: ("attn.o_norm.weight", "every model of this type has it"),
    fused_norm: None,
    // Files saved before 2025-03-12 hold a D that forward never used.
    unread: &["attn.D"],
    without_effect: |keys, heads| {
        let other = |v: &serde_json::Value| v.as_u64() != Some(heads as u64);
        let is_other = keys.get("num_kv_heads").is_some_and(other);
        is_other.then_some(("num_kv_heads", "Gated DeltaNet has num_v_heads instead"))
    },
};

/// Widths per head, independent of the hidden size.
fn dims(keys: &Keys, heads: usize) -> Result<Dims, CheckpointError> {
    let d_k = keys.size("head_dim")?.unwrap_or(256);
    let exact = d_k as f64 * keys.positive("expand_v")?.unwrap_or(2.0);
    let d_v = whole(keys, "expand_v", exact)?;
    if exact - d_v as f64 > 1e-5 * exact {
        return Err(keys.bad(
            "expand_v",
            format!("head_dim = {d_k} times it is {exact}, not an integer"),
        ));
    }
    let value_heads = keys.size_or_null("num_v_heads")?.unwrap_or(heads);
    if value_heads % heads != 0 {
        return Err(keys.bad(
            "num_v_heads",
            format!("is not a multiple of num_heads = {heads}"),
        ));
    }
    Ok(Dims {
        kv_heads: heads,
        value_heads,
        d_k,
        d_v,
    })
}

/// `use_gate` and `output_gate_activation`.
fn output_gate(keys: &Keys) -> Result<OutputGate, CheckpointError> {
    let gate = match keys.text("output_gate_activation")? {
        None | Some("swish" | "silu") => OutputGate::Silu,
        Some("sigmoid") => OutputGate::Sigmoid,
        Some(_) => {
            return Err(
                keys.unsupported("output_gate_activation", "swish (= silu) and sigmoid are")
            );
        }
    };
    Ok(if keys.flag("use_gate")?.unwrap_or(true) {
        gate
    } else {
        OutputGate::None
    })
}
