//! The models that the tasks run: the checkpoints of `models/` and a few random ones, converted,
//! and which of them fits a machine.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use sla_checkpoint::{Checkpoint, Meta};
use sla_convert::{ConvertOptions, WeightBits};
use sla_eval::owned_model::OwnedModel;
use sla_format::StateKind;
use sla_reference::Config;
use sla_runtime::TestStream;
use sla_test_models as synth;
use sla_tests::untrusted::small_files;

use crate::paths;

/// The shipped model that runs unless another is asked for.
pub const DEFAULT: &str = "shakespeare-sla-gla";
/// The language models whose tokens and prompts are counted: that one, and one that fits the
/// smallest machine.
pub const MEASURED: [&str; 2] = [DEFAULT, "recall-sla-gla"];

/// A model file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    /// Where it is, absolute.
    pub path: PathBuf,
    /// File name without the ending.
    pub name: String,
    /// File length.
    pub flash_bytes: u64,
    /// State, scratch and feature vector.
    pub ram_bytes: u64,
}

/// What a machine has for a model.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    /// Model flash.
    pub flash_bytes: u64,
    /// RAM for state, scratch and feature vector.
    pub ram_bytes: u64,
}

impl Model {
    /// The model that was asked for, else the shipped one that all figures are of.
    pub fn choose(asked: Option<&Path>) -> Result<Self> {
        match asked {
            Some(path) => Self::open(path),
            None => shipped_as(DEFAULT),
        }
    }

    /// Reads and checks a file.
    pub fn open(path: &Path) -> Result<Self> {
        let failed = || format!("model {}", path.display());
        let absolute = path.canonicalize().with_context(failed)?;
        // The message is whole; its cause would repeat it.
        let file = OwnedModel::read(&absolute)
            .map_err(|error| anyhow!("{error}"))
            .with_context(failed)?;
        let (model, name) = (
            file.model(),
            absolute
                .file_stem()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned(),
        );
        let (plan, frame) = (model.plan(), TestStream::frame_len(model.desc()));
        let ram_bytes = (plan.state_bytes() + plan.scratch_bytes() + 4 * frame) as u64;
        Ok(Self {
            name,
            flash_bytes: file.bytes().len() as u64,
            ram_bytes,
            path: absolute,
        })
    }

    /// Whether its tokens and prompts are counted.
    pub fn is_measured(&self) -> bool {
        MEASURED.contains(&self.name.as_str())
    }

    /// Whether it fits.
    pub fn fits(&self, room: Room) -> bool {
        self.flash_bytes <= room.flash_bytes && self.ram_bytes <= room.ram_bytes
    }

    /// This model, or the largest shipped one that fits, with a note that says so.
    pub fn or_smaller(&self, room: Room) -> Result<(Self, Option<String>)> {
        if self.fits(room) {
            return Ok((self.clone(), None));
        }
        let why = format!(
            "{} needs {} bytes of flash and {} of RAM, the machine has {} and {}",
            self.name, self.flash_bytes, self.ram_bytes, room.flash_bytes, room.ram_bytes
        );
        let smaller = shipped()?
            .into_iter()
            .filter(|model| model.fits(room))
            .max_by_key(|model| model.flash_bytes);
        match smaller {
            Some(smaller) => {
                let note = format!("{why}: {} runs instead", smaller.name);
                Ok((smaller, Some(note)))
            }
            None => bail!("model too large: {why}, and no shipped model is small enough"),
        }
    }
}

/// Runs `cargo xtask models`.
pub fn command() -> Result<()> {
    for model in shipped()? {
        println!(
            "{}  flash {}, RAM {} bytes",
            model.path.display(),
            model.flash_bytes,
            model.ram_bytes
        );
    }
    Ok(())
}

/// The checkpoints of `models/`, converted into `target/models/`, by name.
pub fn shipped() -> Result<Vec<Model>> {
    let folder = paths::root().join("models");
    let entries =
        fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))?;
    let mut names: Vec<String> = entries
        .flatten()
        .filter(|entry| entry.path().join("config.json").is_file())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names.iter().map(|name| shipped_as(name)).collect()
}

/// The checkpoint `models/NAME`, converted.
pub fn shipped_as(name: &str) -> Result<Model> {
    let folder = paths::root().join("models").join(name);
    converted(
        &converted_folder().join(format!("{name}.sla")),
        &ConvertOptions::default(),
        || Ok(sla_checkpoint::load(&folder)?),
    )
}

/// The checkpoints of `models/` with int8 weights, with int4 weights, and with int16 states.
pub fn shipped_variants() -> Result<Vec<Model>> {
    let mut all = shipped()?;
    for model in all.clone() {
        let folder = paths::root().join("models").join(&model.name);
        let int4 = ConvertOptions {
            weights: WeightBits::Int4,
            ..ConvertOptions::default()
        };
        let int16 = ConvertOptions {
            state: vec![StateKind::Int16],
            ..ConvertOptions::default()
        };
        for (options, variant) in [(int4, "int4"), (int16, "int16-state")] {
            let path = converted_folder().join(format!("variants/{}-{variant}.sla", model.name));
            all.push(converted(&path, &options, || {
                Ok(sla_checkpoint::load(&folder)?)
            })?);
        }
    }
    Ok(all)
}

/// Models with random weights, for what no shipped one has: each backbone without SLA, with int16
/// states, and on features with and without SLA.
pub fn random() -> Result<Vec<Model>> {
    use sla_reference::{Backbone, Input, KeyGate, OutputGate, QueryGate, Sla};
    let gates = Sla {
        query_gate: QueryGate::Output,
        key_gate: KeyGate::Key,
        query_gate_scale: 4.0,
        key_gate_scale: 1.0,
        temperature: 1.0,
        bias: true,
    };
    let mut models = Vec::new();
    for (backbone, name) in [
        (Backbone::RetNet, "retnet"),
        (Backbone::Gla, "gla"),
        (Backbone::GatedDeltaNet, "gdn"),
    ] {
        let plain = Config {
            hidden: 48,
            d_k: 8,
            d_v: 12,
            intermediate: 64,
            ..synth::small(backbone)
        };
        let size = 20;
        let input = Input::Features {
            size,
            mean: vec![-3.0; size],
            std: vec![2.0; size],
        };
        let features = Config {
            input,
            outputs: 5,
            output_gate: OutputGate::None,
            ..plain.clone()
        };
        let features_sla = Config {
            sla: Some(gates.clone()),
            ..features.clone()
        };
        let (int32, int16) = (vec![StateKind::Int32], vec![StateKind::Int16]);
        for (config, kind, state) in [
            (plain.clone(), "plain", &int32),
            (plain, "int16-state", &int16),
            (features, "features", &int32),
            (features_sla, "features-sla", &int32),
        ] {
            let options = ConvertOptions {
                state: state.clone(),
                ..ConvertOptions::default()
            };
            models.push(synthetic(
                &format!("random/{kind}-{name}"),
                &options,
                &config,
                7,
            )?);
        }
    }
    Ok(models)
}

/// The small files of the tests, in `target/models/small/`: between them every backbone,
/// representation and optional section.
pub fn small() -> Result<Vec<Model>> {
    let folder = converted_folder().join("small");
    fs::create_dir_all(&folder)?;
    let write = |(name, file): (&str, Vec<u8>)| {
        let path = folder.join(format!("{}.sla", sla_tests::untrusted::file_name(name)));
        if fs::read(&path).ok().as_ref() != Some(&file) {
            fs::write(&path, &file).with_context(|| format!("cannot write {}", path.display()))?;
        }
        Model::open(&path)
    };
    small_files().into_iter().map(write).collect()
}

/// A model of random weights, converted into `target/models/PLACE.sla`.
pub fn synthetic(
    place: &str,
    options: &ConvertOptions,
    config: &Config,
    seed: u64,
) -> Result<Model> {
    let name = place.rsplit('/').next().unwrap_or(place);
    let checkpoint = || {
        let meta = Meta {
            model_type: name.to_owned(),
            name: name.to_owned(),
            bos_token_id: None,
            eos_token_ids: Vec::new(),
            id2label: Vec::new(),
            sample_rate: None,
            n_fft: None,
            hop_length: None,
            source_sha256: [0; 32],
        };
        Ok(Checkpoint {
            weights: synth::weights(config, seed),
            config: config.clone(),
            warnings: Vec::new(),
            meta,
        })
    };
    converted(
        &converted_folder().join(format!("{place}.sla")),
        options,
        checkpoint,
    )
}

fn converted_folder() -> PathBuf {
    // Fixed, whatever CARGO_TARGET_DIR says: firmware-examples/qemu/build.rs looks here.
    paths::root().join("target/models")
}

/// The file at `path`, made from `checkpoint` unless it is newer than this program and passes its
/// own test.
fn converted(
    path: &Path,
    options: &ConvertOptions,
    checkpoint: impl FnOnce() -> Result<Checkpoint>,
) -> Result<Model> {
    let name = path
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    if is_current(path) {
        return Model::open(path);
    }
    eprintln!("converting {name}");
    let failed = || format!("cannot convert {name}");
    let finished =
        sla_convert::convert(checkpoint().with_context(failed)?, options, &mut |_, _| ())
            .with_context(failed)?;
    let folder = path.parent().context("a path with a folder")?;
    fs::create_dir_all(folder)?;
    let unfinished = folder.join(format!(".{name}.{}", std::process::id()));
    fs::write(&unfinished, finished.file)?;
    fs::rename(&unfinished, path)?;
    Model::open(path)
}

fn is_current(path: &Path) -> bool {
    let modified = |path: &Path| fs::metadata(path).and_then(|data| data.modified()).ok();
    let program = std::env::current_exe()
        .ok()
        .and_then(|program| modified(&program));
    let is_newer = modified(path)
        .zip(program)
        .is_some_and(|(file, program)| file > program);
    is_newer && OwnedModel::read(path).is_ok_and(|file| passes_its_test(&file))
}

fn passes_its_test(file: &OwnedModel) -> bool {
    let mut memory = file.memory();
    let (state, scratch) = memory.buffers();
    file.model().self_test(state, scratch).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(flash_bytes: u64, ram_bytes: u64) -> Model {
        Model {
            path: PathBuf::new(),
            name: "m".to_owned(),
            flash_bytes,
            ram_bytes,
        }
    }

    #[test]
    fn flash_and_ram_both_count() {
        let room = Room {
            flash_bytes: 100,
            ram_bytes: 10,
        };
        assert!(model(100, 10).fits(room));
        assert!(!model(101, 10).fits(room) && !model(100, 11).fits(room));
    }

    #[test]
    fn nothing_small_enough_is_one_line() {
        let error = model(9, 9)
            .or_smaller(Room {
                flash_bytes: 8,
                ram_bytes: 8,
            })
            .expect_err("nothing fits 8 bytes");
        assert!(
            error
                .to_string()
                .starts_with("model too large: m needs 9 bytes of flash"),
            "{error}"
        );
        assert!(!error.to_string().contains('\n'));
    }
}
