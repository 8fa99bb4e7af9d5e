//! What is compiled in: backbones, inputs, states.

use sla_format::{Backbone, InputKind, ModelDesc};

/// Whether models that read feature vectors can be opened.
pub(crate) const FEATURE_VECTORS: bool = cfg!(feature = "feature-vectors");
/// Whether models with int16 states can be opened.
pub(crate) const STATE_INT16: bool = cfg!(feature = "state-int16");
const RETNET: bool = cfg!(feature = "retnet");
const GLA: bool = cfg!(feature = "gla");
const GATED_DELTANET: bool = cfg!(feature = "gated-deltanet");

/// The backbone of a model that was parsed, so that it is one of those compiled in. The compiler
/// sees that as well, and drops the code of the others.
#[inline(always)]
pub(crate) fn backbone(desc: &ModelDesc) -> Backbone {
    match desc.backbone {
        Backbone::RetNet if RETNET => Backbone::RetNet,
        Backbone::Gla if GLA => Backbone::Gla,
        Backbone::GatedDeltaNet if GATED_DELTANET => Backbone::GatedDeltaNet,
        _ if RETNET => Backbone::RetNet,
        _ if GLA => Backbone::Gla,
        _ => Backbone::GatedDeltaNet,
    }
}

/// The cargo feature that a model needs and this build lacks.
pub(crate) fn missing_feature(desc: &ModelDesc) -> Option<&'static str> {
    if desc.input == InputKind::Features && !FEATURE_VECTORS {
        return Some("feature-vectors");
    }
    match desc.backbone {
        Backbone::RetNet => (!RETNET).then_some("retnet"),
        Backbone::Gla => (!GLA).then_some("gla"),
        Backbone::GatedDeltaNet => (!GATED_DELTANET).then_some("gated-deltanet"),
    }
}
