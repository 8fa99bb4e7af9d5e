//! What models are tested on: committed to the repository, and in the folder beside it, which has
//! more.

use std::path::{Path, PathBuf};

use crate::{directories, name};

/// Folders beside the workspace with models of families that the project does not read, and the
/// words by which each is refused. A family that is added is taken off here.
pub const UNSUPPORTED: [(&str, &str); 14] = [
    ("checkpoints/recall-mamba2", "model_type = \"mamba2\""),
    ("goldens/delta", "model_type = \"delta_net\""),
    ("goldens/delta-gate-neg", "model_type = \"delta_net\""),
    ("goldens/gdn-full-attn", "softmax-attention layers"),
    ("goldens/gla-swa", "softmax-attention layers"),
    ("goldens/kda", "model_type = \"kda\""),
    ("goldens/kda-safe-noconv", "model_type = \"kda\""),
    ("goldens/kda-swa-list", "model_type = \"kda\""),
    ("goldens/mamba2", "model_type = \"mamba2\""),
    ("goldens/mamba2-4groups", "model_type = \"mamba2\""),
    ("goldens/sla-delta", "model_type = \"delta_net\""),
    ("goldens/sla-gdn-swa", "softmax-attention layers"),
    ("goldens/sla-kda", "model_type = \"kda\""),
    ("goldens/sla-kda-beta-gva", "model_type = \"kda\""),
];

/// The shipped models.
pub fn models() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../models")
}

/// Checkpoints of flash-linear-attention with its own logits, random weights.
pub fn goldens() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data/goldens")
}

/// 48 KiB that no training of models/shakespeare-* saw.
///
/// # Panics
/// If it cannot be read.
pub fn held_out() -> Vec<u8> {
    text(&models().join("held-out.txt"))
}

/// 24 KiB each of two texts that no training of models/zoo saw.
///
/// # Panics
/// If it cannot be read.
pub fn zoo_held_out() -> Vec<u8> {
    text(&models().join("zoo/held-out.txt"))
}

fn text(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// [`directories`] of a folder beside the workspace, without the [`UNSUPPORTED`].
///
/// # Panics
/// If there is none.
pub fn supported(shared: &Path, folder: &str, prefix: &str) -> Vec<PathBuf> {
    let mut dirs = directories(&shared.join(folder), prefix);
    dirs.retain(|dir| {
        UNSUPPORTED
            .iter()
            .all(|(unsupported, _)| *unsupported != format!("{folder}/{}", name(dir)))
    });
    assert!(!dirs.is_empty(), "no supported {folder}/{prefix}*");
    dirs
}
