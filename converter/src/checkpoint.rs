//! Reading a checkpoint directory: `config.json` and safetensors, as flash-linear-attention ("fla") saves them, with the SLA
//! keys and tensors on top, into the float reference's [`Config`] and [`Weights`].
//!
//! What is unknown is refused by name, never guessed: the errors name the key and its value, or the tensor and both shapes.
//! What fla itself ignores is ignored here too, with a warning where the file seems to ask for more.

mod config;
mod error;
pub(crate) mod json;
mod layers;
#[doc(hidden)]
pub mod synth;
mod tensors;

use std::path::Path;

use sla_reference::{Backbone, Config, KeyGate, Model, ModelError, Weights};

pub use error::CheckpointError;

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
    /// End-of-sequence id, if the config gives one inside the vocabulary.
    pub eos_token_id: Option<u32>,
    /// Label names of a classifier, one an output; empty for language models and where the config has none.
    pub id2label: Vec<String>,
    /// Samples a second of the audio behind the features.
    pub sample_rate: Option<u32>,
    /// Frame length behind the features, in samples.
    pub n_fft: Option<u32>,
    /// Frame step behind the features, in samples.
    pub hop_length: Option<u32>,
    /// SHA-256 of the weight files, concatenated in name order: of `model.safetensors` itself where there is one file.
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

/// Reads the checkpoint in `dir`.
///
/// # Errors
/// See [`CheckpointError`]; each displays as one line that names the file, key or tensor.
pub fn load(dir: &Path) -> Result<Checkpoint, CheckpointError> {
    if !dir.is_dir() {
        return Err(CheckpointError::NoDirectory { dir: dir.into() });
    }
    let mut warnings = Vec::new();
    let keys = json::read_config(dir)?;
    let plan = config::parse(&keys, &mut warnings)?;
    let mut tensors = tensors::Tensors::open(dir)?;
    let (config, weights) = layers::assemble(plan.clone(), &mut tensors, &mut warnings)?;
    let model = Model::new(config, weights)?;
    warn_contraction(&model.config, &mut warnings);
    let vocab = model.config.outputs;
    let mut id_in_vocab = |key: &str, id: Option<u64>| {
        let valid = id.filter(|&i| i < vocab as u64);
        if let (Some(id), None) = (id, valid) {
            warnings.push(format!("config.json: {key} = {id} is outside the vocabulary of {vocab}; ignored"));
        }
        valid.and_then(|i| u32::try_from(i).ok())
    };
    let (bos_token_id, eos_token_id) = if plan.features.is_some() {
        (None, None)
    } else {
        (id_in_vocab("bos_token_id", plan.bos), id_in_vocab("eos_token_id", plan.eos))
    };
    let name = dir.canonicalize().unwrap_or_else(|_| dir.into());
    let features = plan.features.unwrap_or_default();
    Ok(Checkpoint {
        meta: Meta {
            model_type: plan.model_type,
            name: name.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned()),
            bos_token_id,
            eos_token_id,
            id2label: features.id2label,
            sample_rate: features.sample_rate,
            n_fft: features.n_fft,
            hop_length: features.hop_length,
            source_sha256: tensors.sha256(),
        },
        config: model.config,
        weights: model.weights,
        warnings,
    })
}

/// Gated DeltaNet contracts while `β·‖k‖² ≤ 2`; a key gate may leave that region.
fn warn_contraction(c: &Config, warnings: &mut Vec<String>) {
    let Some(sla) = c.sla.as_ref().filter(|_| c.backbone == Backbone::GatedDeltaNet) else { return };
    let beta = if c.allow_neg_eigval { 2.0 } else { 1.0 };
    let (bound, gate, safe) = match sla.key_gate {
        Some(KeyGate::Key) => (beta * sla.key_gate_scale * sla.key_gate_scale, "key", (2.0 / beta).sqrt()),
        Some(KeyGate::Beta) => (beta * sla.key_gate_scale, "beta", 2.0 / beta),
        None => return,
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
