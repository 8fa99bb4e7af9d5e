//! `config.json` to sizes and options, with fla's defaults; sizes that only the tensors know stay
//! open in [`Plan`].

use sla_reference::{Backbone, FeatureMap, KeyGate, OutputGate, QueryGate, Sla};

use super::CheckpointError;
use super::json::{Keys, MAX_SIZE};

/// What the config says. Vocabulary, MLP width (unless given), gate rank and convolution width come
/// from the tensors.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) model_type: String,
    pub(super) backbone: Backbone,
    pub(super) hidden: usize,
    pub(super) layers: usize,
    /// Whether `num_hidden_layers` is absent.
    pub(super) layers_defaulted: bool,
    pub(super) heads: usize,
    pub(super) kv_heads: usize,
    pub(super) value_heads: usize,
    pub(super) d_k: usize,
    pub(super) d_v: usize,
    /// `intermediate_size`, unless null.
    pub(super) intermediate: Option<usize>,
    pub(super) norm_eps: f64,
    pub(super) output_gate: OutputGate,
    pub(super) conv: bool,
    /// `conv_size`, if the key is there.
    pub(super) conv_size: Option<usize>,
    pub(super) feature_map: FeatureMap,
    pub(super) clamp_min: Option<f64>,
    pub(super) allow_neg_eigval: bool,
    /// Whether the output norm has a weight.
    pub(super) output_norm: bool,
    /// `tie_word_embeddings`, if the key is there.
    pub(super) tied: Option<bool>,
    /// `vocab_size`, if the key is there.
    pub(super) vocab: Option<usize>,
    pub(super) sla: Option<Sla>,
    /// A classifier over feature vectors.
    pub(super) features: Option<Features>,
    pub(super) bos: Option<i128>,
    pub(super) eos: Vec<i128>,
}

impl Plan {
    /// Elements of the matrix states of all layers.
    pub(super) fn state_len(&self) -> u64 {
        [self.value_heads, self.d_k, self.d_v]
            .iter()
            .fold(self.layers as u64, |n, &size| n.saturating_mul(size as u64))
    }
}

/// What the config of a classifier says beside the backbone.
#[derive(Clone, Debug, Default)]
pub(super) struct Features {
    pub(super) size: usize,
    pub(super) labels: usize,
    pub(super) mean: Vec<f64>,
    pub(super) std: Vec<f64>,
    pub(super) id2label: Vec<String>,
    pub(super) sample_rate: Option<u32>,
    pub(super) n_fft: Option<u32>,
    pub(super) hop_length: Option<u32>,
}

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

/// Keys that only some families read.
fn family_keys(backbone: Backbone) -> &'static [&'static str] {
    match backbone {
        Backbone::RetNet => &[
            "conv_size",
            "elementwise_affine",
            "expand_k",
            "expand_v",
            "feature_map",
            "num_kv_heads",
            "use_output_gate",
            "use_short_conv",
        ],
        Backbone::Gla => &[
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
        Backbone::GatedDeltaNet => &[
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
    }
}

/// Reads every key or refuses it; `warnings` gets a line for each key that has no effect.
pub(super) fn parse(keys: &Keys, warnings: &mut Vec<String>) -> Result<Plan, CheckpointError> {
    let (model_type, backbone) = model_type(keys)?;
    refuse_layouts(keys, backbone)?;
    let classifier = is_classifier(keys)?;
    let gdn = backbone == Backbone::GatedDeltaNet;

    let hidden = keys.size("hidden_size")?.unwrap_or(2048);
    let layers = keys.size("num_hidden_layers")?;
    let default_heads = match backbone {
        Backbone::RetNet => 8,
        Backbone::Gla => 4,
        Backbone::GatedDeltaNet => 6,
    };
    let heads = keys.size("num_heads")?.unwrap_or(default_heads);
    let dims = if gdn {
        delta_dims(keys, heads)?
    } else {
        expanded_dims(keys, backbone, hidden, heads)?
    };

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
    // GDN's conv defaults to on, GLA's to off; RetNet never builds one.
    let conv_flag = if keys.has("use_short_conv") {
        keys.flag("use_short_conv")?
    } else {
        None
    };
    let conv = backbone != Backbone::RetNet && conv_flag.unwrap_or(gdn);

    let plan = Plan {
        model_type,
        backbone,
        hidden,
        layers: layers.unwrap_or(if gdn { 21 } else { 24 }),
        layers_defaulted: layers.is_none(),
        heads,
        kv_heads: dims.kv_heads,
        value_heads: dims.value_heads,
        d_k: dims.d_k,
        d_v: dims.d_v,
        intermediate: keys.size_or_null("intermediate_size")?,
        norm_eps,
        output_gate: output_gate(keys, backbone)?,
        conv,
        conv_size: if conv { keys.size("conv_size")? } else { None },
        feature_map: if gdn {
            FeatureMap::None
        } else {
            feature_map(keys)?
        },
        clamp_min: if backbone == Backbone::Gla {
            clamp_min(keys)?
        } else {
            None
        },
        allow_neg_eigval: gdn && keys.flag("allow_neg_eigval")?.unwrap_or(false),
        output_norm: gdn || keys.flag("elementwise_affine")?.unwrap_or(true),
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
    let backbone = match name {
        "retnet" => Backbone::RetNet,
        "gla" => Backbone::Gla,
        "gated_deltanet" => Backbone::GatedDeltaNet,
        "qwen3_next" => {
            return Err(keys.unsupported(
                "model_type",
                format!("a Transformers layout, not fla's; {KNOWN}"),
            ));
        }
        _ => return Err(keys.unsupported("model_type", KNOWN)),
    };
    Ok((name.into(), backbone))
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
        && backbone == Backbone::GatedDeltaNet
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

struct Dims {
    kv_heads: usize,
    value_heads: usize,
    d_k: usize,
    d_v: usize,
}

/// RetNet, GLA: widths are multiples of the hidden size.
fn expanded_dims(
    keys: &Keys,
    backbone: Backbone,
    hidden: usize,
    heads: usize,
) -> Result<Dims, CheckpointError> {
    let (k, v) = if backbone == Backbone::RetNet {
        (1.0, 2.0)
    } else {
        (0.5, 1.0)
    };
    let d_k = per_head(keys, "expand_k", k, hidden, heads)?;
    let d_v = per_head(keys, "expand_v", v, hidden, heads)?;
    if backbone == Backbone::RetNet && d_k % 2 != 0 {
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

/// Gated DeltaNet: widths per head, independent of the hidden size.
fn delta_dims(keys: &Keys, heads: usize) -> Result<Dims, CheckpointError> {
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

/// `trunc(x)` as a size.
fn whole(keys: &Keys, key: &str, x: f64) -> Result<usize, CheckpointError> {
    if (1.0..=MAX_SIZE as f64).contains(&x) {
        Ok(x as usize)
    } else {
        Err(keys.bad(key, format!("gives a width of {x}, outside 1..={MAX_SIZE}")))
    }
}

fn output_gate(keys: &Keys, backbone: Backbone) -> Result<OutputGate, CheckpointError> {
    if backbone != Backbone::GatedDeltaNet {
        let on = keys.flag("use_output_gate")?.unwrap_or(true);
        return Ok(if on {
            OutputGate::Silu
        } else {
            OutputGate::None
        });
    }
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

fn sla(keys: &Keys, backbone: Backbone) -> Result<Sla, CheckpointError> {
    const KNOWN: &[&str] = &[
        "bias",
        "key_gate",
        "key_gate_scale",
        "query_gate",
        "query_gate_scale",
        "temperature",
    ];
    if let Some(unknown) = keys.names().into_iter().find(|k| !KNOWN.contains(k)) {
        return Err(keys.unsupported(unknown, format!("the keys of sla are {}", KNOWN.join(", "))));
    }
    let query_gate = match (keys.has("query_gate"), keys.get("query_gate").is_some()) {
        (false, _) => QueryGate::Output,
        (true, false) => QueryGate::None,
        (true, true) => match keys.text("query_gate")? {
            Some("query") => QueryGate::Query,
            Some("output") => QueryGate::Output,
            _ => return Err(keys.unsupported("query_gate", "\"query\", \"output\" and null are")),
        },
    };
    let key_gate = match (keys.has("key_gate"), keys.get("key_gate").is_some()) {
        (false, _) => KeyGate::Key,
        (true, false) => KeyGate::None,
        (true, true) => match keys.text("key_gate")? {
            Some("key") => KeyGate::Key,
            Some("beta") if backbone == Backbone::GatedDeltaNet => KeyGate::Beta,
            Some("beta") => {
                return Err(keys.unsupported("key_gate", "only gated_deltanet has a beta to gate"));
            }
            _ => {
                return Err(keys.unsupported(
                    "key_gate",
                    "\"key\", \"beta\" (gated_deltanet) and null are",
                ));
            }
        },
    };
    Ok(Sla {
        query_gate,
        key_gate,
        query_gate_scale: keys.positive("query_gate_scale")?.unwrap_or(1.0),
        key_gate_scale: keys.positive("key_gate_scale")?.unwrap_or(1.0),
        temperature: keys.positive("temperature")?.unwrap_or(1.0),
        bias: keys.flag("bias")?.unwrap_or(false),
    })
}

fn features(keys: &Keys, warnings: &mut Vec<String>) -> Result<Features, CheckpointError> {
    let missing = |key: &str, hint: &str| CheckpointError::MissingKey {
        key: key.into(),
        hint: hint.into(),
    };
    let size = keys.size("input_size")?.ok_or_else(|| {
        missing(
            "input_size",
            "a ForSequenceClassification model reads feature vectors of that length",
        )
    })?;
    let id2label = id2label(keys)?;
    let labels = match (keys.size("num_labels")?, id2label.len()) {
        // Transformers writes num_labels only as the length of id2label.
        (None, 0) => return Err(missing("num_labels", "a classifier has that many outputs")),
        (None, n) => n,
        (Some(n), 0) => n,
        (Some(n), m) if n == m => n,
        (Some(n), m) => {
            return Err(keys.bad(
                "id2label",
                format!("names {m} labels, but num_labels = {n}"),
            ));
        }
    };
    let (mean, std) = match (
        keys.numbers("feature_mean", size)?,
        keys.numbers("feature_std", size)?,
    ) {
        (Some(mean), Some(std)) => (mean, std),
        (None, None) => {
            warnings.push("config.json: no feature_mean and feature_std, so features are taken as they are; give both if training scaled them".into());
            (vec![0.0; size], vec![1.0; size])
        }
        (Some(_), None) => {
            return Err(missing(
                "feature_std",
                "feature_mean is given, so this must be",
            ));
        }
        (None, Some(_)) => {
            return Err(missing(
                "feature_mean",
                "feature_std is given, so this must be",
            ));
        }
    };
    if let Some(bad) = std.iter().position(|s| *s <= 0.0) {
        return Err(keys.bad(
            "feature_std",
            format!("element {bad} is {}; each must be > 0", std[bad]),
        ));
    }
    Ok(Features {
        size,
        labels,
        mean,
        std,
        id2label,
        sample_rate: keys.number_u32("sample_rate")?,
        n_fft: keys.number_u32("n_fft")?,
        hop_length: keys.number_u32("hop_length")?,
    })
}

/// `{"0": name, …}` with every index once; empty when absent.
fn id2label(keys: &Keys) -> Result<Vec<String>, CheckpointError> {
    let Some(object) = keys.object("id2label")? else {
        return Ok(Vec::new());
    };
    let names = object.names().len();
    (0..names)
        .map(|i| match object.text(&i.to_string())? {
            Some(name) => Ok(name.to_string()),
            None => Err(keys.bad(
                "id2label",
                format!("holds {names} names but none for \"{i}\""),
            )),
        })
        .collect()
}

/// What a key that names tokens may hold.
pub(super) const TOKEN_IDS: &str = "must be a token id, a list of token ids, or null";

/// Token ids: one, those of a list, or none for null; `None` for anything else. Whether they are in
/// the vocabulary is checked later.
pub(super) fn token_ids(value: Option<&serde_json::Value>) -> Option<Vec<i128>> {
    use serde_json::Value;
    let id = |v: &Value| {
        v.as_u64()
            .map(i128::from)
            .or_else(|| v.as_i64().map(i128::from))
    };
    match value {
        None | Some(Value::Null) => Some(Vec::new()),
        Some(Value::Array(list)) => list.iter().map(id).collect(),
        Some(one) => id(one).map(|id| vec![id]),
    }
}

/// The first of the token ids.
fn first_id(
    keys: &Keys,
    key: &str,
    warnings: &mut Vec<String>,
) -> Result<Option<i128>, CheckpointError> {
    let ids = token_ids(keys.get(key)).ok_or_else(|| keys.bad(key, TOKEN_IDS))?;
    if ids.len() > 1 {
        warnings.push(format!(
            "config.json: {key} = {}: only the first is used",
            keys.show(key)
        ));
    }
    Ok(ids.first().copied())
}

/// A line for each key that is unknown, that this family does not read, or that asks for what fla
/// never does.
fn warn_keys(keys: &Keys, plan: &Plan, warnings: &mut Vec<String>) -> Result<(), CheckpointError> {
    let families = [Backbone::RetNet, Backbone::Gla, Backbone::GatedDeltaNet];
    for name in keys.names() {
        let read = COMMON.contains(&name)
            || IGNORED.contains(&name)
            || family_keys(plan.backbone).contains(&name)
            || (plan.features.is_some() && FEATURES.contains(&name));
        let elsewhere =
            FEATURES.contains(&name) || families.iter().any(|f| family_keys(*f).contains(&name));
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
    match plan.backbone {
        Backbone::RetNet => dead(
            "use_short_conv",
            is("use_short_conv", true),
            "fla's RetNet never builds a convolution",
        ),
        Backbone::Gla => {
            let normalizer = keys
                .get("gate_logit_normalizer")
                .is_some_and(|v| v.as_f64() != Some(16.0));
            dead("gate_logit_normalizer", normalizer, "fla always uses 16");
        }
        Backbone::GatedDeltaNet => {
            let kv = keys
                .get("num_kv_heads")
                .is_some_and(|v| v.as_u64() != Some(plan.heads as u64));
            dead("num_kv_heads", kv, "Gated DeltaNet has num_v_heads instead");
        }
    }
    Ok(())
}
