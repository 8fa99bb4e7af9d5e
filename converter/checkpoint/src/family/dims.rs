//! What several families share.

use sla_reference::{Backbone, OutputGate};

use crate::CheckpointError;
use crate::json::{Keys, MAX_SIZE};

/// Heads and their widths.
pub(crate) struct Dims {
    pub(crate) kv_heads: usize,
    pub(crate) value_heads: usize,
    pub(crate) d_k: usize,
    pub(crate) d_v: usize,
}

/// Widths as multiples of the hidden size, `(k, v)` unless the config says otherwise.
pub(super) fn expanded_dims(
    keys: &Keys,
    backbone: Backbone,
    hidden: usize,
    heads: usize,
    (k, v): (f64, f64),
) -> Result<Dims, CheckpointError> {
    let d_k = per_head(keys, "expand_k", k, hidden, heads)?;
    let d_v = per_head(keys, "expand_v", v, hidden, heads)?;
    if backbone.has_rotary() && d_k % 2 != 0 {
        return Err(keys.bad(
            "expand_k",
            format!("gives an odd head width of {d_k}; rotary positions need pairs"),
        ));
    }
    let kv_heads = keys.size_or_null("num_kv_heads")?.unwrap_or(heads);
    if !heads.is_multiple_of(kv_heads) {
        return Err(keys.bad(
            "num_kv_heads",
            format!("does not divide num_heads = {heads}"),
        ));
    }
    Ok(Dims {
        kv_heads,
        value_heads: heads,
        d_k,
        d_v,
    })
}

/// `trunc(hidden · factor) / heads`
fn per_head(
    keys: &Keys,
    key: &str,
    default: f64,
    hidden: usize,
    heads: usize,
) -> Result<usize, CheckpointError> {
    let factor = keys.positive(key)?.unwrap_or(default);
    let width = whole(keys, key, hidden as f64 * factor)?;
    if width % heads != 0 {
        let all = format!(
            "gives {width} channels from hidden_size = {hidden}, which num_heads = {heads} does not divide"
        );
        return Err(keys.bad(key, all));
    }
    Ok(width / heads)
}

/// `trunc(x)` as a size.
pub(super) fn whole(keys: &Keys, key: &str, x: f64) -> Result<usize, CheckpointError> {
    if (1.0..=MAX_SIZE as f64).contains(&x) {
        Ok(x as usize)
    } else {
        Err(keys.bad(key, format!("gives a width of {x}, outside 1..={MAX_SIZE}")))
    }
}

/// `use_output_gate`: a SiLU, or none.
pub(super) fn silu_gate(keys: &Keys) -> Result<OutputGate, CheckpointError> {
    Ok(match keys.flag("use_output_gate")?.unwrap_or(true) {
        true => OutputGate::Silu,
        false => OutputGate::None,
    })
}
