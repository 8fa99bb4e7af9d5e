//! Random-weight checkpoints of any option combination, written as fla would write them; for tests
//! and fuzzing only.
//!
//! [`case`] draws a config and a file layout from a seed, [`weights`] draws tensors for a config,
//! [`write`] saves them and returns the weights as stored, so that reading them must give exactly
//! those back. [`config_json`], [`tensors`] and [`write_parts`] are the steps of [`write`], for
//! tests that damage something in between.

mod config_json;
mod draw;
mod layout;
mod rng;
mod temp_dir;
mod tensors;
mod weights;
mod write;

pub use config_json::config_json;
pub use draw::{case, small};
pub use layout::{Layout, Precision};
pub use rng::Rng;
pub use temp_dir::TempDir;
pub use tensors::{Tensor, safetensors_bytes, tensors};
pub use weights::weights;
pub use write::{write, write_parts};
