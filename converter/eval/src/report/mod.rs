//! What `sla eval` found, as one HTML page that needs nothing else: no script, no font, no network
//! (docs/report.md).
//!
//! Every section is a file that turns measurements into markup. All text is escaped where it is put
//! into the page; all colours are names that style.css defines for light and dark.

mod activations;
mod canvas;
mod errors;
mod gates;
mod json;
mod memory;
mod page;
mod plot;
mod provenance;
mod quality;
mod subject;
#[cfg(test)]
mod tests;
mod weights;

pub use gates::sample_len;
pub use memory::{Part, flash, ram};
pub use page::page;
pub use subject::Subject;
