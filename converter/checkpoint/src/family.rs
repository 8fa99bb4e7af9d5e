//! What fla's configs and files of one backbone have that those of others have not: a file each.

mod dims;
mod facts;
mod gated_deltanet;
mod gla;
mod retnet;

use facts::Family;
use sla_reference::Backbone;

/// The peculiarities of one backbone.
pub(super) fn family(backbone: Backbone) -> &'static Family {
    match backbone {
        Backbone::RetNet => &retnet::FAMILY,
        Backbone::Gla => &gla::FAMILY,
        Backbone::GatedDeltaNet => &gated_deltanet::FAMILY,
    }
}
