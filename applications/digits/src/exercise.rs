//! A signal that every program can make for itself, with everything that is hard on the front end.

use crate::HOP;

/// Hops of speech-like noise, silence, square waves at full scale, direct current and clicks, in
/// turn (docs/frontend.md M6).
#[derive(Debug, Default)]
pub struct Exercise {
    noise: u32,
    hop: u32,
}

/// Hops of each kind.
const RUN: u32 = 16;
/// Kinds.
const KINDS: u32 = 6;

impl Exercise {
    /// The next hop.
    pub fn next_hop(&mut self) -> [i16; HOP] {
        let (kind, round) = (self.hop / RUN % KINDS, self.hop / (RUN * KINDS));
        let first = (self.hop % RUN) * HOP as u32;
        self.hop = self.hop.wrapping_add(1);
        core::array::from_fn(|i| {
            let n = first + i as u32;
            self.noise = self
                .noise
                .wrapping_mul(1_664_525)
                .wrapping_add(1_013_904_223);
            let noise = (self.noise as i32 >> 16) as i16;
            match kind {
                0 => noise >> (round & 15),
                1 => 0,
                // Half periods of 1 to 16 samples, one for each hop.
                2 => [i16::MIN, i16::MAX][(n / (1 + n / HOP as u32)) as usize & 1],
                3 => [i16::MIN, i16::MAX][round as usize & 1],
                4 => [0, i16::MAX][usize::from(n.is_multiple_of(300))],
                // Noise that a clipped amplifier makes of itself.
                _ => noise.saturating_mul(4),
            }
        })
    }
}
