//! Armv7E-M and Armv8-M with the DSP extension: Cortex-M4, M7, M33.
#![allow(unsafe_code, reason = "assembly; every block states why it is sound")]

// Naked functions are assembled with the target's features, not the processor's; Armv8-M has DSP
// only as an option.
#[cfg(sla_arm_v8m)]
macro_rules! cpu {
    () => {
        ".cpu cortex-m33"
    };
}
#[cfg(not(sla_arm_v8m))]
macro_rules! cpu {
    () => {
        ""
    };
}

mod activation;
mod matrix;
mod matrix_i4;
mod matrix_pair;
mod state;
mod state16;
mod vector;

use crate::kernels::{Kernels, ORACLE};

/// What this backend has of its own.
pub(crate) const KERNELS: Kernels = Kernels {
    name: || "arm-dsp",
    matvec_i8: matrix::matvec_i8,
    matvec_i4: matrix_i4::matvec_i4,
    join: matrix_pair::join,
    matvec_i8_pair: matrix_pair::matvec_i8_pair,
    silu_product: activation::silu_product,
    state_write_read: state::state_write_read,
    state16_write_read: state16::state16_write_read,
    add_saturating: vector::add_saturating,
    apply: vector::apply,
    apply_i16: vector::apply_i16,
    apply_in_place: vector::apply_in_place,
    magnitude: vector::magnitude,
    shift_i16: vector::shift_i16,
    shift_in_place: vector::shift_in_place,
    shift_into: vector::shift_into,
    sum_magnitudes: vector::sum_magnitudes,
    sum_squares: vector::sum_squares,
    ..ORACLE
};
