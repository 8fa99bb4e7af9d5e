//! What can go wrong.

use core::ffi::{CStr, c_char};

use sla_runtime::{ParseError, SelfTestError, SnapshotError, StepError};

/// Result of a call. 0 is success.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum sla_status {
    /// Success.
    SLA_OK = 0,
    /// A pointer is null.
    SLA_NULL = 1,
    /// A buffer or structure is not aligned for its type.
    SLA_MISALIGNED = 2,
    /// The model, session, sampler or decoder was never opened, the session's model is another by
    /// now, or the decoder is in a call.
    SLA_NOT_OPEN = 3,
    /// The model does not start at a multiple of 16 bytes.
    SLA_MODEL_MISALIGNED = 4,
    /// The file's length is not the one that its header gives.
    SLA_MODEL_LENGTH = 5,
    /// Not a .sla file.
    SLA_NOT_SLA = 6,
    /// A version of the format that this library does not read.
    SLA_VERSION = 7,
    /// The checksum does not match.
    SLA_CHECKSUM = 8,
    /// The file contradicts itself.
    SLA_INVALID = 9,
    /// The library was built without a feature that the model needs.
    SLA_FEATURE = 10,
    /// The state buffer is too short.
    SLA_STATE = 11,
    /// The scratch buffer is too short.
    SLA_SCRATCH = 12,
    /// The token is not in the vocabulary.
    SLA_TOKEN = 13,
    /// A feature vector of the wrong length.
    SLA_FEATURES = 14,
    /// Tokens for a feature model, features for a language model, or an empty prompt.
    SLA_INPUT = 15,
    /// The file has no self-test.
    SLA_NO_SELF_TEST = 16,
    /// The self-test's logits are not the converter's.
    SLA_SELF_TEST = 17,
    /// No label of this number.
    SLA_NO_LABEL = 18,
    /// A buffer is too short for the result.
    SLA_ROOM = 19,
    /// Not a snapshot, or of another version or length.
    SLA_NOT_A_SNAPSHOT = 20,
    /// A snapshot of another model.
    SLA_SNAPSHOT_MODEL = 21,
    /// A damaged snapshot.
    SLA_SNAPSHOT_DAMAGED = 22,
    /// The model has no tokenizer.
    SLA_NO_TOKENIZER = 23,
    /// Text that is not UTF-8.
    SLA_UTF8 = 24,
    /// No logits yet: the session has taken no step.
    SLA_NO_STEP = 25,
    /// What the session left in its scratch buffer is gone: another session has used it since, or
    /// its owner has.
    SLA_DISPLACED = 26,
    /// Two buffers overlap, or one is longer than memory.
    SLA_OVERLAP = 27,
    /// The program was compiled with the header of another version than the library's.
    SLA_HEADER = 28,
}

/// What each says, by number.
const TEXTS: [&CStr; sla_status::SLA_HEADER as usize + 1] = [
    c"success",
    c"a pointer is null",
    c"a buffer is not aligned",
    c"the model, session, sampler or decoder is not open",
    c"the model does not start at a multiple of 16 bytes",
    c"the model is cut off, or something was appended",
    c"not a .sla file",
    c"another version of the format: convert the checkpoint again",
    c"the model is corrupted: its checksum does not match",
    c"the model is invalid: its parts contradict each other",
    c"the library was built without a feature that the model needs",
    c"the state buffer is too short",
    c"the scratch buffer is too short",
    c"the token is not in the vocabulary",
    c"the feature vector has the wrong length",
    c"tokens are for language models, features for feature models, and a prompt is not empty",
    c"the model has no self-test",
    c"the self-test fails: the model or the machine computes something else",
    c"the model has no such label",
    c"a buffer is too short for the result",
    c"not a snapshot of this version and of this model's length",
    c"the snapshot is of another model",
    c"the snapshot is damaged",
    c"the model has no tokenizer, or the library was built without the feature",
    c"the text is not UTF-8",
    c"no logits before the first step",
    c"the session's scratch buffer was used by another since its last step: take a step, reset or restore",
    c"buffers overlap, or one is longer than memory",
    c"sla.h is of another version than the library: compile with the library's own",
];

/// One line of English about a status, as a static string; "unknown status" for other numbers.
#[unsafe(no_mangle)]
pub extern "C" fn sla_status_text(status: i32) -> *const c_char {
    let known = usize::try_from(status)
        .ok()
        .and_then(|index| TEXTS.get(index));
    known.unwrap_or(&c"unknown status").as_ptr()
}

impl From<ParseError> for sla_status {
    fn from(error: ParseError) -> Self {
        match error {
            ParseError::Misaligned => Self::SLA_MODEL_MISALIGNED,
            ParseError::Truncated { .. } | ParseError::TooLong { .. } => Self::SLA_MODEL_LENGTH,
            ParseError::NotSla => Self::SLA_NOT_SLA,
            ParseError::Version { .. } => Self::SLA_VERSION,
            ParseError::Checksum { .. } => Self::SLA_CHECKSUM,
            ParseError::Feature { .. } => Self::SLA_FEATURE,
            _ => Self::SLA_INVALID,
        }
    }
}

impl From<StepError> for sla_status {
    fn from(error: StepError) -> Self {
        match error {
            StepError::State { .. } => Self::SLA_STATE,
            StepError::Scratch { .. } => Self::SLA_SCRATCH,
            StepError::Token { .. } => Self::SLA_TOKEN,
            StepError::Features { .. } => Self::SLA_FEATURES,
            _ => Self::SLA_INPUT,
        }
    }
}

impl From<SnapshotError> for sla_status {
    fn from(error: SnapshotError) -> Self {
        match error {
            SnapshotError::NotASnapshot
            | SnapshotError::Version { .. }
            | SnapshotError::Truncated { .. } => Self::SLA_NOT_A_SNAPSHOT,
            SnapshotError::Model { .. } => Self::SLA_SNAPSHOT_MODEL,
            _ => Self::SLA_SNAPSHOT_DAMAGED,
        }
    }
}

impl From<SelfTestError> for sla_status {
    fn from(error: SelfTestError) -> Self {
        match error {
            SelfTestError::Step(error) => error.into(),
            SelfTestError::Absent => Self::SLA_NO_SELF_TEST,
            _ => Self::SLA_SELF_TEST,
        }
    }
}

/// The status of a call.
pub(crate) fn status(result: Result<(), sla_status>) -> sla_status {
    result.err().unwrap_or(sla_status::SLA_OK)
}
