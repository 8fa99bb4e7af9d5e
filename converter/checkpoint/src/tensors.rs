//! The tensors of a checkpoint directory: one safetensors file or the shards of an index.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use safetensors::Dtype;
use sha2::{Digest, Sha256};

use super::folder::{INDEX, Weights};
use super::shard::Shard;
use super::{CheckpointError, folder, json, names};

/// One tensor, not yet read.
struct Entry {
    /// The name in the file.
    raw: String,
    shard: usize,
    dtype: Dtype,
    shape: Vec<usize>,
    /// Byte range within the shard's data.
    range: (usize, usize),
}

/// All tensors by their name within the model ([`names::bare`]). A read takes the tensor out, so
/// what is left is unknown.
pub(super) struct Tensors {
    shards: Vec<Shard>,
    entries: BTreeMap<String, Entry>,
    prefixed: bool,
}

impl Tensors {
    /// Opens the file or the shards that hold the weights of `dir`.
    pub(super) fn open(dir: &Path, warnings: &mut Vec<String>) -> Result<Self, CheckpointError> {
        let mut tensors = Self {
            shards: Vec::new(),
            entries: BTreeMap::new(),
            prefixed: false,
        };
        match folder::weights(dir, warnings)? {
            Weights::File(name) => tensors.add(dir, &name)?,
            Weights::Shards => {
                let index = read_index(dir)?;
                let files: BTreeSet<&String> = index.values().collect();
                for file in files {
                    tensors.add(dir, file)?;
                }
                tensors.check_index(&index)?;
            }
        }
        let foreign = tensors
            .entries
            .values()
            .find_map(|e| Some((e, names::foreign(&e.raw)?)));
        if let Some((entry, what)) = foreign {
            let (name, file) = (
                entry.raw.escape_debug().to_string(),
                tensors.shards[entry.shard].name.clone(),
            );
            return Err(CheckpointError::ForeignTensor { name, file, what });
        }
        Ok(tensors)
    }

    fn add(&mut self, dir: &Path, name: &str) -> Result<(), CheckpointError> {
        let (file, metadata) = Shard::open(dir, name)?;
        let shard = self.shards.len();
        for raw in metadata.offset_keys() {
            let Some(info) = metadata.info(&raw) else {
                continue;
            };
            let key = names::bare(&raw);
            self.prefixed |= raw.starts_with("model.");
            let entry = Entry {
                raw,
                shard,
                dtype: info.dtype,
                shape: info.shape.clone(),
                range: info.data_offsets,
            };
            if let Some(old) = self.entries.get(&key) {
                return Err(duplicate(
                    &entry.raw,
                    name,
                    &old.raw,
                    self.shards.get(old.shard),
                ));
            }
            self.entries.insert(key, entry);
        }
        self.shards.push(file);
        Ok(())
    }

    /// Number of all weights, and the largest size of a matrix's input.
    pub(super) fn sizes(&self) -> (u64, u64) {
        let count = |e: &Entry| e.shape.iter().map(|&n| n as u64).product::<u64>();
        let width = |e: &Entry| {
            if let [_, width] = e.shape[..] {
                width as u64
            } else {
                0
            }
        };
        (
            self.entries.values().map(count).sum(),
            self.entries.values().map(width).max().unwrap_or(0),
        )
    }

    fn check_index(&self, index: &BTreeMap<String, String>) -> Result<(), CheckpointError> {
        let stored: BTreeMap<&str, &str> = self
            .entries
            .values()
            .map(|e| (e.raw.as_str(), self.shards[e.shard].name.as_str()))
            .collect();
        for (tensor, file) in index {
            if stored.get(tensor.as_str()) != Some(&file.as_str()) {
                let reason = format!(
                    "weight_map places {} in {file}, which does not hold it",
                    tensor.escape_debug()
                );
                return Err(CheckpointError::Safetensors {
                    file: INDEX.into(),
                    reason,
                });
            }
        }
        Ok(())
    }

    /// SHA-256 of the files, concatenated in name order.
    ///
    /// It is the last that is read: whatever changed since a file was opened is an error here.
    pub(super) fn sha256(&self) -> Result<[u8; 32], CheckpointError> {
        let mut shards: Vec<&Shard> = self.shards.iter().collect();
        shards.sort_by(|a, b| a.name.cmp(&b.name));
        let mut hash = Sha256::new();
        shards.iter().try_for_each(|shard| shard.hash(&mut hash))?;
        Ok(hash.finalize().into())
    }

    /// Distinct indices `i` among names `layers.{i}.*`.
    pub(super) fn layer_indices(&self) -> BTreeSet<usize> {
        let index = |name: &String| {
            name.strip_prefix("layers.")?
                .split('.')
                .next()?
                .parse()
                .ok()
        };
        self.entries.keys().filter_map(index).collect()
    }

    /// Refuses a file without layers whose tensors have names of another model, or something
    /// unknown in front of their names.
    pub(super) fn check_names(&self) -> Result<(), CheckpointError> {
        let strangers = self
            .entries
            .iter()
            .filter_map(|(name, entry)| Some((names::stranger(name)?, entry)));
        let Some((_, Entry { raw, shard, .. })) = strangers.min_by_key(|(rank, _)| *rank) else {
            return Ok(());
        };
        let hint = match raw.split_once(".layers.") {
            Some((front, _)) => {
                format!(
                    "save the model without \"{}.\" in front of its tensors' names",
                    front.escape_debug()
                )
            }
            None => "rename the tensors as flash-linear-attention names them".into(),
        };
        let (name, file) = (
            raw.escape_debug().to_string(),
            self.shards[*shard].name.clone(),
        );
        Err(CheckpointError::Names {
            name,
            file,
            expected: "model.layers.0.attn.q_proj.weight",
            hint,
        })
    }

    /// The shape, if the tensor is there and not yet taken.
    pub(super) fn shape(&self, name: &str) -> Option<&[usize]> {
        self.entries.get(name).map(|e| e.shape.as_slice())
    }

    /// The name in the file, or the one it would have.
    pub(super) fn display_name(&self, name: &str) -> String {
        match self.entries.get(name) {
            Some(e) => e.raw.escape_debug().to_string(),
            None if self.prefixed
                && !name.starts_with("lm_head")
                && !name.starts_with("classifier") =>
            {
                format!("model.{name}")
            }
            None => name.into(),
        }
    }

    /// Refuses a tensor that is there in another shape.
    pub(super) fn check_shape(&self, name: &str, need: &[usize]) -> Result<(), CheckpointError> {
        match self.shape(name) {
            Some(have) if have != need => Err(CheckpointError::Shape {
                name: self.display_name(name),
                have: have.to_vec(),
                need: format!("{need:?}"),
            }),
            _ => Ok(()),
        }
    }

    /// Reads a tensor of shape `need` as `f32`.
    pub(super) fn take(
        &mut self,
        name: &str,
        need: &[usize],
        why: &str,
    ) -> Result<Vec<f32>, CheckpointError> {
        self.take_if_present(name, need)?
            .ok_or_else(|| CheckpointError::MissingTensor {
                name: self.display_name(name),
                need: format!("{need:?}"),
                why: why.into(),
            })
    }

    /// As [`Tensors::take`], `None` when absent.
    pub(super) fn take_if_present(
        &mut self,
        name: &str,
        need: &[usize],
    ) -> Result<Option<Vec<f32>>, CheckpointError> {
        let Some(entry) = self.entries.get(name) else {
            return Ok(None);
        };
        self.check_shape(name, need)?;
        let raw = entry.raw.escape_debug().to_string();
        let values = self.shards[entry.shard].read(&raw, entry.dtype, entry.range)?;
        if let Some(index) = values.iter().position(|v| !v.is_finite()) {
            return Err(CheckpointError::NotFinite {
                name: raw,
                index,
                value: values[index],
            });
        }
        self.entries.remove(name);
        Ok(Some(values))
    }

    /// Drops a tensor that the model never uses.
    pub(super) fn ignore(&mut self, name: &str) -> bool {
        self.entries.remove(name).is_some()
    }

    /// Refuses the first tensor that nothing took.
    pub(super) fn finish(&self) -> Result<(), CheckpointError> {
        let Some((name, e)) = self.entries.first_key_value() else {
            return Ok(());
        };
        Err(CheckpointError::UnknownTensor {
            name: e.raw.escape_debug().to_string(),
            have: e.shape.clone(),
            file: self.shards[e.shard].name.clone(),
            hint: names::hint(name).into(),
        })
    }
}

fn duplicate(raw: &str, file: &str, old: &str, old_shard: Option<&Shard>) -> CheckpointError {
    let other = if raw == old {
        format!(
            "{} in {}",
            old.escape_debug(),
            old_shard.map_or(file, |s| &s.name)
        )
    } else {
        old.escape_debug().to_string()
    };
    CheckpointError::DuplicateTensor {
        name: format!("{} in {file}", raw.escape_debug()),
        other,
    }
}

/// `weight_map` of the index: tensor to file. Files are plain names inside the directory.
fn read_index(dir: &Path) -> Result<BTreeMap<String, String>, CheckpointError> {
    let bad = |reason: String| CheckpointError::Safetensors {
        file: INDEX.into(),
        reason,
    };
    let object = json::parse_object(&json::read_text(&dir.join(INDEX))?).map_err(bad)?;
    let map = object
        .get("weight_map")
        .and_then(|m| m.as_object())
        .ok_or_else(|| bad("no weight_map object".into()))?;
    let mut index = BTreeMap::new();
    for (tensor, file) in map {
        let name = file.as_str().filter(|f| {
            f.ends_with(".safetensors")
                && !f.contains(['/', '\\', '\0'])
                && !f.contains(char::is_control)
        });
        let name = name.ok_or_else(|| {
            bad(format!(
                "weight_map.{} = {} is not a safetensors file in this folder",
                tensor.escape_debug(),
                json::brief(file)
            ))
        })?;
        index.insert(tensor.clone(), name.to_string());
    }
    if index.is_empty() {
        return Err(bad("weight_map is empty".into()));
    }
    Ok(index)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sla_reference::Backbone;
    use sla_test_models::{self as synth, Layout, TempDir};

    /// A folder with one file or shards, opened.
    fn opened(shards: usize) -> (TempDir, Tensors) {
        let dir = TempDir::new();
        let config = synth::small(Backbone::Gla);
        let weights = synth::weights(&config, 1);
        let layout = Layout {
            shards,
            ..Layout::default()
        };
        synth::write(dir.path(), &config, &weights, &layout).unwrap();
        let tensors = Tensors::open(dir.path(), &mut Vec::new()).unwrap();
        (dir, tensors)
    }

    fn cut(dir: &TempDir, name: &str, len: u64) {
        std::fs::OpenOptions::new()
            .write(true)
            .open(dir.path().join(name))
            .unwrap()
            .set_len(len)
            .unwrap();
    }

    #[test]
    fn a_file_that_shrinks_is_an_error_that_names_it_and_the_tensor() {
        for (shards, name) in [
            (1, "model.safetensors"),
            (2, "model-00001-of-00002.safetensors"),
        ] {
            for len in [0, 100] {
                let (dir, mut tensors) = opened(shards);
                cut(&dir, name, len);
                let key = tensors
                    .entries
                    .iter()
                    .find(|(_, e)| tensors.shards[e.shard].name == name)
                    .unwrap()
                    .0
                    .clone();
                let (shape, raw) = (
                    tensors.shape(&key).unwrap().to_vec(),
                    tensors.display_name(&key),
                );
                let error = tensors.take(&key, &shape, "").unwrap_err().to_string();
                assert!(
                    error.starts_with(name) && error.contains(&raw) && !error.contains('\n'),
                    "{error}"
                );
            }
        }
    }

    #[test]
    fn a_file_that_changes_after_its_tensors_were_read_is_an_error() {
        let (dir, tensors) = opened(1);
        let len = std::fs::metadata(dir.path().join("model.safetensors"))
            .unwrap()
            .len();
        assert!(tensors.sha256().is_ok());
        for changed in [len - 1, len + 1] {
            cut(&dir, "model.safetensors", changed);
            let error = tensors.sha256().unwrap_err().to_string();
            assert!(
                error.starts_with("model.safetensors: has changed"),
                "{error}"
            );
        }
    }
}
