//! Whole vectors (numerics.md N1.5, N2.7, N4.2, N5.4): the oracle's formulas in chunks of one
//! vector, since a head's vectors are short, and loops that the compiler unrolls for long ones
//! would leave them to their remainders.

use crate::fixed::{bit_len, mulhr, ones, round_shr, sat_shl};
use crate::real::Apply;
use crate::scalar::vector as scalar;

/// Elements of a vector.
const LANES: usize = 8;

/// `out_j = f(x_j)`; surplus elements of the longer slice are left alone.
#[inline]
#[target_feature(enable = "avx2")]
fn map<T: Copy>(x: &[i32], out: &mut [T], f: impl Fn(i32) -> T) {
    let len = x.len().min(out.len());
    let ((x, x_rest), (out, rest)) = (
        x[..len].as_chunks::<LANES>(),
        out[..len].as_chunks_mut::<LANES>(),
    );
    x.iter().zip(out).for_each(|(x, out)| *out = x.map(&f));
    x_rest.iter().zip(rest).for_each(|(x, out)| *out = f(*x));
}

/// [`map`] in place.
#[inline]
#[target_feature(enable = "avx2")]
fn map_in_place(x: &mut [i32], f: impl Fn(i32) -> i32) {
    let (chunks, rest) = x.as_chunks_mut::<LANES>();
    chunks.iter_mut().for_each(|x| *x = x.map(&f));
    rest.iter_mut().for_each(|x| *x = f(*x));
}

/// Folds `f` over the elements in eight lanes, and then the lanes.
#[inline]
#[target_feature(enable = "avx2")]
fn fold<T: Copy + Default>(x: &[i32], f: impl Fn(i32) -> T, add: impl Fn(T, T) -> T) -> T {
    let (chunks, rest) = x.as_chunks::<LANES>();
    let mut lanes = [T::default(); LANES];
    for x in chunks {
        lanes
            .iter_mut()
            .zip(x)
            .for_each(|(lane, x)| *lane = add(*lane, f(*x)));
    }
    let sum = lanes.into_iter().fold(T::default(), &add);
    rest.iter().fold(sum, |sum, x| add(sum, f(*x)))
}

/// [`scalar::magnitude`].
#[target_feature(enable = "avx2")]
pub fn magnitude(x: &[i32]) -> u32 {
    ones(fold(x, |x| (x ^ (x >> 31)) as u32, |a, b| a | b))
}

/// [`scalar::sum_squares`].
#[target_feature(enable = "avx2")]
pub fn sum_squares(x: &[i32], mask: u32) -> u64 {
    let up = 24 - bit_len(mask);
    let square = |x: i32| (i64::from(x) * i64::from(x)) as u64;
    if up >= 0 {
        fold(x, |x| square(x << up), u64::wrapping_add)
    } else {
        fold(x, |x| square(x >> -up), u64::wrapping_add)
    }
}

/// [`scalar::sum_magnitudes`].
#[target_feature(enable = "avx2")]
pub fn sum_magnitudes(x: &[i32]) -> u64 {
    fold(x, |x| u64::from(x.unsigned_abs()), u64::wrapping_add)
}

/// [`scalar::add_saturating`].
#[target_feature(enable = "avx2")]
pub fn add_saturating(x: &mut [i32], y: &[i32]) {
    let len = x.len().min(y.len());
    let ((x, x_rest), (y, y_rest)) = (
        x[..len].as_chunks_mut::<LANES>(),
        y[..len].as_chunks::<LANES>(),
    );
    for (x, y) in x.iter_mut().zip(y) {
        x.iter_mut()
            .zip(y)
            .for_each(|(x, y)| *x = x.saturating_add(*y));
    }
    scalar::add_saturating(x_rest, y_rest);
}

/// The formula of an [`Apply`] with the usual shifts: |mulhr| ≤ 2^30, so adding half a unit cannot
/// overflow.
#[inline]
#[target_feature(enable = "avx2")]
fn usual(a: Apply) -> Option<impl Fn(i32) -> i32> {
    let n = a
        .post
        .checked_neg()
        .filter(|n| (0..=30).contains(n) && (0..=30).contains(&a.up))?;
    let half = (1 << n) >> 1;
    Some(move |x: i32| (mulhr(x << a.up, a.mantissa) + half) >> n)
}

/// [`scalar::apply`].
#[target_feature(enable = "avx2")]
pub fn apply(a: Apply, x: &[i32], out: &mut [i32]) {
    match usual(a) {
        Some(f) => map(x, out, f),
        None => scalar::apply(a, x, out),
    }
}

/// [`scalar::apply_in_place`].
#[target_feature(enable = "avx2")]
pub fn apply_in_place(a: Apply, x: &mut [i32]) {
    match usual(a) {
        Some(f) => map_in_place(x, f),
        None => scalar::apply_in_place(a, x),
    }
}

/// [`scalar::apply_i16`].
#[target_feature(enable = "avx2")]
pub fn apply_i16(a: Apply, x: &[i32], out: &mut [i16]) {
    match usual(a) {
        Some(f) => map(x, out, |x| scalar::to_i16(f(x))),
        None => scalar::apply_i16(a, x, out),
    }
}

/// [`scalar::shift_i16`].
#[target_feature(enable = "avx2")]
pub fn shift_i16(x: &[i32], n: i32, out: &mut [i16]) {
    match n {
        -31..=-1 => {
            let n = n.unsigned_abs();
            map(x, out, |x| scalar::to_i16((x >> n) + ((x >> (n - 1)) & 1)));
        }
        0.. => map(x, out, |x| scalar::to_i16(sat_shl(x, n as u32))),
        _ => map(x, out, |_| 0),
    }
}

/// [`scalar::shift_into`].
#[target_feature(enable = "avx2")]
pub fn shift_into(x: &[i32], n: i32, out: &mut [i32]) {
    match n {
        0.. => map(x, out, |x| x << n.min(31)),
        _ => map(x, out, |x| round_shr(x, n.unsigned_abs())),
    }
}

/// [`scalar::shift_in_place`].
#[target_feature(enable = "avx2")]
pub fn shift_in_place(x: &mut [i32], n: i32) {
    match n {
        0 => {}
        -31..=-1 => {
            let n = n.unsigned_abs();
            map_in_place(x, |x| (x >> n) + ((x >> (n - 1)) & 1));
        }
        _ => scalar::shift_in_place(x, n),
    }
}
