//! What a `.sla` file means in terms of the checkpoint that it is made from: [`describe`] gives its
//! sizes and options, a [`recipe`] what each matrix is made of, [`dequantize()`] the float weights
//! that its integers mean. The converter writes by it and the evaluation reads by it.
#![forbid(unsafe_code)]

mod dequantize;
mod describe;
pub mod real;
pub mod recipe;
mod slot;

pub use dequantize::{Mismatch, dequantize};
pub use describe::describe;
pub use slot::{entries, layer_slot, slot};
