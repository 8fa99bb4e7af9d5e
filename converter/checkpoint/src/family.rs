//! What fla's configs and files of one backbone have that those of others have not: a file each.

mod dims;
mod gated_deltanet;
mod gla;
mod retnet;

use sla_reference::{Backbone, OutputGate};

use super::CheckpointError;
use super::json::Keys;
use dims::Dims;

/// The peculiarities of one backbone.
pub(super) struct Family {
    /// Keys that it reads and not every other does.
    pub(super) keys: &'static [&'static str],
    /// `num_heads` where the config has none.
    pub(super) heads: usize,
    /// `num_hidden_layers` where the config has none.
    pub(super) layers: usize,
    /// `use_short_conv` where the config has none.
    pub(super) conv: bool,
    /// Whether `norm_first` asks for a layout of old.
    pub(super) has_old_layout: bool,
    /// Heads and their widths, from the hidden size and the number of heads.
    pub(super) dims: fn(&Keys, usize, usize) -> Result<Dims, CheckpointError>,
    /// The output gate.
    pub(super) output_gate: fn(&Keys) -> Result<OutputGate, CheckpointError>,
    /// What asks for the output gate's tensor.
    pub(super) gate_why: &'static str,
    /// The name of the output norm and what asks for it.
    pub(super) norm: (&'static str, &'static str),
    /// Another name of the same.
    pub(super) fused_norm: Option<&'static str>,
    /// Tensors of a layer that fla never reads.
    pub(super) unread: &'static [&'static str],
    /// A key that has no effect, and why, from the number of heads.
    pub(super) without_effect: fn(&Keys, usize) -> Option<(&'static str, &'static str)>,
}

/// The peculiarities of a backbone.
pub(super) fn family(backbone: Backbone) -> &'static Family {
    match backbone {
        Backbone::RetNet => &retnet::FAMILY,
        Backbone::Gla => &gla::FAMILY,
        Backbone::GatedDeltaNet => &gated_deltanet::FAMILY,
    }
}
