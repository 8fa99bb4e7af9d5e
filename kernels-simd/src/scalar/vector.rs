//! Whole vectors: measuring, scaling, rounding (numerics.md N1.5, N2.7, N4.2, N5.4).

use crate::fixed::{bit_len, mulhr, ones, round_shr, sat_shl};
use crate::real::Apply;

/// The smallest 2^b - 1 that no x_j, or -1 - x_j for negative ones, is above (N1.5).
#[must_use]
pub fn magnitude(x: &[i32]) -> u32 {
    ones(x.iter().fold(0, |mask, &x| mask | (x ^ (x >> 31)) as u32))
}

/// `Σ (x_j brought to 24 bits)²` for a vector with magnitude mask `mask`: element j enters as
/// `⌊x_j·2^n⌋` with n = 24 - bit_len(mask) (N4.2). Exact for up to 2^15 elements.
#[must_use]
pub fn sum_squares(x: &[i32], mask: u32) -> u64 {
    let up = 24 - bit_len(mask);
    let square = |x: i32| (i64::from(x) * i64::from(x)) as u64;
    if up >= 0 {
        x.iter()
            .fold(0u64, |sum, &x| sum.wrapping_add(square(x << up)))
    } else {
        x.iter()
            .fold(0u64, |sum, &x| sum.wrapping_add(square(x >> -up)))
    }
}

/// Σ|x_j| (N6.6).
#[must_use]
pub fn sum_magnitudes(x: &[i32]) -> u64 {
    if bit_len(magnitude(x)) + bit_len(x.len() as u32) <= 32 {
        u64::from(
            x.iter()
                .fold(0u32, |sum, x| sum.wrapping_add(x.unsigned_abs())),
        )
    } else {
        x.iter()
            .fold(0u64, |sum, x| sum.wrapping_add(u64::from(x.unsigned_abs())))
    }
}

/// Runs `f` on `(x << up)·mantissa` rounded by `post`: one loop for each usual form, so that no
/// element pays for a choice.
#[inline(always)]
fn for_each(a: Apply, x: impl Iterator<Item = i32>, mut out: impl FnMut(i32)) {
    let Apply { up, mantissa, post } = a;
    match (up, post) {
        (0..=30, 0) => x.for_each(|x| out(mulhr(x << up, mantissa))),
        (0..=30, -30..=-1) => {
            // |mulhr| ≤ 2^30, so adding half a unit cannot overflow.
            let (n, half) = (-post, 1 << (-post - 1));
            x.for_each(|x| out((mulhr(x << up, mantissa) + half) >> n));
        }
        _ => x.for_each(|x| out(a.to(x))),
    }
}

/// Multiplies a vector (N2.7); `a` was made with the alignment of this very vector. Surplus
/// elements of the longer slice are left alone.
pub fn apply(a: Apply, x: &[i32], out: &mut [i32]) {
    let mut out = out.iter_mut();
    for_each(a, x.iter().copied(), |y| {
        if let Some(out) = out.next() {
            *out = y;
        }
    });
}

/// [`apply`] in place.
pub fn apply_in_place(a: Apply, x: &mut [i32]) {
    match (a.up, a.post) {
        (0..=30, -30..=-1) => {
            let (n, half) = (-a.post, 1 << (-a.post - 1));
            x.iter_mut()
                .for_each(|x| *x = (mulhr(*x << a.up, a.mantissa) + half) >> n);
        }
        _ => x.iter_mut().for_each(|x| *x = a.to(*x)),
    }
}

/// [`apply`] to int16, saturated (N4.5).
pub fn apply_i16(a: Apply, x: &[i32], out: &mut [i16]) {
    let mut out = out.iter_mut();
    for_each(a, x.iter().copied(), |y| {
        if let Some(out) = out.next() {
            *out = to_i16(y);
        }
    });
}

/// `shift(x_j, n)` saturated to int16 (N5.4).
pub fn shift_i16(x: &[i32], n: i32, out: &mut [i16]) {
    let pairs = x.iter().zip(out.iter_mut());
    match n {
        -31..=-1 => {
            let n = n.unsigned_abs();
            pairs.for_each(|(x, out)| *out = to_i16((x >> n) + ((x >> (n - 1)) & 1)));
        }
        0.. => pairs.for_each(|(x, out)| *out = to_i16(sat_shl(*x, n as u32))),
        _ => pairs.for_each(|(_, out)| *out = 0),
    }
}

/// `out_j = shift(x_j, n)` (N1.4), where a left shift is known not to overflow.
pub fn shift_into(x: &[i32], n: i32, out: &mut [i32]) {
    let pairs = x.iter().zip(out.iter_mut());
    match n {
        0.. => pairs.for_each(|(x, out)| *out = x << n.min(31)),
        _ => pairs.for_each(|(x, out)| *out = round_shr(*x, n.unsigned_abs())),
    }
}

/// `x_j ← shift(x_j, n)` (N1.4).
pub fn shift_in_place(x: &mut [i32], n: i32) {
    match n {
        0 => {}
        -31..=-1 => {
            let n = n.unsigned_abs();
            x.iter_mut()
                .for_each(|x| *x = (*x >> n) + ((*x >> (n - 1)) & 1));
        }
        1.. => x.iter_mut().for_each(|x| *x = sat_shl(*x, n as u32)),
        _ => x.fill(0),
    }
}

/// `x_j ← sat(x_j + y_j)` (N5.2, N5.5).
pub fn add_saturating(x: &mut [i32], y: &[i32]) {
    x.iter_mut()
        .zip(y)
        .for_each(|(x, y)| *x = x.saturating_add(*y));
}

#[inline(always)]
pub(crate) fn to_i16(x: i32) -> i16 {
    x.clamp(-(1 << 15), (1 << 15) - 1) as i16
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixed::shift;
    use crate::real::{Real, align};

    #[test]
    fn vectors_equal_their_elements() {
        let x: [i32; 6] = [0, 1, -1, 12_345, -999_999, 1_000_003];
        for bits in [0, 3, 10] {
            let x = x.map(|x| x << bits);
            let up = align(magnitude(&x));
            for frac in -40..40 {
                let a = Real::new(0xdead_beef, -31).applied(up, frac);
                let want = x.map(|x| a.to(x));
                let (mut out, mut place, mut short) = ([7; 6], x, [7i16; 7]);
                apply(a, &x, &mut out);
                apply_in_place(a, &mut place);
                apply_i16(a, &x, &mut short);
                assert_eq!((out, place), (want, want), "{bits} {frac}");
                assert_eq!(short[..6], want.map(to_i16));
                assert_eq!(short[6], 7);
                let (mut place, want) = (x, x.map(|x| shift(x, frac)));
                shift_in_place(&mut place, frac);
                shift_i16(&x, frac, &mut short);
                assert_eq!(place, want);
                assert_eq!(short[..6], want.map(to_i16));
            }
        }
    }
}
