//! `sla export`

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use sla_chips::image::region::{ADDRESSES, Erased, Named};
use sla_chips::image::{Image, Machine, Region, elf, hex, uf2};
use sla_chips::plan::Chip;

use super::address::{address, firmware};
use super::failure::{Failure, Outcome, read_model, usage};
use super::output::{OutputFile, tell};
use super::plan::chip;
use super::table::grouped;

/// Options of `sla export`.
#[derive(Args)]
pub(super) struct Options {
    /// File to export
    #[arg(value_name = "FILE.sla")]
    file: PathBuf,
    /// hex: Intel HEX; elf: one segment with the symbols sla_model and sla_model_end; uf2: for
    /// boot loaders that look like a drive; bin: the bytes alone, for tools that take the
    /// address apart
    #[arg(long, value_enum)]
    format: Format,
    /// Where the model will lie: a multiple of 16 (uf2: the start of a sector; ESP32: of a page of
    /// 64 KiB), such as 0x08080000
    #[arg(long, value_name = "ADDR", value_parser = address, allow_negative_numbers = true)]
    address: u64,
    /// File to write; - for stdout
    #[arg(short, long, value_name = "OUT")]
    output: PathBuf,
    /// Chip of `sla plan`, by its name there or its part number: its flash is checked, and it
    /// gives elf its machine and uf2 its family
    #[arg(long, value_name = "NAME")]
    chip: Option<String>,
    /// Firmware that the model must not overwrite. A uf2 file replaces whole sectors: those of the
    /// chip or family, else of 4 KiB
    #[arg(long, value_name = "ELF")]
    firmware: Option<PathBuf>,
    /// Instruction set of an elf file, without --chip [default: arm]
    #[arg(long, value_enum, conflicts_with = "chip")]
    machine: Option<MachineName>,
    /// Family of a uf2 file, without --chip: a name of the published list such as RP2040, or a
    /// number such as 0xe48bff56
    #[arg(long, value_name = "ID", value_parser = super::address::family, allow_negative_numbers = true, conflicts_with = "chip")]
    family: Option<u32>,
}

/// Values of `--format`.
#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Format {
    Hex,
    Elf,
    Uf2,
    Bin,
}

/// Values of `--machine`.
#[derive(Clone, Copy, ValueEnum)]
enum MachineName {
    Arm,
    Riscv,
    Xtensa,
}

/// Checks the region, then writes.
pub(super) fn command(options: &Options) -> Outcome {
    let chip = options.chip.as_deref().map(chip).transpose()?;
    let family = family(options, chip)?;
    if options.machine.is_some() && options.format != Format::Elf {
        return usage("--machine goes with --format elf");
    }
    let output = OutputFile::new(&options.output)?;
    output.spare(None, [&options.file].into_iter().chain(&options.firmware))?;
    let file = read_model(&options.file)?;
    let bytes = file.bytes();
    let region = Region::of_model(options.address, bytes.len() as u64)?;
    let of_family = |family| {
        Chip::all()
            .iter()
            .find(|chip| chip.uf2_family == Some(family))
    };
    let erasing = chip.or_else(|| options.family.and_then(of_family));
    let sector_at = |address| {
        erasing
            .and_then(|chip| chip.sector_at(address))
            .or(Some(small_sector(address)))
    };
    let erased = match chip.and_then(|chip| chip.page) {
        _ if options.format == Format::Uf2 => Erased::Sectors(&sector_at),
        Some(page) => Erased::Pages(page),
        None => Erased::Bytes,
    };
    let memory = chip.map(flash_of);
    if let Some(memory) = &memory {
        region.within(memory, erased)?;
    }
    let written = region.whole(erased)?;
    if let Some(path) = &options.firmware {
        let mut parts = firmware(path)?;
        parts.iter_mut().for_each(|part| {
            part.region = chip.map_or(part.region, |chip| chip.taken(part.region))
        });
        region.clear_of(
            &parts,
            memory.as_ref().map_or(&ADDRESSES, |memory| &memory.region),
            erased,
        )?;
    }
    let image = Image {
        address: options.address as u32,
        bytes,
    };
    let contents = match options.format {
        Format::Hex => hex(&image).into_bytes(),
        Format::Elf => elf(&image, machine(options, chip)),
        Format::Uf2 => uf2(&image, written.bytes() as usize, family),
        Format::Bin => bytes.to_vec(),
    };
    output.write(&contents)?;
    let Region { start, end } = region;
    let sectors = if written == region {
        String::new()
    } else {
        format!(" in sectors up to {:#010x}", written.end)
    };
    let told = format!(
        "wrote {}: {} bytes of model for {start:#010x} to {end:#010x}{sectors}, id {:08x}\n",
        output.shown(),
        grouped(region.bytes()),
        file.model().id()
    );
    tell(Some(&output), &told)
}

/// The sector of 4 KiB that holds `address`: what most boot loaders erase at once.
fn small_sector(address: u64) -> Region {
    Region::new(address / 4096 * 4096, 4096)
}

/// The flash of a chip as a memory with a name.
pub(super) fn flash_of(chip: &Chip) -> Named {
    let flash = &chip.flash;
    let mapped = if chip.page.is_some() {
        ", mapped as data"
    } else {
        ""
    };
    Named {
        name: format!("the {} of {}{mapped}", flash.name, chip.name),
        region: Region::new(flash.address, flash.bytes),
    }
}

/// The family of a UF2 file; 0 for other formats.
fn family(options: &Options, chip: Option<&Chip>) -> Outcome<u32> {
    match (options.format, chip, options.family) {
        (Format::Uf2, Some(chip), _) => chip.uf2_family.ok_or_else(|| {
            Failure::Usage(match chip.page {
                Some(_) => {
                    format!(
                        "{} maps its flash, and UF2 has no addresses for that; export bin or elf",
                        chip.name
                    )
                }
                None => format!(
                    "no UF2 family of {} is known; give --family instead of --chip",
                    chip.name
                ),
            })
        }),
        (Format::Uf2, None, Some(family)) => Ok(family),
        (Format::Uf2, None, None) => usage("--format uf2 needs the chip: give --chip or --family"),
        (_, _, Some(_)) => usage("--family goes with --format uf2"),
        (_, _, None) => Ok(0),
    }
}

fn machine(options: &Options, chip: Option<&Chip>) -> Machine {
    match (chip.map(|chip| chip.core.as_str()), options.machine) {
        (Some(core), _) if core.contains("riscv") => Machine::RiscV,
        (Some(core), _) if core.contains("xtensa") => Machine::Xtensa,
        (None, Some(MachineName::Riscv)) => Machine::RiscV,
        (None, Some(MachineName::Xtensa)) => Machine::Xtensa,
        _ => Machine::Arm,
    }
}
