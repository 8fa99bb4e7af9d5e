//! Gated DeltaNet: S ← α·S, then S ← S + k⊗β(v - Sᵀk), o = Sᵀq (numerics.md N10.3).

use super::token::{Projector, Token};
use super::{Context, Head, of_head, share};
use crate::bounds::part_mut;
use crate::head_state::{Rows, Scaled, Update, align_sum};
use crate::norm::inverse_length;
use crate::probe::Probe;
use crate::workspace::LayerState;
use sla_format::{KeyGate, Role};
use sla_kernels::{Real, align, apply, magnitude, nonlinear, silu_in_place};

/// The ε of the L2 norm of q and k, 1e-6.
const L2_EPS: Real = Real::new(1_125_899_907, -50);

/// Decay and β of each head.
pub(super) fn project(projector: &mut Projector) {
    let heads = projector.cx.model.desc().state_heads as usize;
    projector.run(Role::DeltaDecay, heads, |p| &mut p.decay);
    projector.run(Role::DeltaBeta, heads, |p| &mut p.beta);
}

/// Convolution, or SiLU where the model has none; there is no feature map. Returns how many values
/// were saturated on the way, if a probe wants to know.
pub(super) fn activate<P: Probe>(cx: &Context, token: &mut Token, state: &mut LayerState) -> u32 {
    let p = &mut token.projections;
    if cx.model.desc().conv_width > 0 {
        return p.convolve::<P>(cx, token.place.slot, state);
    }
    for channels in [&mut p.q, &mut p.k, &mut p.v] {
        silu_in_place(channels.x);
        channels.frac = nonlinear::SILU_FRAC;
    }
    0
}

/// One step of one value head; returns the real value of one unit of `o`. Turns this head's v into
/// v - r.
pub(super) fn head(cx: &Context, token: &mut Token, head: &mut Head) -> Real {
    let desc = cx.model.desc();
    let (d_k, d_v) = (desc.d_k as usize, desc.d_v as usize);
    let (p, b) = (&mut token.projections, &mut *head.buffers);
    let qk_head = head.index / share(desc.state_heads, desc.heads);

    let scales: &[[u32; 2]] = cx.model.elements(cx.layer, Role::DecayScale);
    let scale = scales.get(head.index).map_or(Real::ZERO, |&[mantissa, e]| {
        Real::new(mantissa.into(), e as i32)
    });
    let of_this = |x: &[i32]| x.get(head.index).copied().unwrap_or(0);
    let (linear, rest) = nonlinear::softplus(of_this(p.decay));
    let carry = head
        .state
        .decay(scale.times(linear, 11).saturating_add(scale.times(rest, 0)));
    let (rise, fall) = (
        Real::normal(nonlinear::exp2(carry), -30),
        Real::normal(nonlinear::exp2_neg(carry), -31),
    );
    let beta = Real::new(nonlinear::sigmoid(of_this(p.beta)) as u64, -31)
        .scale(i32::from(desc.neg_eigval()));
    let (on_key, on_beta) = match desc.key_gate {
        KeyGate::Beta => (Real::ONE, head.write),
        KeyGate::Key | KeyGate::None => (head.write, Real::ONE),
    };

    let k = Rows {
        frac: p.k.frac + align_sum(of_head(p.k.x, qk_head, d_k), b.k),
        v: b.k,
    };
    let k_unit = inverse_length(k.v, Real::pow2(-k.frac), L2_EPS).mul(on_key);

    // r = Sᵀk of the decayed state in units of v, u = v - r; β joins the write's gain.
    let v = part_mut(p.v.x, head.index * d_v..(head.index + 1) * d_v);
    let r_frac = head.state.read(&k, b.q, b.o);
    // Also where r = 0: the first token costs what every other one costs.
    apply(
        k_unit
            .mul(fall)
            .applied(align(magnitude(b.o)), p.v.frac - r_frac),
        b.o,
        b.v,
    );
    if let Some(count) = head.saturated {
        let full =
            |&(v, &r): &(&i32, &i32)| r == i32::MAX || r == i32::MIN || v.checked_sub(r).is_none();
        *count += v.iter().zip(b.v.iter()).filter(full).count() as u32;
    }
    v.iter_mut()
        .zip(b.v.iter())
        .for_each(|(v, r)| *v = v.saturating_sub(*r));
    let q = Rows {
        frac: p.q.frac + align_sum(of_head(p.q.x, qk_head, d_k), b.q),
        v: b.q,
    };
    let q_unit = inverse_length(q.v, Real::pow2(-q.frac), L2_EPS);
    let step = Update {
        shifts: b.shifts,
        decays: false,
        k,
        v: Scaled { v, frac: p.v.frac },
        gain: k_unit.mul(beta).mul(on_beta).mul(rise),
        q,
    };
    let unit = head.state.write_read(step, b.v, b.o);
    unit.mul(fall).mul(q_unit)
}
