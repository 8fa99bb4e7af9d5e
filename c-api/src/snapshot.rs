//! Sessions as bytes (docs/snapshot.md).

use sla_runtime::Session;

use crate::attach::{Use, with_buffer};
use crate::pointers::{put, slice, slice_mut};
use crate::session::sla_session;
use crate::status::{sla_status, status};
use crate::storage::Storage;

/// Length of the snapshots of this session's model.
///
/// # Safety
/// `session` is null or points to an open or zeroed session, `bytes` is null or points to its type.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sla_snapshot_bytes(
    session: *const sla_session,
    bytes: *mut usize,
) -> sla_status {
    let get = || {
        // SAFETY: the caller's promise.
        let (_, session) = unsafe { sla_session::get(session)?.attach() }?;
        let model = session.model();
        // SAFETY: the caller's promise.
        unsafe { put(bytes, model.plan().snapshot_bytes(model.desc())) }
    };
    status(get())
}

/// Writes the session to `out`: what `sla_restore` goes on from, here or on another machine. A step
/// in slices is finished first.
///
/// # Safety
/// As `sla_reset`; `out` points to room for `bytes` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sla_save(
    session: *mut sla_session,
    out: *mut u8,
    bytes: usize,
) -> sla_status {
    let mut save = |session: &mut Session<'_, 'static>| {
        // SAFETY: the caller's promise; the session has no part of them.
        let out = unsafe { slice_mut(out, bytes) }?;
        session.save(out).map_err(|_| sla_status::SLA_ROOM)?;
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { with_buffer(session, Use::Save, (out, bytes), &mut save) }
}

/// Goes on from a snapshot. One that is refused leaves the session as it was.
///
/// # Safety
/// As `sla_reset`; `snapshot` points to `bytes` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sla_restore(
    session: *mut sla_session,
    snapshot: *const u8,
    bytes: usize,
) -> sla_status {
    let mut restore = |session: &mut Session<'_, 'static>| {
        // SAFETY: the caller's promise; the session has no part of them.
        let snapshot = unsafe { slice(snapshot, bytes) }?;
        Ok(session.restore(snapshot)?)
    };
    // SAFETY: the caller's promise.
    unsafe { with_buffer(session, Use::Restore, (snapshot, bytes), &mut restore) }
}
