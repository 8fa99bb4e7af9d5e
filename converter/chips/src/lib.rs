//! A `.sla` file and the chips that it is for: [`plan`] tells which it fits and about how fast it
//! is there, [`image`] writes it for their flash.
#![forbid(unsafe_code)]

pub mod image;
pub mod names;
pub mod plan;
