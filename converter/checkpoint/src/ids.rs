//! Token ids in a config.

use super::CheckpointError;
use super::json::Keys;

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
pub(super) fn first_id(
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
