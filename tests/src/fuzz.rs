//! What the fuzz targets do with their input (`cargo xtask fuzz`). The committed corpus runs
//! through the same functions in the ordinary tests.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};

use sla_checkpoint::tokenizer::{TokenizerError, compile};
use sla_checkpoint::{Checkpoint, load};
use sla_convert::{ConvertOptions, convert};
use sla_format::{Checksum, HEADER_BYTES, InputKind, SnapshotHeader, seal};
use sla_reference::{Backbone, Config};
use sla_runtime::{Decoder, Model, Session, SpecialTokens};
use sla_test_models::{self as synth, Layout, TempDir};
use sla_tokenizer::Tokenizer;

use crate::untrusted::{Aligned16, TOKENIZERS, little, run, small_files, try_tokenizer};

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
pub const TARGETS: [Target; 6] = [
    Target {
        name: "model",
        run: model,
        seeds: || small_files().into_iter().map(|(_, file)| file).collect(),
    },
    Target {
        name: "config",
        run: config,
        seeds: || synthetic().map(|seed| seed.config).collect(),
    },
    Target {
        name: "safetensors",
        run: safetensors,
        seeds: || synthetic().map(|seed| seed.weights).collect(),
    },
    Target {
        name: "snapshot",
        run: snapshot,
        seeds: snapshots,
    },
    Target {
        name: "tokenizer",
        run: tokenizer,
        seeds: sections,
    },
    Target {
        name: "tokenizer_json",
        run: tokenizer_json,
        seeds: || TOKENIZERS.map(Vec::from).into(),
    },
];

/// The folder of a target's corpus.
pub fn corpus(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(name)
}

/// Words of memory beyond which a model is not run: runs have to be short.
const MAX_WORDS: usize = 1 << 20;
/// Weights beyond which a checkpoint is not converted.
const MAX_WEIGHTS: usize = 1 << 14;

/// `Model::parse` and steps of whatever parses, from the bytes as they are and sealed with the
/// right length and checksum.
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
    checkpoint
        .warnings
        .iter()
        .for_each(|warning| one_line(warning));
    let weights: usize = {
        let (mut weights, mut count) = (checkpoint.weights.clone(), 0);
        crate::matrices(&mut weights, |m| count += m.data.len());
        count
    };
    if weights > MAX_WEIGHTS {
        return;
    }
    let options = ConvertOptions {
        calibration: little(&checkpoint.config),
        ..ConvertOptions::default()
    };
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

/// Bytes as a snapshot of a small model with everything that a state can have: the first byte
/// chooses the model. As they are, and with the right header and checksum.
pub fn snapshot(data: &[u8]) {
    thread_local!(static FILES: Vec<Aligned16> = small_files().iter().map(|(_, file)| Aligned16::of(file)).collect());
    let Some((&choice, bytes)) = data.split_first() else {
        return;
    };
    FILES.with(|files| {
        let model =
            Model::parse(files[usize::from(choice) % files.len()].bytes()).expect("a valid file");
        restore(&model, bytes);
        let mut sealed = bytes.to_vec();
        seal_snapshot(&model, &mut sealed);
        restore(&model, &sealed);
    });
}

fn restore(model: &Model, snapshot: &[u8]) {
    let (mut state, mut scratch) = (
        vec![0; model.plan().state_words],
        vec![0; model.plan().scratch_words],
    );
    let mut session =
        Session::new(model, &mut state, &mut scratch).expect("buffers of the planned sizes");
    if session.restore(snapshot).is_err() {
        assert_eq!(
            session.position(),
            0,
            "a refused snapshot changed the session"
        );
        return;
    }
    let _ = session.logits().argmax();
    let frame = vec![i32::MAX; model.desc().inputs as usize];
    for token in 0..4 {
        match model.desc().input {
            InputKind::Tokens => session
                .step(token)
                .expect("a token of the vocabulary")
                .argmax(),
            InputKind::Features => session
                .step_features(&frame)
                .expect("a frame of the right length")
                .argmax(),
        };
    }
    let mut again = vec![0; session.snapshot().bytes()];
    assert_eq!(session.save(&mut again), Ok(again.len()));
    assert_eq!(
        session.restore(&again),
        Ok(()),
        "a session's own snapshot is refused"
    );
}

/// Header and checksum of a snapshot of `model`, and its length, around whatever `bytes` are.
fn seal_snapshot(model: &Model, bytes: &mut Vec<u8>) {
    let (mut state, mut scratch) = (
        vec![0; model.plan().state_words],
        vec![0; model.plan().scratch_words],
    );
    let mut session =
        Session::new(model, &mut state, &mut scratch).expect("buffers of the planned sizes");
    let mut own = vec![0; session.snapshot().bytes()];
    session.save(&mut own).expect("room");
    bytes.resize(own.len(), 0);
    bytes[..SnapshotHeader::BYTES].copy_from_slice(&own[..SnapshotHeader::BYTES]);
    let (body, end) = bytes.split_at_mut(own.len() - 4);
    let mut crc = Checksum::default();
    crc.add_bytes(body);
    end.copy_from_slice(&crc.finish().to_le_bytes());
}

fn snapshots() -> Vec<Vec<u8>> {
    let of = |(index, (_, file)): (usize, &(&str, Vec<u8>))| {
        let file = Aligned16::of(file);
        let model = Model::parse(file.bytes()).expect("a valid file");
        let (mut state, mut scratch) = (
            vec![0; model.plan().state_words],
            vec![0; model.plan().scratch_words],
        );
        let mut session =
            Session::new(&model, &mut state, &mut scratch).expect("buffers of the planned sizes");
        let frame = vec![1_000; model.desc().inputs as usize];
        for token in 0..8 {
            let _ = match model.desc().input {
                InputKind::Tokens => session.step(token).map(drop),
                InputKind::Features => session.step_features(&frame).map(drop),
            };
        }
        let mut bytes = vec![0; session.snapshot().bytes()];
        session.save(&mut bytes).expect("room");
        bytes.insert(0, index as u8);
        bytes
    };
    small_files().iter().enumerate().map(of).collect()
}

/// A tokenizer section and, behind it, text: the first two bytes are the text's length.
pub fn tokenizer(data: &[u8]) {
    let Some((len, rest)) = data.split_first_chunk() else {
        return;
    };
    let text = usize::from(u16::from_le_bytes(*len)).min(rest.len());
    let (section, text) = rest.split_at(rest.len() - text);
    let section = Aligned16::of(section);
    if let Ok(tokenizer) = Tokenizer::read(section.bytes()) {
        try_tokenizer(tokenizer, &String::from_utf8_lossy(text));
        let mut decoder = Decoder::new(tokenizer, SpecialTokens::Skip);
        text.iter()
            .for_each(|&id| decoder.push(id.into(), &mut |_| {}));
    }
}

fn sections() -> Vec<Vec<u8>> {
    const TEXT: &[u8] = "Hello  world 123\n's \u{4e16}\u{1f980}<s>".as_bytes();
    let of = |json| {
        let compiled = compile(json, 512).expect("a supported tokenizer");
        [&(TEXT.len() as u16).to_le_bytes(), compiled.section(), TEXT].concat()
    };
    TOKENIZERS.into_iter().map(of).collect()
}

/// A `tokenizer.json`: refused in one line, or compiled and used.
pub fn tokenizer_json(data: &[u8]) {
    match compile(&String::from_utf8_lossy(data), 1 << 16) {
        Ok(compiled) => {
            compiled
                .warnings
                .iter()
                .for_each(|warning| one_line(warning));
            let section = Aligned16::of(compiled.section());
            let tokenizer = Tokenizer::read(section.bytes()).expect("a fresh section is valid");
            try_tokenizer(tokenizer, "Hello  world 123\n's \u{4e16}\u{1f980}<s>");
        }
        Err(error) => {
            let text = error.to_string();
            assert!(!matches!(error, TokenizerError::Defect(_)), "{text}");
            one_line(&text);
        }
    }
}

/// Messages are one line, whatever names a file holds.
fn one_line(text: &str) {
    assert!(
        !text.is_empty() && !text.contains(char::is_control),
        "{text:?}"
    );
}

/// The two files of a checkpoint.
struct Files {
    config: Vec<u8>,
    weights: Vec<u8>,
}

/// Small checkpoints of every backbone.
fn synthetic() -> impl Iterator<Item = Files> {
    [Backbone::RetNet, Backbone::Gla, Backbone::GatedDeltaNet]
        .into_iter()
        .map(|backbone| {
            let config = Config {
                layers: 1,
                hidden: 8,
                d_k: 4,
                d_v: 4,
                intermediate: 8,
                ..synth::small(backbone)
            };
            let (layout, weights) = (Layout::default(), synth::weights(&config, 1));
            let dir = TempDir::new();
            synth::write(dir.path(), &config, &weights, &layout).expect("a writable folder");
            let read = |name| std::fs::read(dir.path().join(name)).expect("just written");
            Files {
                config: read("config.json"),
                weights: read("model.safetensors"),
            }
        })
}
