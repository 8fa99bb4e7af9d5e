//! The head gates in a config.

use sla_reference::{Backbone, KeyGate, QueryGate, Sla};

use super::CheckpointError;
use super::json::Keys;

/// Reads the object `sla`.
pub(super) fn sla(keys: &Keys, backbone: Backbone) -> Result<Sla, CheckpointError> {
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
            Some("beta") if backbone.has_delta_rule() => KeyGate::Beta,
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
