//! A session between calls: where its parts are, and whose results the scratch buffer holds.
//!
//! Sessions share models, and may share scratch, so no borrow of either outlives a call. Scratch
//! begins with a stamp, the session that used it last and which use it was; a session that does not
//! find its own takes nothing from what is there.

use sla_runtime::Session;

use crate::model::sla_model;
use crate::pointers::{Span, apart, slice, slice_mut};
use crate::session::sla_session;
use crate::status::{sla_status, status};
use crate::storage::Storage;

/// Address of the session and number of the use, two words each: no two uses are alike while both
/// sessions are open, and nothing that its owner fills memory with is one.
type Stamp = [u32; STAMP_WORDS];

/// Words of scratch before those of the runtime's plan. A multiple of four leaves these aligned as
/// the buffer is.
pub(crate) const STAMP_WORDS: usize = 4;

/// What a call does with scratch.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    /// Nothing; a step that had begun is dropped.
    Reset,
    /// Fills it from a snapshot; a step that had begun is dropped.
    Restore,
    /// Fills it by a step, after the end of one that had begun.
    Step,
    /// Goes on with a step that has begun.
    Slice,
    /// Reads what the last step left, if there was one.
    Save,
    /// The same, and there has to be one.
    Logits,
}

/// A step that has begun.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Begun {
    /// None of it has run: the state is still that from before it.
    Whole,
    /// As [`Begun::Whole`], but what was in scratch is gone, and the caller knows.
    Lost,
    /// Some of it has run, and can be neither undone nor done again.
    Part,
}

/// What the storage of a session holds.
pub(crate) struct Parts {
    model: *const sla_model,
    /// Of the model that it was opened with.
    model_id: u32,
    state: *mut u32,
    state_words: usize,
    scratch: *mut u32,
    scratch_words: usize,
    /// Slices of the last step that are left.
    left: usize,
    /// What has run of it, if any are left.
    begun: Begun,
    /// Times that it has filled scratch.
    uses: u64,
}

impl Parts {
    /// A session at the start of a stream, to be opened at `at`. Scratch is not touched.
    ///
    /// # Safety
    /// As `sla_session_open`.
    pub(crate) unsafe fn new(
        at: *const sla_session,
        model: *const sla_model,
        (state, state_words): (*mut u32, usize),
        (scratch, scratch_words): (*mut u32, usize),
    ) -> Result<Self, sla_status> {
        let buffers = (
            Span::of(state, state_words)?,
            Span::of(scratch, scratch_words)?,
        );
        apart(&[Span::of(at, 1)?, Span::of(model, 1)?, buffers.0, buffers.1])?;
        // SAFETY: the caller's promise.
        let model_id = unsafe { sla_model::get(model) }?.id();
        let (left, begun, uses) = (0, Begun::Whole, 0);
        let parts = Self {
            model,
            model_id,
            state,
            state_words,
            scratch,
            scratch_words,
            left,
            begun,
            uses,
        };
        // SAFETY: the caller's promise.
        unsafe { parts.attach() }?.1.reset();
        Ok(parts)
    }

    /// The stamp of its scratch buffer, and the session.
    ///
    /// # Safety
    /// Model and buffers are still there, and nobody else uses the buffers during `'a`.
    pub(crate) unsafe fn attach<'a>(
        &self,
    ) -> Result<(&'a mut Stamp, Session<'a, 'static>), sla_status> {
        // SAFETY: the caller's promise.
        let model = unsafe { sla_model::get(self.model) }?;
        if model.id() != self.model_id {
            return Err(sla_status::SLA_NOT_OPEN);
        }
        // SAFETY: the caller's promise, and they do not overlap.
        let (state, scratch) = unsafe {
            (
                slice_mut(self.state, self.state_words)?,
                slice_mut(self.scratch, self.scratch_words)?,
            )
        };
        let (stamp, scratch) = stamped(scratch)?;
        Ok((stamp, Session::resume(model, state, scratch, self.left)?))
    }

    /// What it has written into scratch that it used.
    fn stamp(&self, at: *const sla_session) -> Stamp {
        let (address, uses) = (at.addr() as u64, self.uses);
        [
            address as u32,
            (address >> 32) as u32,
            uses as u32,
            (uses >> 32) as u32,
        ]
    }

    /// Refuses a call that needs what is gone from scratch of a step that has begun.
    fn mourn(&mut self, purpose: Use) -> Result<(), sla_status> {
        match (purpose, self.begun) {
            (Use::Reset | Use::Restore, _) => return Ok(()),
            (Use::Step, Begun::Lost) => {
                self.left = 0;
                return Ok(());
            }
            (_, Begun::Whole) => self.begun = Begun::Lost,
            (_, Begun::Lost | Begun::Part) => {}
        }
        Err(sla_status::SLA_DISPLACED)
    }
}

/// The stamp at the start of scratch, and the rest of it.
pub(crate) fn stamped(scratch: &mut [u32]) -> Result<(&mut Stamp, &mut [u32]), sla_status> {
    scratch
        .split_first_chunk_mut()
        .ok_or(sla_status::SLA_SCRATCH)
}

/// Calls `f` with the session, unless that needs what something else has displaced from scratch.
///
/// # Safety
/// `at` is null or points to its storage, and the model and buffers that it was opened with are
/// still there.
pub(crate) unsafe fn with(
    at: *mut sla_session,
    purpose: Use,
    f: &mut dyn FnMut(&mut Session<'_, 'static>) -> Result<(), sla_status>,
) -> sla_status {
    // SAFETY: the caller's promise.
    status(unsafe { call(at, purpose, Span::NONE, f) })
}

/// As [`with`], unless `buffer`, of `len` elements, has a part of the session's.
///
/// # Safety
/// As [`with`].
pub(crate) unsafe fn with_buffer<T>(
    at: *mut sla_session,
    purpose: Use,
    (buffer, len): (*const T, usize),
    f: &mut dyn FnMut(&mut Session<'_, 'static>) -> Result<(), sla_status>,
) -> sla_status {
    // SAFETY: the caller's promise.
    status(Span::of(buffer, len).and_then(|buffer| unsafe { call(at, purpose, buffer, f) }))
}

/// # Safety
/// As [`with`].
unsafe fn call(
    at: *mut sla_session,
    purpose: Use,
    buffer: Span,
    f: &mut dyn FnMut(&mut Session<'_, 'static>) -> Result<(), sla_status>,
) -> Result<(), sla_status> {
    // SAFETY: the caller's promise.
    let parts = unsafe { sla_session::get_mut(at) }?;
    apart(&[
        buffer,
        Span::of(parts.state, parts.state_words)?,
        Span::of(parts.scratch, parts.scratch_words)?,
    ])?;
    let own = parts.stamp(at);
    // SAFETY: the caller's promise.
    let is_displaced =
        unsafe { slice(parts.scratch, parts.scratch_words) }?.first_chunk() != Some(&own);
    if parts.left > 0 && is_displaced {
        parts.mourn(purpose)?;
    }
    // SAFETY: the caller's promise.
    let (stamp, mut session) = unsafe { parts.attach() }?;
    if parts.left == 0 && matches!(purpose, Use::Save | Use::Logits) {
        match session.position() {
            0 if purpose == Use::Logits => return Err(sla_status::SLA_NO_STEP),
            1.. if is_displaced => return Err(sla_status::SLA_DISPLACED),
            _ => {}
        }
    }
    let result = f(&mut session);
    parts.left = session.pending().left();
    result?;
    match purpose {
        Use::Step => parts.begun = Begun::Whole,
        Use::Slice => parts.begun = Begun::Part,
        Use::Reset | Use::Restore | Use::Save | Use::Logits => {}
    }
    if matches!(purpose, Use::Step | Use::Restore) {
        parts.uses = parts.uses.wrapping_add(1);
        *stamp = parts.stamp(at);
    }
    Ok(())
}
