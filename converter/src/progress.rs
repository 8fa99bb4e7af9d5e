//! A progress bar on stderr, where that is a terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::terminal::shows_progress;

const STEPS: u64 = 1000;

/// A bar that disappears when dropped.
pub(super) struct Progress(ProgressBar);

impl Progress {
    /// A bar, or nothing without a terminal or where it is unwanted.
    pub(super) fn new() -> Self {
        if !shows_progress() {
            return Self(ProgressBar::hidden());
        }
        let bar = ProgressBar::new(STEPS);
        if let Ok(style) = ProgressStyle::with_template(
            "{msg:12} {bar:40} {percent:>3} %  {elapsed} (left: {eta})",
        ) {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(200));
        Self(bar)
    }

    /// Shows a stage and its finished share.
    pub(super) fn set(&self, stage: &str, share: f64) {
        if self.0.message() != stage {
            self.0.set_message(stage.to_string());
            self.0.reset_eta();
        }
        self.0
            .set_position((share.clamp(0.0, 1.0) * STEPS as f64) as u64);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
