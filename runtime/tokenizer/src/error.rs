//! What can go wrong.

use sla_format::NONE;

/// Why bytes are not a tokenizer section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum SectionError {
    /// The header is cut off or holds an unknown code.
    Header,
    /// The tables do not fill the section.
    Length {
        /// Bytes that the header's counts need; 0 where they exceed a limit.
        need: usize,
        /// Bytes there.
        have: usize,
    },
    /// An entry of a table holds an id, rank or offset that is out of range or out of order.
    Entry {
        /// The table's place in the section, from 0 (F11.4).
        table: usize,
        /// The entry's index.
        index: usize,
    },
    /// There are more tokens than the model has.
    Vocabulary {
        /// Tokens.
        tokens: u32,
        /// Ids that the model reads.
        inputs: u32,
    },
}

impl core::fmt::Display for SectionError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match *self {
            Self::Header => write!(f, "its header is invalid"),
            Self::Length { need: 0, have } => write!(
                f,
                "its {have} bytes do not hold the tables that it announces"
            ),
            Self::Length { need, have } => write!(f, "{have} bytes where its tables need {need}"),
            Self::Entry { table, index } => {
                write!(f, "entry {index} of its table {table} is invalid")
            }
            Self::Vocabulary { tokens, inputs } => {
                write!(
                    f,
                    "it has {tokens} tokens and the model a vocabulary of {inputs}"
                )
            }
        }
    }
}

impl core::error::Error for SectionError {}

/// Why a text was not encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum EncodeError {
    /// The buffer has no room for the ids, or for the work on the pre-token that was reached.
    BufferTooSmall {
        /// Words needed to get past that pre-token; later ones may need more.
        /// [`crate::encode_words`] is always enough.
        need: usize,
        /// Words there.
        have: usize,
    },
}

impl core::fmt::Display for EncodeError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Self::BufferTooSmall { need, have } = *self;
        write!(
            f,
            "a buffer of {have} words for token ids, where at least {need} are needed"
        )
    }
}

impl core::error::Error for EncodeError {}

/// An optional id from its number in the file.
pub(crate) fn some(id: u32) -> Option<u32> {
    (id != NONE).then_some(id)
}
