//! What the fuzz targets do with their input (`cargo xtask fuzz`). The committed corpus runs through the same functions in the
//! ordinary tests.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};

use sla_converter::checkpoint::synth::{self, Layout, TempDir};
use sla_converter::checkpoint::{Checkpoint, load};
use sla_converter::{Calibration, ConvertOptions, convert};
use sla_format::{HEADER_BYTES, seal};
use sla_reference::{Backbone, Config, Input};

use crate::untrusted::{Aligned16, run, small_files};

/// A fuzz target.
pub struct Target {
    /// Its name, also that of its corpus folder.
    pub name: &'static str,
    /// What it does with an input.
    ///
    /// # Panics
    /// If the project's code does what it must not.
    pub run: fn(&[u8]),
    /// Valid inputs to begin with.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All of them.
pub const TARGETS: [Target; 3] = [
    Target { name: "model", run: model, seeds: || small_files().into_iter().map(|(_, file)| file).collect() },
    Target { name: "config", run: config, seeds: || synthetic().map(|seed| seed.config).collect() },
    Target { name: "safetensors", run: safetensors, seeds: || synthetic().map(|seed| seed.weights).collect() },
];

/// The folder of a target's corpus.
pub fn corpus(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name)
}

/// Words of memory beyond which a model is not run: runs have to be short.
const MAX_WORDS: usize = 1 << 20;
/// Weights beyond which a checkpoint is not converted.
const MAX_WEIGHTS: usize = 1 << 14;

/// `Model::parse` and steps of whatever parses, from the bytes as they are and sealed with the right length and checksum.
pub fn model(data: &[u8]) {
    let mut file = Aligned16::of(data);
    run(file.bytes(), MAX_WORDS);
    let len = (data.len() as u32).to_le_bytes();
    if let Some(field) = file.bytes_mut().get_mut(12..HEADER_BYTES.min(16)) {
        field.copy_from_slice(&len);
    }
    seal(file.bytes_mut());
    run(file.bytes(), MAX_WORDS);
}

/// A `config.json` beside valid weights.
pub fn config(data: &[u8]) {
    thread_local!(static WEIGHTS: Vec<u8> = synthetic().next().expect("a checkpoint").weights);
    WEIGHTS.with(|weights| checkpoint(data, weights));
}

/// A `model.safetensors` beside a valid config.
pub fn safetensors(data: &[u8]) {
    thread_local!(static CONFIG: Vec<u8> = synthetic().next().expect("a checkpoint").config);
    CONFIG.with(|config| checkpoint(config, data));
}

/// Reads a checkpoint of two files and converts it if it is one.
fn checkpoint(config: &[u8], weights: &[u8]) {
    thread_local!(static DIR: OnceCell<TempDir> = const { OnceCell::new() });
    DIR.with(|dir| {
        let dir = dir.get_or_init(TempDir::new).path();
        std::fs::write(dir.join("config.json"), config).expect("a writable folder");
        std::fs::write(dir.join("model.safetensors"), weights).expect("a writable folder");
        match load(dir) {
            Ok(checkpoint) => converted(checkpoint),
            Err(error) => one_line(&error.to_string()),
        }
    });
}

fn converted(checkpoint: Checkpoint) {
    checkpoint.warnings.iter().for_each(|warning| one_line(warning));
    let weights: usize = {
        let (mut weights, mut count) = (checkpoint.weights.clone(), 0);
        crate::matrices(&mut weights, |m| count += m.data.len());
        count
    };
    if weights > MAX_WEIGHTS {
        return;
    }
    let calibration = match &checkpoint.config.input {
        Input::Tokens { .. } => Calibration::Tokens(vec![vec![0; 8]]),
        Input::Features { size, .. } => Calibration::Frames(vec![vec![vec![0.0; *size]; 8]]),
    };
    let options = ConvertOptions { calibration, ..ConvertOptions::default() };
    match convert(checkpoint, &options, &mut |_, _| {}) {
        Ok(converted) => {
            run(Aligned16::of(&converted.file).bytes(), MAX_WORDS);
        }
        Err(error) => {
            let text = error.to_string();
            assert!(!text.contains("please report this"), "{text}");
            one_line(&text);
        }
    }
}

/// Messages are one line, whatever names a file holds.
fn one_line(text: &str) {
    assert!(!text.is_empty() && !text.contains(char::is_control), "{text:?}");
}

/// The two files of a checkpoint.
struct Files {
    config: Vec<u8>,
    weights: Vec<u8>,
}

/// Small checkpoints of every backbone.
fn synthetic() -> impl Iterator<Item = Files> {
    [Backbone::RetNet, Backbone::Gla, Backbone::GatedDeltaNet].into_iter().map(|backbone| {
        let config = Config { layers: 1, hidden: 8, d_k: 4, d_v: 4, intermediate: 8, ..synth::small(backbone) };
        let (layout, weights) = (Layout::default(), synth::weights(&config, 1));
        let dir = TempDir::new();
        synth::write(dir.path(), &config, &weights, &layout).expect("a writable folder");
        let read = |name| std::fs::read(dir.path().join(name)).expect("just written");
        Files { config: read("config.json"), weights: read("model.safetensors") }
    })
}
