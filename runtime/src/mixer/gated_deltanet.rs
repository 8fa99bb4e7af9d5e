//! Gated DeltaNet: S ← α·S, then S ← S + k⊗β(v - Sᵀk), o = Sᵀq (numerics.md N10.3).

use super::project::Qkv;
use super::{Context, HeadBuffers, of_head, share};
use crate::head_state::{HeadState, Rows, Scaled, Update, align_sum};
use crate::norm::inverse_length;
use sla_format::{KeyGate, Role};
use sla_kernels::{Real, align, apply, carry_decay, magnitude, nonlinear};

/// The ε of the L2 norm of q and k, 1e-6.
const L2_EPS: Real = Real::new(1_125_899_907, -50);

/// One value head; returns the real value of one unit of `o`. Turns this head's v into v - r.
#[expect(clippy::too_many_arguments, reason = "one head's slice of everything")]
pub(super) fn head(
    cx: &Context,
    head: usize,
    x: &mut Qkv,
    (decay, beta): (&[i32], &[i32]),
    state: &mut HeadState,
    carry: &mut [u32],
    gate: Real,
    b: &mut HeadBuffers,
) -> Real {
    let desc = cx.model.desc();
    let (d_k, d_v) = (desc.d_k as usize, desc.d_v as usize);
    let qk_head = head / share(desc.state_heads, desc.heads);

    let scales: &[[u32; 2]] = cx.model.elements(cx.layer, Role::DecayScale);
    let scale = scales.get(head).map_or(Real::ZERO, |&[mantissa, e]| {
        Real::new(mantissa.into(), e as i32)
    });
    let (linear, rest) = nonlinear::softplus(decay.get(head).copied().unwrap_or(0));
    let decay = scale.times(linear, 11).saturating_add(scale.times(rest, 0));
    let carry = carry.first_mut().map_or(0, |carry| {
        state.decay_whole_bits(carry_decay(carry, decay));
        *carry
    });
    let (rise, fall) = (
        Real::normal(nonlinear::exp2(carry), -30),
        Real::normal(nonlinear::exp2_neg(carry), -31),
    );
    let beta = Real::new(
        nonlinear::sigmoid(beta.get(head).copied().unwrap_or(0)) as u64,
        -31,
    )
    .scale(i32::from(desc.neg_eigval()));
    let (on_key, on_beta) = match desc.key_gate {
        KeyGate::Beta => (Real::ONE, gate),
        KeyGate::Key | KeyGate::None => (gate, Real::ONE),
    };

    let k = Rows {
        frac: x.k_frac + align_sum(of_head(x.k, qk_head, d_k), b.k),
        v: b.k,
    };
    let k_unit = inverse_length(k.v, Real::pow2(-k.frac), L2_EPS).mul(on_key);

    // r = Sᵀk of the decayed state in units of v, u = v - r; β joins the write's gain.
    let v =
        x.v.get_mut(head * d_v..(head + 1) * d_v)
            .unwrap_or_default();
    let r_frac = state.read(&k, b.q, b.o);
    // Also where r = 0: the first token costs what every other one costs.
    apply(
        k_unit
            .mul(fall)
            .applied(align(magnitude(b.o)), x.v_frac - r_frac),
        b.o,
        b.v,
    );
    if let Some(count) = &mut b.saturated {
        let full =
            |&(v, &r): &(&i32, &i32)| r == i32::MAX || r == i32::MIN || v.checked_sub(r).is_none();
        *count += v.iter().zip(b.v.iter()).filter(full).count() as u32;
    }
    v.iter_mut()
        .zip(b.v.iter())
        .for_each(|(v, r)| *v = v.saturating_sub(*r));
    let q = Rows {
        frac: x.q_frac + align_sum(of_head(x.q, qk_head, d_k), b.q),
        v: b.q,
    };
    let q_unit = inverse_length(q.v, Real::pow2(-q.frac), L2_EPS);
    let gain = k_unit.mul(beta).mul(on_beta).mul(rise);
    let unit = state.write_read(
        Update {
            shifts: b.shifts,
            decays: false,
            k,
            v: Scaled { v, frac: x.v_frac },
            gain,
            q,
        },
        b.v,
        b.o,
    );
    unit.mul(fall).mul(q_unit)
}
