//! The keys of config.json, and a word about those that do nothing.

use sla_reference::Backbone;

use super::CheckpointError;
use super::family::family;
use super::json::Keys;
use super::plan::Plan;

/// Keys that are read, for every family.
const COMMON: &[&str] = &[
    "architectures",
    "attn",
    "attnres_block_size",
    "bos_token_id",
    "dtype",
    "eos_token_id",
    "hidden_act",
    "hidden_ratio",
    "hidden_size",
    "intermediate_size",
    "model_type",
    "norm_eps",
    "norm_first",
    "num_heads",
    "num_hidden_layers",
    "quantization_config",
    "rms_norm_eps",
    "share_conv_kernel",
    "sla",
    "tie_word_embeddings",
    "torch_dtype",
    "use_gk",
    "use_gv",
    "vocab_size",
];

/// Keys that change nothing at inference: kernels, training, Transformers' own bookkeeping.
const IGNORED: &[&str] = &[
    "_attn_implementation_autoset",
    "_name_or_path",
    "attn_mode",
    "auto_map",
    "chunk_size_feed_forward",
    "fuse_cross_entropy",
    "fuse_linear_cross_entropy",
    "fuse_norm",
    "fuse_swiglu",
    "head_first",
    "id2label",
    "initializer_range",
    "is_encoder_decoder",
    "label2id",
    "max_position_embeddings",
    "output_attentions",
    "output_hidden_states",
    "pad_token_id",
    "problem_type",
    "return_dict",
    "transformers_version",
    "use_cache",
    "use_l2warp",
];

/// Keys of classifiers over feature vectors.
const FEATURES: &[&str] = &[
    "feature_mean",
    "feature_std",
    "hop_length",
    "input_size",
    "n_fft",
    "num_labels",
    "sample_rate",
];

/// A line for each key that is unknown, that this family does not read, or that asks for what fla
/// never does.
pub(super) fn warn_keys(
    keys: &Keys,
    plan: &Plan,
    warnings: &mut Vec<String>,
) -> Result<(), CheckpointError> {
    for name in keys.names() {
        let read = COMMON.contains(&name)
            || IGNORED.contains(&name)
            || family(plan.backbone).keys.contains(&name)
            || (plan.features.is_some() && FEATURES.contains(&name));
        let elsewhere = FEATURES.contains(&name)
            || Backbone::ALL
                .iter()
                .any(|&f| family(f).keys.contains(&name));
        let (value, kind) = (keys.show(name), &plan.model_type);
        if !read && !elsewhere {
            warnings.push(format!(
                "config.json: unknown key {} = {value} is ignored; correct its name, or remove it",
                name.escape_debug()
            ));
        } else if !read && keys.get(name).is_some_and(|v| v.as_bool() != Some(false)) {
            let what = if plan.features.is_some() {
                "classifier"
            } else {
                "language model"
            };
            warnings.push(format!(
                "config.json: {name} = {value} has no effect on a {kind} {what}; remove it, or correct model_type"
            ));
        }
    }
    let mut dead = |key: &str, live: bool, why: &str| {
        if live {
            warnings.push(format!(
                "config.json: {key} = {} has no effect: {why}; remove it",
                keys.show(key)
            ));
        }
    };
    let is = |key: &str, value: bool| keys.get(key).and_then(|v| v.as_bool()) == Some(value);
    dead("use_gk", is("use_gk", false), "fla never reads it");
    dead("use_gv", is("use_gv", true), "fla never reads it");
    dead(
        "norm_first",
        is("norm_first", true),
        "it belongs to old gated_deltanet files",
    );
    if let Some((key, why)) = (family(plan.backbone).without_effect)(keys, plan.heads) {
        dead(key, true, why);
    }
    Ok(())
}
