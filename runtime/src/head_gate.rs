//! Softmax over the heads (SLA): gate_h = scale · softmax_h(logits) (numerics.md N7).

use sla_kernels::{Real, nonlinear};

/// Softmax weights of all heads, kept as e_h = 2^(t_h - max t) in Q30 and the reciprocal of their sum.
#[derive(Clone, Copy)]
pub(crate) struct HeadGate<'w> {
    weights: &'w [i32],
    inverse: Real,
}

impl<'w> HeadGate<'w> {
    /// From base-2 logits in Q16 (the converter folds log2(e)/temperature into the projection), in place
    /// (N7.1). `scale` multiplies every gate.
    pub fn new(logits: &'w mut [i32], heads: usize, scale: Real) -> Self {
        let logits = logits.get_mut(..heads).unwrap_or_default();
        let top = logits.iter().copied().max().unwrap_or(0);
        let mut sum = 0u64;
        for t in logits.iter_mut() {
            *t = nonlinear::exp2_below(*t, top) as i32;
            sum += *t as u64;
        }
        Self { weights: logits, inverse: Real::new(sum, 0).recip().mul(scale) }
    }

    /// No gate: 1 for every head.
    pub const NONE: HeadGate<'static> = HeadGate { weights: &[], inverse: Real::ONE };

    /// The gate of head `head` (N7.2).
    pub fn of(&self, head: usize) -> Real {
        match self.weights {
            [] => Real::ONE,
            weights => Real::new(weights.get(head).map_or(0, |&e| e as u64), 0).mul(self.inverse),
        }
    }
}
