//! Armv8.1-M with the M-profile vector extension (Helium): Cortex-M55, M85.
#![allow(unsafe_code, reason = "assembly; every block states why it is sound")]

mod activation;
mod matrix;
mod matrix_i4;
mod state;
mod state16;
mod vector;

use crate::kernels::{Kernels, ORACLE};

/// What this backend has of its own.
pub(crate) const KERNELS: Kernels = Kernels {
    name: || "helium",
    gla_channels: activation::gla_channels,
    sigmoid_product: activation::sigmoid_product,
    silu_in_place: activation::silu_in_place,
    silu_product: activation::silu_product,
    matvec_i8: matrix::matvec_i8,
    matvec_i4: matrix_i4::matvec_i4,
    state_read: state::state_read,
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
    state_shift: vector::state_shift,
    sum_magnitudes: vector::sum_magnitudes,
    sum_squares: vector::sum_squares,
    ..ORACLE
};
