//! RetNet: S ← γ_h·S + k⊗v, o = Sᵀq, with γ_h = 1 - 2^(-5-h) (numerics.md N10.1).

use super::project::Qkv;
use super::{Context, HeadBuffers, of_head, share};
use crate::head_state::{HeadState, Rows, Scaled, Update, align_largest, align_sum};
use sla_format::{Role, StateKind};
use sla_kernels::{Real, carry_decay, fixed::round_shr, nonlinear};

/// One head; returns the real value of one unit of `o`.
pub(super) fn head(
    cx: &Context,
    head: usize,
    x: &Qkv,
    state: &mut HeadState,
    carry: &mut [u32],
    write: Real,
    b: &mut HeadBuffers,
) -> Real {
    let desc = cx.model.desc();
    let (d_k, d_v) = (desc.d_k as usize, desc.d_v as usize);
    let kv_head = head / share(desc.heads, desc.kv_heads);
    let decays: &[i32] = cx.model.elements(cx.layer, Role::DecayScale);
    let decay = decays.get(head).map_or(0, |&d| d as u32);
    let carry = carry.first_mut().map_or(0, |carry| {
        state.decay_whole_bits(carry_decay(carry, decay));
        *carry
    });

    let mut k = Rows {
        frac: x.k_frac + align_largest(of_head(x.k, kv_head, d_k), b.k),
        v: b.k,
    };
    let mut q = Rows {
        frac: x.q_frac + align_sum(of_head(x.q, head, d_k), b.q),
        v: b.q,
    };
    if state.kind() == StateKind::Int16 {
        scale_rows(&mut k, &mut q, cx.model.elements(0, Role::Rotary), decay);
    }
    let v = Scaled {
        v: of_head(x.v, kv_head, d_v),
        frac: x.v_frac,
    };
    // S holds the state divided by the carry's decay: writes are divided by it, reads multiplied.
    let gain = write.mul(Real::normal(nonlinear::exp2(carry), -30));
    let unit = state.write_read(
        Update {
            shifts: b.shifts,
            decays: false,
            k,
            v,
            gain,
            q,
        },
        b.v,
        b.o,
    );
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
