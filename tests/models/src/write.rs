//! Checkpoints on disk.

use crate::config_json::config_json;
use crate::layout::Layout;
use crate::tensors::{Tensor, adopt, rounded, safetensors_bytes, tensors};
use serde_json::{Map, Value, json};
use sla_reference::{Config, Weights};
use std::io;
use std::path::Path;

/// Writes a checkpoint into `dir`, which must exist; returns the weights as the files hold them.
///
/// # Errors
/// When a file cannot be written.
///
/// # Panics
/// If `weights` do not fit `config`, or `config` is not one that `config.json` can express.
pub fn write(
    dir: &Path,
    config: &Config,
    weights: &Weights,
    layout: &Layout,
) -> io::Result<Weights> {
    let mut stored = weights.clone();
    let mut list = tensors(config, weights, layout);
    write_parts(
        dir,
        &config_json(config, weights, layout),
        &list,
        layout.shards,
    )?;
    for t in &mut list {
        t.data.iter_mut().for_each(|v| *v = rounded(*v, t.dtype));
    }
    adopt(&mut stored, &list);
    Ok(stored)
}

/// Writes `config.json` and the tensors, in `shards` files.
///
/// # Errors
/// When a file cannot be written.
///
/// # Panics
/// If a tensor's data does not have its shape.
pub fn write_parts(
    dir: &Path,
    config: &Map<String, Value>,
    tensors: &[Tensor],
    shards: usize,
) -> io::Result<()> {
    std::fs::write(dir.join("config.json"), serde_json::to_vec_pretty(config)?)?;
    if shards <= 1 {
        return std::fs::write(dir.join("model.safetensors"), safetensors_bytes(tensors));
    }
    let mut map = Map::new();
    for shard in 0..shards {
        let file = format!("model-{:05}-of-{shards:05}.safetensors", shard + 1);
        let part: Vec<Tensor> = tensors
            .iter()
            .skip(shard)
            .step_by(shards)
            .cloned()
            .collect();
        part.iter().for_each(|t| {
            map.insert(t.name.clone(), json!(file));
        });
        std::fs::write(dir.join(file), safetensors_bytes(&part))?;
    }
    let index = json!({ "metadata": { "total_size": 0 }, "weight_map": map });
    std::fs::write(
        dir.join("model.safetensors.index.json"),
        serde_json::to_vec_pretty(&index)?,
    )
}
