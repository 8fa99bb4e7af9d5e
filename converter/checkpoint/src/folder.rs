//! What a folder holds: which files the weights are in, or what is there in their place.

use std::path::Path;

use super::CheckpointError;
use crate::files;

const SINGLE: &str = "model.safetensors";
pub(super) const INDEX: &str = "model.safetensors.index.json";
const ADAPTER: &str = "adapter_config.json";

/// Where the weights are.
pub(super) enum Weights {
    /// In one file.
    File(String),
    /// In the files that [`INDEX`] names.
    Shards,
}

/// Finds the weights: `model.safetensors`, else what its index names, else the only safetensors
/// file there.
pub(super) fn weights(dir: &Path, warnings: &mut Vec<String>) -> Result<Weights, CheckpointError> {
    let is_there = |name: &str| files::is_named(&dir.join(name));
    if is_there(ADAPTER) {
        warnings.push(format!(
            "{ADAPTER}: the adapter is not part of the weights beside it and is ignored"
        ));
    }
    if is_there(SINGLE) {
        return Ok(Weights::File(SINGLE.into()));
    }
    if is_there(INDEX) {
        return Ok(Weights::Shards);
    }
    let names = names(dir);
    match &candidates(&names)[..] {
        [only] if !is_shard(only) => {
            warnings.push(format!("{only} is read, as there is no {SINGLE}"));
            Ok(Weights::File((*only).into()))
        }
        candidates => Err(CheckpointError::NoWeights {
            dir: dir.into(),
            hint: instead(&names, candidates),
        }),
    }
}

/// Refuses a folder with an adapter and without its model, which has no config of a model either.
pub(super) fn check_adapter(dir: &Path) -> Result<(), CheckpointError> {
    let names = names(dir);
    let adapter = names
        .iter()
        .find(|name| *name == ADAPTER || name.starts_with("adapter_model."));
    let model = |name: &String| {
        name == INDEX || pickle(name).is_some() && !name.starts_with("adapter_model.")
    };
    match adapter {
        Some(file) if candidates(&names).is_empty() && !names.iter().any(model) => {
            Err(CheckpointError::Adapter {
                dir: dir.into(),
                file: file.clone(),
            })
        }
        _ => Ok(()),
    }
}

/// Names in the folder, sorted.
fn names(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .map(|e| e.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort_unstable();
    names
}

/// Files that may hold a model's weights: neither those of an adapter or a trainer, nor evaluation
/// data, nor hidden files.
fn candidates(names: &[String]) -> Vec<&str> {
    // What macOS puts beside a file begins with a dot.
    let other = |name: &str| {
        name.starts_with("adapter_model.")
            || name == "eval.safetensors"
            || name.starts_with('.')
            || is_training(name)
    };
    names
        .iter()
        .map(String::as_str)
        .filter(|n| n.ends_with(".safetensors") && !other(n) && !n.contains(char::is_control))
        .collect()
}

/// Whether the name is `…-00001-of-00003.safetensors`, one of several.
fn is_shard(name: &str) -> bool {
    let of = name.trim_end_matches(".safetensors").rsplit_once("-of-");
    of.is_some_and(|(_, count)| count.parse().is_ok_and(|n: u32| n != 1))
}

/// Whether the name is that of what a trainer keeps beside the model.
fn is_training(name: &str) -> bool {
    ["optimizer", "scheduler", "training_args", "rng_state"]
        .iter()
        .any(|other| name.starts_with(other))
}

/// What is there in place of weights, and the way out; empty for nothing.
fn instead(names: &[String], candidates: &[&str]) -> String {
    const SHOWN: usize = 3;
    if let Some(first) = candidates.first() {
        let more = if candidates.len() > SHOWN {
            ", …"
        } else {
            ""
        };
        let list = candidates
            .iter()
            .take(SHOWN)
            .copied()
            .collect::<Vec<_>>()
            .join(", ");
        return if is_shard(first) {
            format!("; there are shards ({list}{more}): fetch their {INDEX} and all of them")
        } else {
            format!("; there are {list}{more}: rename the one with the model to {SINGLE}")
        };
    }
    let found = names.iter().filter_map(|name| Some((pickle(name)?, name)));
    // A model's before an optimizer's.
    match found.min_by_key(|((is_other, _), name)| (*is_other, *name)) {
        Some(((_, what), name)) => format!("; {} is {what}", name.escape_debug()),
        None => match names
            .iter()
            .find(|name| is_training(name) && name.ends_with(".safetensors"))
        {
            Some(name) => format!(
                "; {} is a trainer's, not the model: save the model beside it",
                name.escape_debug()
            ),
            None => String::new(),
        },
    }
}

/// What a file of another format is, if its name tells, and whether it is likely no model.
fn pickle(name: &str) -> Option<(bool, &'static str)> {
    let (stem, extension) = name.rsplit_once('.')?;
    let what = match extension {
        "bin" | "pt" | "pth" | "ckpt" => {
            "a pickle, which is not read: save the model with safe_serialization=True"
        }
        "gguf" => {
            "llama.cpp's format, which is not read: give the checkpoint that it was made from"
        }
        "h5" | "msgpack" | "onnx" => {
            "of another framework, and not read: save the model from PyTorch as safetensors"
        }
        _ => return None,
    };
    Some((is_training(stem), what))
}
