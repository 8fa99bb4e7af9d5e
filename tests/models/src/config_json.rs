//! The config as fla writes it.

use crate::layout::Layout;
use serde_json::{Map, Value, json};
use sla_reference::{
    Backbone, Config, FeatureMap, Input, KeyGate, OutputGate, QueryGate, Sla, Weights,
};

/// `config.json` of the model.
///
/// # Panics
/// If `weights` have an output norm in one layer and not in another.
pub fn config_json(c: &Config, w: &Weights, layout: &Layout) -> Map<String, Value> {
    let gdn = c.backbone == Backbone::GatedDeltaNet;
    let (name, model_type) = match c.backbone {
        Backbone::RetNet => ("RetNet", "retnet"),
        Backbone::Gla => ("GLA", "gla"),
        Backbone::GatedDeltaNet => ("GatedDeltaNet", "gated_deltanet"),
    };
    let classifier = matches!(c.input, Input::Features { .. });
    let suffix = if classifier {
        "ForSequenceClassification"
    } else {
        "ForCausalLM"
    };
    let mut keys = Map::new();
    let mut key = |key: &str, value: Value, default: Value| {
        if !(layout.sparse && value == default) {
            keys.insert(key.into(), value);
        }
    };
    key("model_type", json!(model_type), json!(()));
    key(
        "architectures",
        json!([format!("{name}{suffix}")]),
        json!(()),
    );
    key("hidden_size", json!(c.hidden), json!(2048));
    key(
        "num_hidden_layers",
        json!(c.layers),
        json!(if gdn { 21 } else { 24 }),
    );
    key("hidden_act", json!("swish"), json!("swish"));
    key(
        "tie_word_embeddings",
        json!(c.tied),
        if classifier { json!(false) } else { json!(()) },
    );
    key(
        if layout.old_eps {
            "rms_norm_eps"
        } else {
            "norm_eps"
        },
        json!(c.norm_eps),
        json!(1e-6),
    );
    key("attn", json!(()), json!(()));
    key("attnres_block_size", json!(()), json!(()));
    let width = if layout.null_intermediate {
        json!(())
    } else {
        json!(c.intermediate)
    };
    key("intermediate_size", width, json!(()));
    family_keys(c, w, &mut key);
    match &c.input {
        Input::Tokens { vocab } => key("vocab_size", json!(vocab), json!(32000)),
        Input::Features { size, mean, std } => {
            key("input_size", json!(size), json!(()));
            key("num_labels", json!(c.outputs), json!(()));
            key("feature_mean", json!(mean), json!(()));
            key("feature_std", json!(std), json!(()));
        }
    }
    key("sla", c.sla.as_ref().map_or(json!(()), sla_json), json!(()));
    keys
}

fn family_keys(c: &Config, w: &Weights, key: &mut impl FnMut(&str, Value, Value)) {
    let gate = c.output_gate != OutputGate::None;
    let conv_default = c.backbone == Backbone::GatedDeltaNet;
    if c.backbone != Backbone::RetNet {
        key(
            "use_short_conv",
            json!(c.conv.is_some()),
            json!(conv_default),
        );
        key("conv_size", json!(c.conv.unwrap_or(4)), json!(4));
    }
    if c.backbone == Backbone::GatedDeltaNet {
        key("num_heads", json!(c.heads), json!(6));
        key(
            "num_v_heads",
            if c.value_heads == c.heads {
                json!(())
            } else {
                json!(c.value_heads)
            },
            json!(()),
        );
        key("head_dim", json!(c.d_k), json!(256));
        key("expand_v", json!(factor(c.d_v, c.d_k)), json!(2.0));
        key("use_gate", json!(gate), json!(true));
        let activation = if c.output_gate == OutputGate::Sigmoid {
            "sigmoid"
        } else {
            "swish"
        };
        key("output_gate_activation", json!(activation), json!("swish"));
        key("allow_neg_eigval", json!(c.allow_neg_eigval), json!(false));
        return;
    }
    let gla = c.backbone == Backbone::Gla;
    let affine = w.layers.iter().all(|l| l.o_norm.is_some());
    assert!(
        affine || w.layers.iter().all(|l| l.o_norm.is_none()),
        "output norms in some layers only"
    );
    let map = match c.feature_map {
        FeatureMap::None => None,
        FeatureMap::Relu => Some("relu"),
        FeatureMap::Silu => Some("swish"),
        FeatureMap::Sigmoid => Some("sigmoid"),
    };
    key("num_heads", json!(c.heads), json!(if gla { 4 } else { 8 }));
    key(
        "num_kv_heads",
        if c.kv_heads == c.heads {
            json!(())
        } else {
            json!(c.kv_heads)
        },
        json!(()),
    );
    key(
        "expand_k",
        json!(factor(c.q_dim(), c.hidden)),
        json!(if gla { 0.5 } else { 1.0 }),
    );
    key(
        "expand_v",
        json!(factor(c.y_dim(), c.hidden)),
        json!(if gla { 1.0 } else { 2.0 }),
    );
    key("feature_map", json!(map), json!(()));
    key("use_output_gate", json!(gate), json!(true));
    key("elementwise_affine", json!(affine), json!(true));
    if gla {
        key("clamp_min", json!(c.clamp_min), json!(()));
    }
}

fn sla_json(s: &Sla) -> Value {
    let query = match s.query_gate {
        QueryGate::None => None,
        QueryGate::Query => Some("query"),
        QueryGate::Output => Some("output"),
    };
    let key = match s.key_gate {
        KeyGate::None => None,
        KeyGate::Key => Some("key"),
        KeyGate::Beta => Some("beta"),
    };
    json!({
        "query_gate": query, "key_gate": key, "query_gate_scale": s.query_gate_scale, "key_gate_scale": s.key_gate_scale,
        "temperature": s.temperature, "bias": s.bias,
    })
}

/// The factor that Python's `int(of * factor)` turns into `width`.
fn factor(width: usize, of: usize) -> f64 {
    let mut factor = width as f64 / of as f64;
    while ((of as f64 * factor) as usize) < width {
        factor = factor.next_up();
    }
    factor
}
