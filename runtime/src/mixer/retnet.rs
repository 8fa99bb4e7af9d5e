//! RetNet: S ← γ_h·S + k⊗v, o = Sᵀq, with γ_h = 1 - 2^(-5-h) (numerics.md N10.1).

use super::token::{Channels, Token};
use super::{Context, Head, of_head, share};
use crate::bounds::part;
use crate::head_state::{Rows, Scaled, Update, align_largest, align_sum};
use crate::model::Model;
use crate::probe::Probe;
use sla_format::{Role, StateKind};
use sla_kernels::{
    Real,
    fixed::{mulhr, round_shr},
    nonlinear,
};

/// cos and sin of this position's rotary angles (N9.4): phase_j = position·θ_j/2π in 2^-64 turns,
/// exact in wrapping arithmetic at every position.
pub(super) fn rotary_angles(model: &Model, position: u64, out: &mut [i32]) {
    let steps: &[u64] = model.elements(0, Role::Rotary);
    let (cos, sin) = out.split_at_mut_checked(steps.len()).unwrap_or_default();
    for ((cos, sin), step) in cos.iter_mut().zip(sin).zip(steps) {
        (*cos, *sin) = nonlinear::cos_sin((position.wrapping_mul(*step) >> 32) as u32);
    }
}

/// Feature map and rotation of q and k. Returns how many values were saturated on the way, if a
/// probe wants to know.
pub(super) fn activate<P: Probe>(cx: &Context, token: &mut Token) -> u32 {
    let desc = cx.model.desc();
    let p = &mut token.projections;
    let mut saturated = 0;
    for channels in [&mut p.q, &mut p.k] {
        saturated += channels.map_features::<P>(desc.feature_map);
        rotate(channels, token.place.rotary, desc.d_k as usize);
    }
    saturated
}

/// Rotary position embedding, halves rotated against each other (N9.4).
fn rotate(channels: &mut Channels, rotary: &[i32], d_k: usize) {
    let half = d_k / 2;
    let (cos, sin) = (part(rotary, ..half), part(rotary, half..));
    for head in channels.x.chunks_exact_mut(d_k.max(1)) {
        let (low, high) = head.split_at_mut_checked(half).unwrap_or_default();
        for ((low, high), (cos, sin)) in low.iter_mut().zip(high).zip(cos.iter().zip(sin)) {
            let (a, b) = (*low, *high);
            *low = mulhr(a, *cos).wrapping_sub(mulhr(b, *sin));
            *high = mulhr(a, *sin).wrapping_add(mulhr(b, *cos));
        }
    }
    channels.frac -= 1;
}

/// One step of one head; returns the real value of one unit of `o`.
pub(super) fn head(cx: &Context, token: &Token, head: &mut Head) -> Real {
    let desc = cx.model.desc();
    let (d_k, d_v) = (desc.d_k as usize, desc.d_v as usize);
    let (p, b) = (&token.projections, &mut *head.buffers);
    let kv_head = head.index / share(desc.heads, desc.kv_heads);
    let decays: &[i32] = cx.model.elements(cx.layer, Role::DecayScale);
    let decay = decays.get(head.index).map_or(0, |&d| d as u32);
    let carry = head.state.decay(decay);

    let mut k = Rows {
        frac: p.k.frac + align_largest(of_head(p.k.x, kv_head, d_k), b.k),
        v: b.k,
    };
    let mut q = Rows {
        frac: p.q.frac + align_sum(of_head(p.q.x, head.index, d_k), b.q),
        v: b.q,
    };
    if head.state.kind() == StateKind::Int16 {
        scale_rows(&mut k, &mut q, cx.model.elements(0, Role::Rotary), decay);
    }
    let v = Scaled {
        v: of_head(p.v.x, kv_head, d_v),
        frac: p.v.frac,
    };
    // S holds the state divided by the carry's decay: writes are divided by it, reads multiplied.
    let gain = head.write.mul(Real::normal(nonlinear::exp2(carry), -30));
    let step = Update {
        shifts: b.shifts,
        decays: false,
        k,
        v,
        gain,
        q,
    };
    let unit = head.state.write_read(step, b.v, b.o);
    unit.mul(Real::normal(nonlinear::exp2_neg(carry), -31))
}

/// Gives each row of an int16 state its own number of fraction bits by scaling k and q (N6.11).
fn scale_rows(k: &mut Rows, q: &mut Rows, steps: &[u64], decay: u32) {
    let most = steps
        .iter()
        .map(|&step| row_bits(step, decay))
        .max()
        .unwrap_or(0);
    for ((k, q), &step) in k.v.iter_mut().zip(q.v.iter_mut()).zip(steps.iter().cycle()) {
        let bits = row_bits(step, decay);
        *k = round_shr(*k, most - bits);
        *q = round_shr(*q, bits);
    }
    k.frac -= most as i32;
}

/// Fraction bits that a row has more than those that do not turn: where k turns by more than S
/// decays, writes cancel and the row grows less, about as the square root.
fn row_bits(step: u64, decay: u32) -> u32 {
    let (turn, decay) = (
        64 - step.leading_zeros() as i32,
        32 - decay.leading_zeros() as i32,
    );
    (turn - decay - 34)
        .min((26 - decay) >> 1)
        .max(0)
        .unsigned_abs()
}
