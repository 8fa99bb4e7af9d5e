//! Function tables, computed by the compiler (numerics.md N3).
//!
//! Every entry is `round(f(x))` of the formula beside it. The evaluation is in f64 at compile time
//! (basic IEEE operations only, so every host builds the same table); nothing of it runs on a
//! device.

/// Entries of the tables over `[0, 16]` in steps of 1/32.
const EXP_SPAN: usize = 512;

/// `round(2^31 / (1 + e^(i/32)))`: σ(-i/32) in Q31.
pub static SIGMOID_Q31: [u32; EXP_SPAN + 1] = {
    let mut t = [0; EXP_SPAN + 1];
    let mut i = 0;
    while i <= EXP_SPAN {
        t[i] = round(2_147_483_648.0 / (1.0 + exp(i as f64 / 32.0)));
        i += 1;
    }
    t
};

/// `round(2^27 · ln(1 + e^(-i/32)))`: the part of softplus above its asymptotes, Q27.
pub static SOFTPLUS_Q27: [u32; EXP_SPAN + 1] = {
    let mut t = [0; EXP_SPAN + 1];
    let mut i = 0;
    while i <= EXP_SPAN {
        t[i] = round(134_217_728.0 * ln_1p(exp(-(i as f64) / 32.0)));
        i += 1;
    }
    t
};

/// `round(2^30 · 2^(i/256))`: 2^x on `[0, 1]`, Q30, and a neighbour for the last entry, which a
/// vector reads with weight 0.
pub static EXP2_Q30: [u32; 258] = {
    let mut t = [0; 258];
    let mut i = 0;
    while i <= 257 {
        t[i] = round(1_073_741_824.0 * exp(i as f64 / 256.0 * core::f64::consts::LN_2));
        i += 1;
    }
    t
};

/// `min(round(2^31 · sin(π/2 · i/256)), 2^31 - 1)`: a quarter wave, Q31.
pub static SINE_Q31: [u32; 257] = {
    let mut t = [0; 257];
    let mut i = 0;
    while i <= 256 {
        let v = round(2_147_483_648.0 * sin(core::f64::consts::FRAC_PI_2 * i as f64 / 256.0));
        t[i] = if v > 0x7fff_ffff { 0x7fff_ffff } else { v };
        i += 1;
    }
    t
};

const fn round(x: f64) -> u32 {
    (x + 0.5) as u32
}

/// e^x by halving the argument until the Taylor series converges at once, then squaring back.
const fn exp(x: f64) -> f64 {
    let small = x / 1024.0;
    let (mut term, mut sum, mut n) = (1.0, 1.0, 1);
    while n < 14 {
        term *= small / n as f64;
        sum += term;
        n += 1;
    }
    let mut i = 0;
    while i < 10 {
        sum *= sum;
        i += 1;
    }
    sum
}

/// ln(1 + y), 0 ≤ y ≤ 1, as 2·artanh(y / (2 + y)).
const fn ln_1p(y: f64) -> f64 {
    let r = y / (2.0 + y);
    let (mut power, mut sum, mut n) = (r, 0.0, 1);
    while n < 40 {
        sum += power / n as f64;
        power *= r * r;
        n += 2;
    }
    2.0 * sum
}

/// sin(x), |x| ≤ π/2.
const fn sin(x: f64) -> f64 {
    let (mut term, mut sum, mut n) = (x, x, 1);
    while n < 14 {
        term *= -x * x / ((2 * n) * (2 * n + 1)) as f64;
        sum += term;
        n += 1;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_the_rounded_formulas() {
        // The standard library's functions are good to an ulp of f64, far below half a table unit;
        // a formula within 1e-6 of a tie would need more care, and none is.
        let check = |got: u32, want: f64| {
            let tie = (want - want.floor() - 0.5).abs();
            assert!(tie > 1e-6 && f64::from(got) == want.round(), "{got} {want}");
        };
        for i in 0..=EXP_SPAN {
            let x = i as f64 / 32.0;
            check(SIGMOID_Q31[i], 2f64.powi(31) / (1.0 + x.exp()));
            check(SOFTPLUS_Q27[i], 2f64.powi(27) * (-x).exp().ln_1p());
        }
        for i in 0..256 {
            let x = i as f64 / 256.0;
            check(EXP2_Q30[i], 2f64.powi(30) * x.exp2());
            check(
                SINE_Q31[i],
                2f64.powi(31) * (x * core::f64::consts::FRAC_PI_2).sin(),
            );
        }
        assert_eq!((EXP2_Q30[256], SINE_Q31[256]), (1 << 31, (1 << 31) - 1));
    }
}
