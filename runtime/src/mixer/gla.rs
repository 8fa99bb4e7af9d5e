//! Gated linear attention: S_i ← α_i·S_i + k_i·v with α = σ(z)^(1/16) per key channel (numerics.md
//! N10.2).

use super::project::Qkv;
use super::{Context, HeadBuffers, of_head, share};
use crate::head_state::{HeadState, Rows, Scaled, Update, align_largest, align_sum};
use sla_kernels::{Real, gla_channels};

/// One head; returns the real value of one unit of `o`.
#[expect(clippy::too_many_arguments, reason = "one head's slice of everything")]
pub(super) fn head(
    cx: &Context,
    head: usize,
    x: &Qkv,
    z: &[i32],
    state: &mut HeadState,
    carry: &mut [u32],
    write: Real,
    b: &mut HeadBuffers,
) -> Real {
    let desc = cx.model.desc();
    let (d_k, d_v) = (desc.d_k as usize, desc.d_v as usize);
    let kv_head = head / share(desc.heads, desc.kv_heads);

    let k_up = align_largest(of_head(x.k, kv_head, d_k), b.k);
    let q_up = align_sum(of_head(x.q, head, d_k), b.q);
    gla_channels(
        of_head(z, kv_head, d_k),
        desc.decay_max,
        carry,
        b.shifts,
        b.k,
        b.q,
    );
    let k = Rows {
        v: b.k,
        frac: x.k_frac + k_up - 2,
    };
    let q = Rows {
        v: b.q,
        frac: x.q_frac + q_up - 1,
    };
    let v = Scaled {
        v: of_head(x.v, kv_head, d_v),
        frac: x.v_frac,
    };
    state.write_read(
        Update {
            shifts: b.shifts,
            decays: true,
            k,
            v,
            gain: write,
            q,
        },
        b.v,
        b.o,
    )
}
