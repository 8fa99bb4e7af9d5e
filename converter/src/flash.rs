//! `sla flash`

#[cfg(feature = "flash")]
mod probe;
mod sectors;
#[cfg(feature = "flash")]
mod target;

use std::path::PathBuf;

use clap::Args;

use super::address::address;
use super::failure::{Outcome, read_model};
use super::output::print;

/// Options of `sla flash`.
#[derive(Args)]
pub(super) struct Options {
    /// File to write
    #[arg(value_name = "FILE.sla")]
    file: PathBuf,
    /// Chip: a name of `sla plan` or a part number, or with debug probes built in any target of
    /// probe-rs
    #[arg(long, value_name = "NAME")]
    chip: String,
    /// Where the model will lie: the start of a sector, such as 0x08080000
    #[arg(long, value_name = "ADDR", value_parser = address, allow_negative_numbers = true)]
    address: u64,
    /// Firmware that the model must not overwrite
    #[arg(long, value_name = "ELF")]
    firmware: Option<PathBuf>,
    /// Debug probe, if there are several
    #[arg(long, value_name = "VID:PID[:SERIAL]")]
    probe: Option<String>,
    /// Replace what lies there even if it is neither erased nor a model
    #[arg(long)]
    overwrite: bool,
    /// Check and show what would be written, without a probe
    #[arg(long)]
    dry_run: bool,
}

/// Checks the region, writes, and reads back.
pub(super) fn command(options: &Options) -> Outcome {
    let file = read_model(&options.file)?;
    let plan = sectors::plan(options, file.bytes().len() as u64)?;
    let verb = if options.dry_run {
        "would write"
    } else {
        "wrote and verified"
    };
    let report = plan.text(&options.file.display().to_string(), file.model().id(), verb);
    if !options.dry_run {
        write(options, &plan, file.bytes())?;
    }
    print(&report)
}

#[cfg(feature = "flash")]
use probe::write;

/// Says what is missing.
#[cfg(not(feature = "flash"))]
fn write(options: &Options, _: &sectors::FlashPlan, _: &[u8]) -> Outcome {
    let Options {
        file,
        chip,
        address,
        ..
    } = options;
    super::failure::fail(format!(
        "this sla was built without debug probes, and only --dry-run works: install it with `cargo install sla-converter --features \
         flash`, or from a checkout with `cargo install --path converter --features flash`; or write the file that `sla export {} \
         --format hex --address {address:#x} --chip {chip} -o model.hex` makes",
        file.display()
    ))
}
