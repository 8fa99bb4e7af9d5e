//! Which tokens end a text.

use std::path::Path;

use sla_format::MAX_ENDS;

use super::ids::{TOKEN_IDS, token_ids};
use super::{CheckpointError, json};
use crate::files;

const KEY: &str = "eos_token_id";
const GENERATION: &str = "generation_config.json";

/// The ids of config.json, then those of generation_config.json that are not among them, as far as
/// the vocabulary has them.
pub(super) fn read(
    dir: &Path,
    of_config: Vec<i128>,
    vocab: usize,
    warnings: &mut Vec<String>,
) -> Result<Vec<u32>, CheckpointError> {
    let mut ends = in_vocabulary("config.json", KEY, of_config, vocab, warnings);
    let path = dir.join(GENERATION);
    if files::is_named(&path) {
        let keys = json::read_object(&path)?;
        let value = keys.get(KEY);
        let ids = token_ids(value).ok_or_else(|| CheckpointError::Json {
            path,
            reason: format!(
                "{KEY} = {}: {TOKEN_IDS}",
                value.map_or_else(String::new, json::brief)
            ),
        })?;
        ends.extend(in_vocabulary(GENERATION, KEY, ids, vocab, warnings));
    }
    let mut seen = std::collections::BTreeSet::new();
    ends.retain(|id| seen.insert(*id));
    if ends.len() > MAX_ENDS {
        Err(CheckpointError::Ends(ends.len()))
    } else {
        Ok(ends)
    }
}

/// The ids below `vocab`, and one warning for all others.
pub(super) fn in_vocabulary(
    file: &str,
    key: &str,
    ids: impl IntoIterator<Item = i128>,
    vocab: usize,
    warnings: &mut Vec<String>,
) -> Vec<u32> {
    const SHOWN: usize = 3;
    let (mut inside, mut outside) = (Vec::new(), Vec::new());
    for id in ids {
        match u32::try_from(id).ok().filter(|&id| (id as usize) < vocab) {
            Some(id) => inside.push(id),
            None => outside.push(id.to_string()),
        }
    }
    let (more, are) = match outside.len() {
        0 => return inside,
        1 => (String::new(), "is"),
        2..=SHOWN => (String::new(), "are"),
        count => (format!(", … ({count} ids)"), "are"),
    };
    let shown = outside[..outside.len().min(SHOWN)].join(", ");
    warnings.push(format!(
        "{file}: {key} = {shown}{more} {are} outside the vocabulary of {vocab} and ignored; correct it, or set it to null"
    ));
    inside
}
