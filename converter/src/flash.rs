//! `sla flash`

mod options;
#[cfg(feature = "flash")]
mod probe;
mod sectors;
#[cfg(feature = "flash")]
mod target;

pub(super) use options::Options;

use super::failure::{Outcome, read_model};
use super::output::print;
use sla_chips::plan::Chip;

/// Checks the region, writes, and reads back.
pub(super) fn command(options: &Options) -> Outcome {
    let file = read_model(&options.file)?;
    let bytes = file.bytes().len() as u64;
    let plan = match Chip::find(&options.chip) {
        Some(chip) => sectors::plan(options, chip, bytes)?,
        None => of_target(options, bytes)?,
    };
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
#[cfg(feature = "flash")]
use target::plan as of_target;

/// Without the targets of probe-rs there are those of the table.
#[cfg(not(feature = "flash"))]
fn of_target(options: &Options, _: u64) -> Outcome<sectors::FlashPlan> {
    let known = super::plan::no_chip(&options.chip);
    super::failure::usage(format!(
        "{known}; an sla with debug probes takes any target of probe-rs"
    ))
}

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
