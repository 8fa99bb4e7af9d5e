//! Which model a machine runs: the one asked for, or a smaller shipped one where that does not fit.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::paths;

/// The shipped model that runs unless another is asked for.
const DEFAULT: &str = "shakespeare-sla-gla";

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
    /// The model that was asked for, else the shipped one that all figures are of.
    pub fn choose(asked: Option<&Path>) -> Result<Self> {
        match asked {
            Some(path) => Self::open(path),
            None => shipped()?
                .into_iter()
                .find(|model| model.name == DEFAULT)
                .with_context(|| format!("models/{DEFAULT} is missing")),
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

/// The checkpoints of `models/`, converted into `target/models/`, by name. A file that is newer than this program is
/// taken as it is.
pub fn shipped() -> Result<Vec<Model>> {
    let folder = paths::root().join("models");
    let entries = fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))?;
    let mut checkpoints: Vec<PathBuf> =
        entries.flatten().map(|entry| entry.path()).filter(|path| path.join("config.json").is_file()).collect();
    checkpoints.sort();
    checkpoints.iter().map(|checkpoint| converted(checkpoint)).collect()
}

fn converted(checkpoint: &Path) -> Result<Model> {
    let folder = paths::root().join("target/models");
    let name = checkpoint.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let path = folder.join(format!("{name}.sla"));
    let modified = |path: &Path| fs::metadata(path).and_then(|data| data.modified()).ok();
    let program = std::env::current_exe().ok().and_then(|program| modified(&program));
    if modified(&path).zip(program).is_some_and(|(file, program)| file > program) {
        return Model::open(&path);
    }
    fs::create_dir_all(&folder)?;
    let failed = || format!("cannot convert {}", checkpoint.display());
    let loaded = sla_converter::checkpoint::load(checkpoint).with_context(failed)?;
    let finished = sla_converter::convert(&loaded, &Default::default(), &mut |_, _| ()).with_context(failed)?;
    let unfinished = folder.join(format!(".{name}.{}", std::process::id()));
    fs::write(&unfinished, finished.file)?;
    fs::rename(&unfinished, &path)?;
    Model::open(&path)
}
