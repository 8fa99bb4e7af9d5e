//! Slices of lengths that [`Model::parse`](crate::Model::parse) has checked. Should one be wrong
//! all the same, a debug build says so, and a release build goes on with nothing instead of a
//! panic.

use bytemuck::Pod;
use core::slice::SliceIndex;

/// `x[range]`.
#[inline(always)]
pub(crate) fn part<T, R: SliceIndex<[T], Output = [T]>>(x: &[T], range: R) -> &[T] {
    let part = x.get(range);
    debug_assert!(part.is_some(), "a slice shorter than was checked");
    part.unwrap_or_default()
}

/// `x[range]`, to be changed.
#[inline(always)]
pub(crate) fn part_mut<T, R: SliceIndex<[T], Output = [T]>>(x: &mut [T], range: R) -> &mut [T] {
    let part = x.get_mut(range);
    debug_assert!(part.is_some(), "a slice shorter than was checked");
    part.unwrap_or_default()
}

/// The same bytes as elements of another type.
#[inline(always)]
pub(crate) fn cast<A: Pod, B: Pod>(x: &[A]) -> &[B] {
    let cast = bytemuck::try_cast_slice(x);
    debug_assert!(cast.is_ok(), "bytes that are not aligned as was checked");
    cast.unwrap_or_default()
}

/// The same bytes as elements of another type, to be changed.
#[inline(always)]
pub(crate) fn cast_mut<A: Pod, B: Pod>(x: &mut [A]) -> &mut [B] {
    let cast = bytemuck::try_cast_slice_mut(x);
    debug_assert!(cast.is_ok(), "words that are not aligned as was checked");
    cast.unwrap_or_default()
}

/// Takes the first `n` elements off `rest`. A lane that there is no room for has none.
#[inline(never)]
pub(crate) fn take<'a, T>(rest: &mut &'a mut [T], n: usize) -> &'a mut [T] {
    debug_assert!(rest.is_empty() || n <= rest.len(), "a region too short");
    match core::mem::take(rest).split_at_mut_checked(n) {
        Some((first, others)) => {
            *rest = others;
            first
        }
        None => &mut [],
    }
}
