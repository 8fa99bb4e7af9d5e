//! The mel bands: sparse integer weights on the power spectrum (docs/frontend.md M4).

use crate::BANDS;
use crate::fft::POINTS;

/// M4.1: the bins of 34 points, equally spaced on the mel scale from 60 to 3900 Hz.
const POINT_BINS: [u8; BANDS + 2] = [
    1, 3, 4, 6, 7, 9, 11, 13, 15, 17, 19, 22, 24, 27, 29, 32, 35, 39, 42, 46, 50, 54, 58, 63, 67,
    73, 78, 84, 90, 96, 102, 110, 117, 125,
];
/// M4.2: first bin, middle and end of each triangle.
const TRIANGLES: [(u8, u8, u8); BANDS] = {
    let (mut t, mut m) = ([(0, 0, 0); BANDS], 0);
    while m < BANDS {
        let (a, b, c) = (POINT_BINS[m], POINT_BINS[m + 1], POINT_BINS[m + 2]);
        let b_least = a + 1;
        let c_least = b + 2;
        t[m] = (
            a,
            if b > b_least { b } else { b_least },
            if c > c_least { c } else { c_least },
        );
        m += 1;
    }
    t
};
/// Weights that are not 0.
const WEIGHTS: usize = {
    let (mut sum, mut m) = (0, 0);
    while m < BANDS {
        let (a, _, c) = TRIANGLES[m];
        sum += (c - a - 1) as usize;
        m += 1;
    }
    sum
};
/// M4.2: the weights of all bands in a row, Q15.
static WEIGHTS_Q15: [u16; WEIGHTS] = {
    let (mut t, mut at, mut m) = ([0; WEIGHTS], 0, 0);
    while m < BANDS {
        let (a, b, c) = (
            TRIANGLES[m].0 as u32,
            TRIANGLES[m].1 as u32,
            TRIANGLES[m].2 as u32,
        );
        let mut k = a + 1;
        while k < c {
            let (part, whole) = if k < b {
                (k - a, b - a)
            } else {
                (c - k, c - b)
            };
            t[at] = ((part * 65_536 + whole) / (2 * whole)) as u16;
            at += 1;
            k += 1;
        }
        m += 1;
    }
    t
};

/// M4.3: `band_m = Σ_k w_mk·P_k`, Q49 of full scale. Below 2^64: the powers of a frame sum to less
/// than 2^48.6 (Parseval), and a weight is at most 2^15.
pub fn bands(powers: &[u64; POINTS]) -> [u64; BANDS] {
    let (mut out, mut rest) = ([0; BANDS], WEIGHTS_Q15.as_slice());
    for (band, (a, _, c)) in out.iter_mut().zip(TRIANGLES) {
        let (first, len) = (usize::from(a) + 1, usize::from(c - a) - 1);
        let (weights, others) = rest.split_at_checked(len).unwrap_or_default();
        let bins = powers.get(first..first + len).unwrap_or_default();
        *band = bins.iter().zip(weights).fold(0, |sum: u64, (&p, &w)| {
            sum.wrapping_add(p.wrapping_mul(w.into()))
        });
        rest = others;
    }
    out
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;

    #[test]
    fn points_are_equally_spaced_on_the_mel_scale() {
        let mel = |f: f64| 2595.0 * (1.0 + f / 700.0).log10();
        let hertz = |m: f64| 700.0 * (10f64.powf(m / 2595.0) - 1.0);
        for (i, &bin) in POINT_BINS.iter().enumerate() {
            let f = hertz(mel(60.0) + (mel(3900.0) - mel(60.0)) * i as f64 / 33.0);
            assert_eq!(
                usize::from(bin),
                (257.0 * f / 8000.0).floor() as usize,
                "{i}"
            );
        }
    }

    /// The triangles of the definition, in float, against all bins one by one.
    #[test]
    fn weights_are_triangles() {
        for k in 0..POINTS {
            let mut powers = [0; POINTS];
            powers[k] = 1 << 20;
            for (m, band) in bands(&powers).into_iter().enumerate() {
                let p = POINT_BINS.map(f64::from);
                let (a, b) = (p[m], p[m + 1].max(p[m] + 1.0));
                let (c, k) = (p[m + 2].max(p[m + 1] + 2.0), k as f64);
                let w = if (a..b).contains(&k) {
                    (k - a) / (b - a)
                } else if (b..c).contains(&k) {
                    (c - k) / (c - b)
                } else {
                    0.0
                };
                assert!(
                    (band as f64 / 2f64.powi(35) - w).abs() <= 2f64.powi(-16),
                    "{m} {k}: {band} {w}"
                );
            }
        }
    }
}
