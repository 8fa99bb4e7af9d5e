//! Figures of the page that are those of `sla eval --json`: one source, so that they cannot differ.

use maud::{Markup, html};
use serde_json::Value;

/// The JSON report.
#[derive(Clone, Copy)]
pub(super) struct Figures<'v>(pub(super) &'v Value);

impl Figures<'_> {
    /// The number at a JSON pointer.
    pub(super) fn get(&self, pointer: &str) -> Option<f64> {
        self.0.pointer(pointer).and_then(Value::as_f64)
    }

    /// The number at a JSON pointer for people, with its full value for machines; a dash where
    /// there is none.
    pub(super) fn data(&self, pointer: &str, show: impl FnOnce(f64) -> String) -> Markup {
        html! {
            @match self.get(pointer) {
                Some(value) => data data-json=(pointer) value=(value) { (show(value)) },
                None => "–",
            }
        }
    }
}
