//! Window and twiddle factors, computed by the compiler in f64 (basic IEEE operations only, so
//! every host builds the same tables); nothing of it runs on a device.

use core::f64::consts::PI;

/// First half of the window, M2.1: `round(2^31·(0.5 - 0.5·cos(2πn/255)))`, n = 0…127. The second
/// half mirrors it.
pub static WINDOW_Q31: [i32; 128] = {
    let mut t = [0; 128];
    let mut n = 0;
    while n < 128 {
        t[n] = q31(0.5 - 0.5 * cos(2.0 * PI * n as f64 / 255.0));
        n += 1;
    }
    t
};

/// M3.1: `(cos, sin)(2πk/256)` in Q31, at most 2^31 - 1, k = 0…127.
pub static CIRCLE_Q31: [(i32, i32); 128] = {
    let mut t = [(0, 0); 128];
    let mut k = 0;
    while k < 128 {
        let angle = 2.0 * PI * k as f64 / 256.0;
        // cos falls from 1 to -1 over the table, sin rises and falls: both by the series around 0
        // or π/2.
        let sine = if k <= 64 {
            cos(PI / 2.0 - angle)
        } else {
            cos(angle - PI / 2.0)
        };
        t[k] = (q31(cos(angle)), q31(sine));
        k += 1;
    }
    t
};

/// M5.2: `round(2^27·ln(1 + i/64))`, i = 0…64.
pub static LN_Q27: [u32; 65] = {
    let mut t = [0; 65];
    let mut i = 0;
    while i <= 64 {
        t[i] = (134_217_728.0 * ln_1p(i as f64 / 64.0) + 0.5) as u32;
        i += 1;
    }
    t
};

/// Rounds to Q31; the cast saturates at 2^31 - 1.
const fn q31(x: f64) -> i32 {
    let scaled = 2_147_483_648.0 * x;
    (if scaled < 0.0 {
        scaled - 0.5
    } else {
        scaled + 0.5
    }) as i32
}

/// cos x by its series, 0 ≤ x ≤ π.
const fn cos(x: f64) -> f64 {
    // Below π/2 the terms stay small; above it the sign changes by symmetry.
    if x > PI / 2.0 {
        return -cos(PI - x);
    }
    let (mut term, mut sum, mut n) = (1.0, 1.0, 1);
    while n < 14 {
        term *= -x * x / ((2 * n - 1) * (2 * n)) as f64;
        sum += term;
        n += 1;
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

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;

    /// `value` is an integer that `exact` rounds to, and not by the breadth of a hair.
    fn is_rounded(value: f64, exact: f64) {
        let off = (value - exact).abs();
        assert!(off < 0.5 - 1e-5, "{value} for {exact}");
    }

    #[test]
    fn tables_are_their_formulas() {
        for (n, &w) in WINDOW_Q31.iter().enumerate() {
            is_rounded(
                w.into(),
                2f64.powi(31) * (0.5 - 0.5 * (2.0 * PI * n as f64 / 255.0).cos()),
            );
        }
        for (k, &(c, s)) in CIRCLE_Q31.iter().enumerate() {
            let angle = 2.0 * PI * k as f64 / 256.0;
            for (got, exact) in [(c, angle.cos()), (s, angle.sin())] {
                match exact > 1.0 - 1e-12 {
                    true => assert_eq!(got, i32::MAX),
                    false => is_rounded(got.into(), 2f64.powi(31) * exact),
                }
            }
        }
        for (i, &l) in LN_Q27.iter().enumerate() {
            is_rounded(l.into(), 2f64.powi(27) * (i as f64 / 64.0).ln_1p());
        }
    }
}
