//! Matrices, and their products with vectors in a fixed summation order.

/// A dense matrix, `[rows, cols]` row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Matrix {
    /// Output width.
    pub rows: usize,
    /// Input width.
    pub cols: usize,
    /// `rows · cols` elements.
    pub data: Vec<f32>,
}

impl Matrix {
    /// A matrix over `data`.
    ///
    /// # Panics
    /// If `data.len() != rows · cols`.
    pub fn new(rows: usize, cols: usize, data: Vec<f32>) -> Self {
        assert_eq!(
            Some(data.len()),
            rows.checked_mul(cols),
            "a {rows} x {cols} matrix"
        );
        Self { rows, cols, data }
    }

    /// A matrix of zeros.
    pub fn zeros(rows: usize, cols: usize) -> Self {
        Self {
            rows,
            cols,
            data: vec![0.0; rows * cols],
        }
    }

    /// Row `r`.
    ///
    /// # Panics
    /// If `r >= rows`.
    pub fn row(&self, r: usize) -> &[f32] {
        &self.data[r * self.cols..(r + 1) * self.cols]
    }

    /// `y = M·x`; `x` is `[cols]`, `y` is `[rows]`.
    ///
    /// # Panics
    /// If a length differs.
    pub fn times(&self, x: &[f64], y: &mut [f64]) {
        assert_eq!(
            (self.cols, self.rows),
            (x.len(), y.len()),
            "a {} x {} matrix",
            self.rows,
            self.cols
        );
        matvec(self, x, y);
    }
}

const LANES: usize = 8;

/// `Σ w[i] · x[i]` over eight interleaved partial sums, combined pairwise; the order does not
/// depend on the machine.
pub(crate) fn dot(w: &[f32], x: &[f64]) -> f64 {
    debug_assert_eq!(w.len(), x.len());
    let (w_chunks, w_tail) = w.as_chunks::<LANES>();
    let (x_chunks, x_tail) = x.as_chunks::<LANES>();
    let mut acc = [0.0f64; LANES];
    for (w, x) in w_chunks.iter().zip(x_chunks) {
        for i in 0..LANES {
            acc[i] += f64::from(w[i]) * x[i];
        }
    }
    for (i, (w, x)) in w_tail.iter().zip(x_tail).enumerate() {
        acc[i] += f64::from(*w) * x;
    }
    ((acc[0] + acc[4]) + (acc[2] + acc[6])) + ((acc[1] + acc[5]) + (acc[3] + acc[7]))
}

/// `y = M · x`; `x` is `[cols]`, `y` is `[rows]`.
pub(crate) fn matvec(m: &Matrix, x: &[f64], y: &mut [f64]) {
    debug_assert_eq!((m.rows, m.cols), (y.len(), x.len()));
    for (y, row) in y.iter_mut().zip(m.data.chunks_exact(m.cols)) {
        *y = dot(row, x);
    }
}

/// `y += x`
pub(crate) fn add(y: &mut [f64], x: &[f64]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y += x;
    }
}

/// `y += b`
pub(crate) fn add_bias(y: &mut [f64], b: Option<&Vec<f32>>) {
    if let Some(b) = b {
        for (y, b) in y.iter_mut().zip(b) {
            *y += f64::from(*b);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_matches_a_plain_sum() {
        for len in 0..40 {
            let w: Vec<f32> = (0..len).map(|i| (i as f32 * 0.7).sin()).collect();
            let x: Vec<f64> = (0..len).map(|i| (i as f64 * 1.3).cos()).collect();
            let plain: f64 = w.iter().zip(&x).map(|(w, x)| f64::from(*w) * x).sum();
            assert!((dot(&w, &x) - plain).abs() < 1e-13, "length {len}");
        }
    }
}
