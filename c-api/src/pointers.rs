//! From C's pointers to slices and references.

use crate::status::sla_status;

/// Where a buffer lies.
#[derive(Clone, Copy)]
pub(crate) struct Span {
    from: usize,
    to: usize,
}

impl Span {
    /// An empty one, which overlaps nothing.
    pub(crate) const NONE: Self = Self { from: 0, to: 0 };

    /// `len` elements at `at`; nothing at a null pointer is an empty span.
    pub(crate) fn of<T>(at: *const T, len: usize) -> Result<Self, sla_status> {
        if len == 0 {
            return Ok(Self::NONE);
        }
        check(at)?;
        let from = at.addr();
        let bytes = len
            .checked_mul(size_of::<T>())
            .filter(|bytes| isize::try_from(*bytes).is_ok());
        let to = bytes
            .and_then(|bytes| from.checked_add(bytes))
            .ok_or(sla_status::SLA_OVERLAP)?;
        Ok(Self { from, to })
    }

    fn meets(self, other: Self) -> bool {
        self.from < other.to && other.from < self.to
    }
}

/// Refuses buffers that have bytes in common.
pub(crate) fn apart(spans: &[Span]) -> Result<(), sla_status> {
    let mut others = spans.iter();
    while let Some(span) = others.next() {
        if others.clone().any(|other| span.meets(*other)) {
            return Err(sla_status::SLA_OVERLAP);
        }
    }
    Ok(())
}

/// `len` elements at `at`; nothing at a null pointer is an empty slice.
///
/// # Safety
/// A pointer that is not null points to `len` elements that live and do not change during `'a`.
pub(crate) unsafe fn slice<'a, T>(at: *const T, len: usize) -> Result<&'a [T], sla_status> {
    Span::of(at, len)?;
    if len == 0 {
        return Ok(&[]);
    }
    // SAFETY: not null, aligned, no longer than memory can be, and the caller vouches for the
    // elements.
    Ok(unsafe { core::slice::from_raw_parts(at, len) })
}

/// As [`slice`], to be written.
///
/// # Safety
/// As [`slice`], and nobody else uses the elements during `'a`.
pub(crate) unsafe fn slice_mut<'a, T>(at: *mut T, len: usize) -> Result<&'a mut [T], sla_status> {
    Span::of(at, len)?;
    if len == 0 {
        return Ok(&mut []);
    }
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
