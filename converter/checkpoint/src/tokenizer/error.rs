//! Why a tokenizer is refused.

use sla_tokenizer::SectionError;

/// Why a tokenizer is refused; every display is one line.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenizerError {
    /// The file could not be read.
    #[error("{0}; --no-tokenizer converts the model without it")]
    File(String),
    /// It asks for something that the runtime does not do.
    #[error(
        "tokenizer.json: {part} {what} is not supported; --no-tokenizer converts the model without it"
    )]
    Unsupported {
        /// The key.
        part: String,
        /// Its value, or what about it.
        what: String,
    },
    /// It contradicts itself or the model.
    #[error("tokenizer.json: {0}; --no-tokenizer converts the model without it")]
    Invalid(String),
    /// The fresh section was refused: a defect of the converter.
    #[error("the fresh tokenizer section does not parse ({0}): please report this")]
    Defect(SectionError),
}

/// A [`TokenizerError::Invalid`].
pub(super) fn invalid(reason: impl Into<String>) -> TokenizerError {
    TokenizerError::Invalid(reason.into())
}
