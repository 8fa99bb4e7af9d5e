//! Depthwise causal short convolution with its SiLU (numerics.md N8).

use crate::probe::{Probe, at_the_ends};
use sla_kernels::{fixed, shift_in_place, silu_in_place};

/// Constants of one convolution.
pub(crate) struct Conv<'m> {
    /// `[W, channels]`, tap W - 1 for the current token.
    pub weights: &'m [i16],
    pub multiplier: &'m [i32],
    pub bias: &'m [i32],
    pub shift: i32,
    pub width: usize,
}

/// Past inputs: W - 1 slots of `stride` channels, a convolution's from `offset` on.
pub(crate) struct History<'s> {
    pub inputs: &'s mut [i16],
    pub stride: usize,
    pub offset: usize,
    /// The oldest, which becomes the newest.
    pub slot: usize,
}

impl Conv<'_> {
    /// `u_c ← silu(Σ_d w[W-1-d][c]·u_{t-d}[c] + bias)`, Q15, and keeps u_t for the next W - 1
    /// tokens. Returns how many values were saturated, if a probe wants to know.
    #[inline(never)] // its loop needs all registers
    pub fn apply<P: Probe>(&self, u: &mut [i32], history: History) -> u32 {
        let History {
            inputs,
            stride,
            offset,
            slot,
        } = history;
        let mut saturated = 0;
        let channels = u.len();
        let taps = self.width.saturating_sub(1);
        for (c, (u, multiplier)) in u.iter_mut().zip(self.multiplier).enumerate() {
            let now = (*u).clamp(-32_768, 32_767);
            if P::ACTIVE {
                saturated += u32::from(now != *u);
            }
            let weight =
                |tap: usize| i32::from(self.weights.get(tap * channels + c).copied().unwrap_or(0));
            let mut acc = weight(taps).wrapping_mul(now);
            let mut from = slot;
            // From the oldest (tap 0, in this token's slot) to the newest.
            for tap in 0..taps {
                let past = inputs.get(from * stride + offset + c).copied().unwrap_or(0);
                acc = acc.wrapping_add(weight(tap).wrapping_mul(i32::from(past)));
                from = if from + 1 < taps { from + 1 } else { 0 };
            }
            // Without past inputs there is no place for this one either.
            if let Some(newest) = inputs.get_mut(slot * stride + offset + c) {
                *newest = now as i16;
            }
            *u = fixed::mulhr(acc, *multiplier);
        }
        shift_in_place(u, self.shift);
        u.iter_mut()
            .zip(self.bias)
            .for_each(|(u, b)| *u = u.saturating_add(*b));
        if P::ACTIVE {
            saturated += at_the_ends(u);
        }
        silu_in_place(u);
        saturated
    }
}
