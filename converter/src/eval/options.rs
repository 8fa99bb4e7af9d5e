//! Options of `sla eval`.

use std::path::PathBuf;

use clap::Args;

use crate::number::number;

/// Options of `sla eval`.
#[derive(Args)]
#[command(allow_negative_numbers = true)]
pub(crate) struct Options {
    /// File to evaluate
    #[arg(value_name = "FILE.sla")]
    pub(super) file: PathBuf,
    /// The checkpoint that it was converted from
    #[arg(long, value_name = "DIR")]
    pub(super) checkpoint: PathBuf,
    /// Input: input_ids (with targets), or features.N (with labels). Default: eval.safetensors of
    /// the checkpoint; with --stream the float model's own samples, or synthetic frames
    #[arg(long, value_name = "X.safetensors", conflicts_with = "text")]
    pub(super) tokens: Option<PathBuf>,
    /// Text for byte-level models and files with a tokenizer, cut into rows of 1,024 tokens that
    /// each start from a fresh state; - for stdin
    #[arg(long, value_name = "FILE")]
    pub(super) text: Option<PathBuf>,
    /// One stream of N steps without a reset, in windows of its positions; the input is repeated
    /// as often as it takes
    #[arg(long, value_name = "N", value_parser = steps)]
    pub(super) stream: Option<u64>,
    /// Draw the KL along the stream; - for stdout
    #[arg(
        long,
        value_name = "OUT.svg",
        requires = "stream",
        conflicts_with = "report"
    )]
    pub(super) plot: Option<PathBuf>,
    /// Write a page that shows all of it: plots, gates over the text, ranges, memory; - for stdout
    #[arg(long, value_name = "OUT.html", conflicts_with = "stream")]
    pub(super) report: Option<PathBuf>,
    /// Print JSON, and nothing else, on stdout
    #[arg(long)]
    pub(super) json: bool,
    /// Name the first vector whose signal-to-noise ratio, arithmetic alone, is below this
    #[arg(long, value_name = "DB", default_value_t = 40.0, conflicts_with = "stream", value_parser = finite)]
    pub(super) tolerance: f64,
}

fn finite(text: &str) -> Result<f64, String> {
    number(text, "a finite number", |v: f64| v.is_finite())
}

fn steps(text: &str) -> Result<u64, String> {
    number(text, "a whole number of steps, 1 or above", |steps: u64| {
        steps > 0
    })
}
