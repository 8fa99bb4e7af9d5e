//! A pivoted Cholesky factor: the order in which columns are rounded, and what each error costs.

/// H = Pᵀ·L·Lᵀ·P of a symmetric positive definite H, `[n, n]`.
#[derive(Clone, Debug)]
pub struct Factor {
    /// Column of H at each position.
    pub order: Vec<usize>,
    /// L, row-major, lower; what is above the diagonal means nothing.
    lower: Vec<f64>,
}

impl Factor {
    /// Factors H, pivoting on the *smallest* remaining diagonal: the last columns, which are
    /// rounded first, get the directions that all others cannot make good, while those
    /// remaining are as alike as a greedy order makes them.
    pub fn new(h: &[f64], n: usize) -> Self {
        let mut order: Vec<usize> = (0..n).collect();
        let mut diagonal: Vec<f64> = (0..n).map(|i| h[i * n + i]).collect();
        let mut lower = vec![0.0; n * n];
        for k in 0..n {
            let pivot = (k..n)
                .min_by(|&a, &b| diagonal[a].total_cmp(&diagonal[b]))
                .unwrap_or(k);
            order.swap(k, pivot);
            diagonal.swap(k, pivot);
            if pivot != k {
                let (head, tail) = lower.split_at_mut(pivot * n);
                head[k * n..k * n + k].swap_with_slice(&mut tail[..k]);
            }
            let root = diagonal[k].max(f64::MIN_POSITIVE).sqrt();
            lower[k * n + k] = root;
            let (head, tail) = lower.split_at_mut((k + 1) * n);
            let pivot_row = &head[k * n..k * n + k];
            for (i, row) in tail.chunks_exact_mut(n).enumerate() {
                let rest = h[order[k + 1 + i] * n + order[k]] - dot(&row[..k], pivot_row);
                row[k] = rest / root;
                diagonal[k + 1 + i] -= row[k] * row[k];
            }
        }
        Self { order, lower }
    }

    fn len(&self) -> usize {
        self.order.len()
    }

    /// L's row at a position, up to and with the diagonal.
    pub fn row(&self, position: usize) -> &[f64] {
        &self.lower[position * self.len()..][..=position]
    }

    /// x with H·x = b, in place, natural order.
    pub fn solve(&self, b: &mut [f64]) {
        let mut x: Vec<f64> = self.order.iter().map(|&c| b[c]).collect();
        for k in 0..self.len() {
            let row = self.row(k);
            x[k] = (x[k] - dot(&row[..k], &x[..k])) / row[k];
        }
        for k in (0..self.len()).rev() {
            let row = self.row(k);
            x[k] /= row[k];
            let at_k = x[k];
            x[..k].iter_mut().zip(row).for_each(|(x, l)| *x -= at_k * l);
        }
        self.order.iter().zip(x).for_each(|(&c, x)| b[c] = x);
    }
}

/// Σ a·b over four interleaved partial sums.
pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    let (a_chunks, a_tail) = a.as_chunks::<4>();
    let (b_chunks, b_tail) = b.as_chunks::<4>();
    let mut sums = [0.0; 4];
    for (a, b) in a_chunks.iter().zip(b_chunks) {
        for i in 0..4 {
            sums[i] += a[i] * b[i];
        }
    }
    let tail: f64 = a_tail.iter().zip(b_tail).map(|(a, b)| a * b).sum();
    (sums[0] + sums[2]) + (sums[1] + sums[3]) + tail
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_factor_multiplies_back_and_solves() {
        for n in [1usize, 2, 7, 20] {
            let x: Vec<f64> = (0..n * n).map(|i| ((i * i + 3 * i) as f64).sin()).collect();
            let entry = |i: usize, j: usize| {
                dot(&x[i * n..][..n], &x[j * n..][..n]) + if i == j { 0.5 } else { 0.0 }
            };
            let h: Vec<f64> = (0..n * n).map(|i| entry(i / n, i % n)).collect();
            let factor = Factor::new(&h, n);
            for i in 0..n {
                for j in 0..=i {
                    let product = dot(&factor.row(i)[..=j], factor.row(j));
                    assert!((product - h[factor.order[i] * n + factor.order[j]]).abs() < 1e-9);
                }
            }
            let want: Vec<f64> = (0..n).map(|i| i as f64 - 1.5).collect();
            let mut b: Vec<f64> = h.chunks(n).map(|row| dot(row, &want)).collect();
            factor.solve(&mut b);
            assert!(
                b.iter().zip(&want).all(|(a, b)| (a - b).abs() < 1e-6),
                "{b:?}"
            );
        }
    }
}
