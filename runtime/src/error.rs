//! What can go wrong, one small type per operation.

use sla_format::{Role, SNAPSHOT_VERSION, VERSION};

/// Why a file is not a model that this runtime can run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ParseError {
    /// The slice does not start at a multiple of 16.
    Misaligned,
    /// The file ends before what it announces.
    Truncated {
        /// Bytes needed.
        need: usize,
        /// Bytes there.
        have: usize,
    },
    /// There are bytes behind the file's end, as in a region of flash that is longer than the file
    /// ([`sla_format::file_bytes`]).
    TooLong {
        /// Bytes of the file.
        need: usize,
        /// Bytes there.
        have: usize,
    },
    /// The first four bytes are not a `.sla` file's.
    NotSla,
    /// Another version of the format.
    Version {
        /// The file's version.
        found: u32,
    },
    /// The checksum does not match: some byte has changed.
    Checksum {
        /// In the header.
        stored: u32,
        /// Of the bytes.
        computed: u32,
    },
    /// An entry of the section table is out of bounds, misaligned, repeated or unknown.
    Section {
        /// Index in the table.
        index: usize,
    },
    /// A required section is missing.
    Missing {
        /// Number of the section kind.
        kind: u32,
    },
    /// The model description contradicts itself or exceeds a limit.
    Description,
    /// The state section does not fit the description.
    State {
        /// The first layer whose state it does not describe rightly.
        layer: usize,
    },
    /// The section of tokens that end a text holds too many, or ids outside the vocabulary.
    Ends,
    /// The runtime was built without something that the model needs.
    Feature {
        /// Name of the cargo feature of `sla-runtime` that it needs.
        feature: &'static str,
    },
    /// A tensor's entry does not fit the description or lies outside the weights.
    Tensor {
        /// Layer, or the number of layers for the tensors that the model has once.
        layer: usize,
        /// Which tensor.
        #[cfg_attr(feature = "defmt", defmt(Debug2Format))]
        role: Role,
    },
    /// The tokenizer section is invalid, or has more tokens than the model.
    #[cfg(feature = "tokenizer")]
    Tokenizer(sla_tokenizer::SectionError),
}

impl core::fmt::Display for ParseError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match *self {
            ParseError::Misaligned => {
                write!(f, "the model does not start at a multiple of 16 bytes")
            }
            ParseError::Truncated { need, have } => {
                write!(f, "cut off: {need} bytes needed, {have} there")
            }
            ParseError::TooLong { need, have } => {
                write!(
                    f,
                    "{have} bytes where the header says {need}: something was appended"
                )
            }
            ParseError::NotSla => write!(f, "not a .sla file"),
            ParseError::Version { found } => write!(
                f,
                "format version {found}, but this runtime reads version {VERSION}: convert the checkpoint again"
            ),
            ParseError::Checksum { stored, computed } => {
                write!(
                    f,
                    "corrupted: checksum {computed:#010x}, expected {stored:#010x}"
                )
            }
            ParseError::Section { index } => {
                write!(f, "entry {index} of the section table is invalid")
            }
            ParseError::Missing { kind } => write!(f, "section {kind} is missing"),
            ParseError::Description => write!(f, "the model description contradicts itself"),
            ParseError::State { layer } => {
                write!(f, "the state section is wrong about layer {layer}")
            }
            ParseError::Ends => write!(f, "the section of tokens that end a text is invalid"),
            ParseError::Feature { feature } => {
                write!(
                    f,
                    "this runtime was built without what the model needs: enable the feature {feature} of sla-runtime"
                )
            }
            ParseError::Tensor { layer, role } => {
                write!(
                    f,
                    "the entry of tensor {} (layer {layer}) is invalid",
                    role.name()
                )
            }
            #[cfg(feature = "tokenizer")]
            ParseError::Tokenizer(e) => write!(f, "the tokenizer section: {e}"),
        }
    }
}

impl core::error::Error for ParseError {}

/// Why a session cannot be made or a step cannot be taken. The state is as it was before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum StepError {
    /// The state buffer is too short.
    State {
        /// Words needed.
        need: usize,
        /// Words there.
        have: usize,
    },
    /// The scratch buffer is too short.
    Scratch {
        /// Words needed.
        need: usize,
        /// Words there.
        have: usize,
    },
    /// The token is not in the vocabulary.
    Token {
        /// The id.
        token: u32,
        /// Size of the vocabulary.
        vocabulary: u32,
    },
    /// The feature vector has the wrong length.
    Features {
        /// Length needed.
        need: usize,
        /// Length given.
        have: usize,
    },
    /// A token was given to a feature model, or features to a language model.
    Input,
}

impl core::fmt::Display for StepError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match *self {
            StepError::State { need, have } => write!(f, "state of {have} words, {need} needed"),
            StepError::Scratch { need, have } => {
                write!(f, "scratch of {have} words, {need} needed")
            }
            StepError::Token { token, vocabulary } => {
                write!(f, "token {token} is not in the vocabulary of {vocabulary}")
            }
            StepError::Features { need, have } => write!(f, "{have} features, {need} needed"),
            StepError::Input => write!(
                f,
                "tokens are for language models, features for feature models"
            ),
        }
    }
}

impl core::error::Error for StepError {}

/// Why the self-test failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum SelfTestError {
    /// The session could not be made or advanced.
    Step(StepError),
    /// The file has no (readable) self-test.
    Absent,
    /// The logits are not those of the converter's run.
    Digest {
        /// In the file.
        expected: u32,
        /// Of this run.
        computed: u32,
    },
}

impl core::fmt::Display for SelfTestError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match *self {
            SelfTestError::Step(e) => write!(f, "{e}"),
            SelfTestError::Absent => write!(f, "the file has no self-test"),
            SelfTestError::Digest { expected, computed } => {
                write!(
                    f,
                    "self-test digest {computed:#010x}, expected {expected:#010x}"
                )
            }
        }
    }
}

impl core::error::Error for SelfTestError {}

impl From<StepError> for SelfTestError {
    fn from(e: StepError) -> Self {
        SelfTestError::Step(e)
    }
}

/// Why a session cannot be taken from a snapshot, or written as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum SnapshotError {
    /// The first four bytes are not a snapshot's.
    NotASnapshot,
    /// Another version of the layout.
    Version {
        /// The snapshot's version.
        found: u32,
    },
    /// A snapshot of another model.
    Model {
        /// Checksum of the file that the snapshot is of.
        found: u32,
        /// Checksum of this session's file.
        expected: u32,
    },
    /// Another length than that of every snapshot of this model.
    Truncated {
        /// Bytes needed.
        need: usize,
        /// Bytes there.
        have: usize,
    },
    /// The checksum does not match: some byte has changed, or was never written.
    Checksum {
        /// At the end.
        stored: u32,
        /// Of the bytes.
        computed: u32,
    },
    /// The checksum matches, but no step leaves such a state.
    State {
        /// Layer, or the number of layers for what a session has once.
        layer: usize,
    },
    /// The bytes could not be read.
    Read {
        /// Offset of the read that failed.
        at: usize,
    },
}

impl core::fmt::Display for SnapshotError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match *self {
            SnapshotError::NotASnapshot => write!(f, "not a snapshot"),
            SnapshotError::Version { found } => {
                write!(
                    f,
                    "snapshot version {found}, but this runtime reads version {SNAPSHOT_VERSION}: make it again"
                )
            }
            SnapshotError::Model { found, expected } => {
                write!(
                    f,
                    "a snapshot of another model: of {found:#010x}, this one is {expected:#010x}"
                )
            }
            SnapshotError::Truncated { need, have } => {
                write!(f, "snapshot of {have} bytes, {need} needed")
            }
            SnapshotError::Checksum { stored, computed } => {
                write!(
                    f,
                    "snapshot corrupted: checksum {computed:#010x}, expected {stored:#010x}"
                )
            }
            SnapshotError::State { layer } => {
                write!(
                    f,
                    "the snapshot holds a state that no step leaves (layer {layer})"
                )
            }
            SnapshotError::Read { at } => write!(f, "the snapshot cannot be read at byte {at}"),
        }
    }
}

impl core::error::Error for SnapshotError {}
