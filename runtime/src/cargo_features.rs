//! What is compiled in: recurrences, inputs, states.

use core::convert::Infallible;

use sla_format::{Backbone, InputKind, ModelDesc};

/// Whether models that read feature vectors can be opened.
pub(crate) const FEATURE_VECTORS: bool = cfg!(feature = "feature-vectors");
/// Whether models with int16 states can be opened.
pub(crate) const STATE_INT16: bool = cfg!(feature = "state-int16");

/// Defines [`Recurrence`]: the variant of a recurrence whose feature is off has no value, so that
/// the compiler drops its code.
macro_rules! recurrences {
    ($($(#[$doc:meta])* $name:ident = $feature:literal,)*) => {
        /// A recurrence that is compiled in.
        #[derive(Clone, Copy)]
        pub(crate) enum Recurrence {
            $($(#[$doc])* $name(witness::$name),)*
        }

        impl Recurrence {
            /// That of a file, or the name of the cargo feature that this build lacks.
            pub fn of(backbone: Backbone) -> Result<Self, &'static str> {
                match backbone {
                    $(Backbone::$name => <witness::$name>::VALUE.map(Self::$name).ok_or($feature),)*
                }
            }
        }

        mod witness {
            $(
                #[cfg(feature = $feature)]
                pub type $name = ();
                #[cfg(not(feature = $feature))]
                pub type $name = super::Infallible;
            )*
        }
    };
}

recurrences! {
    /// N10.1.
    RetNet = "retnet",
    /// N10.2.
    Gla = "gla",
    /// N10.3.
    GatedDeltaNet = "gated-deltanet",
}

/// That something is compiled in.
trait Witness: Sized {
    const VALUE: Option<Self>;
}

impl Witness for () {
    const VALUE: Option<Self> = Some(());
}

impl Witness for Infallible {
    const VALUE: Option<Self> = None;
}

/// The cargo feature that a model's input needs and this build lacks.
pub(crate) fn missing_input(desc: &ModelDesc) -> Option<&'static str> {
    match desc.input {
        InputKind::Tokens => None,
        InputKind::Features => (!FEATURE_VECTORS).then_some("feature-vectors"),
    }
}
