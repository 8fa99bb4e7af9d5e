//! `cargo xtask demo`: the main job from checkpoint to text.

use anyhow::{Result, bail};
use clap::Args;

/// Options of `cargo xtask demo`.
#[derive(Args)]
pub struct Options {}

/// Runs the demo.
pub fn command(_options: &Options) -> Result<()> {
    bail!("demo")
}
