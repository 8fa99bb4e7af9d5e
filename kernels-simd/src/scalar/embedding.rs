//! One row of an int8 matrix as numbers (numerics.md N5.3).

use crate::fixed::mulhr;
use crate::scalar::matrix::{I8Matrix, PANEL, RUN};

/// `out_c = mulhr(w[row][c]·2^24, multiplier)` for every padded column that `out` has room for.
pub fn dequantize_row(w: &I8Matrix, row: usize, multiplier: i32, out: &mut [i32]) {
    let panel = w.rows(row / PANEL * PANEL, PANEL).data();
    let runs = panel
        .chunks_exact(RUN)
        .skip(row % PANEL / 2)
        .step_by(PANEL / 2);
    for (run, out) in runs.zip(out.chunks_mut(RUN)) {
        if row.is_multiple_of(2) {
            out.iter_mut()
                .zip(run)
                .for_each(|(out, &h)| *out = mulhr(i32::from(h) << 24, multiplier));
        } else {
            // 256·w, as a half-word is 256·w plus its low byte.
            let high = |h: i16| i32::from(h) - i32::from(h as i8);
            out.iter_mut()
                .zip(run)
                .for_each(|(out, &h)| *out = mulhr(high(h) << 16, multiplier));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_what_the_matrix_says() {
        let mut data = [0i16; 2 * 2 * 32];
        for (i, h) in data.iter_mut().enumerate() {
            *h = (256 * (i as i32 * 37 % 255 - 127) + (i as i32 * 91 % 255 - 127)) as i16;
        }
        let w = I8Matrix::new(&data, 32, 0);
        for row in 0..4 {
            let mut out = [7; 32 + 3];
            dequantize_row(&w, row, -0x1234_5678, &mut out);
            for (c, (out, w)) in out.iter().zip(w.row(row)).enumerate() {
                assert_eq!(*out, mulhr(i32::from(w) << 24, -0x1234_5678), "{row} {c}");
            }
            assert_eq!(out[32..], [7; 3]);
            let mut short = [7; 11];
            dequantize_row(&w, row, -0x1234_5678, &mut short[..10]);
            assert_eq!((&short[..10], short[10]), (&out[..10], 7));
        }
    }
}
