//! `sla flash`

#[cfg(feature = "flash")]
mod probe;
#[cfg(feature = "flash")]
mod sectors;

use std::path::PathBuf;

use clap::Args;

use super::address::address;
use super::failure::Outcome;

/// Options of `sla flash`.
#[derive(Args)]
pub(super) struct Options {
    /// File to write
    #[arg(value_name = "FILE.sla")]
    file: PathBuf,
    /// Chip: a name of `sla plan`, or a target of probe-rs
    #[arg(long, value_name = "NAME")]
    chip: String,
    /// Where the model will lie: the start of a sector, such as 0x08080000
    #[arg(long, value_name = "ADDR", value_parser = address)]
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
#[cfg(feature = "flash")]
pub(super) fn command(options: &Options) -> Outcome {
    let file = super::failure::read_model(&options.file)?;
    let plan = sectors::plan(options, file.bytes().len() as u64)?;
    let id = file.model().id();
    if options.dry_run {
        return super::output::print(&plan.text(&options.file.display().to_string(), id, "would write"));
    }
    probe::write(options, &plan, file.bytes())?;
    super::output::print(&plan.text(&options.file.display().to_string(), id, "wrote and verified"))
}

/// Says what is missing.
#[cfg(not(feature = "flash"))]
pub(super) fn command(options: &Options) -> Outcome {
    let Options { file, chip, address, .. } = options;
    super::failure::fail(format!(
        "this sla was built without debug probes: install it with `cargo install sla-converter --features flash`, or write \
         the file that `sla export {} --format hex --address {address:#x} --chip {chip} -o model.hex` makes",
        file.display()
    ))
}
