//! Armv7E-M and Armv8-M with the DSP extension: Cortex-M4, M7, M33; of int4 matrices also what
//! surrounds Helium's form.
#![allow(unsafe_code, reason = "assembly; every block states why it is sound")]

// Naked functions are assembled with the target's features, not the processor's; Armv8-M has DSP
// only as an option.
#[cfg(all(sla_arm_v8m, not(sla_helium)))]
macro_rules! cpu {
    () => {
        ".cpu cortex-m33"
    };
}
#[cfg(not(any(sla_arm_v8m, sla_helium)))]
macro_rules! cpu {
    () => {
        ""
    };
}

#[cfg(not(sla_helium))]
mod activation;
#[cfg(not(sla_helium))]
mod matrix;
mod matrix_i4;
#[cfg(not(sla_helium))]
mod matrix_pair;
#[cfg(not(sla_helium))]
mod state;
#[cfg(not(sla_helium))]
mod state16;
#[cfg(not(sla_helium))]
mod vector;

#[cfg(not(sla_helium))]
pub use activation::silu_product;
#[cfg(not(sla_helium))]
pub use matrix::matvec_i8;
#[cfg(sla_helium)]
pub use matrix_i4::Panels;
pub use matrix_i4::matvec_i4;
#[cfg(not(sla_helium))]
pub use matrix_pair::{join, matvec_i8_pair};
#[cfg(not(sla_helium))]
pub use state::state_write_read;
#[cfg(not(sla_helium))]
pub use state16::state16_write_read;
#[cfg(not(sla_helium))]
pub use vector::{
    add_saturating, apply, apply_i16, apply_in_place, magnitude, shift_i16, shift_in_place,
    shift_into, sum_magnitudes, sum_squares,
};
