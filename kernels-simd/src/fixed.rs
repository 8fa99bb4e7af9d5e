//! Fixed-point primitives (numerics.md N1).

/// `round(a·b / 2^32)`, ties up: the one multiplication of the token path (N1.1).
///
/// One `SMMULR` on Armv7E-M, one `VRMULH.S32` on Helium. Cannot overflow: |result| ≤ 2^30.
#[inline(always)]
#[must_use]
pub const fn mulhr(a: i32, b: i32) -> i32 {
    ((a as i64 * b as i64 + (1 << 31)) >> 32) as i32
}

/// `round(x / 2^n)`, ties up; 0 for n > 31 (N1.2).
#[inline(always)]
#[must_use]
pub const fn round_shr(x: i32, n: u32) -> i32 {
    match n {
        0 => x,
        1..=31 => (x >> n) + ((x >> (n - 1)) & 1),
        _ => 0,
    }
}

/// `x · 2^n` saturated to i32 (N1.3).
#[inline(always)]
#[must_use]
pub const fn sat_shl(x: i32, n: u32) -> i32 {
    if n == 0 || x == 0 {
        return x;
    }
    if n > 31 {
        return if x > 0 { i32::MAX } else { i32::MIN };
    }
    let y = x << n;
    if y >> n == x {
        y
    } else if x > 0 {
        i32::MAX
    } else {
        i32::MIN
    }
}

/// `x · 2^n` for either sign of `n`: [`sat_shl`] or [`round_shr`] (N1.4).
#[inline(never)] // loops have forms of their own for the usual `n`
#[must_use]
pub const fn shift(x: i32, n: i32) -> i32 {
    if n >= 0 { sat_shl(x, n as u32) } else { round_shr(x, n.unsigned_abs()) }
}

/// `x·2^n` modulo 2^32 for n ≥ 0, `⌊x / 2^-n⌋` for n < 0 (N1.7): an alignment that is proven not to overflow.
#[inline(always)]
#[must_use]
pub const fn realign(x: i32, n: i32) -> i32 {
    if n >= 0 { x.wrapping_shl(n as u32) } else { x >> if n < -31 { 31 } else { -n } }
}

/// Number of bits of a magnitude mask: the smallest b with mask < 2^b (N1.5).
#[inline(always)]
#[must_use]
pub const fn bit_len(mask: u32) -> i32 {
    32 - mask.leading_zeros() as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_shr_is_floor_of_x_plus_half() {
        for x in (i32::MIN..=i32::MAX - 65_537).step_by(65_537).chain([i32::MAX, -1, 0, 1, i32::MIN]) {
            for n in 0..=40u32 {
                let want = (i128::from(x) * 2 + (1i128 << n)) >> (n + 1);
                let want = if n > 31 { 0 } else { want as i32 };
                assert_eq!(round_shr(x, n), want, "{x} {n}");
            }
        }
    }

    #[test]
    fn sat_shl_saturates() {
        for x in [i32::MIN, -70_000, -1, 0, 1, 2, 40_000, i32::MAX] {
            for n in 0..=70u32 {
                let want = (i128::from(x) << n).clamp(i128::from(i32::MIN), i128::from(i32::MAX));
                assert_eq!(i128::from(sat_shl(x, n)), want, "{x} {n}");
            }
        }
    }
}
