//! What a page is about.

use serde_json::Value;
use sla_runtime::Model;

use crate::numbers::grouped;
use crate::{Comparison, Observed, TensorFigures};

/// What a page is about.
pub struct Subject<'a> {
    /// What to call the file.
    pub name: &'a str,
    /// Its bytes.
    pub file: &'a [u8],
    /// The model in it.
    pub model: &'a Model<'a>,
    /// What the evaluation compared.
    pub comparison: &'a Comparison,
    /// [`Comparison::to_json`]: where the page's figures come from.
    pub json: &'a Value,
    /// What the runtime did inside.
    pub observed: &'a Observed,
    /// What rounding did to the matrices.
    pub tensors: &'a [TensorFigures],
    /// The text of a token, for people.
    pub label: &'a dyn Fn(u32) -> String,
    /// Commands that make the file and the page.
    pub commands: &'a [String],
}

/// A size for people, decimal units.
pub(super) fn size(bytes: usize) -> String {
    match bytes {
        0..10_000 => format!("{} B", grouped(bytes as u64)),
        10_000..1_000_000 => format!("{:.1} KB", bytes as f64 / 1e3),
        _ => format!("{:.2} MB", bytes as f64 / 1e6),
    }
}
