//! Rust values in storage that C owns.

use core::mem::{align_of, size_of};

use crate::pointers::check;
use crate::status::sla_status;

/// What storage begins with while it is open.
const OPEN: u32 = 0x51a_0be2;

/// A value in storage.
#[repr(C)]
pub(crate) struct Slot<T> {
    open: u32,
    value: T,
}

/// Storage of a size that C knows, for a Rust value whose size it cannot know.
///
/// # Safety
/// `FITS` is evaluated by every implementation's methods; the type is plain memory.
pub(crate) unsafe trait Storage: Sized {
    /// What it holds.
    type Value;

    /// Fails to compile where the storage is too small.
    const FITS: () = {
        assert!(
            size_of::<Slot<Self::Value>>() <= size_of::<Self>(),
            "the storage is too small"
        );
        assert!(
            align_of::<Slot<Self::Value>>() <= align_of::<Self>(),
            "the storage is aligned too little"
        );
    };

    /// Puts a value into storage.
    ///
    /// # Safety
    /// A pointer that is not null points to storage that nobody else uses.
    unsafe fn open(at: *mut Self, value: Self::Value) -> Result<(), sla_status> {
        const { Self::FITS };
        check(at)?;
        // SAFETY: not null, aligned for `Self` and so for the slot, which fits; what was there
        // needs no drop.
        unsafe {
            at.cast::<Slot<Self::Value>>()
                .write(Slot { open: OPEN, value })
        };
        Ok(())
    }

    /// The value in open storage, which others may read too.
    ///
    /// # Safety
    /// A pointer that is not null points to initialised memory of the storage's size, which nobody
    /// writes during `'a` and whose value, if it is open, is still where it was opened.
    unsafe fn get<'a>(at: *const Self) -> Result<&'a Self::Value, sla_status> {
        const { Self::FITS };
        check(at)?;
        let slot = at.cast::<Slot<Self::Value>>();
        // SAFETY: not null, aligned, initialised; a u32 may have any bits.
        if unsafe { (&raw const (*slot).open).read() } != OPEN {
            return Err(sla_status::SLA_NOT_OPEN);
        }
        // SAFETY: only `open` writes the mark, together with a value.
        Ok(unsafe { &(*slot).value })
    }

    /// As [`Storage::get`], to be changed.
    ///
    /// # Safety
    /// As [`Storage::get`], and nobody else reads it during `'a`.
    unsafe fn get_mut<'a>(at: *mut Self) -> Result<&'a mut Self::Value, sla_status> {
        // SAFETY: the caller's promise. The reference is gone before the next one is made.
        unsafe { Self::get(at) }?;
        // SAFETY: it is open, and the caller's promise.
        Ok(unsafe { &mut (*at.cast::<Slot<Self::Value>>()).value })
    }

    /// Calls `f`, which runs the caller's code, with the value. The storage is not open meanwhile,
    /// so that code cannot use it.
    ///
    /// # Safety
    /// As [`Storage::get_mut`].
    unsafe fn lend(at: *mut Self, f: impl FnOnce(&mut Self::Value)) -> Result<(), sla_status> {
        // SAFETY: the caller's promise.
        let value = unsafe { Self::get_mut(at) }?;
        // SAFETY: it is open; the value has no part of the mark.
        let mark = unsafe { &raw mut (*at.cast::<Slot<Self::Value>>()).open };
        // SAFETY: as above.
        unsafe { mark.write(0) };
        f(value);
        // SAFETY: as above.
        unsafe { mark.write(OPEN) };
        Ok(())
    }
}
