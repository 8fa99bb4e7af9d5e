//! Reading a checkpoint directory: `config.json` and safetensors, as flash-linear-attention ("fla")
//! saves them, with the SLA keys and tensors on top, into the float reference's [`Config`] and
//! [`Weights`].
//!
//! What is unknown is refused by name, never guessed: the errors name the key and its value, or the
//! tensor and both shapes. What fla itself ignores is ignored here too, with a warning where the
//! file seems to ask for more.
//!
//! What stands beside a checkpoint is read here too: its [`tokenizer`], and [`data`] files as
//! [`rows`]. [`files`] opens what is read, [`foreign`] tells what it is instead, [`memory`] whether
//! there is room.
#![forbid(unsafe_code)]

mod both_ends;
mod config;
pub mod data;
mod ends;
mod error;
mod family;
mod features;
pub mod files;
mod folder;
pub mod foreign;
mod ids;
mod json;
mod known_keys;
mod layer;
mod layers;
pub mod memory;
mod names;
mod plan;
mod purpose;
pub mod rows;
mod shard;
mod sizes;
mod sla;
mod tensors;
pub mod tokenizer;

use std::path::Path;

use sla_reference::{Config, KeyGate, Model, ModelError, Weights};

pub use error::CheckpointError;
pub use purpose::Purpose;

/// A checkpoint in memory; weights are widened to `f32`, which is exact for all accepted types.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// Sizes and options.
    pub config: Config,
    /// Tensors; they fit `config`.
    pub weights: Weights,
    /// One line each: keys that have no effect, sizes taken from tensors, states without a bound.
    pub warnings: Vec<String>,
    /// Everything that the model itself does not need.
    pub meta: Meta,
}

/// What a checkpoint says about itself beside the model.
#[derive(Clone, Debug, PartialEq)]
pub struct Meta {
    /// `model_type`: `retnet`, `gla` or `gated_deltanet`.
    pub model_type: String,
    /// Last component of the directory's path.
    pub name: String,
    /// Begin-of-sequence id, if the config gives one inside the vocabulary.
    pub bos_token_id: Option<u32>,
    /// Ids inside the vocabulary that end a text, of config.json and then of
    /// generation_config.json, each once.
    pub eos_token_ids: Vec<u32>,
    /// Label names of a classifier, one an output; empty for language models and where the config
    /// has none.
    pub id2label: Vec<String>,
    /// Samples a second of the audio behind the features.
    pub sample_rate: Option<u32>,
    /// Frame length behind the features, in samples.
    pub n_fft: Option<u32>,
    /// Frame step behind the features, in samples.
    pub hop_length: Option<u32>,
    /// SHA-256 of the weight files, concatenated in name order: of `model.safetensors` itself
    /// where there is one file.
    pub source_sha256: [u8; 32],
}

impl Checkpoint {
    /// The float model. It shares nothing with `self`, which is consumed.
    ///
    /// # Errors
    /// None for a checkpoint from [`load`]; otherwise the first rule that changed fields break.
    pub fn into_model(self) -> Result<Model, ModelError> {
        Model::new(self.config, self.weights)
    }
}

/// How to read a checkpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LoadOptions {
    /// A language model without a head takes its embedding for one, as with `tie_word_embeddings`.
    pub tied_head: bool,
    /// What it is read for: there has to be memory for that too.
    pub purpose: Purpose,
}

/// Reads the checkpoint in `dir`.
///
/// # Errors
/// See [`CheckpointError`]; each displays as one line that names the file, key or tensor.
pub fn load(dir: &Path) -> Result<Checkpoint, CheckpointError> {
    load_with(dir, LoadOptions::default())
}

/// [`load`] with options.
///
/// # Errors
/// As [`load`].
pub fn load_with(dir: &Path, options: LoadOptions) -> Result<Checkpoint, CheckpointError> {
    if dir.is_file() {
        return Err(CheckpointError::NotDirectory { file: dir.into() });
    }
    if !dir.is_dir() {
        return Err(CheckpointError::NoDirectory { dir: dir.into() });
    }
    let mut warnings = Vec::new();
    folder::check_adapter(dir)?;
    let keys = json::read_config(dir)?;
    let plan = config::parse(&keys, &mut warnings)?;
    let mut tensors = tensors::Tensors::open(dir, &mut warnings)?;
    // A config of other sizes than the tensors' would ask for any amount of memory.
    layers::check(&plan, &tensors)?;
    let (weights, widest) = tensors.sizes();
    memory::require(
        options.purpose.name(),
        options.purpose.bytes(weights, widest, plan.state_len()),
    )?;
    let (config, weights) =
        layers::assemble(plan.clone(), options.tied_head, &mut tensors, &mut warnings)?;
    let model = Model::new(config, weights)?;
    warn_contraction(&model.config, &mut warnings);
    let (bos_token_id, eos_token_ids) = match plan.features {
        Some(_) => (None, Vec::new()),
        None => (
            ends::in_vocabulary(
                "config.json",
                "bos_token_id",
                plan.bos,
                model.config.outputs,
                &mut warnings,
            )
            .first()
            .copied(),
            ends::read(dir, plan.eos, model.config.outputs, &mut warnings)?,
        ),
    };
    let name = dir.canonicalize().unwrap_or_else(|_| dir.into());
    let features = plan.features.unwrap_or_default();
    Ok(Checkpoint {
        meta: Meta {
            model_type: plan.model_type,
            name: name
                .file_name()
                .map_or_else(String::new, |n| n.to_string_lossy().into_owned()),
            bos_token_id,
            eos_token_ids,
            id2label: features.id2label,
            sample_rate: features.sample_rate,
            n_fft: features.n_fft,
            hop_length: features.hop_length,
            source_sha256: tensors.sha256()?,
        },
        config: model.config,
        weights: model.weights,
        warnings,
    })
}

/// The delta rule contracts while `β·‖k‖² ≤ 2`; a key gate may leave that region.
fn warn_contraction(c: &Config, warnings: &mut Vec<String>) {
    let Some(sla) = c.sla.as_ref().filter(|_| c.backbone.has_delta_rule()) else {
        return;
    };
    let beta = if c.allow_neg_eigval { 2.0 } else { 1.0 };
    let (bound, gate, safe) = match sla.key_gate {
        KeyGate::Key => (
            beta * sla.key_gate_scale * sla.key_gate_scale,
            "key",
            (2.0 / beta).sqrt(),
        ),
        KeyGate::Beta => (beta * sla.key_gate_scale, "beta", 2.0 / beta),
        KeyGate::None => return,
    };
    if bound > 2.0 {
        warnings.push(format!(
            "sla: key_gate \"{gate}\" with key_gate_scale {} lets beta*|k|^2 reach {bound:.4}, above 2: the state may grow \
             without bound; the fixed-point state follows it with its exponent, and its predictions saturate at 65,536: \
             `sla eval --stream 100000` shows whether they do, and a model trained with a key_gate_scale of at most {safe:.3} cannot",
            sla.key_gate_scale
        ));
    }
}
