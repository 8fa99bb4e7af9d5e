//! Softmax over the heads (SLA): gate_h = scale · softmax_h(logits) (numerics.md N7).

use crate::bounds::part_mut;
use crate::scales::LOGIT_FRAC;
use sla_kernels::{Real, nonlinear};

/// Softmax weights of all heads, kept as their distances max t - t_h, and the reciprocal of their
/// sum.
#[derive(Clone, Copy)]
pub(crate) struct HeadGate<'w> {
    below: &'w [i32],
    inverse: Real,
}

impl<'w> HeadGate<'w> {
    /// From base-2 logits with `frac` ≤ 16 fraction bits (the converter folds log2(e)/temperature
    /// into the projection), in place (N7.1). `scale` multiplies every gate.
    pub fn new(logits: &'w mut [i32], frac: i32, heads: usize, scale: Real) -> Self {
        let logits = part_mut(logits, ..heads);
        let top = logits.iter().copied().max().unwrap_or(0);
        let mut sum = 0u64;
        for t in logits.iter_mut() {
            let below = distance(*t, top, frac);
            sum += u64::from(nonlinear::exp2_below(below));
            *t = below as i32;
        }
        Self {
            below: logits,
            inverse: Real::new(sum, -30).recip().mul(scale),
        }
    }

    /// No gate: 1 for every head.
    pub const NONE: HeadGate<'static> = HeadGate {
        below: &[],
        inverse: Real::ONE,
    };

    /// The gate of head `head` (N7.2): the weight is taken anew as a real, since a small gate on q
    /// has to be as exact as a large one; the norm behind it cancels its size.
    pub fn of(&self, head: usize) -> Real {
        match self.below {
            [] => Real::ONE,
            below => below
                .get(head)
                .map_or(Real::ZERO, |&below| weight(below as u32).mul(self.inverse)),
        }
    }
}

/// top - t in Q16, at most 2^32 - 1, which is as good as infinite.
fn distance(t: i32, top: i32, frac: i32) -> u32 {
    let below = top.wrapping_sub(t) as u32;
    match LOGIT_FRAC - frac {
        ..=0 => below,
        coarser @ 1..=31 if below >> (32 - coarser) == 0 => below << coarser,
        _ if below == 0 => 0,
        _ => u32::MAX,
    }
}

/// 2^-below for `below` in Q16; 0 from 2^-48 on.
fn weight(below: u32) -> Real {
    let (whole, fraction) = ((below >> 16) as i32, below & 0xffff);
    match (whole, fraction) {
        (48.., _) => Real::ZERO,
        (_, 0) => Real::pow2(-whole),
        _ => Real::normal(nonlinear::exp2_neg(fraction << 11), -31 - whole),
    }
}

#[cfg(test)]
mod tests;
