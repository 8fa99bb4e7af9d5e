//! Options of `sla flash`.

use std::path::PathBuf;

use clap::Args;

use crate::address::address;

/// Options of `sla flash`.
#[derive(Args)]
pub(crate) struct Options {
    /// File to write
    #[arg(value_name = "FILE.sla")]
    pub(super) file: PathBuf,
    /// Chip: a name of `sla plan` or a part number, or with debug probes built in any target of
    /// probe-rs
    #[arg(long, value_name = "NAME")]
    pub(super) chip: String,
    /// Where the model will lie: the start of a sector, such as 0x08080000
    #[arg(long, value_name = "ADDR", value_parser = address, allow_negative_numbers = true)]
    pub(super) address: u64,
    /// Firmware that the model must not overwrite
    #[arg(long, value_name = "ELF")]
    pub(super) firmware: Option<PathBuf>,
    /// Debug probe, if there are several
    #[arg(long, value_name = "VID:PID[:SERIAL]")]
    pub(super) probe: Option<String>,
    /// Replace what lies there even if it is neither erased nor a model
    #[arg(long)]
    pub(super) overwrite: bool,
    /// Check and show what would be written, without a probe
    #[arg(long)]
    pub(super) dry_run: bool,
}
