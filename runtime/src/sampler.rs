//! Choosing the next token. Not on the token path: it may use floats, but only ones that every
//! target rounds alike, so the same seed gives the same text everywhere.

use crate::logits::Logits;
use fixed::types::I16F16;
use heapless::Vec;
use heapless::binary_heap::{BinaryHeap, Min};
use micromath::F32Ext;

/// The most candidates that are kept; `top_k` is limited to it. It covers byte-level vocabularies
/// whole.
pub const MAX_CANDIDATES: usize = 256;
/// Tokens that the repetition penalty looks back on.
const WINDOW: usize = 64;

/// How to choose.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SamplerConfig {
    /// Divides the logits; 0 (or less) is greedy.
    pub temperature: f32,
    /// Keep this many best tokens; 0 for [`MAX_CANDIDATES`].
    pub top_k: usize,
    /// Keep the fewest best tokens whose probabilities sum to this; 1 for all.
    pub top_p: f32,
    /// Divides positive and multiplies negative logits of the last 64 tokens; 1 for none.
    pub repetition_penalty: f32,
    /// Seed of the generator.
    pub seed: u64,
}

impl Default for SamplerConfig {
    fn default() -> Self {
        Self {
            temperature: 0.8,
            top_k: 40,
            top_p: 0.95,
            repetition_penalty: 1.0,
            seed: 0,
        }
    }
}

/// A sampler with its generator and recent tokens.
pub struct Sampler {
    config: SamplerConfig,
    generator: u64,
    /// The last tokens, in a ring.
    recent: [u32; WINDOW],
    /// How many there are.
    known: u8,
    /// Where the next one goes.
    next: u8,
}

/// Ordered by logit, then (better first) by lower token.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Candidate {
    logit: i32,
    rank: core::cmp::Reverse<u32>,
}

/// The best candidates so far, the worst of them on top.
pub(crate) type Candidates = BinaryHeap<Candidate, Min, MAX_CANDIDATES>;

impl core::fmt::Debug for Sampler {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Sampler")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

impl Sampler {
    /// A sampler at the start of its random sequence.
    #[must_use]
    pub fn new(config: SamplerConfig) -> Self {
        let generator = config.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x853c_49e6_748f_ea9b;
        let mut sampler = Self {
            config,
            generator,
            recent: [0; WINDOW],
            known: 0,
            next: 0,
        };
        sampler.random();
        sampler
    }

    /// Tells the sampler of a token that was not its choice (a prompt), for the repetition penalty.
    pub fn observe(&mut self, token: u32) {
        if let Some(place) = self.recent.get_mut(usize::from(self.next)) {
            *place = token;
        }
        self.known = self.known.max(self.next + 1);
        self.next = (self.next + 1) % WINDOW as u8;
    }

    /// Chooses a token and remembers it.
    pub fn sample(&mut self, logits: &mut Logits) -> u32 {
        let token = self.choose(logits);
        self.observe(token);
        token
    }

    fn choose(&mut self, logits: &mut Logits) -> u32 {
        let keep = self.keep();
        let mut heap = Candidates::new();
        logits.for_each_tile(|first, tile| self.offer(&mut heap, keep, first, tile));
        self.draw(heap)
    }

    /// How many candidates are kept.
    pub(crate) fn keep(&self) -> usize {
        let greedy =
            self.config.temperature.partial_cmp(&0.0) != Some(core::cmp::Ordering::Greater);
        match (greedy, self.config.top_k) {
            (true, _) => 1,
            (false, 0) => MAX_CANDIDATES,
            (false, k) => k.min(MAX_CANDIDATES),
        }
    }

    /// Takes in the logits from token `first` on.
    #[inline(always)]
    pub(crate) fn offer(&self, heap: &mut Candidates, keep: usize, first: u32, tile: &[i32]) {
        for (token, &logit) in (first..).zip(tile) {
            let candidate = Candidate {
                logit: self.penalize(token, logit),
                rank: core::cmp::Reverse(token),
            };
            if heap.len() < keep {
                let _ = heap.push(candidate);
            } else if heap.peek().is_some_and(|worst| candidate > *worst) {
                heap.pop();
                let _ = heap.push(candidate);
            }
        }
    }

    /// Draws from the candidates.
    pub(crate) fn draw(&mut self, mut heap: Candidates) -> u32 {
        let mut best: Vec<Candidate, MAX_CANDIDATES> = Vec::new();
        while let Some(candidate) = heap.pop() {
            let _ = best.push(candidate);
        }
        best.reverse();
        let Some(top) = best.first() else { return 0 };
        if best.len() == 1 {
            return top.rank.0;
        }
        let temperature = self.config.temperature;
        let weight = |c: &Candidate| {
            let below = I16F16::from_bits(c.logit.saturating_sub(top.logit)).to_num::<f32>();
            F32Ext::exp(below / temperature) // below -80 next to nothing, and 0 at -∞
        };
        let total: f32 = best.iter().map(weight).sum();
        let mut kept = 0.0;
        let mut count = 0;
        for c in &best {
            kept += weight(c);
            count += 1;
            if kept >= self.config.top_p * total {
                break;
            }
        }
        // 24 bits are all that an f32 in [0, 1) holds.
        let mut left = (self.random() >> 8) as f32 / 16_777_216.0 * kept;
        let mut choice = top.rank.0;
        for c in best.iter().take(count) {
            choice = c.rank.0;
            left -= weight(c);
            if left < 0.0 {
                break;
            }
        }
        choice
    }

    fn penalize(&self, token: u32, logit: i32) -> i32 {
        let penalty = self.config.repetition_penalty;
        if penalty == 1.0
            || !self
                .recent
                .iter()
                .take(self.known.into())
                .any(|&t| t == token)
        {
            return logit;
        }
        let x = I16F16::from_bits(logit).to_num::<f32>();
        let y = if x > 0.0 { x / penalty } else { x * penalty };
        // Only a senseless penalty makes it NaN, which has no fixed-point value.
        if y.is_nan() { logit } else { to_q16(y) }
    }

    /// PCG-XSH-RR 64/32.
    fn random(&mut self) -> u32 {
        let old = self.generator;
        self.generator = old
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let mixed = (((old >> 18) ^ old) >> 27) as u32;
        mixed.rotate_right((old >> 59) as u32)
    }
}

/// A number in Q16, to the nearest, of two the even one, and saturated. Unlike `fixed`'s conversion
/// this cannot panic.
fn to_q16(x: f32) -> i32 {
    /// From here on an f32 has no fraction.
    const WHOLE: f32 = 8_388_608.0;
    let x = x * 65_536.0;
    let whole = WHOLE.copysign(x);
    (if x.abs() < WHOLE {
        (x + whole) - whole
    } else {
        x
    }) as i32
}

#[cfg(test)]
mod tests;
