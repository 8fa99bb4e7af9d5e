//! The tensors of a checkpoint directory: one safetensors file or the shards of an index, memory-mapped.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use half::{bf16, f16};
use memmap2::Mmap;
use safetensors::Dtype;
use safetensors::tensor::Metadata;
use sha2::{Digest, Sha256};

use super::{CheckpointError, json};
use crate::files::{self, FileError};

const SINGLE: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";
/// The longest header that safetensors itself accepts.
const MAX_HEADER_BYTES: u64 = 100_000_000;

/// One mapped file.
struct Shard {
    name: String,
    map: Mmap,
    /// Start of the tensor data.
    data_off: usize,
}

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

/// All tensors by name without the optional `model.` prefix. A read takes the tensor out, so what is left is unknown.
pub(super) struct Tensors {
    shards: Vec<Shard>,
    entries: BTreeMap<String, Entry>,
    prefixed: bool,
}

impl Tensors {
    /// Maps `model.safetensors`, or else every shard that `model.safetensors.index.json` names.
    pub(super) fn open(dir: &Path) -> Result<Self, CheckpointError> {
        let mut tensors = Self { shards: Vec::new(), entries: BTreeMap::new(), prefixed: false };
        if files::is_named(&dir.join(SINGLE)) {
            tensors.map(dir, SINGLE)?;
        } else if files::is_named(&dir.join(INDEX)) {
            let index = read_index(dir)?;
            let files: BTreeSet<&String> = index.values().collect();
            for file in files {
                tensors.map(dir, file)?;
            }
            tensors.check_index(&index)?;
        } else {
            return Err(no_weights(dir));
        }
        Ok(tensors)
    }

    fn map(&mut self, dir: &Path, name: &str) -> Result<(), CheckpointError> {
        let path = dir.join(name);
        let failed = |source| CheckpointError::Io { path: path.clone(), source };
        let io = |source| failed(FileError::new(&path, source));
        let bad = |reason: String| CheckpointError::Safetensors { file: name.into(), reason };
        let file = files::open(&path).map_err(failed)?;
        if file.metadata().map_err(io)?.len() == 0 {
            return Err(bad("the file is empty; fetch it again".into()));
        }
        // SAFETY: the map is private to this reader and only read; as every reader of mapped weights does, it relies on nobody
        // truncating the file meanwhile.
        let map = unsafe { Mmap::map(&file) }.map_err(io)?;
        let (metadata, data_off) = header(&map).map_err(bad)?;
        let shard = self.shards.len();
        for raw in metadata.offset_keys() {
            let Some(info) = metadata.info(&raw) else { continue };
            let bare = raw.strip_prefix("model.").unwrap_or(&raw);
            self.prefixed |= bare.len() < raw.len();
            // The name that the embedding had before 2024-03-14.
            let key = if bare == "embed_tokens.weight" { "embeddings.weight" } else { bare }.to_string();
            let entry = Entry { raw, shard, dtype: info.dtype, shape: info.shape.clone(), range: info.data_offsets };
            if let Some(old) = self.entries.get(&key) {
                return Err(duplicate(&entry.raw, name, &old.raw, self.shards.get(old.shard)));
            }
            self.entries.insert(key, entry);
        }
        self.shards.push(Shard { name: name.into(), map, data_off });
        Ok(())
    }

    fn check_index(&self, index: &BTreeMap<String, String>) -> Result<(), CheckpointError> {
        let stored: BTreeMap<&str, &str> =
            self.entries.values().map(|e| (e.raw.as_str(), self.shards[e.shard].name.as_str())).collect();
        for (tensor, file) in index {
            if stored.get(tensor.as_str()) != Some(&file.as_str()) {
                let reason = format!("weight_map places {} in {file}, which does not hold it", tensor.escape_debug());
                return Err(CheckpointError::Safetensors { file: INDEX.into(), reason });
            }
        }
        Ok(())
    }

    /// SHA-256 of the files, concatenated in name order.
    pub(super) fn sha256(&self) -> [u8; 32] {
        let mut shards: Vec<&Shard> = self.shards.iter().collect();
        shards.sort_by(|a, b| a.name.cmp(&b.name));
        let mut hash = Sha256::new();
        shards.iter().for_each(|s| hash.update(&s.map));
        hash.finalize().into()
    }

    /// Distinct indices `i` among names `layers.{i}.*`.
    pub(super) fn layer_indices(&self) -> BTreeSet<usize> {
        let index = |name: &String| name.strip_prefix("layers.")?.split('.').next()?.parse().ok();
        self.entries.keys().filter_map(index).collect()
    }

    /// The shape, if the tensor is there and not yet taken.
    pub(super) fn shape(&self, name: &str) -> Option<&[usize]> {
        self.entries.get(name).map(|e| e.shape.as_slice())
    }

    /// The name in the file, or the one it would have.
    pub(super) fn display_name(&self, name: &str) -> String {
        match self.entries.get(name) {
            Some(e) => e.raw.escape_debug().to_string(),
            None if self.prefixed && !name.starts_with("lm_head") && !name.starts_with("classifier") => {
                format!("model.{name}")
            }
            None => name.into(),
        }
    }

    /// Reads a tensor of shape `need` as `f32`.
    pub(super) fn take(&mut self, name: &str, need: &[usize], why: &str) -> Result<Vec<f32>, CheckpointError> {
        self.take_if_present(name, need)?.ok_or_else(|| CheckpointError::MissingTensor {
            name: self.display_name(name),
            need: need.to_vec(),
            why: why.into(),
        })
    }

    /// As [`Tensors::take`], `None` when absent.
    pub(super) fn take_if_present(&mut self, name: &str, need: &[usize]) -> Result<Option<Vec<f32>>, CheckpointError> {
        let Some(entry) = self.entries.get(name) else { return Ok(None) };
        let raw = entry.raw.escape_debug().to_string();
        if entry.shape != need {
            return Err(CheckpointError::Shape { name: raw, have: entry.shape.clone(), need: format!("{need:?}") });
        }
        let shard = &self.shards[entry.shard];
        let bytes = &shard.map[shard.data_off + entry.range.0..shard.data_off + entry.range.1];
        let values = decode(entry.dtype, bytes)
            .ok_or_else(|| CheckpointError::Dtype { name: raw.clone(), dtype: format!("{:?}", entry.dtype) })?;
        if let Some(index) = values.iter().position(|v| !v.is_finite()) {
            return Err(CheckpointError::NotFinite { name: raw, index, value: values[index] });
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
        let Some((name, e)) = self.entries.first_key_value() else { return Ok(()) };
        Err(CheckpointError::UnknownTensor {
            name: e.raw.escape_debug().to_string(),
            have: e.shape.clone(),
            file: self.shards[e.shard].name.clone(),
            hint: hint(name).into(),
        })
    }
}

/// What an unknown tensor probably is.
fn hint(name: &str) -> &'static str {
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

fn duplicate(raw: &str, file: &str, old: &str, old_shard: Option<&Shard>) -> CheckpointError {
    let other = if raw == old {
        format!("{} in {}", old.escape_debug(), old_shard.map_or(file, |s| &s.name))
    } else {
        old.escape_debug().to_string()
    };
    CheckpointError::DuplicateTensor { name: format!("{} in {file}", raw.escape_debug()), other }
}

/// The metadata and the offset of the data; the data reaches exactly to the end of `file`.
fn header(file: &[u8]) -> Result<(Metadata, usize), String> {
    const AGAIN: &str = "the file is truncated or damaged; fetch it again";
    let (len, rest) = file.split_first_chunk::<8>().ok_or_else(|| format!("{} bytes; {AGAIN}", file.len()))?;
    let len = u64::from_le_bytes(*len);
    if len > MAX_HEADER_BYTES {
        return Err(format!("a header of {len} bytes is longer than {MAX_HEADER_BYTES}: not a safetensors file"));
    }
    let json = usize::try_from(len)
        .ok()
        .and_then(|n| rest.get(..n))
        .ok_or_else(|| format!("a header of {len} bytes in a file of {} bytes; {AGAIN}", file.len()))?;
    let metadata: Metadata =
        serde_json::from_slice(json).map_err(|e| format!("bad header: {e}").replace(char::is_control, " "))?;
    let (need, have) = (metadata.data_len(), rest.len() - json.len());
    if need != have {
        return Err(format!("the header describes {need} bytes of tensors, the file holds {have}; {AGAIN}"));
    }
    Ok((metadata, 8 + json.len()))
}

/// Little-endian elements as `f32`; `None` for other types than F32, F16 and BF16.
fn decode(dtype: Dtype, bytes: &[u8]) -> Option<Vec<f32>> {
    Some(match dtype {
        Dtype::F32 => bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect(),
        Dtype::F16 => bytes.as_chunks().0.iter().map(|b| f16::from_le_bytes(*b).to_f32()).collect(),
        Dtype::BF16 => bytes.as_chunks().0.iter().map(|b| bf16::from_le_bytes(*b).to_f32()).collect(),
        _ => return None,
    })
}

/// `weight_map` of the index: tensor to file. Files are plain names inside the directory.
fn read_index(dir: &Path) -> Result<BTreeMap<String, String>, CheckpointError> {
    let bad = |reason: String| CheckpointError::Safetensors { file: INDEX.into(), reason };
    let object = json::parse_object(&json::read_text(&dir.join(INDEX))?).map_err(bad)?;
    let map = object.get("weight_map").and_then(|m| m.as_object()).ok_or_else(|| bad("no weight_map object".into()))?;
    let mut index = BTreeMap::new();
    for (tensor, file) in map {
        let name = file
            .as_str()
            .filter(|f| f.ends_with(".safetensors") && !f.contains(['/', '\\', '\0']) && !f.contains(char::is_control));
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

fn no_weights(dir: &Path) -> CheckpointError {
    let pickle = std::fs::read_dir(dir).ok().and_then(|files| {
        let names = files.flatten().map(|f| f.file_name().to_string_lossy().into_owned());
        names.filter(|n| [".bin", ".pt", ".pth", ".ckpt"].iter().any(|e| n.ends_with(e))).min()
    });
    let hint = pickle.map_or_else(String::new, |p| {
        format!("; {} is a pickle, which is not read: save the model with safe_serialization=True", p.escape_debug())
    });
    CheckpointError::NoWeights { dir: dir.into(), hint }
}
