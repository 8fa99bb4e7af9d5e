//! Sessions: a model with its state.

use sla_runtime::{I16F16, Logits, Session};

use crate::attach::{Parts, Use, with, with_buffer};
use crate::model::sla_model;
use crate::pointers::{put, slice, slice_mut};
use crate::status::{sla_status, status};
use crate::storage::Storage;

/// Storage of a session.
#[repr(C)]
pub struct sla_session {
    /// Not for use.
    opaque: [u64; 16],
}

// SAFETY: plain memory.
unsafe impl Storage for sla_session {
    type Value = Parts;
}

/// The logits of the last step, which is finished first if it is in slices.
pub(crate) fn logits<'a>(session: &'a mut Session<'_, 'static>) -> Logits<'a, 'static> {
    session.pending().finish()
}

/// Opens a session at the start of a stream. The buffers are of the sizes of `sla_model_plan` or
/// longer and may hold anything; they are buffers of their own, but for scratch, which sessions can
/// share.
///
/// # Safety
/// Model, buffers and session stay where they are, and only the session's calls change its state
/// buffer, while the session is used.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sla_session_open(
    session: *mut sla_session,
    model: *const sla_model,
    state: *mut u32,
    state_words: usize,
    scratch: *mut u32,
    scratch_words: usize,
) -> sla_status {
    let open = || {
        // SAFETY: the caller's promises.
        let parts = unsafe {
            Parts::new(
                session,
                model,
                (state, state_words),
                (scratch, scratch_words),
            )
        }?;
        // SAFETY: the caller's promise.
        unsafe { sla_session::open(session, parts) }
    };
    status(open())
}

/// Back to the start of a stream.
///
/// # Safety
/// `session` is null or points to an open or zeroed session.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sla_reset(session: *mut sla_session) -> sla_status {
    let mut reset = |session: &mut Session<'_, 'static>| {
        session.reset();
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { with(session, Use::Reset, &mut reset) }
}

/// Steps taken since the start of the stream.
///
/// # Safety
/// As `sla_reset`; `position` is null or points to its type.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sla_position(
    session: *const sla_session,
    position: *mut u64,
) -> sla_status {
    let get = || {
        // SAFETY: the caller's promises.
        let (_, session) = unsafe { sla_session::get(session)?.attach() }?;
        // SAFETY: the caller's promise.
        unsafe { put(position, session.position()) }
    };
    status(get())
}

/// Advances by one token. Logits are computed when they are asked for.
///
/// # Safety
/// As `sla_reset`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sla_step(session: *mut sla_session, token: u32) -> sla_status {
    let mut step = |session: &mut Session<'_, 'static>| {
        session.step(token)?;
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { with(session, Use::Step, &mut step) }
}

/// Advances by one feature vector: `len` raw values with `feature_frac` fraction bits.
///
/// # Safety
/// As `sla_reset`; `features` points to `len` values.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sla_step_features(
    session: *mut sla_session,
    features: *const i32,
    len: usize,
) -> sla_status {
    let mut step = |session: &mut Session<'_, 'static>| {
        // SAFETY: the caller's promise; the session has no part of them.
        session.step_features(unsafe { slice(features, len) }?)?;
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { with_buffer(session, Use::Step, (features, len), &mut step) }
}

/// Advances over a prompt; only the last token's logits can be asked for.
///
/// # Safety
/// As `sla_reset`; `tokens` points to `len` tokens.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sla_prefill(
    session: *mut sla_session,
    tokens: *const u32,
    len: usize,
) -> sla_status {
    let mut step = |session: &mut Session<'_, 'static>| {
        // SAFETY: the caller's promise; the session has no part of them.
        session.prefill(unsafe { slice(tokens, len) }?)?;
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { with_buffer(session, Use::Step, (tokens, len), &mut step) }
}

/// Begins `sla_step`, to be done in slices.
///
/// # Safety
/// As `sla_reset`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sla_step_begin(session: *mut sla_session, token: u32) -> sla_status {
    let mut begin = |session: &mut Session<'_, 'static>| {
        session.slices(token)?;
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { with(session, Use::Step, &mut begin) }
}

/// Begins `sla_step_features`, to be done in slices.
///
/// # Safety
/// As `sla_step_features`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sla_step_features_begin(
    session: *mut sla_session,
    features: *const i32,
    len: usize,
) -> sla_status {
    let mut begin = |session: &mut Session<'_, 'static>| {
        // SAFETY: the caller's promise; the session has no part of them.
        session.slices_features(unsafe { slice(features, len) }?)?;
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { with_buffer(session, Use::Step, (features, len), &mut begin) }
}

/// Runs the next slice of a step that has begun and says how many are left. Without one it does
/// nothing.
///
/// # Safety
/// As `sla_reset`; `left` is null or points to its type.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sla_slice(session: *mut sla_session, left: *mut usize) -> sla_status {
    let mut slice = |session: &mut Session<'_, 'static>| {
        let mut slices = session.pending();
        slices.run_next();
        // SAFETY: the caller's promise; the session has no part of it.
        unsafe { put(left, slices.left()) }
    };
    // SAFETY: the caller's promise.
    unsafe { with_buffer(session, Use::Slice, (left, 1), &mut slice) }
}

/// Writes the logits of the last step, Q16: all of them (`outputs` of `sla_model_info`), or the
/// first `len`. Room behind them is left as it is. A step in slices is finished first.
///
/// # Safety
/// As `sla_reset`; `out` points to room for `len` values.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sla_logits(
    session: *mut sla_session,
    out: *mut i32,
    len: usize,
) -> sla_status {
    let mut write = |session: &mut Session<'_, 'static>| {
        // SAFETY: the caller's promise; the session has no part of them.
        let out: &mut [I16F16] = unsafe { slice_mut(out.cast(), len) }?;
        logits(session).write(out);
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { with_buffer(session, Use::Logits, (out, len), &mut write) }
}

/// The index of the largest logit, the first of equals.
///
/// # Safety
/// As `sla_reset`; `best` is null or points to its type.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sla_argmax(session: *mut sla_session, best: *mut u32) -> sla_status {
    // SAFETY: the caller's promise; the session has no part of it.
    let mut argmax =
        |session: &mut Session<'_, 'static>| unsafe { put(best, logits(session).argmax()) };
    // SAFETY: the caller's promise.
    unsafe { with_buffer(session, Use::Logits, (best, 1), &mut argmax) }
}
