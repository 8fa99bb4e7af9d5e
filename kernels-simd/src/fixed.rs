//! Fixed-point primitives (numerics.md N1).

/// `round(a·b / 2^32)`, ties up: the one multiplication of the token path (N1.1).
///
/// One `SMMULR` on Armv7E-M, one `VRMULH.S32` on Helium. Cannot overflow: |result| ≤ 2^30.
#[inline(always)]
#[must_use]
pub const fn mulhr(a: i32, b: i32) -> i32 {
    if cfg!(sla_backend = "armv6-m") {
        return mulhr_by_halves(a, b);
    }
    ((a as i64 * b as i64 + (1 << 31)) >> 32) as i32
}

/// [`mulhr`] from four products of halves, for machines without a product of 64 bits.
#[inline(always)]
const fn mulhr_by_halves(a: i32, b: i32) -> i32 {
    let (a_high, a_low, b_high, b_low) = (a >> 16, a & 0xffff, b >> 16, b & 0xffff);
    let low = (a_low as u32 * b_low as u32) >> 16;
    // |high·low| ≤ 2^15·(2^16 - 1), so that another 2^16 - 1 fits.
    let middle = a_high * b_low + low as i32;
    let rest = a_low * b_high + (middle & 0xffff);
    a_high * b_high + (middle >> 16) + (((rest >> 15) + 1) >> 1)
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
    if n >= 0 {
        sat_shl(x, n as u32)
    } else {
        round_shr(x, n.unsigned_abs())
    }
}

/// `x·2^n` modulo 2^32 for n ≥ 0, `⌊x / 2^-n⌋` for n < 0 (N1.7): an alignment that is proven not to
/// overflow.
#[inline(always)]
#[must_use]
pub const fn realign(x: i32, n: i32) -> i32 {
    if n >= 0 {
        x.wrapping_shl(n as u32)
    } else {
        x >> if n < -31 { 31 } else { -n }
    }
}

/// Number of bits of a magnitude mask: the smallest b with mask < 2^b (N1.5).
#[inline(always)]
#[must_use]
pub const fn bit_len(mask: u32) -> i32 {
    32 - mask.leading_zeros() as i32
}

/// All ones up to the top bit of `x`: 2^b - 1 with b = [`bit_len`]`(x)`, the form of a magnitude
/// mask (N1.5).
#[inline(always)]
#[must_use]
pub const fn ones(x: u32) -> u32 {
    match x {
        0 => 0,
        _ => u32::MAX >> x.leading_zeros(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_shr_is_floor_of_x_plus_half() {
        for x in
            (i32::MIN..=i32::MAX - 65_537)
                .step_by(65_537)
                .chain([i32::MAX, -1, 0, 1, i32::MIN])
        {
            for n in 0..=40u32 {
                let want = (i128::from(x) * 2 + (1i128 << n)) >> (n + 1);
                let want = if n > 31 { 0 } else { want as i32 };
                assert_eq!(round_shr(x, n), want, "{x} {n}");
            }
        }
    }

    #[test]
    fn halves_make_the_same_product() {
        let ends = [
            i32::MIN,
            i32::MIN + 1,
            -0x10000,
            -0xffff,
            -1,
            0,
            1,
            0x7fff,
            0x8000,
            0xffff,
            0x10000,
            i32::MAX,
        ];
        let many = (0..2_000u32).map(|i| i.wrapping_mul(0x9e37_79b9).rotate_left(i) as i32);
        for a in many.chain(ends) {
            for b in ends
                .into_iter()
                .chain([a, !a, a.rotate_left(16), 0x5a82_7999])
            {
                let want = ((i64::from(a) * i64::from(b) + (1 << 31)) >> 32) as i32;
                assert_eq!(mulhr_by_halves(a, b), want, "{a} {b}");
                assert_eq!(mulhr(a, b), want, "{a} {b}");
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
