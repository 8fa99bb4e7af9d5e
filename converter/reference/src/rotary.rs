//! Rotary positions: NeoX half-split over all `d_k` dimensions, base 10000.

use crate::config::Config;

/// Angles of one position.
#[derive(Clone, Debug)]
pub(crate) struct Rotary {
    theta: Vec<f64>,
    cos: Vec<f64>,
    sin: Vec<f64>,
}

impl Rotary {
    /// `θ_j = 10000^(-2j/d_k)` for `j < d_k / 2`; none where the backbone has no positions.
    pub(crate) fn new(config: &Config) -> Self {
        let d_k = match config.backbone.has_rotary() {
            true => config.d_k,
            false => 0,
        };
        let half = d_k / 2;
        let theta = (0..half)
            .map(|j| libm::pow(10_000.0, -2.0 * j as f64 / d_k as f64))
            .collect();
        Self {
            theta,
            cos: vec![1.0; half],
            sin: vec![0.0; half],
        }
    }

    /// Sets the angles `φ_j = t · θ_j`.
    pub(crate) fn set_position(&mut self, t: u64) {
        for (j, theta) in self.theta.iter().enumerate() {
            (self.sin[j], self.cos[j]) = libm::sincos(t as f64 * theta);
        }
    }

    /// Rotates every head of `x`, `[heads · d_k]`: the pair is `(x[j], x[j + d_k/2])`.
    pub(crate) fn apply(&self, x: &mut [f64]) {
        let half = self.theta.len();
        for head in x.chunks_exact_mut(2 * half) {
            let (low, high) = head.split_at_mut(half);
            for j in 0..half {
                let (a, b) = (low[j], high[j]);
                low[j] = a * self.cos[j] - b * self.sin[j];
                high[j] = a * self.sin[j] + b * self.cos[j];
            }
        }
    }
}
