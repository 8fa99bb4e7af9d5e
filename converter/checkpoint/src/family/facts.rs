//! What families differ in.

use sla_reference::OutputGate;

use super::dims::Dims;
use crate::CheckpointError;
use crate::json::Keys;

/// The peculiarities of one backbone.
pub(crate) struct Family {
    /// Keys that it reads and not every other does.
    pub(crate) keys: &'static [&'static str],
    /// `num_heads` where the config has none.
    pub(crate) heads: usize,
    /// `num_hidden_layers` where the config has none.
    pub(crate) layers: usize,
    /// `use_short_conv` where the config has none.
    pub(crate) conv: bool,
    /// Whether `norm_first` asks for a layout of old.
    pub(crate) has_old_layout: bool,
    /// Heads and their widths, from the hidden size and the number of heads.
    pub(crate) dims: fn(&Keys, usize, usize) -> Result<Dims, CheckpointError>,
    /// The output gate.
    pub(crate) output_gate: fn(&Keys) -> Result<OutputGate, CheckpointError>,
    /// What asks for the output gate's tensor.
    pub(crate) gate_why: &'static str,
    /// The name of the output norm and what asks for it.
    pub(crate) norm: (&'static str, &'static str),
    /// Another name of the same.
    pub(crate) fused_norm: Option<&'static str>,
    /// Tensors of a layer that fla never reads.
    pub(crate) unread: &'static [&'static str],
    /// A key that has no effect, and why, from the number of heads.
    pub(crate) without_effect: fn(&Keys, usize) -> Option<(&'static str, &'static str)>,
}
