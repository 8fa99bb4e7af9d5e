//! AArch64: NEON, which is part of the target, and its dot products, which are found at run time
//! (with `std`) or named by the target. What is plain loops in the oracle the compiler vectorises
//! already.
#![allow(
    unsafe_code,
    reason = "loads, stores and one instruction in assembly; every block states why it is sound"
)]

mod matrix;
mod state;

use crate::kernels::{Kernels, ORACLE};
use core::arch::aarch64::*;

/// What this backend has of its own.
pub(crate) const KERNELS: Kernels = Kernels {
    name: || match has_dot_product() {
        true => "neon-dotprod",
        false => "neon",
    },
    matvec_i8: matrix::matvec_i8,
    state_read: state::state_read,
    state_write_read: state::state_write_read,
    ..ORACLE
};

/// Whether the processor has SDOT.
#[inline]
fn has_dot_product() -> bool {
    #[cfg(all(feature = "std", not(target_feature = "dotprod")))]
    return std::arch::is_aarch64_feature_detected!("dotprod");
    #[cfg(not(all(feature = "std", not(target_feature = "dotprod"))))]
    cfg!(target_feature = "dotprod")
}

/// [`crate::fixed::mulhr`] of four lanes: the rounding narrowing shift is its very rounding, in 64
/// bits.
#[inline]
#[target_feature(enable = "neon")]
fn mulhr(a: int32x4_t, b: int32x4_t) -> int32x4_t {
    let low = vrshrn_n_s64::<32>(vmull_s32(vget_low_s32(a), vget_low_s32(b)));
    vrshrn_high_n_s64::<32>(low, vmull_high_s32(a, b))
}
