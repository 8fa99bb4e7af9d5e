//! Sizes that only tensors know.

use sla_reference::Decay;

use super::CheckpointError;
use super::plan::Plan;
use super::tensors::Tensors;

/// Why a tensor is needed that no option asks for.
pub(super) const ALWAYS: &str = "every model of this type has it";

/// A size that layer 0's tensor gives: dimension `dim` of `name`, whose rank must be that of
/// `pattern`.
pub(super) fn size_of(
    tensors: &Tensors,
    name: &str,
    dim: usize,
    pattern: &[&str],
    why: &str,
) -> Result<usize, CheckpointError> {
    let shape = tensors
        .shape(name)
        .ok_or_else(|| CheckpointError::MissingTensor {
            name: tensors.display_name(name),
            need: format!("[{}]", pattern.join(", ")),
            why: why.into(),
        })?;
    match shape.get(dim) {
        Some(&size) if shape.len() == pattern.len() && size > 0 => Ok(size),
        _ => Err(CheckpointError::Shape {
            name: tensors.display_name(name),
            have: shape.to_vec(),
            need: format!("[{}]", pattern.join(", ")),
        }),
    }
}

pub(super) fn mlp_width(plan: &Plan, tensors: &Tensors) -> Result<usize, CheckpointError> {
    let h = plan.hidden.to_string();
    match plan.intermediate {
        Some(width) => Ok(width),
        None => size_of(
            tensors,
            "layers.0.mlp.down_proj.weight",
            1,
            &[&h, "any"],
            ALWAYS,
        ),
    }
}

pub(super) fn gate_rank(plan: &Plan, tensors: &Tensors) -> Result<usize, CheckpointError> {
    let h = plan.hidden.to_string();
    match plan.backbone.decay() {
        Decay::Channel => size_of(
            tensors,
            "layers.0.attn.gk_proj.0.weight",
            0,
            &["any", &h],
            ALWAYS,
        ),
        Decay::Constant | Decay::Head => Ok(0),
    }
}

pub(super) fn conv_width(
    plan: &Plan,
    tensors: &Tensors,
    warnings: &mut Vec<String>,
) -> Result<Option<usize>, CheckpointError> {
    if !plan.conv {
        return Ok(None);
    }
    let channels = (plan.heads * plan.d_k).to_string();
    let name = "layers.0.attn.q_conv1d.weight";
    let width = size_of(
        tensors,
        name,
        2,
        &[&channels, "1", "any"],
        "use_short_conv asks for it",
    )?;
    if let Some(size) = plan.conv_size.filter(|&s| s != width) {
        warnings.push(format!(
            "config.json: conv_size = {size}, but the kernels are {width} wide, which is used; correct the key"
        ));
    }
    Ok(Some(width))
}
