//! `config.json` to sizes and options, with fla's defaults; sizes that only the tensors know stay
//! open in [`Plan`].

use sla_reference::{Backbone, Decay, FeatureMap};

use super::CheckpointError;
use super::family::family;
use super::features::features;
use super::ids::{TOKEN_IDS, first_id, token_ids};
use super::json::Keys;
use super::known_keys::warn_keys;
use super::plan::Plan;
use super::sla::sla;

/// Reads every key or refuses it; `warnings` gets a line for each key that has no effect.
pub(super) fn parse(keys: &Keys, warnings: &mut Vec<String>) -> Result<Plan, CheckpointError> {
    let (model_type, backbone) = model_type(keys)?;
    refuse_layouts(keys, backbone)?;
    let classifier = is_classifier(keys)?;
    let family = family(backbone);

    let hidden = keys.size("hidden_size")?.unwrap_or(2048);
    let layers = keys.size("num_hidden_layers")?;
    let heads = keys.size("num_heads")?.unwrap_or(family.heads);
    let dims = (family.dims)(keys, hidden, heads)?;

    if keys
        .text("hidden_act")?
        .is_some_and(|a| !matches!(a, "swish" | "silu"))
    {
        return Err(keys.unsupported(
            "hidden_act",
            "the MLP and the output gate are swish (= silu)",
        ));
    }
    if keys.get("hidden_ratio").is_some() {
        keys.positive("hidden_ratio")?;
    }
    let norm_eps = match (keys.positive("norm_eps")?, keys.positive("rms_norm_eps")?) {
        (Some(new), Some(old)) if new != old => {
            return Err(keys.bad(
                "rms_norm_eps",
                format!("contradicts norm_eps = {new}; keep norm_eps"),
            ));
        }
        (new, old) => new.or(old).unwrap_or(1e-6),
    };
    let conv_flag = if keys.has("use_short_conv") {
        keys.flag("use_short_conv")?
    } else {
        None
    };
    let conv = backbone.may_convolve() && conv_flag.unwrap_or(family.conv);

    let plan = Plan {
        model_type,
        backbone,
        hidden,
        layers: layers.unwrap_or(family.layers),
        layers_defaulted: layers.is_none(),
        heads,
        kv_heads: dims.kv_heads,
        value_heads: dims.value_heads,
        d_k: dims.d_k,
        d_v: dims.d_v,
        intermediate: keys.size_or_null("intermediate_size")?,
        norm_eps,
        output_gate: (family.output_gate)(keys)?,
        conv,
        conv_size: if conv { keys.size("conv_size")? } else { None },
        feature_map: match backbone.may_map() {
            true => feature_map(keys)?,
            false => FeatureMap::None,
        },
        clamp_min: match backbone.decay() {
            Decay::Channel => clamp_min(keys)?,
            Decay::Constant | Decay::Head => None,
        },
        allow_neg_eigval: backbone.has_delta_rule()
            && keys.flag("allow_neg_eigval")?.unwrap_or(false),
        output_norm: !family.keys.contains(&"elementwise_affine")
            || keys.flag("elementwise_affine")?.unwrap_or(true),
        tied: keys.flag("tie_word_embeddings")?,
        vocab: keys.size("vocab_size")?,
        sla: keys.object("sla")?.map(|s| sla(&s, backbone)).transpose()?,
        features: if classifier {
            Some(features(keys, warnings)?)
        } else {
            None
        },
        bos: first_id(keys, "bos_token_id", warnings)?,
        eos: token_ids(keys.get("eos_token_id"))
            .ok_or_else(|| keys.bad("eos_token_id", TOKEN_IDS))?,
    };
    warn_keys(keys, &plan, warnings)?;
    Ok(plan)
}

fn model_type(keys: &Keys) -> Result<(String, Backbone), CheckpointError> {
    const KNOWN: &str = "retnet, gla and gated_deltanet are supported";
    let hint = || format!("it names the architecture ({KNOWN})");
    let missing = || CheckpointError::MissingKey {
        key: "model_type".into(),
        hint: hint(),
    };
    if keys.get("model_type").is_none() {
        return Err(missing());
    }
    let name = keys.text("model_type")?.ok_or_else(missing)?;
    let known = Backbone::ALL.iter().find(|b| b.model_type() == name);
    match (known, name) {
        (Some(&backbone), _) => Ok((name.into(), backbone)),
        (None, "qwen3_next") => Err(keys.unsupported(
            "model_type",
            format!("a Transformers layout, not fla's; {KNOWN}"),
        )),
        (None, _) => Err(keys.unsupported("model_type", KNOWN)),
    }
}

/// Features that change the model's structure: refused whenever they are switched on.
fn refuse_layouts(keys: &Keys, backbone: Backbone) -> Result<(), CheckpointError> {
    use serde_json::Value;
    if let Some(attn) = keys.get("attn") {
        let empty = |v: &Value| match v {
            Value::Object(o) => match o.get("layers") {
                None | Some(Value::Null) => true,
                Some(Value::Array(l)) => l.is_empty(),
                Some(_) => false,
            },
            _ => false,
        };
        let unused = match attn {
            Value::Array(list) => list.iter().all(empty),
            other => empty(other),
        };
        if !unused {
            return Err(keys.unsupported(
                "attn",
                "softmax-attention layers (hybrid models) need a growing cache",
            ));
        }
    }
    if keys.get("attnres_block_size").is_some() {
        return Err(keys.unsupported(
            "attnres_block_size",
            "attention residuals change the residual stream",
        ));
    }
    if keys.get("quantization_config").is_some() {
        return Err(keys.unsupported(
            "quantization_config",
            "the weights are quantised already; give the unquantised checkpoint, or save the model after dequantize(): the converter \
             quantises",
        ));
    }
    if keys.get("norm_first").is_some()
        && keys.flag("norm_first")? == Some(true)
        && family(backbone).has_old_layout
    {
        return Err(keys.unsupported(
            "norm_first",
            "the layout before 2025-02-06; save it again with a current fla",
        ));
    }
    if keys.get("share_conv_kernel").is_some() && keys.flag("share_conv_kernel")? == Some(true) {
        return Err(keys.unsupported(
            "share_conv_kernel",
            "one convolution for q, k and v (before 2024-07-14)",
        ));
    }
    Ok(())
}

/// Whether `architectures` ends in `ForSequenceClassification`; null is a language model.
fn is_classifier(keys: &Keys) -> Result<bool, CheckpointError> {
    let Some(value) = keys.get("architectures") else {
        return Ok(false);
    };
    let names: Option<Vec<&str>> = value
        .as_array()
        .and_then(|l| l.iter().map(|n| n.as_str()).collect());
    let names =
        names.ok_or_else(|| keys.bad("architectures", "must be a list of names or null"))?;
    let ends = |suffix: &str| names.iter().all(|n| n.ends_with(suffix));
    if names.is_empty()
        || names
            .iter()
            .all(|n| n.ends_with("ForCausalLM") || n.ends_with("Model"))
    {
        Ok(false)
    } else if ends("ForSequenceClassification") {
        Ok(true)
    } else {
        Err(keys.unsupported(
            "architectures",
            "language models (ForCausalLM) and ForSequenceClassification are",
        ))
    }
}

fn feature_map(keys: &Keys) -> Result<FeatureMap, CheckpointError> {
    if keys.get("feature_map").is_none() {
        return Ok(FeatureMap::None);
    }
    match keys.text("feature_map")? {
        Some("relu") => Ok(FeatureMap::Relu),
        Some("silu" | "swish") => Ok(FeatureMap::Silu),
        Some("sigmoid") => Ok(FeatureMap::Sigmoid),
        _ => Err(keys.unsupported("feature_map", "null, relu, silu (= swish) and sigmoid are")),
    }
}

fn clamp_min(keys: &Keys) -> Result<Option<f64>, CheckpointError> {
    // Clamping at minus infinity is not clamping.
    if keys.get("clamp_min").is_none() || keys.is_minus_infinity("clamp_min") {
        return Ok(None);
    }
    let value = keys.number("clamp_min")?;
    if value.is_some_and(|c| c > 0.0) {
        return Err(keys.bad(
            "clamp_min",
            "is the floor of a log-decay, which is never above 0",
        ));
    }
    Ok(value)
}
