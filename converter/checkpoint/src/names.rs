//! Names of tensors: what training frameworks put around them, and names that tell of another kind
//! of file.

/// Parts that wrappers put anywhere into a name: `torch.compile`, FSDP, activation checkpointing,
/// DataParallel and DDP.
const WRAPPERS: [&str; 4] = [
    "_orig_mod",
    "_fsdp_wrapped_module",
    "_checkpoint_wrapped_module",
    "module",
];
/// Parts in front of a name: PEFT, the base model's own name and modules that hold a model.
const FRONT: [&str; 2] = ["base_model", "model"];

/// The name within the base model, or of a head.
pub(super) fn bare(raw: &str) -> String {
    let inner = raw.split('.').filter(|part| !WRAPPERS.contains(part));
    let bare = inner
        .skip_while(|part| FRONT.contains(part))
        .collect::<Vec<_>>()
        .join(".");
    // The name that the embedding had before 2024-03-14.
    if bare == "embed_tokens.weight" {
        "embeddings.weight".into()
    } else {
        bare
    }
}

/// Whether a bare name is one that no model has; the less, the more it tells as an example.
pub(super) fn stranger(name: &str) -> Option<u8> {
    const OUTSIDE_LAYERS: [&str; 5] = ["embeddings", "norm", "lm_head", "input_proj", "classifier"];
    match name {
        _ if name.ends_with(".layers.0.attn.q_proj.weight") => Some(0),
        _ if name.contains(".layers.") => Some(1),
        _ => {
            let first = name.split('.').next().unwrap_or_default();
            (first != "layers" && !OUTSIDE_LAYERS.contains(&first)).then_some(2)
        }
    }
}

/// What a tensor is a part of that no model has, with the way out.
pub(super) fn foreign(raw: &str) -> Option<&'static str> {
    const ADAPTER: [&str; 7] = [
        "lora_A",
        "lora_B",
        "lora_embedding_A",
        "lora_embedding_B",
        "lora_magnitude_vector",
        "base_layer",
        "modules_to_save",
    ];
    const BITSANDBYTES: [&str; 6] = [
        "absmax",
        "quant_map",
        "nested_absmax",
        "nested_quant_map",
        "quant_state",
        "SCB",
    ];
    const GROUPED: [&str; 4] = ["qweight", "qzeros", "scales", "g_idx"];
    const OTHERS: [&str; 8] = [
        "weight_packed",
        "weight_scale",
        "weight_scale_inv",
        "weight_zero_point",
        "weight_format",
        "input_scale",
        "qscale",
        "W_q",
    ];
    let has = |parts: &[&str]| raw.split('.').any(|part| parts.contains(&part));
    if has(&ADAPTER) {
        Some(
            "belongs to an adapter (LoRA); merge it into its model (PEFT: merge_and_unload()) and save that",
        )
    } else if has(&BITSANDBYTES) {
        Some(
            "belongs to weights quantised by bitsandbytes; give the unquantised checkpoint, the converter quantises",
        )
    } else if has(&GROUPED) {
        Some(
            "belongs to weights quantised as GPTQ and AWQ do; give the unquantised checkpoint, the converter quantises",
        )
    } else if has(&OTHERS) {
        Some(
            "belongs to quantised weights; give the unquantised checkpoint, the converter quantises",
        )
    } else {
        None
    }
}

/// What an unknown tensor probably is.
pub(super) fn hint(name: &str) -> &'static str {
    let last = name.rsplit("attn.").next().unwrap_or(name);
    if last.starts_with("h_conv1d") {
        "a convolution shared by q, k and v (fla before 2024-07-14) is not supported"
    } else if name.contains("attn_res") || name.contains("mlp_res") || name.starts_with("res_") {
        "attention residuals are not supported"
    } else if last.starts_with("in_proj") || last.starts_with("conv1d") {
        "fused projections are the Transformers layout (Qwen3-Next), not fla's"
    } else if last.contains("conv1d") {
        "convolutions exist where use_short_conv is true (GLA, Gated DeltaNet)"
    } else if last.contains("gate_proj") && name.contains("attn.") {
        "head gates need an \"sla\" section in config.json (with \"bias\": true for biases)"
    } else {
        "remove it, or correct the config key that should ask for it"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrappers_come_off_in_any_nesting() {
        for (raw, name) in [
            ("layers.0.attn.q_proj.weight", "layers.0.attn.q_proj.weight"),
            ("model.norm.weight", "norm.weight"),
            ("lm_head.weight", "lm_head.weight"),
            ("_orig_mod.model.norm.weight", "norm.weight"),
            ("module._orig_mod.lm_head.weight", "lm_head.weight"),
            (
                "_orig_mod.module.model.layers.3._orig_mod.attn.A_log",
                "layers.3.attn.A_log",
            ),
            (
                "base_model.model.model.embed_tokens.weight",
                "embeddings.weight",
            ),
            ("base_model.model.lm_head.weight", "lm_head.weight"),
            (
                "_fsdp_wrapped_module.model.layers.0._fsdp_wrapped_module.mlp_norm.weight",
                "layers.0.mlp_norm.weight",
            ),
            ("model.model.norm.weight", "norm.weight"),
            ("modules.norm.weight", "modules.norm.weight"),
            (
                "model.layers.0.module.attn.q_proj.module.weight",
                "layers.0.attn.q_proj.weight",
            ),
            ("model.module.norm.weight", "norm.weight"),
            ("model", ""),
        ] {
            assert_eq!(bare(raw), name, "{raw}");
        }
    }
}
