//! What a session carries from token to token.

use crate::config::Config;
use crate::conv::ConvState;

/// The recurrent state of one layer.
#[derive(Clone, Debug)]
pub(crate) struct LayerState {
    /// `[value_heads, d_k, d_v]`
    pub(crate) matrix: Vec<f64>,
    pub(crate) conv: Option<[ConvState; 3]>,
}

impl LayerState {
    pub(crate) fn new(c: &Config) -> Self {
        let conv =
            |w| [c.q_dim(), c.k_dim(), c.v_dim()].map(|channels| ConvState::new(channels, w));
        Self {
            matrix: vec![0.0; c.matrix_state_len()],
            conv: c.conv.map(conv),
        }
    }

    pub(crate) fn reset(&mut self) {
        self.matrix.fill(0.0);
        self.conv.iter_mut().flatten().for_each(ConvState::reset);
    }
}

/// `o[j] = scale · Σ_i x[i] · S[i, j]`; `S` is `[x.len(), o.len()]`.
pub(crate) fn read(matrix: &[f64], x: &[f64], scale: f64, o: &mut [f64]) {
    o.fill(0.0);
    for (row, x) in matrix.chunks_exact(o.len()).zip(x) {
        for (o, s) in o.iter_mut().zip(row) {
            *o += x * s;
        }
    }
    o.iter_mut().for_each(|o| *o *= scale);
}

/// `S[i, j] ← decay(i) · S[i, j] + k[i] · v[j]`
pub(crate) fn decay_and_write(
    matrix: &mut [f64],
    decay: impl Fn(usize) -> f64,
    k: &[f64],
    v: &[f64],
) {
    for (i, (row, k)) in matrix.chunks_exact_mut(v.len()).zip(k).enumerate() {
        let decay = decay(i);
        for (s, v) in row.iter_mut().zip(v) {
            *s = decay * *s + k * v;
        }
    }
}
