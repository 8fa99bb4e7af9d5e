//! What can go wrong.

use core::fmt;

/// Why a model cannot be talked to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unfit {
    /// It reads feature vectors.
    Features,
    /// Its ids have no text: it has no tokenizer, and not the 256 ids of bytes.
    NoText {
        /// Its ids.
        vocabulary: u32,
    },
    /// It has a tokenizer, and this firmware was built without the feature `tokenizer`.
    Tokenizer,
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Features => write!(f, "the model reads feature vectors, not text"),
            Self::NoText { vocabulary } => {
                write!(
                    f,
                    "the model has {vocabulary} ids and no tokenizer, so they have no text"
                )
            }
            Self::Tokenizer => {
                write!(
                    f,
                    "the model has a tokenizer: build the firmware with the feature tokenizer of sla-serial"
                )
            }
        }
    }
}

impl core::error::Error for Unfit {}

/// Why a shell no longer serves its line. The session is as its last whole token left it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failure<E> {
    /// Reading failed again and again, without a byte between.
    Read(E),
    /// Writing failed.
    Write(E),
    /// The other side has gone: a read or a write of no bytes.
    Closed,
}

impl<E: fmt::Debug> fmt::Display for Failure<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(e) => write!(f, "the serial line cannot be read: {e:?}"),
            Self::Write(e) => write!(f, "the serial line cannot be written: {e:?}"),
            Self::Closed => write!(f, "the serial line is closed"),
        }
    }
}

impl<E: fmt::Debug> core::error::Error for Failure<E> {}
