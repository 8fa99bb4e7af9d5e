//! Ending a run that cannot go on, with one `@error` line and exit code 1.

use sla_runtime::ParseError;

use crate::{Console, Platform};

/// Prints the reason and exits.
pub(crate) fn stop<P: Platform>(reason: &str) -> ! {
    Console::<P>::new().text("@error ").text(reason).end();
    P::exit(1)
}

/// The model in flash was refused. The error's own text would bring in `core::fmt`.
pub(crate) fn no_model<P: Platform>(error: ParseError) -> ! {
    if let ParseError::Feature { feature } = error {
        Console::<P>::new()
            .text("@error the model needs a firmware with the feature ")
            .text(feature)
            .end();
        P::exit(1)
    }
    stop::<P>(match error {
        ParseError::NotSla => "no model in the model flash",
        ParseError::Truncated { .. } => "the model is cut off",
        ParseError::TooLong { .. } => "there is something behind the model's end",
        ParseError::Version { .. } => {
            "the model has another format version: convert its checkpoint again"
        }
        ParseError::Checksum { .. } => "the model is corrupted: its checksum differs",
        _ => "the model is invalid",
    })
}

/// The buffers do not suffice.
pub(crate) fn no_memory<P: Platform>() -> ! {
    stop::<P>("the model needs more RAM than this firmware has for it")
}
