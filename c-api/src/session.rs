//! Sessions: a model with its state.

use sla_runtime::{I16F16, Logits, Session};

use crate::model::sla_model;
use crate::pointers::{put, slice, slice_mut};
use crate::status::{sla_status, status};
use crate::storage::Storage;

/// Storage of a session.
#[repr(C)]
pub struct sla_session {
    /// Not for use.
    opaque: [u64; 64],
}

// SAFETY: plain memory.
unsafe impl Storage for sla_session {
    type Value = Session<'static, 'static>;
}

/// Calls `f` with the session.
///
/// # Safety
/// `session` is null or points to its storage, and the model and buffers that it was opened with are still there.
pub(crate) unsafe fn with(
    session: *mut sla_session,
    f: impl FnOnce(&mut Session<'static, 'static>) -> Result<(), sla_status>,
) -> sla_status {
    // SAFETY: the caller's promise.
    status(unsafe { sla_session::get(session) }.and_then(f))
}

/// The logits of the last step, which is finished first if it is in slices.
pub(crate) fn logits<'a>(session: &'a mut Session<'static, 'static>) -> Result<Logits<'a, 'static>, sla_status> {
    if session.position() == 0 && session.pending().left() == 0 {
        return Err(sla_status::SLA_NO_STEP);
    }
    Ok(session.pending().finish())
}

/// Opens a session at the start of a stream. The buffers are of the sizes of `sla_model_plan` or longer and may hold anything.
///
/// # Safety
/// Model, buffers and session stay where they are, and nobody else uses the buffers, while the session is used.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sla_session_open(
    session: *mut sla_session,
    model: *mut sla_model,
    state: *mut u32,
    state_words: usize,
    scratch: *mut u32,
    scratch_words: usize,
) -> sla_status {
    let open = || {
        // SAFETY: the caller's promises.
        let (state, scratch) = unsafe { (slice_mut(state, state_words)?, slice_mut(scratch, scratch_words)?) };
        // SAFETY: the caller's promise.
        let opened = Session::new(unsafe { sla_model::get(model) }?, state, scratch)?;
        // SAFETY: the caller's promise.
        unsafe { sla_session::open(session, opened) }
    };
    status(open())
}

/// Back to the start of a stream.
///
/// # Safety
/// `session` is null or points to an open or zeroed session.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sla_reset(session: *mut sla_session) -> sla_status {
    // SAFETY: the caller's promise.
    unsafe {
        with(session, |session| {
            session.reset();
            Ok(())
        })
    }
}

/// Steps taken since the start of the stream.
///
/// # Safety
/// As `sla_reset`; `position` is null or points to its type.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sla_position(session: *mut sla_session, position: *mut u64) -> sla_status {
    // SAFETY: the caller's promises.
    unsafe { with(session, |session| put(position, session.position())) }
}

/// Advances by one token. Logits are computed when they are asked for.
///
/// # Safety
/// As `sla_reset`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sla_step(session: *mut sla_session, token: u32) -> sla_status {
    // SAFETY: the caller's promise.
    unsafe {
        with(session, |session| {
            session.step(token)?;
            Ok(())
        })
    }
}

/// Advances by one feature vector: `len` raw values with `feature_frac` fraction bits.
///
/// # Safety
/// As `sla_reset`; `features` points to `len` values.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sla_step_features(session: *mut sla_session, features: *const i32, len: usize) -> sla_status {
    // SAFETY: the caller's promises.
    unsafe {
        with(session, |session| {
            session.step_features(slice(features, len)?)?;
            Ok(())
        })
    }
}

/// Advances over a prompt; only the last token's logits can be asked for.
///
/// # Safety
/// As `sla_reset`; `tokens` points to `len` tokens.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sla_prefill(session: *mut sla_session, tokens: *const u32, len: usize) -> sla_status {
    // SAFETY: the caller's promises.
    unsafe {
        with(session, |session| {
            session.prefill(slice(tokens, len)?)?;
            Ok(())
        })
    }
}

/// Begins `sla_step`, to be done in slices.
///
/// # Safety
/// As `sla_reset`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sla_step_begin(session: *mut sla_session, token: u32) -> sla_status {
    // SAFETY: the caller's promise.
    unsafe {
        with(session, |session| {
            session.slices(token)?;
            Ok(())
        })
    }
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
    // SAFETY: the caller's promises.
    unsafe {
        with(session, |session| {
            session.slices_features(slice(features, len)?)?;
            Ok(())
        })
    }
}

/// Runs the next slice of a step that has begun and says how many are left. Without one it does nothing.
///
/// # Safety
/// As `sla_reset`; `left` is null or points to its type.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sla_slice(session: *mut sla_session, left: *mut usize) -> sla_status {
    // SAFETY: the caller's promises.
    unsafe {
        with(session, |session| {
            let mut slices = session.pending();
            slices.run_next();
            put(left, slices.left())
        })
    }
}

/// Writes the logits of the last step, Q16: all of them (`outputs` of `sla_model_info`), or the first `len`. Room behind them is left as
/// it is. A step in slices is finished first.
///
/// # Safety
/// As `sla_reset`; `out` points to room for `len` values.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sla_logits(session: *mut sla_session, out: *mut i32, len: usize) -> sla_status {
    // SAFETY: the caller's promises.
    unsafe {
        with(session, |session| {
            let out: &mut [I16F16] = slice_mut(out.cast(), len)?;
            logits(session)?.write(out);
            Ok(())
        })
    }
}

/// The index of the largest logit, the first of equals.
///
/// # Safety
/// As `sla_reset`; `best` is null or points to its type.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sla_argmax(session: *mut sla_session, best: *mut u32) -> sla_status {
    // SAFETY: the caller's promises.
    unsafe { with(session, |session| put(best, logits(session)?.argmax())) }
}
