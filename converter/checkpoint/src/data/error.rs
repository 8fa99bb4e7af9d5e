//! Why a data file is refused.

use crate::files::FileError;
use crate::memory::MemoryError;

/// Why a data file is refused; every display is one line that names the file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// The file could not be read.
    #[error("{file}: {source}")]
    Io {
        /// The file.
        file: String,
        /// What the system said.
        source: FileError,
    },
    /// Not a safetensors file, or a damaged one.
    #[error("{file}: {reason}")]
    Safetensors {
        /// The file.
        file: String,
        /// What the reader said.
        reason: String,
    },
    /// What the file holds does not fit the memory.
    #[error("{file}: {source}")]
    Memory {
        /// The file.
        file: String,
        /// What is missing.
        source: MemoryError,
    },
    /// A tensor that is needed is absent.
    #[error("{file}: no tensor {tensor}; it holds {}", if held.is_empty() { "none" } else { held })]
    Missing {
        /// The file.
        file: String,
        /// The tensor.
        tensor: String,
        /// Tensors that are there.
        held: String,
    },
    /// A tensor of another element type.
    #[error("{file}: {tensor} has type {dtype}; save it as {need}")]
    Dtype {
        /// The file.
        file: String,
        /// The tensor.
        tensor: String,
        /// Its type.
        dtype: String,
        /// Types that would do.
        need: &'static str,
    },
    /// A tensor of another shape.
    #[error("{file}: {tensor} has shape {have:?} where {need} is needed; save it in that shape")]
    Shape {
        /// The file.
        file: String,
        /// The tensor.
        tensor: String,
        /// Its shape.
        have: Vec<usize>,
        /// The shape it should have.
        need: String,
    },
    /// A tensor without elements.
    #[error("{file}: {tensor} is empty (shape {have:?}); at least one position is needed")]
    Empty {
        /// The file.
        file: String,
        /// The tensor.
        tensor: String,
        /// Its shape.
        have: Vec<usize>,
    },
    /// An id outside the vocabulary.
    #[error(
        "{file}: input_ids[{place}] = {id} is outside the model's vocabulary of {vocab}; encode the text with this model's tokenizer"
    )]
    Token {
        /// The file.
        file: String,
        /// Its index.
        place: String,
        /// The id.
        id: i64,
        /// Ids are below this.
        vocab: usize,
    },
    /// A target or label outside the outputs.
    #[error(
        "{file}: {tensor} holds {value}, outside the model's {outputs} outputs; give the data of this model"
    )]
    Label {
        /// The file.
        file: String,
        /// The tensor.
        tensor: String,
        /// The value.
        value: i64,
        /// Labels are below this.
        outputs: usize,
    },
    /// A feature that is NaN or infinite.
    #[error("{file}: {tensor} holds {value} at element {index}; every feature must be finite")]
    NotFinite {
        /// The file.
        file: String,
        /// The tensor.
        tensor: String,
        /// Flat index.
        index: usize,
        /// The value.
        value: f64,
    },
    /// Text for a model that does not read bytes.
    #[error(
        "text needs a byte-level model (vocabulary 256), this one has {have}; give a .safetensors file with its input"
    )]
    NotBytes {
        /// What the model reads.
        have: String,
    },
    /// What was given as text is none.
    #[error("{file}: not a text but {what}")]
    NotText {
        /// The file.
        file: String,
        /// What it is, with the way out.
        what: &'static str,
    },
    /// A text that a tokenizer cannot read.
    #[error("{file}: byte {at} is not UTF-8; the model's tokenizer reads UTF-8 text")]
    NotUtf8 {
        /// The file.
        file: String,
        /// The first byte that is not.
        at: usize,
    },
    /// A text file without a byte.
    #[error("{file}: the file is empty; give a text of at least one byte")]
    EmptyText {
        /// The file.
        file: String,
    },
}
