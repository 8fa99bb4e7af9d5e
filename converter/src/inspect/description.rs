//! The model description under the names that configs use.

use serde_json::{Value, json};
use sla_format::NONE;
use sla_runtime::Model;

/// The description under the names that configs use.
pub(super) fn description(model: &Model) -> [(&'static str, Value); 26] {
    use sla_format::{FeatureMap, InputKind, KeyGate, OutputGate, QueryGate};
    let d = model.desc();
    let word = |w: &str| if w.is_empty() { Value::Null } else { w.into() };
    let some = |n: u32| if n == NONE { Value::Null } else { n.into() };
    let real = |r: sla_format::RealBits| json!(f64::from(r.mantissa) * 2f64.powi(r.exponent));
    let output_gate = match d.output_gate {
        OutputGate::None => "",
        OutputGate::Silu => "silu",
        OutputGate::Sigmoid => "sigmoid",
    };
    let query_gate = match d.query_gate {
        QueryGate::None => "",
        QueryGate::Query => "query",
        QueryGate::Output => "output",
    };
    let key_gate = match d.key_gate {
        KeyGate::None => "",
        KeyGate::Key => "key",
        KeyGate::Beta => "beta",
    };
    let feature_map = match d.feature_map {
        FeatureMap::None => "",
        FeatureMap::Relu => "relu",
        FeatureMap::Silu => "silu",
        FeatureMap::Sigmoid => "sigmoid",
    };
    let gated = |present: bool, scale: Value| if present { scale } else { Value::Null };
    let tokens = d.input == InputKind::Tokens;
    let ends: Vec<u32> = model.ends_of_text().collect();
    [
        ("backbone", word(d.backbone.model_type())),
        ("input", word(if tokens { "tokens" } else { "features" })),
        ("inputs", d.inputs.into()),
        ("outputs", d.outputs.into()),
        ("layers", d.layers.into()),
        ("hidden", d.hidden.into()),
        ("heads", d.heads.into()),
        ("kv_heads", d.kv_heads.into()),
        ("state_heads", d.state_heads.into()),
        ("d_k", d.d_k.into()),
        ("d_v", d.d_v.into()),
        ("intermediate", d.intermediate.into()),
        ("gate_rank", d.gate_rank.into()),
        ("conv_width", d.conv_width.into()),
        ("output_gate", word(output_gate)),
        ("feature_map", word(feature_map)),
        ("query_gate", word(query_gate)),
        (
            "query_gate_scale",
            gated(d.query_gate != QueryGate::None, real(d.query_scale)),
        ),
        ("key_gate", word(key_gate)),
        (
            "key_gate_scale",
            gated(d.key_gate != KeyGate::None, real(d.key_scale)),
        ),
        ("allow_neg_eigval", d.neg_eigval().into()),
        ("tied", d.tied().into()),
        ("residual_frac", d.residual_frac.into()),
        (
            "feature_frac",
            if tokens {
                Value::Null
            } else {
                d.feature_frac.into()
            },
        ),
        ("bos_token_id", some(d.bos)),
        (
            "eos_token_id",
            if ends.len() > 1 {
                ends.into()
            } else {
                some(d.eos)
            },
        ),
    ]
}
