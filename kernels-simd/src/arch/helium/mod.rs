//! Armv8.1-M with the M-profile vector extension (Helium): Cortex-M55, M85.
#![allow(unsafe_code, reason = "assembly; every block states why it is sound")]

mod activation;
mod matrix;
mod matrix_i4;
mod state;
mod state16;
mod vector;

pub use activation::{gla_channels, sigmoid_product, silu_in_place, silu_product};
pub use matrix::matvec_i8;
pub use matrix_i4::panels_i4;
pub use state::{state_read, state_write_read};
pub use state16::state16_write_read;
pub use vector::{
    add_saturating, apply, apply_i16, apply_in_place, magnitude, shift_i16, shift_in_place,
    shift_into, state_shift, sum_magnitudes, sum_squares,
};
