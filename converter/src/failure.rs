//! How a command ends early, and the lines that say so on stderr.

use std::io::Write;
use std::path::Path;

use super::terminal::{coloured, is_quiet};
use sla_eval::owned_model::OwnedModel;
use sla_runtime::SelfTestError;

/// What a command returns.
pub(super) type Outcome<T = ()> = Result<T, Failure>;

/// Why a command stopped.
#[derive(Debug)]
pub(super) enum Failure {
    /// One line for the user.
    Error(String),
    /// Options that contradict each other: one line.
    Usage(String),
    /// The reader of stdout is gone.
    Closed,
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(e: E) -> Self {
        Self::Error(e.to_string())
    }
}

/// A failure with its message.
pub(super) fn fail<T>(message: impl Into<String>) -> Outcome<T> {
    Err(Failure::Error(message.into()))
}

/// A contradiction between options.
pub(super) fn usage<T>(message: impl Into<String>) -> Outcome<T> {
    Err(Failure::Usage(message.into()))
}

/// `error: …` on stderr, in one line.
pub(super) fn error(message: &str) {
    // A closed stderr leaves nobody to tell.
    let _ = writeln!(
        std::io::stderr(),
        "{} {}",
        coloured("error:", 31),
        one_line(message)
    );
}

/// `warning: …` on stderr, in one line each.
pub(super) fn warn<S: AsRef<str>>(messages: &[S]) {
    for message in messages.iter().filter(|_| !is_quiet()) {
        let _ = writeln!(
            std::io::stderr(),
            "{} {}",
            coloured("warning:", 33),
            one_line(message.as_ref())
        );
    }
}

/// `text` with control characters (a path may hold a line break) replaced.
fn one_line(text: &str) -> String {
    text.trim().replace(char::is_control, " ")
}

/// Reads a `.sla` file to run it, with a warning when this runtime does not give the converter's
/// logits.
pub(super) fn read_model_to_run(path: &Path) -> Outcome<OwnedModel> {
    let file = read_model(path)?;
    let mut memory = file.memory();
    let (state, scratch) = memory.buffers();
    if let Err(e @ SelfTestError::Digest { .. }) = file.model().self_test(state, scratch) {
        warn(&[format!(
            "{}: {e}; convert the checkpoint again with this version",
            path.display()
        )]);
    }
    Ok(file)
}

/// Reads a `.sla` file; the error names it.
pub(super) fn read_model(path: &Path) -> Outcome<OwnedModel> {
    OwnedModel::read(path).map_err(|e| Failure::Error(format!("{}: {e}", path.display())))
}
