//! Building a board's firmware, and what its ELF file tells: that everything lies where it has to,
//! and how much there is of it.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use object::elf::{PT_LOAD, SHF_ALLOC};
use object::read::elf::{ElfFile32, ProgramHeader};
use object::{Endianness, Object, ObjectSection, ObjectSymbol, SectionFlags, SymbolKind};

use super::boot::Boot;
use super::list::{Board, Map};
use crate::models::Model;
use crate::{paths, process, qemu, setup};

const BUILD_LIMIT: Duration = Duration::from_secs(1200);
/// RAM that an image leaves for its stack at least. On the Cortex-M4 the text application takes 10
/// KiB of it ([`super::chat`] measures that).
const STACK_BYTES: u64 = 16 << 10;
/// The model's name among the symbols.
const MODEL: &str = "SLA_MODEL";

/// Sizes of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// Code, constants and initial values, without the model.
    pub code: u64,
    /// Data in RAM.
    pub statics: u64,
    /// RAM that is left for the stack.
    pub stack: u64,
}

/// Builds a board's firmware with `model`, and returns the image.
pub fn build(board: &Board, model: &Model) -> Result<PathBuf> {
    // With the other firmware, which is made of much of the same.
    let target_dir = paths::target_dir().join("firmware");
    let images = target_dir.join("images");
    fs::create_dir_all(&images)?;
    // The two kinds of Pico 2, and two checkouts, share a name.
    let _lock = paths::lock("boards")?;
    eprintln!(
        "{}: building for {} with {}",
        board.name, board.target, model.name
    );
    let mut command = setup::device_cargo(board.target)
        .with_context(|| format!("no core for {}", board.target))?;
    command
        .current_dir(board.path())
        .env("SLA_MODEL", &model.path);
    command
        .args([
            "build",
            "--release",
            "--locked",
            "--bin",
            board.binary,
            "--target",
            board.target,
            "--target-dir",
        ])
        .arg(&target_dir);
    let output = process::run(&mut command, BUILD_LIMIT)?;
    if output.status.is_none() {
        bail!(
            "{}: the build took more than {} s",
            board.name,
            BUILD_LIMIT.as_secs()
        );
    }
    if !output.success() {
        bail!(
            "{}: {}",
            board.name,
            qemu::image::explain(&String::from_utf8_lossy(&output.stderr))
        );
    }
    let built = target_dir
        .join(board.target)
        .join("release")
        .join(board.binary);
    let path = images.join(format!("{}-{}.elf", board.binary, board.target));
    fs::copy(&built, &path).with_context(|| format!("cannot copy {}", built.display()))?;
    Ok(path)
}

/// Checks the image `path` of `board` with `model` against the board's memory map.
pub fn check(board: &Board, model: &Model, path: &Path) -> Result<Sizes> {
    let data = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let model =
        fs::read(&model.path).with_context(|| format!("cannot read {}", model.path.display()))?;
    Contents::read(&data, &board.map()?)
        .and_then(|contents| contents.judge(&model, &board.map()?, board.boot))
        .with_context(|| format!("the image of {}", board.name))
}

/// Bytes that a flash tool writes.
struct Load<'a> {
    address: u64,
    bytes: &'a [u8],
}

/// What an image tells.
struct Contents<'a> {
    /// In the order of their addresses.
    loads: Vec<Load<'a>>,
    /// The entry point.
    entry: u64,
    /// Where the model is.
    model: u64,
    /// Bytes from the beginning of the RAM to the end of the last data in it.
    statics: u64,
}

impl<'a> Contents<'a> {
    fn read(data: &'a [u8], map: &Map) -> Result<Self> {
        let file = ElfFile32::<Endianness>::parse(data).context("no ELF file of 32 bits")?;
        let model = file
            .symbols()
            .find(|symbol| symbol.name() == Ok(MODEL) && symbol.kind() == SymbolKind::Data);
        Ok(Self {
            loads: loads(&file, data)?,
            entry: file.entry(),
            model: model.with_context(|| format!("no {MODEL}"))?.address(),
            statics: statics(&file, &map.ram),
        })
    }

    /// The sizes, if everything lies where `map` has it, and the model is `model`.
    fn judge(&self, model: &[u8], map: &Map, boot: Boot) -> Result<Sizes> {
        let mut free = 0;
        for load in &self.loads {
            let end = load.address + load.bytes.len() as u64;
            ensure!(
                map.flash.iter().chain([&map.model]).any(|region| covers(
                    region,
                    load.address,
                    end
                )),
                "{:#x} to {end:#x} is to be written, which is in no region of the flash",
                load.address
            );
            ensure!(
                free <= load.address,
                "two pieces are to be written to {:#x}",
                load.address
            );
            free = end;
        }
        boot.check(map, self.entry, &|address, count| {
            self.bytes(address, count)
        })?;
        let address = self.model;
        ensure!(
            covers(&map.model, address, address + model.len() as u64),
            "the model lies at {address:#x}, outside its region {:#x?}",
            map.model
        );
        ensure!(
            boot == Boot::AppDescriptor || address == map.model.start,
            "the model does not begin its region"
        );
        ensure!(
            address.is_multiple_of(16),
            "the model lies at {address:#x}, no multiple of 16"
        );
        ensure!(
            self.bytes(address, model.len())
                .is_some_and(|bytes| bytes == model),
            "the model at {address:#x} is not the file"
        );
        let written: u64 = self.loads.iter().map(|load| load.bytes.len() as u64).sum();
        let stack = (map.ram.end - map.ram.start).saturating_sub(self.statics);
        ensure!(
            stack >= STACK_BYTES,
            "{stack} bytes of RAM are left for the stack, {STACK_BYTES} are needed"
        );
        Ok(Sizes {
            code: written - model.len() as u64,
            statics: self.statics,
            stack,
        })
    }

    /// `count` bytes of what is written at `address`.
    fn bytes(&self, address: u64, count: usize) -> Option<Vec<u8>> {
        self.loads.iter().find_map(|load| {
            let at = usize::try_from(address.checked_sub(load.address)?).ok()?;
            load.bytes
                .get(at..at.checked_add(count)?)
                .map(<[u8]>::to_vec)
        })
    }
}

fn loads<'a>(file: &ElfFile32<'a, Endianness>, data: &'a [u8]) -> Result<Vec<Load<'a>>> {
    let endian = file.endian();
    let mut loads = Vec::new();
    for header in file
        .elf_program_headers()
        .iter()
        .filter(|header| header.p_type(endian) == PT_LOAD)
    {
        let bytes = header
            .data(endian, data)
            .ok()
            .context("a segment is cut off")?;
        if !bytes.is_empty() {
            loads.push(Load {
                address: header.p_paddr(endian).into(),
                bytes,
            });
        }
    }
    loads.sort_by_key(|load| load.address);
    Ok(loads)
}

fn statics(file: &ElfFile32<Endianness>, ram: &Range<u64>) -> u64 {
    let mut end = ram.start;
    for section in file.sections() {
        let is_loaded = matches!(section.flags(), SectionFlags::Elf { sh_flags } if sh_flags & u64::from(SHF_ALLOC) != 0);
        // riscv-rt and esp-hal give names to what is left.
        let is_left = matches!(section.name(), Ok(".heap" | ".stack"));
        if is_loaded && !is_left && section.size() > 0 && ram.contains(&section.address()) {
            end = end.max(section.address() + section.size());
        }
    }
    end - ram.start
}

fn covers(region: &Range<u64>, start: u64, end: u64) -> bool {
    region.start <= start && start <= end && end <= region.end
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODEL: [u8; 32] = [7; 32];

    /// A vector table, then the model in its own region.
    fn judged(change: impl FnOnce(&mut Contents<'static>, &mut Map)) -> Result<Sizes> {
        // Stack pointer 0x2000_8000, reset vector 9; code.
        const CODE: &[u8] = &[0, 0x80, 0, 0x20, 9, 0, 0, 0, 0, 0, 0, 0];
        let mut map = Map {
            flash: std::iter::once(0..0x100).collect(),
            model: 0x100..0x200,
            ram: 0x2000_0000..0x2000_8000,
        };
        let loads = vec![
            Load {
                address: 0,
                bytes: CODE,
            },
            Load {
                address: 0x100,
                bytes: &MODEL,
            },
        ];
        let mut contents = Contents {
            loads,
            entry: 9,
            model: 0x100,
            statics: 1000,
        };
        change(&mut contents, &mut map);
        contents.judge(&MODEL, &map, Boot::Vectors)
    }

    #[test]
    fn a_whole_image_has_its_sizes() {
        let sizes = judged(|_, _| {}).expect("whole");
        assert_eq!(
            sizes,
            Sizes {
                code: 12,
                statics: 1000,
                stack: 0x8000 - 1000
            }
        );
    }

    #[test]
    fn what_lies_elsewhere_is_found() {
        let says = |text: &str, change: fn(&mut Contents<'static>, &mut Map)| {
            let error = judged(change).expect_err(text);
            assert!(format!("{error:#}").contains(text), "{error:#}");
        };
        says("in no region of the flash", |contents, _| {
            contents.loads[1].address = 0x1f0
        });
        says("in no region of the flash", |contents, map| {
            // Across two regions: what is erased for one is part of the other.
            contents.loads[0].address = 0xf8;
            map.model.start = 0x110;
        });
        says("two pieces", |contents, map| {
            contents.loads[1].address = 8;
            map.model.start = 0;
        });
        says("outside its region", |contents, _| contents.model = 0x1f0);
        says("does not begin its region", |_, map| map.model.start = 0xf0);
        says("no multiple of 16", |contents, map| {
            (contents.loads[1].address, contents.model, map.model.start) = (0x108, 0x108, 0x108);
        });
        says("is not the file", |contents, _| {
            contents.loads[1].bytes = &[7; 31]
        });
        says("is not the file", |contents, _| {
            contents.loads[1].bytes = &[8; 32]
        });
        says("left for the stack", |contents, _| {
            contents.statics = 0x4001
        });
        says("reset vector", |contents, _| contents.entry = 11);
    }
}
