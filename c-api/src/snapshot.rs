//! Sessions as bytes (docs/snapshot.md).

use crate::pointers::{put, slice, slice_mut};
use crate::session::{sla_session, with};
use crate::status::sla_status;

/// Length of the snapshots of this session's model.
///
/// # Safety
/// `session` is null or points to an open or zeroed session, `bytes` is null or points to its type.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sla_snapshot_bytes(session: *mut sla_session, bytes: *mut usize) -> sla_status {
    // SAFETY: the caller's promises.
    unsafe {
        with(session, |session| {
            let model = session.model();
            put(bytes, model.plan().snapshot_bytes(model.desc()))
        })
    }
}

/// Writes the session to `out`: what `sla_restore` goes on from, here or on another machine. A step in slices is finished first.
///
/// # Safety
/// As `sla_reset`; `out` points to room for `bytes` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sla_save(session: *mut sla_session, out: *mut u8, bytes: usize) -> sla_status {
    // SAFETY: the caller's promises.
    unsafe {
        with(session, |session| {
            session.save(slice_mut(out, bytes)?).map_err(|_| sla_status::SLA_ROOM)?;
            Ok(())
        })
    }
}

/// Goes on from a snapshot. One that is refused leaves the session as it was.
///
/// # Safety
/// As `sla_reset`; `snapshot` points to `bytes` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sla_restore(session: *mut sla_session, snapshot: *const u8, bytes: usize) -> sla_status {
    // SAFETY: the caller's promises.
    unsafe { with(session, |session| Ok(session.restore(slice(snapshot, bytes)?)?)) }
}
