//! The boards: one folder of `firmware-examples/boards` each. Their memory maps are read, not
//! repeated here.

use std::fs;
use std::ops::Range;
use std::path::PathBuf;

use anyhow::{Context, Result};

use super::boot::Boot;
use crate::models::Room;
use crate::paths;
use crate::qemu::machine::region;

/// RAM that no model gets: the stack, the line and its ids, the log, and what the HAL has.
const RESERVE_BYTES: u64 = 24 << 10;

/// A board, and a kind of core where it has two.
pub struct Board {
    /// Name in the table.
    pub name: &'static str,
    /// Its folder.
    pub folder: &'static str,
    /// The binary.
    pub binary: &'static str,
    /// Rust target.
    pub target: &'static str,
    /// The chip, as `sla plan` calls it.
    pub chip: &'static str,
    /// `sla plan` knows these cores of the chip.
    pub is_planned: bool,
    /// The file with the memory map, in its folder; none where it is the HAL's.
    map: Option<&'static str>,
    /// How the chip finds the firmware.
    pub boot: Boot,
}

/// All of them.
pub const BOARDS: [Board; 9] = [
    Board {
        name: "nrf52840-dk",
        folder: "nrf52840-dk",
        binary: "nrf52840-dk",
        target: "thumbv7em-none-eabihf",
        chip: "nRF52840",
        is_planned: true,
        map: Some("memory.x"),
        boot: Boot::Vectors,
    },
    Board {
        name: "nrf52840-dk, cooperative",
        folder: "nrf52840-dk",
        binary: "cooperative",
        target: "thumbv7em-none-eabihf",
        chip: "nRF52840",
        is_planned: true,
        map: Some("memory.x"),
        boot: Boot::Vectors,
    },
    Board {
        name: "nrf5340-dk",
        folder: "nrf5340-dk",
        binary: "nrf5340-dk",
        target: "thumbv8m.main-none-eabihf",
        chip: "nRF5340",
        is_planned: true,
        map: Some("memory.x"),
        boot: Boot::Vectors,
    },
    Board {
        name: "stm32f405",
        folder: "stm32f405",
        binary: "stm32f405",
        target: "thumbv7em-none-eabihf",
        chip: "STM32F405",
        is_planned: true,
        map: Some("memory.x"),
        boot: Boot::Vectors,
    },
    Board {
        name: "stm32h743",
        folder: "stm32h743",
        binary: "stm32h743",
        target: "thumbv7em-none-eabihf",
        chip: "STM32H743",
        is_planned: true,
        map: Some("memory.x"),
        boot: Boot::Vectors,
    },
    Board {
        name: "pico",
        folder: "pico",
        binary: "pico",
        target: "thumbv6m-none-eabi",
        chip: "RP2040",
        is_planned: true,
        map: Some("memory.x"),
        boot: Boot::SecondStage,
    },
    Board {
        name: "pico2",
        folder: "pico2",
        binary: "pico2",
        target: "thumbv8m.main-none-eabihf",
        chip: "RP2350",
        is_planned: true,
        map: Some("memory.x"),
        boot: Boot::ImageDefinition { is_riscv: false },
    },
    Board {
        name: "pico2-riscv",
        folder: "pico2",
        binary: "pico2",
        target: "riscv32imac-unknown-none-elf",
        chip: "RP2350",
        is_planned: false,
        map: Some("memory-riscv.x"),
        boot: Boot::ImageDefinition { is_riscv: true },
    },
    Board {
        name: "esp32-c3",
        folder: "esp32-c3",
        binary: "esp32-c3",
        target: "riscv32imc-unknown-none-elf",
        chip: "ESP32-C3",
        is_planned: true,
        map: None,
        boot: Boot::AppDescriptor,
    },
];

/// Where things may lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Map {
    /// Code and constants, as the processor reads them.
    pub flash: Vec<Range<u64>>,
    /// The model.
    pub model: Range<u64>,
    /// Data and stack.
    pub ram: Range<u64>,
}

impl Board {
    /// Where its manifest is.
    pub fn path(&self) -> PathBuf {
        paths::root()
            .join("firmware-examples/boards")
            .join(self.folder)
    }

    /// Its memory map.
    pub fn map(&self) -> Result<Map> {
        let Some(name) = self.map else {
            return Ok(esp32_c3());
        };
        let path = self.path().join(name);
        let text =
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let range = |name| region(&text, name).map(|(origin, length)| origin..origin + length);
        let required =
            |name| range(name).with_context(|| format!("no region {name} in {}", path.display()));
        let flash = range("BOOT2")
            .into_iter()
            .chain([required("FLASH")?])
            .collect();
        Ok(Map {
            flash,
            model: required("MODEL")?,
            ram: required("RAM")?,
        })
    }

    /// What it has for a model: a session, and a saved one.
    pub fn room(&self) -> Result<Room> {
        let map = self.map()?;
        let length = |range: &Range<u64>| range.end - range.start;
        Ok(Room {
            flash_bytes: length(&map.model),
            ram_bytes: length(&map.ram).saturating_sub(RESERVE_BYTES) / 2,
        })
    }
}

/// The map of esp-hal's `memory.x`, and the application partition of a module with 4 MiB: 0x3f0000
/// bytes in the partition table that espflash and probe-rs write by default. Constants and code lie
/// in the same flash, behind two windows, and the model among the constants. What is to
/// be in RAM the boot loader copies there, so that is written, too.
fn esp32_c3() -> Map {
    const APPLICATION: u64 = 0x3f_0000;
    const RAM: u64 = 313 << 10;
    let (constants, code) = (
        0x3c00_0000..0x3c00_0000 + APPLICATION,
        0x4200_0000..0x4200_0000 + APPLICATION,
    );
    let (data, fast_code) = (
        0x3fc8_0000..0x3fc8_0000 + RAM,
        0x4038_0000..0x4037_c000 + RAM,
    );
    Map {
        flash: vec![constants.clone(), code, data.clone(), fast_code],
        model: constants,
        ram: data,
    }
}

#[cfg(test)]
mod tests {
    use sla_chips::plan::Chip;

    use super::*;

    #[test]
    fn every_board_lies_within_its_chip() {
        let within = |inner: &Range<u64>, start: u64, bytes: u64| {
            start <= inner.start && inner.end <= start + bytes
        };
        for board in &BOARDS {
            let (map, chip) = (
                board.map().expect(board.name),
                Chip::find(board.chip).expect(board.chip),
            );
            assert!(
                crate::setup::TARGETS.contains(&board.target),
                "{}",
                board.name
            );
            assert!(
                chip.ram
                    .iter()
                    .any(|ram| within(&map.ram, ram.address, ram.bytes)),
                "{}",
                board.name
            );
            if board.boot != Boot::AppDescriptor {
                for range in map.flash.iter().chain([&map.model]) {
                    assert!(
                        within(range, chip.flash.address, chip.flash.bytes),
                        "{}: {range:x?}",
                        board.name
                    );
                }
                let apart = |flash: &Range<u64>| {
                    flash.end <= map.model.start || map.model.end <= flash.start
                };
                assert!(map.flash.iter().all(apart), "{}", board.name);
            }
            // What flashes it by `cargo run` has to mean the same chip.
            let config =
                fs::read_to_string(board.path().join(".cargo/config.toml")).expect(board.name);
            if let Some(name) = &chip.probe_rs {
                assert!(
                    config.contains(&format!("\"probe-rs\", \"run\", \"--chip\", \"{name}\"")),
                    "{}",
                    board.name
                );
            }
        }
    }
}
