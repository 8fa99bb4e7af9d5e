//! Tokens, merges and added tokens.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value};
use sla_format::{AddedToken, MAX_TOKEN_BYTES, Symbols};

use super::alphabet::of_byte;
use super::error::{TokenizerError, invalid};
use super::parts::Parts;
use crate::json::brief;

/// Tokens by id and by text, merges, added tokens.
pub(super) struct Vocabulary {
    /// The model's tokens.
    pub(super) ids: HashMap<String, u32>,
    /// What each id decodes to, added tokens first.
    pub(super) texts: BTreeMap<u32, String>,
    /// Left and right token, in the order of ranks, with the token that they give; no pair twice.
    pub(super) merges: Vec<(u32, u32, u32)>,
    /// By id; ends of contents are not set.
    pub(super) added: BTreeMap<u32, (AddedToken, String)>,
    /// The template's ids.
    pub(super) template: [Vec<u32>; 2],
    /// The unknown token.
    pub(super) unknown: Option<u32>,
}

/// Reads them, with every id checked against the number that the model reads.
pub(super) fn read(
    root: &Map<String, Value>,
    model: &Map<String, Value>,
    parts: &Parts,
    limit: usize,
) -> Result<Vocabulary, TokenizerError> {
    let in_range = |token: &str, id: Option<u64>| {
        let id = id
            .filter(|&id| id < limit as u64)
            .and_then(|id| u32::try_from(id).ok());
        id.ok_or_else(|| {
            invalid(format!(
                "the id of token {} is not below the model's vocabulary of {limit}",
                brief(&token.into())
            ))
        })
    };
    let vocab = model
        .get("vocab")
        .and_then(Value::as_object)
        .ok_or_else(|| invalid("model.vocab is no object"))?;
    let (mut ids, mut texts) = (HashMap::new(), BTreeMap::new());
    for (token, id) in vocab {
        let id = in_range(token, id.as_u64())?;
        if let Some(other) = texts.insert(id, token.clone()) {
            let (a, b) = (brief(&token.as_str().into()), brief(&other.into()));
            return Err(invalid(format!("tokens {a} and {b} have the same id {id}")));
        }
        ids.insert(token.clone(), id);
    }
    if ids.is_empty() {
        return Err(invalid("model.vocab is empty"));
    }
    let merges = merges(model, &ids)?;
    let added = added(root, &ids, parts, limit)?;
    for (&id, (_, content)) in &added {
        texts.insert(id, content.clone());
    }
    let unknown = match &parts.unknown {
        None => None,
        Some(token) => match ids.get(token) {
            Some(&id) => Some(id),
            // Where every byte has its token, nothing is unknown.
            None if parts.symbols == Symbols::Bytes
                && (0..=255).all(|byte| ids.contains_key(&String::from(of_byte(byte)))) =>
            {
                None
            }
            None => {
                return Err(invalid(format!(
                    "model.unk_token {} is not in model.vocab",
                    brief(&token.as_str().into())
                )));
            }
        },
    };
    let side = |ids: &Vec<u64>| {
        ids.iter()
            .map(|&id| in_range("of post_processor", Some(id)))
            .collect::<Result<_, _>>()
    };
    let [before, after] = &parts.template;
    let template: [Vec<u32>; 2] = [side(before)?, side(after)?];
    if let Some(&id) = template.iter().flatten().find(|id| !texts.contains_key(id)) {
        return Err(invalid(format!(
            "post_processor adds id {id}, which is no token"
        )));
    }
    Ok(Vocabulary {
        ids,
        texts,
        merges,
        added,
        template,
        unknown,
    })
}

fn merges(
    model: &Map<String, Value>,
    ids: &HashMap<String, u32>,
) -> Result<Vec<(u32, u32, u32)>, TokenizerError> {
    let list = model
        .get("merges")
        .and_then(Value::as_array)
        .ok_or_else(|| invalid("model.merges is no list"))?;
    // A pair that comes twice has its last rank.
    let mut ranks: HashMap<(u32, u32), (usize, u32)> = HashMap::new();
    for (rank, merge) in list.iter().enumerate() {
        let malformed = || {
            invalid(format!(
                "model.merges: entry {rank}, {}, is no pair of tokens",
                brief(merge)
            ))
        };
        let (left, right) = match merge {
            Value::String(text) if text.starts_with("#version") => continue,
            Value::String(text) => text
                .split_once(' ')
                .filter(|(_, right)| !right.contains(' '))
                .ok_or_else(malformed)?,
            Value::Array(pair) => match &pair[..] {
                [Value::String(left), Value::String(right)] => (left.as_str(), right.as_str()),
                _ => return Err(malformed()),
            },
            _ => return Err(malformed()),
        };
        let id = |token: &str| {
            let unknown = || {
                invalid(format!(
                    "model.merges: entry {rank}: {} is not in model.vocab",
                    brief(&token.into())
                ))
            };
            ids.get(token).copied().ok_or_else(unknown)
        };
        ranks.insert(
            (id(left)?, id(right)?),
            (rank, id(&format!("{left}{right}"))?),
        );
    }
    let mut merges: Vec<_> = ranks
        .into_iter()
        .map(|((left, right), (rank, result))| (rank, left, right, result))
        .collect();
    merges.sort_unstable();
    Ok(merges
        .into_iter()
        .map(|(_, left, right, result)| (left, right, result))
        .collect())
}

fn added(
    root: &Map<String, Value>,
    ids: &HashMap<String, u32>,
    parts: &Parts,
    limit: usize,
) -> Result<BTreeMap<u32, (AddedToken, String)>, TokenizerError> {
    let list = match root.get("added_tokens") {
        None | Some(Value::Null) => return Ok(BTreeMap::new()),
        Some(Value::Array(list)) => list,
        Some(other) => {
            return Err(invalid(format!(
                "added_tokens = {} is no list",
                brief(other)
            )));
        }
    };
    let mut added = BTreeMap::new();
    let mut new_ids: HashMap<&str, u32> = HashMap::new();
    let mut next = ids.len() as u32;
    for item in list {
        let malformed = || invalid(format!("added_tokens: {} is malformed", brief(item)));
        let content = item
            .get("content")
            .and_then(Value::as_str)
            .ok_or_else(malformed)?;
        let flag = |key| item.get(key).and_then(Value::as_bool).ok_or_else(malformed);
        if content.is_empty() {
            continue;
        }
        // The library numbers tokens that the model does not have behind the others, whatever the
        // file says.
        let id = ids
            .get(content)
            .or_else(|| new_ids.get(content))
            .copied()
            .unwrap_or_else(|| {
                next += 1;
                next - 1
            });
        new_ids.insert(content, id);
        let shown = brief(&content.into());
        if item.get("id").and_then(Value::as_u64) != Some(id.into()) {
            return Err(invalid(format!(
                "added token {shown} does not have the id {id}, which the library gives it"
            )));
        }
        if id as usize >= limit {
            return Err(invalid(format!(
                "the id {id} of added token {shown} is not below the model's vocabulary of {limit}"
            )));
        }
        let refuse = |what: &str| TokenizerError::Unsupported {
            part: format!("added token {shown} with"),
            what: what.into(),
        };
        let token = AddedToken {
            id,
            special: flag("special")?,
            normalized: flag("normalized")?,
            lstrip: flag("lstrip")?,
            rstrip: flag("rstrip")?,
            end: 0,
        };
        if content.len() > MAX_TOKEN_BYTES {
            let bytes = content.len();
            return Err(invalid(format!(
                "added token {id} has {bytes} bytes; {MAX_TOKEN_BYTES} are the most that the format has"
            )));
        }
        if flag("single_word")? {
            return Err(refuse("single_word"));
        }
        if token.normalized && parts.normalizes {
            return Err(refuse("normalized, beside a normalizer,"));
        }
        added.insert(id, (token, content.to_owned()));
    }
    Ok(added)
}
