//! Looking inside a step without changing it.

use sla_kernels::Real;

/// A place in a layer where a [`Probe`] is told what was computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Op {
    /// The unit vector that enters the mixer's projections.
    MixerNorm,
    /// The mixer's projections, convolution and feature maps.
    Project,
    /// The gates over the heads (SLA); `reals` gives gate·scale of each head.
    QueryGate,
    /// See [`Op::QueryGate`].
    KeyGate,
    /// State update, read and per-head norm; `values` is the input of o_proj as the file scales it.
    Heads,
    /// o_proj: what the mixer adds to the residual stream.
    MixerOut,
    /// silu(gate)·up.
    Hidden,
    /// down_proj: what the MLP adds to the residual stream.
    MlpOut,
    /// The residual stream after the layer (for `layer` = number of layers: after the input).
    Residual,
    /// Final norm and head.
    Head,
}

impl Op {
    /// All operations, in the order of a step.
    pub const ALL: [Op; 10] = [
        Op::MixerNorm,
        Op::Project,
        Op::QueryGate,
        Op::KeyGate,
        Op::Heads,
        Op::MixerOut,
        Op::Hidden,
        Op::MlpOut,
        Op::Residual,
        Op::Head,
    ];

    /// Short name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Op::MixerNorm => "norm",
            Op::Project => "project",
            Op::QueryGate => "query gate",
            Op::KeyGate => "key gate",
            Op::Heads => "heads",
            Op::MixerOut => "mixer out",
            Op::Hidden => "mlp hidden",
            Op::MlpOut => "mlp out",
            Op::Residual => "residual",
            Op::Head => "head",
        }
    }
}

/// Receives what a step computes. Every method does nothing by default; with [`NoProbe`] nothing is
/// left of the calls.
pub trait Probe {
    /// Whether anything is listening.
    const ACTIVE: bool = true;

    /// A vector: real value = `values · 2^-frac`.
    fn values(&mut self, _layer: usize, _op: Op, _values: &[i32], _frac: i32) {}

    /// One real number of head `index`.
    fn real(&mut self, _layer: usize, _op: Op, _index: usize, _value: Real) {}

    /// `op` of `layer` is done: everything since the last call belongs to it.
    fn done(&mut self, _layer: usize, _op: Op) {}

    /// `count` values of `op` were saturated, or are as large as if they had been (numerics.md
    /// N1.8).
    fn saturated(&mut self, _layer: usize, _op: Op, _count: u32) {}
}

/// Values at an end of int32: what saturating leaves (N1.8).
pub(crate) fn at_the_ends(values: &[i32]) -> u32 {
    values
        .iter()
        .filter(|&&v| v == i32::MAX || v == i32::MIN)
        .count() as u32
}

/// Listens to nothing.
#[derive(Debug)]
pub struct NoProbe;

impl Probe for NoProbe {
    const ACTIVE: bool = false;
}
