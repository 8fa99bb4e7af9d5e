//! A step in bounded pieces, for a task that has to yield inside a token.

use crate::logits::Logits;
use crate::probe::NoProbe;
use crate::session::Session;

/// A step that has begun ([`Session::slices`]): the mixer and the MLP of each layer are a slice
/// each.
///
/// The result is that of [`Session::step`]. A step is never left half done: if this is dropped
/// before its end, either [`Session::pending`] goes on with it, or the session's next step first
/// runs what is left.
pub struct Slices<'a, 's, 'm> {
    session: &'a mut Session<'s, 'm>,
}

impl core::fmt::Debug for Slices<'_, '_, '_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Slices")
            .field("left", &self.left())
            .finish_non_exhaustive()
    }
}

impl<'a, 's, 'm> Slices<'a, 's, 'm> {
    pub(crate) fn new(session: &'a mut Session<'s, 'm>) -> Self {
        Self { session }
    }

    /// Slices that are left.
    #[must_use]
    pub fn left(&self) -> usize {
        self.session.slices_left()
    }

    /// Runs the next slice; `false` if there was none.
    pub fn run_next(&mut self) -> bool {
        self.session.run_next(true, &mut NoProbe)
    }

    /// Runs what is left and returns the logits.
    pub fn finish(mut self) -> Logits<'a, 'm> {
        while self.run_next() {}
        self.session.logits()
    }
}
