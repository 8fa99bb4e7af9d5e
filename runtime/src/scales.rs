//! Fixed-point formats that converter and runtime share (numerics.md N1.6).

use sla_format::{OutputGate, TensorDesc};
pub use sla_kernels::nonlinear::{ARG_FRAC, DECAY_FRAC, SILU_FRAC};

/// Fraction bits of a head's unit vector (N4.6).
pub const HEAD_UNIT_FRAC: i32 = 30;
/// Fraction bits of logits and of the base-2 logits of the head gates (N7.1, N13.2).
pub const LOGIT_FRAC: i32 = 16;

/// Fraction bits of y, the input of `o_proj` (N9.2).
#[must_use]
pub fn y_frac(gate: OutputGate, gate_tensor: &TensorDesc) -> i32 {
    match gate {
        OutputGate::None => HEAD_UNIT_FRAC,
        OutputGate::Silu => HEAD_UNIT_FRAC + SILU_FRAC + i32::from(gate_tensor.pre_shift) - 32,
        OutputGate::Sigmoid => HEAD_UNIT_FRAC + 31 - 32,
    }
}

/// Fraction bits of h, the input of `down_proj` (N11.2).
#[must_use]
pub fn hidden_frac(gate: &TensorDesc, up: &TensorDesc) -> i32 {
    SILU_FRAC + i32::from(gate.pre_shift) + up.out_frac + i32::from(up.pre_shift) - 32
}
