//! RetNet: S ← γ_h·S + k⊗v, o = Sᵀq, with γ_h = 1 - 2^(-5-h) (numerics.md N10.1).

use super::project::Qkv;
use super::{Context, HeadBuffers, of_head, share};
use crate::head_state::{HeadState, Scaled, Update, align_largest, align_sum};
use sla_format::Role;
use sla_kernels::{Real, carry_decay, nonlinear};

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

    let k = Scaled { frac: x.k_frac + align_largest(of_head(x.k, kv_head, d_k), b.k), v: b.k };
    let q = Scaled { frac: x.q_frac + align_sum(of_head(x.q, head, d_k), b.q), v: b.q };
    let v = Scaled { v: of_head(x.v, kv_head, d_v), frac: x.v_frac };
    // S holds the state divided by the carry's decay: writes are divided by it, reads multiplied.
    let gain = write.mul(Real::normal(nonlinear::exp2(carry), -30));
    let unit = state.write_read(Update { shifts: b.shifts, decays: false, k, v, gain, q }, b.v, b.o);
    unit.mul(Real::normal(nonlinear::exp2_neg(carry), -31))
}
