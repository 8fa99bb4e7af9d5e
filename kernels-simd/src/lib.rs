//! Integer kernels for the recurrent form of linear-attention models.
//!
//! Everything a token needs is here in fixed point: matrix times vector on int8 weights, the state
//! update and read, norms, gates and the few nonlinear functions. `docs/numerics.md` is the
//! definition; each item names the clause (`N…`) it implements.
//!
//! * [`scalar`] is the oracle and the portable fallback: plain, safe Rust.
//! * `arch` holds one file per instruction set and the only unsafe code of the project. A backend
//!   returns exactly what the oracle returns, bit for bit.
//! * [`matvec_i8`], [`state_write_read`], … at the root choose the backend: from the target on
//!   devices, at run time on hosts with the `std` feature.
//!
//! No function here panics on any *values*; a length that breaks a documented contract is caught
//! by a `debug_assert!` and otherwise leaves the surplus untouched.
#![no_std]
#![deny(unsafe_code)]
#![warn(missing_debug_implementations)]

#[cfg(feature = "std")]
extern crate std;

mod arch;
pub mod conformance;
pub mod fixed;
mod kernels;
pub mod nonlinear;
mod real;
pub mod scalar;
mod tables;

pub use kernels::*;
pub use real::{Apply, Real, align};
pub use scalar::activation::carry_decay;
pub use scalar::embedding::dequantize_row;
pub use scalar::matrix::{I8Matrix, PANEL, TILE, padded_cols, padded_rows};
pub use scalar::matrix_i4::{GROUP, I4Matrix};
pub use scalar::state16::pack_pairs;
