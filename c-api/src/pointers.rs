//! From C's pointers to slices and references.

use crate::status::sla_status;

/// `len` elements at `at`; nothing at a null pointer is an empty slice.
///
/// # Safety
/// A pointer that is not null points to `len` elements that live and do not change during `'a`.
pub(crate) unsafe fn slice<'a, T>(at: *const T, len: usize) -> Result<&'a [T], sla_status> {
    if len == 0 {
        return Ok(&[]);
    }
    check(at)?;
    // SAFETY: not null, aligned, and the caller vouches for the elements.
    Ok(unsafe { core::slice::from_raw_parts(at, len) })
}

/// As [`slice`], to be written.
///
/// # Safety
/// As [`slice`], and nobody else uses the elements during `'a`.
pub(crate) unsafe fn slice_mut<'a, T>(at: *mut T, len: usize) -> Result<&'a mut [T], sla_status> {
    if len == 0 {
        return Ok(&mut []);
    }
    check(at)?;
    // SAFETY: as above.
    Ok(unsafe { core::slice::from_raw_parts_mut(at, len) })
}

/// Writes a result.
///
/// # Safety
/// A pointer that is not null points to room for a `T`.
pub(crate) unsafe fn put<T>(at: *mut T, value: T) -> Result<(), sla_status> {
    check(at)?;
    // SAFETY: not null, aligned, and the caller vouches for the room.
    unsafe { at.write(value) };
    Ok(())
}

pub(crate) fn check<T>(at: *const T) -> Result<(), sla_status> {
    if at.is_null() {
        Err(sla_status::SLA_NULL)
    } else if !at.is_aligned() {
        Err(sla_status::SLA_MISALIGNED)
    } else {
        Ok(())
    }
}
