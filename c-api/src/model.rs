//! Models.

use core::ffi::c_char;

use sla_format::{HEADER_BYTES, MAGIC, VERSION, words_at};
use sla_runtime::{InputKind, MemoryPlan, Model};

use crate::attach::{STAMP_WORDS, stamped};
use crate::pointers::{Span, apart, check, put, slice, slice_mut};
use crate::status::{sla_status, status};
use crate::storage::Storage;

/// Storage of a model. Where it lives it has to stay while sessions use it.
#[repr(C)]
pub struct sla_model {
    /// Not for use.
    opaque: [u64; 48],
}

// SAFETY: plain memory.
unsafe impl Storage for sla_model {
    type Value = Model<'static>;
}

/// Sizes of the buffers that a model needs, in 32-bit words.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct sla_plan {
    /// State of one session.
    pub state_words: usize,
    /// Scratch, four words more than `sla inspect` says: they name the session that used it last.
    pub scratch_words: usize,
    /// Scratch with which a prompt takes fewer instructions, with these words.
    pub prompt_scratch_words: usize,
}

/// What a model is.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct sla_info {
    /// Identity: the file's checksum.
    pub id: u32,
    /// Size of the vocabulary, or length of a feature vector.
    pub inputs: u32,
    /// Logits of a step: size of the vocabulary, or number of labels.
    pub outputs: u32,
    /// Whether it reads feature vectors instead of tokens.
    pub reads_features: bool,
    /// Fraction bits of the features.
    pub feature_frac: i32,
    /// Begin-of-sequence token; UINT32_MAX without one.
    pub bos: u32,
    /// End-of-sequence token, the first where there are several; UINT32_MAX without one.
    pub eos: u32,
    /// Multiplications of matrix weights in a token.
    pub macs: u64,
}

fn plan(plan: MemoryPlan) -> sla_plan {
    sla_plan {
        state_words: plan.state_words,
        scratch_words: STAMP_WORDS + plan.scratch_words,
        prompt_scratch_words: STAMP_WORDS + plan.prompt_scratch_words,
    }
}

/// Length of the model file that begins with these bytes, of which 16 suffice: for a program that
/// knows no more than where in flash the file is. Only magic and version are looked at;
/// `sla_model_open` checks the rest.
///
/// # Safety
/// `start` points to `have` bytes; `bytes` is null or points to its type.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sla_file_bytes(
    start: *const u8,
    have: usize,
    bytes: *mut usize,
) -> sla_status {
    let read = || {
        // SAFETY: the caller's promise.
        let [magic, version, _, length] =
            words_at(unsafe { slice(start, have) }?, 0).ok_or(sla_status::SLA_MODEL_LENGTH)?;
        match (magic.to_le_bytes(), version, length as usize) {
            // SAFETY: the caller's promise.
            (MAGIC, VERSION, HEADER_BYTES..) => unsafe { put(bytes, length as usize) },
            (MAGIC, VERSION, _) => Err(sla_status::SLA_INVALID),
            (MAGIC, ..) => Err(sla_status::SLA_VERSION),
            _ => Err(sla_status::SLA_NOT_SLA),
        }
    };
    status(read())
}

/// Checks a file of `bytes` bytes, which stays where it is, and opens the model in it.
///
/// # Safety
/// `file` points to `bytes` bytes that stay and do not change while the model is used; `model` to
/// its storage.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sla_model_open(
    model: *mut sla_model,
    file: *const u8,
    bytes: usize,
) -> sla_status {
    let open = || {
        apart(&[Span::of(model, 1)?, Span::of(file, bytes)?])?;
        // SAFETY: the caller's promise.
        let parsed = Model::parse(unsafe { slice(file, bytes) }?)?;
        // SAFETY: the caller's promise.
        unsafe { sla_model::open(model, parsed) }
    };
    status(open())
}

/// Sizes of the buffers.
///
/// # Safety
/// The pointers are null or point to their types.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sla_model_plan(model: *const sla_model, out: *mut sla_plan) -> sla_status {
    // SAFETY: the caller's promises.
    status(
        unsafe { sla_model::get(model) }.and_then(|model| unsafe { put(out, plan(model.plan())) }),
    )
}

/// What the model is.
///
/// # Safety
/// The pointers are null or point to their types.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sla_model_info(model: *const sla_model, out: *mut sla_info) -> sla_status {
    let info = |model: &Model| sla_info {
        id: model.id(),
        inputs: model.desc().inputs,
        outputs: model.desc().outputs,
        reads_features: model.desc().input == InputKind::Features,
        feature_frac: model.desc().feature_frac,
        bos: model.desc().bos,
        eos: model.desc().eos,
        macs: model.macs(),
    };
    // SAFETY: the caller's promises.
    status(unsafe { sla_model::get(model) }.and_then(|model| unsafe { put(out, info(model)) }))
}

/// Whether a text ends with `token`: `eos` of `sla_info`, or another one of several.
///
/// # Safety
/// The pointers are null or point to their types.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sla_is_end_of_text(
    model: *const sla_model,
    token: u32,
    out: *mut bool,
) -> sla_status {
    // SAFETY: the caller's promises.
    status(
        unsafe { sla_model::get(model) }
            .and_then(|model| unsafe { put(out, model.is_end_of_text(token)) }),
    )
}

/// The name of label `index` of a classifier: `*bytes` bytes of UTF-8 at `*text`, without a final
/// zero.
///
/// # Safety
/// The pointers are null or point to their types.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sla_label(
    model: *const sla_model,
    index: u32,
    text: *mut *const c_char,
    bytes: *mut usize,
) -> sla_status {
    let label = || {
        // SAFETY: the caller's promise.
        let label = unsafe { sla_model::get(model) }?
            .label(index)
            .ok_or(sla_status::SLA_NO_LABEL)?;
        check(bytes)?;
        // SAFETY: the caller's promise.
        unsafe { put(text, label.as_ptr().cast()) }?;
        // SAFETY: the caller's promise.
        unsafe { put(bytes, label.len()) }
    };
    status(label())
}

/// Runs the file's self-test: the converter's input must give the converter's logits. Scratch may
/// be that of sessions, as if one more used it; the state buffer is no session's.
///
/// # Safety
/// `state` and `scratch` point to as many words as announced, which nobody else uses during the
/// call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sla_self_test(
    model: *const sla_model,
    state: *mut u32,
    state_words: usize,
    scratch: *mut u32,
    scratch_words: usize,
) -> sla_status {
    let test = || {
        let buffers = (
            Span::of(state, state_words)?,
            Span::of(scratch, scratch_words)?,
        );
        apart(&[Span::of(model, 1)?, buffers.0, buffers.1])?;
        // SAFETY: the caller's promises, and they do not overlap.
        let (state, scratch) = unsafe {
            (
                slice_mut(state, state_words)?,
                slice_mut(scratch, scratch_words)?,
            )
        };
        let (stamp, scratch) = stamped(scratch)?;
        // SAFETY: the caller's promise.
        let model = unsafe { sla_model::get(model) }?;
        // Whose results were there, they are gone.
        *stamp = [0; STAMP_WORDS];
        Ok(model.self_test(state, scratch)?)
    };
    status(test())
}
