//! Why a checkpoint is refused.

use std::path::PathBuf;

use sla_reference::ModelError;

use crate::files::FileError;
use crate::memory::MemoryError;

/// Why a checkpoint is refused; every display is one line.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The path is a file.
    #[error("{}: is a file; give its folder, the one with config.json and model.safetensors", file.display())]
    NotDirectory {
        /// The path given.
        file: PathBuf,
    },
    /// There is no such directory.
    #[error("{}: no such directory; give the folder that holds config.json and model.safetensors", dir.display())]
    NoDirectory {
        /// The path given.
        dir: PathBuf,
    },
    /// A file could not be opened, mapped or read.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: FileError,
    },
    /// A JSON file is not a JSON object.
    #[error("{}: {reason}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// Where and why parsing failed.
        reason: String,
    },
    /// A required key is absent.
    #[error("config.json: no {key}; {hint}")]
    MissingKey {
        /// The key.
        key: String,
        /// What it should hold.
        hint: String,
    },
    /// A key holds a value of the wrong type, out of range, or at odds with another key.
    #[error("config.json: {key} = {value}: {reason}")]
    BadValue {
        /// The key, with its path (`sla.temperature`).
        key: String,
        /// The value as JSON, shortened.
        value: String,
        /// The rule it breaks.
        reason: String,
    },
    /// A key asks for something that cannot be converted.
    #[error("config.json: {key} = {value} is not supported: {reason}")]
    Unsupported {
        /// The key.
        key: String,
        /// The value as JSON, shortened.
        value: String,
        /// What it means and what is supported.
        reason: String,
    },
    /// There are no safetensors.
    #[error("{}: no model.safetensors or model.safetensors.index.json{hint}", dir.display())]
    NoWeights {
        /// The directory.
        dir: PathBuf,
        /// What to do about weights of another kind, or empty.
        hint: String,
    },
    /// The folder holds an adapter alone.
    #[error("{}: {file} belongs to an adapter (LoRA), and its model is not there; merge it (PEFT: merge_and_unload()) and save the whole model", dir.display())]
    Adapter {
        /// The directory.
        dir: PathBuf,
        /// The file that tells.
        file: String,
    },
    /// A safetensors file or index is truncated or malformed.
    #[error("{file}: {reason}")]
    Safetensors {
        /// The file's name.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A tensor that the config asks for is absent.
    #[error("tensor {name} {need} is missing; {why}")]
    MissingTensor {
        /// The tensor.
        name: String,
        /// The shape it should have, `any` where any size would do.
        need: String,
        /// What asks for it.
        why: String,
    },
    /// A language model has no head, and nothing says that the embedding is it.
    #[error(
        "tensor lm_head.weight [{outputs}, {hidden}] is missing though tie_word_embeddings is {tied}: a base model without its head; save \
         the ForCausalLM model, or give --tied-head to take the embedding as its head"
    )]
    MissingHead {
        /// Rows of the embedding.
        outputs: usize,
        /// Its columns.
        hidden: usize,
        /// What the config says.
        tied: &'static str,
    },
    /// A tensor that belongs to an adapter, or to weights that are quantised already.
    #[error("tensor {name} in {file} {what}")]
    ForeignTensor {
        /// The tensor.
        name: String,
        /// The file that holds it.
        file: String,
        /// What it is, with the way out.
        what: &'static str,
    },
    /// A tensor that the config does not ask for is present.
    #[error("tensor {name} {have:?} in {file} is not part of this model; {hint}")]
    UnknownTensor {
        /// The tensor.
        name: String,
        /// Its shape.
        have: Vec<usize>,
        /// The file that holds it.
        file: String,
        /// What it may come from.
        hint: String,
    },
    /// A tensor is present twice, in two files or under two names.
    #[error("tensor {name} is also stored as {other}; keep one of them")]
    DuplicateTensor {
        /// The tensor.
        name: String,
        /// Its second name or file.
        other: String,
    },
    /// A tensor has the wrong shape.
    #[error("tensor {name} has shape {have:?} where the model needs {need}")]
    Shape {
        /// The tensor.
        name: String,
        /// Its shape in the file.
        have: Vec<usize>,
        /// The shape it should have.
        need: String,
    },
    /// A tensor's element type is not F32, F16 or BF16.
    #[error("tensor {name} has type {dtype}; save it as F32, F16 or BF16")]
    Dtype {
        /// The tensor.
        name: String,
        /// Its type in the file.
        dtype: String,
    },
    /// A weight is NaN or infinite.
    #[error("tensor {name} holds {value} at element {index}; every weight must be finite")]
    NotFinite {
        /// The tensor.
        name: String,
        /// Flat index of the first such element.
        index: usize,
        /// The value.
        value: f32,
    },
    /// `num_hidden_layers` is not the number of layers in the files.
    #[error("config.json: num_hidden_layers = {config}{}, but the tensors hold {found} layers; correct it, or give all shards", if *defaulted { " (the default)" } else { "" })]
    Layers {
        /// The config's number.
        config: usize,
        /// Whether it is the default because the key is absent.
        defaulted: bool,
        /// The number of distinct layer indices among the tensor names.
        found: usize,
    },
    /// No tensor belongs to a layer by its name.
    #[error("tensor {name} in {file} where {expected} is expected; {hint}")]
    Names {
        /// A tensor of the file.
        name: String,
        /// The file that holds it.
        file: String,
        /// A name of this model.
        expected: &'static str,
        /// What to do about it.
        hint: String,
    },
    /// More tokens end a text than a file can name.
    #[error("eos_token_id of config.json and generation_config.json names {0} tokens; at most {max} can end a text", max = sla_format::MAX_ENDS)]
    Ends(usize),
    /// The weights, or what is done with them, do not fit the memory.
    #[error(transparent)]
    Memory(#[from] MemoryError),
    /// Sizes that are legal one by one do not make a model.
    #[error("config.json: {0}")]
    Model(#[from] ModelError),
}
