//! Which model a machine runs: the one asked for, or a smaller shipped one where that does not fit.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::paths;

/// A model file.
#[derive(Debug, Clone)]
pub struct Model {
    /// Where it is, absolute.
    pub path: PathBuf,
    /// File name without the ending.
    pub name: String,
    /// File length.
    pub bytes: u64,
}

impl Model {
    /// The model that was asked for, else the first of `models/`, else the stand-in.
    pub fn choose(asked: Option<&Path>) -> Result<Self> {
        match asked {
            Some(path) => Self::open(path),
            None => match shipped()?.into_iter().next() {
                Some(model) => Ok(model),
                None => stand_in(),
            },
        }
    }

    /// This model, or the largest shipped one that fits `room` bytes, with a note that says so.
    pub fn fit(&self, room: u64) -> Result<(Self, Option<String>)> {
        if self.bytes <= room {
            return Ok((self.clone(), None));
        }
        let smaller = shipped()?.into_iter().filter(|model| model.bytes <= room).max_by_key(|model| model.bytes);
        let Some(smaller) = smaller else {
            bail!(
                "model too large: {} has {} bytes, the model flash {room}, and no shipped model is smaller",
                self.name,
                self.bytes
            );
        };
        let note =
            format!("{} has {} bytes, the model flash {room}: {} runs instead", self.name, self.bytes, smaller.name);
        Ok((smaller, Some(note)))
    }

    fn open(path: &Path) -> Result<Self> {
        let absolute = path.canonicalize().with_context(|| format!("model {}", path.display()))?;
        let bytes = fs::metadata(&absolute)?.len();
        let name = absolute.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        Ok(Self { path: absolute, name, bytes })
    }
}

fn shipped() -> Result<Vec<Model>> {
    let folder = paths::root().join("models");
    let Ok(entries) = fs::read_dir(&folder) else { return Ok(Vec::new()) };
    let mut files: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "sla"))
        .collect();
    files.sort();
    files.iter().map(|path| Model::open(path)).collect()
}

/// Pseudo-random bytes for as long as `models/` is empty; `firmware-examples/app/build.rs` makes the same.
fn stand_in() -> Result<Model> {
    let folder = paths::target_dir().join("firmware");
    fs::create_dir_all(&folder)?;
    let mut state = 1u32;
    let bytes: Vec<u8> = (0..4096)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_le_bytes()[3]
        })
        .collect();
    let path = folder.join("stand-in.sla");
    // Unchanged content keeps its time stamp, so that nothing is built again.
    if fs::read(&path).ok().as_deref() != Some(&bytes) {
        fs::write(&path, bytes)?;
    }
    Model::open(&path)
}
