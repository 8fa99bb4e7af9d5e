//! Tensors to weights.

use sla_reference::{Config, Input, Weights};

use super::CheckpointError;
use super::both_ends::{check_head, head, input};
use super::layer::Layer;
use super::plan::Plan;
use super::sizes::{ALWAYS, conv_width, gate_rank, mlp_width};
use super::tensors::Tensors;

/// Layers and the sizes behind the state are those of the config, as far as the tensors are there.
pub(super) fn check(plan: &Plan, tensors: &Tensors) -> Result<(), CheckpointError> {
    check_layers(plan, tensors)?;
    let c = base_config(plan);
    for (name, [rows, cols]) in [
        ("q", [c.q_dim(), c.hidden]),
        ("k", [c.k_dim(), c.hidden]),
        ("v", [c.v_dim(), c.hidden]),
        ("o", [c.hidden, c.y_dim()]),
    ] {
        tensors.check_shape(&format!("layers.0.attn.{name}_proj.weight"), &[rows, cols])?;
    }
    Ok(())
}

/// Takes every tensor of the model out of `tensors`, which [`check`] has seen, and refuses what is
/// left.
pub(super) fn assemble(
    plan: Plan,
    tied_head: bool,
    tensors: &mut Tensors,
    warnings: &mut Vec<String>,
) -> Result<(Config, Weights), CheckpointError> {
    let mut config = base_config(&plan);
    config.intermediate = mlp_width(&plan, tensors)?;
    config.gate_rank = gate_rank(&plan, tensors)?;
    config.conv = conv_width(&plan, tensors, warnings)?;

    let h = config.hidden;
    let (input, input_weights) = input(&plan, tensors, warnings)?;
    config.input = input;
    let tied = check_head(&plan, tied_head, &config.input, tensors)?;
    let layers = (0..config.layers)
        .map(|i| Layer::new(i, &config, tensors).read(plan.output_norm))
        .collect::<Result<Vec<_>, _>>()?;
    let norm = tensors.take("norm.weight", &[h], ALWAYS)?;
    let (outputs, head) = head(
        &plan,
        tied,
        &config.input,
        &input_weights,
        tensors,
        warnings,
    )?;
    config.outputs = outputs;
    config.tied = head.weight.is_none();
    tensors.finish()?;
    Ok((
        config,
        Weights {
            input: input_weights,
            layers,
            norm,
            head,
        },
    ))
}

/// There must be `num_hidden_layers` distinct layer indices; a gap among them shows as a missing
/// tensor.
fn check_layers(plan: &Plan, tensors: &Tensors) -> Result<(), CheckpointError> {
    let found = tensors.layer_indices().len();
    if found == plan.layers {
        return Ok(());
    }
    if found == 0 {
        tensors.check_names()?;
    }
    Err(CheckpointError::Layers {
        config: plan.layers,
        defaulted: plan.layers_defaulted,
        found,
    })
}

/// The config without the sizes that tensors give.
fn base_config(plan: &Plan) -> Config {
    Config {
        backbone: plan.backbone,
        hidden: plan.hidden,
        layers: plan.layers,
        heads: plan.heads,
        kv_heads: plan.kv_heads,
        value_heads: plan.value_heads,
        d_k: plan.d_k,
        d_v: plan.d_v,
        intermediate: 0,
        outputs: 0,
        input: Input::Tokens { vocab: 0 },
        norm_eps: plan.norm_eps,
        output_gate: plan.output_gate,
        conv: None,
        feature_map: plan.feature_map,
        clamp_min: plan.clamp_min,
        allow_neg_eigval: plan.allow_neg_eigval,
        gate_rank: 0,
        tied: false,
        sla: plan.sla.clone(),
    }
}
