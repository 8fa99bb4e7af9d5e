//! Parts of a step that are no kernel of their own, one call each, so that their cost can be
//! counted. Not needed to run a model.

use core::hint::black_box;

use sla_format::LOGIT_TILE;
use sla_kernels::Real;

use crate::conv::{Conv, History};
use crate::head_gate::HeadGate;
use crate::logits::Best;
use crate::probe::NoProbe;
use crate::sampler::{Candidates, Sampler};
use crate::scales::LOGIT_FRAC;
use crate::workspace::Activation;
use crate::{head_state, norm};

/// ε of the norms, about 1e-6.
const EPS: Real = Real::pow2(-20);

/// The unit vector of `x` (Q16) as int16 with 13 fraction bits (numerics.md N4.5). `out` has `x`'s
/// length, padded to groups of 32.
#[inline(never)]
pub fn unit_norm(x: &[i32], out: &mut [i16]) {
    norm::unit_i16(x, Real::pow2(-16), EPS, 13, out);
}

/// The norm of a head's output (Q16), in place, Q30 (N4.6).
#[inline(never)]
pub fn head_norm(o: &mut [i32]) {
    head_state::normalize_head(o, Real::pow2(-16), EPS, Real::ONE);
}

/// `x` as int16 of length below 2^bits and its exponent (N5.4). `out` as in [`unit_norm`].
#[inline(never)]
pub fn quantize(x: &[i32], bits: u8, out: &mut [i16]) -> i32 {
    let mut out = Activation {
        values: out,
        exponent: 0,
    };
    norm::quantize(x, bits, &mut out);
    out.exponent
}

/// The softmax over the heads of base-2 logits in Q16, and the gate of each head (N7.1, N7.2).
#[inline(never)]
pub fn head_softmax(logits: &mut [i32]) {
    let heads = logits.len();
    let gates = HeadGate::new(logits, LOGIT_FRAC, heads, Real::ONE);
    for head in 0..heads {
        black_box(gates.of(head));
    }
}

/// A short convolution over `u.len()` channels with its SiLU (N8): `weights` holds one row of
/// channels a tap, `history` one row less, `multiplier` and `bias` a word a channel.
#[inline(never)]
pub fn short_conv(
    u: &mut [i32],
    weights: &[i16],
    multiplier: &[i32],
    bias: &[i32],
    history: &mut [i16],
) {
    let channels = u.len();
    let width = weights.len().checked_div(channels).unwrap_or(0);
    Conv {
        weights,
        multiplier,
        bias,
        shift: -1,
        width,
    }
    .apply::<NoProbe>(
        u,
        History {
            inputs: history,
            stride: channels,
            offset: 0,
            slot: 0,
        },
    );
}

/// The index of the largest of `logits`, taken tile by tile as
/// [`Logits::argmax`](crate::Logits::argmax) does.
#[inline(never)]
#[must_use]
pub fn argmax(logits: &[i32]) -> u32 {
    let mut best = Best::default();
    tiles(logits).for_each(|(first, tile)| best.offer(first, tile));
    best.at
}

/// What [`Sampler::sample`] would choose from `logits` (Q16).
#[inline(never)]
pub fn sample(sampler: &mut Sampler, logits: &[i32]) -> u32 {
    let keep = sampler.keep();
    let mut candidates = Candidates::new();
    tiles(logits).for_each(|(first, tile)| sampler.offer(&mut candidates, keep, first, tile));
    sampler.draw(candidates)
}

/// `logits` in the tiles that a head would compute them in.
fn tiles(logits: &[i32]) -> impl Iterator<Item = (u32, &[i32])> {
    (0..).step_by(LOGIT_TILE).zip(logits.chunks(LOGIT_TILE))
}
