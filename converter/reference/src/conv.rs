//! Depthwise causal convolution with SiLU, one token at a time.

use crate::activation::silu;
use crate::weights::Conv;

/// The last `W - 1` inputs of every channel, as a ring over time.
#[derive(Clone, Debug)]
pub(crate) struct ConvState {
    channels: usize,
    /// `[W - 1, channels]`; slot `next` holds the oldest input.
    history: Vec<f64>,
    next: usize,
}

impl ConvState {
    pub(crate) fn new(channels: usize, width: usize) -> Self {
        Self {
            channels,
            history: vec![0.0; channels * (width - 1)],
            next: 0,
        }
    }

    pub(crate) fn reset(&mut self) {
        self.history.fill(0.0);
        self.next = 0;
    }

    /// `u[c] ← silu(bias[c] + Σ_j w[c][j] · u_{t-(W-1)+j}[c])`, and remembers the old `u`.
    pub(crate) fn step(&mut self, conv: &Conv, u: &mut [f64]) {
        let width = conv.weight.cols;
        let past = width - 1;
        for (c, u) in u.iter_mut().enumerate() {
            let taps = conv.weight.row(c);
            let mut sum =
                f64::from(taps[past]) * *u + conv.bias.as_ref().map_or(0.0, |b| f64::from(b[c]));
            for (j, tap) in taps[..past].iter().enumerate() {
                sum += f64::from(*tap) * self.history[(self.next + j) % past * self.channels + c];
            }
            if past > 0 {
                self.history[self.next * self.channels + c] = *u;
            }
            *u = silu(sum);
        }
        if past > 0 {
            self.next = (self.next + 1) % past;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linalg::Matrix;

    #[test]
    fn every_width_matches_the_sum_over_time() {
        for width in 1..=6usize {
            for bias in [None, Some(vec![0.25f32, -0.5])] {
                let weight = Matrix::new(
                    2,
                    width,
                    (0..2 * width).map(|i| (i as f32 * 0.9).sin()).collect(),
                );
                let conv = Conv { weight, bias };
                let mut state = ConvState::new(2, width);
                let input = |t: usize, c: usize| ((t * 2 + c) as f64 * 0.37).cos();
                for t in 0..15usize {
                    let mut u = [input(t, 0), input(t, 1)];
                    state.step(&conv, &mut u);
                    for c in 0..2 {
                        let mut want = conv.bias.as_ref().map_or(0.0, |b| f64::from(b[c]));
                        for j in 0..width {
                            if let Some(at) = (t + j).checked_sub(width - 1) {
                                want += f64::from(conv.weight.row(c)[j]) * input(at, c);
                            }
                        }
                        assert!(
                            (u[c] - silu(want)).abs() < 1e-14,
                            "width {width}, token {t}"
                        );
                    }
                }
            }
        }
    }
}
