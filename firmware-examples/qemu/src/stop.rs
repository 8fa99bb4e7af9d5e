//! Ending a run that cannot go on, with one `@error` line and exit code 1.

use sla_runtime::ParseError;

use crate::Console;
use crate::semihost::exit;

/// Prints the reason and exits.
pub fn stop(reason: &str) -> ! {
    Console.text("@error ").text(reason).end();
    exit(1)
}

/// The model in flash was refused. The error's own text would bring in `core::fmt`.
pub fn no_model(error: ParseError) -> ! {
    if let ParseError::Feature { feature } = error {
        Console
            .text("@error the model needs a firmware with the feature ")
            .text(feature)
            .end();
        exit(1)
    }
    stop(match error {
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
pub fn no_memory() -> ! {
    stop("the model needs more RAM than this firmware has for it")
}
