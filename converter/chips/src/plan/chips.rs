//! The chips of `chips.toml`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use crate::{image, names};

/// Everything in `chips.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    core: BTreeMap<String, Core>,
    chip: Vec<Chip>,
}

/// A processor core.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Core {
    /// Emulated machine whose instruction counts hold for it; none where the project has no
    /// target.
    pub machine: Option<String>,
    /// Cycles of a mean instruction without any wait for memory, least and most.
    #[serde(default)]
    pub cycles: [f64; 2],
    /// Where this is from.
    pub source: String,
}

/// A piece of memory.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Region {
    /// Name for people.
    pub name: String,
    /// First address.
    pub address: u64,
    /// Length.
    pub bytes: u64,
}

/// A chip, or a chip on its usual board where its flash is outside.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chip {
    /// Name.
    pub name: String,
    /// Name of its core in the table of cores.
    pub core: String,
    /// Highest clock.
    pub mhz: u32,
    /// Where firmware and model lie.
    pub flash: Region,
    /// How the flash is erased: number and length of equal sectors, from its start on; empty where
    /// nothing is erased.
    #[serde(default)]
    pub sectors: Vec<[u64; 2]>,
    /// RAM for state, scratch and stack: regions, each of which is contiguous.
    pub ram: Vec<Region>,
    /// Bytes that one read of the flash brings.
    pub line: u32,
    /// Processor cycles of such a read beyond a cached one, least and most.
    pub line_cycles: [u32; 2],
    /// The cache or line buffer that instructions go through.
    pub cache_bytes: u32,
    /// Its part numbers, as [`names::plain`] writes them: a `?` is any character, a `*` at the end
    /// whatever follows.
    #[serde(default)]
    pub parts: Vec<String>,
    /// Length of the pages in which the flash is mapped to addresses; none where every byte of it
    /// has one.
    pub page: Option<u64>,
    /// Where code is read that is mapped by the pages of the same numbers, if not where data is.
    pub code: Option<u64>,
    /// Name of the target in probe-rs.
    pub probe_rs: Option<String>,
    /// Family of UF2 files.
    pub uf2_family: Option<u32>,
    /// Which of the figures are no published ones.
    pub assumed: Option<String>,
    /// Documents.
    pub source: String,
}

static FILE: LazyLock<File> = LazyLock::new(|| {
    toml::from_str(include_str!("chips.toml")).expect("chips.toml was read by a test")
});

impl Chip {
    /// All chips.
    ///
    /// # Panics
    /// Never: a test reads the same text.
    pub fn all() -> &'static [Chip] {
        &FILE.chip
    }

    /// The chip of that name, target in probe-rs or part number, whatever its case and dashes.
    pub fn find(name: &str) -> Option<&'static Chip> {
        let wanted = names::plain(name);
        let is_named = |name: &String| names::plain(name) == wanted;
        let has_part = |chip: &Chip| chip.parts.iter().any(|part| matches(part, &wanted));
        Self::all().iter().find(|chip| {
            is_named(&chip.name) || chip.probe_rs.as_ref().is_some_and(is_named) || has_part(chip)
        })
    }

    /// The chips whose names are nearest to `name`, nearest first, where any is near.
    pub fn similar(name: &str) -> Vec<&'static str> {
        let mut near: Vec<_> = Self::all()
            .iter()
            .map(|chip| (names::distance(&chip.name, name), chip))
            .collect();
        near.retain(|(distance, _)| *distance <= 2);
        near.sort_by_key(|(distance, _)| *distance);
        near.into_iter()
            .take(3)
            .map(|(_, chip)| chip.name.as_str())
            .collect()
    }

    /// The sector of its flash that holds `address`.
    pub fn sector_at(&self, address: u64) -> Option<image::Region> {
        let mut start = self.flash.address;
        for &[count, bytes] in &self.sectors {
            let run = image::Region::new(start, count * bytes);
            if (run.start..run.end).contains(&address) {
                return Some(image::Region::new(
                    start + (address - start) / bytes * bytes,
                    bytes,
                ));
            }
            start = run.end;
        }
        None
    }

    /// What a part of a firmware takes of the addresses where data is read: of mapped flash whole
    /// pages, code those of its own window.
    pub fn taken(&self, part: image::Region) -> image::Region {
        let Some(page) = self.page else { return part };
        let is_code = |code: &u64| (*code..code + self.flash.bytes).contains(&part.start);
        let window = self.code.filter(is_code).unwrap_or(self.flash.address);
        let as_data = |address: u64| {
            address
                .wrapping_sub(window)
                .wrapping_add(self.flash.address)
        };
        image::Region {
            start: as_data(part.start) / page * page,
            end: as_data(part.end).next_multiple_of(page),
        }
    }

    /// Its core.
    ///
    /// # Panics
    /// Never: a test looks up every chip's core.
    pub fn core(&self) -> &'static Core {
        FILE.core
            .get(&self.core)
            .expect("a test looks up every chip's core")
    }
}

/// Whether a pattern of [`Chip::parts`] is one of `name`.
fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, is_open) = pattern
        .strip_suffix('*')
        .map_or((pattern, false), |start| (start, true));
    let fits = pattern.len() == name.len() || (is_open && pattern.len() < name.len());
    fits && pattern
        .bytes()
        .zip(name.bytes())
        .all(|(p, n)| p == b'?' || p == n)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::CostTable;

    #[test]
    fn every_entry_is_complete() {
        assert_eq!(Chip::all().len(), 14);
        for chip in Chip::all() {
            let name = &chip.name;
            let core = FILE
                .core
                .get(&chip.core)
                .unwrap_or_else(|| panic!("{name}: no core {}", chip.core));
            if let Some(machine) = &core.machine {
                assert!(
                    CostTable::builtin().machine.contains_key(machine),
                    "{name}: no costs of {machine}"
                );
                assert!(
                    0.5 <= core.cycles[0]
                        && core.cycles[0] <= core.cycles[1]
                        && core.cycles[1] <= 4.0,
                    "{name}"
                );
            }
            assert!(
                chip.source.len() > 20 && core.source.len() > 10,
                "{name}: no source"
            );
            assert!(
                (16..=1000).contains(&chip.mhz) && chip.line.is_power_of_two(),
                "{name}"
            );
            assert!(
                chip.line_cycles[0] > 0 && chip.line_cycles[0] <= chip.line_cycles[1],
                "{name}"
            );
            assert!(
                chip.cache_bytes.is_power_of_two() && !chip.ram.is_empty(),
                "{name}"
            );
            assert!(
                chip.flash.bytes >= 128 << 10 && chip.flash.address.is_multiple_of(16),
                "{name}"
            );
            let erased: u64 = chip
                .sectors
                .iter()
                .map(|[count, bytes]| count * bytes)
                .sum();
            let written = chip.probe_rs.is_some() || chip.uf2_family.is_some();
            assert!(
                erased == chip.flash.bytes || (erased == 0 && !written),
                "{name}: {erased} bytes of sectors"
            );
            let mut regions: Vec<&Region> = chip.ram.iter().chain([&chip.flash]).collect();
            regions.sort_by_key(|region| region.address);
            assert!(
                regions
                    .windows(2)
                    .all(|two| two[0].address + two[0].bytes <= two[1].address),
                "{name}: overlap"
            );
            // A page ends where a sector does.
            assert!(
                chip.page.is_none_or(
                    |page| page.is_power_of_two() && chip.flash.address.is_multiple_of(page)
                ),
                "{name}"
            );
            assert!(
                std::ptr::eq(Chip::find(name).expect("its own name"), chip),
                "{name}: not the only one"
            );
        }
        let used = |core: &String| Chip::all().iter().any(|chip| chip.core == *core);
        assert!(FILE.core.keys().all(used), "a core that no chip has");
    }

    #[test]
    fn sectors_of_several_sizes() {
        let chip = Chip::find("STM32F405").unwrap();
        let at = |address| {
            chip.sector_at(address)
                .map(|sector| (sector.start, sector.bytes()))
        };
        // RM0090 table 5.
        assert_eq!(at(0x0800_0000), Some((0x0800_0000, 16 << 10)));
        assert_eq!(at(0x0800_ffff), Some((0x0800_c000, 16 << 10)));
        assert_eq!(at(0x0801_0000), Some((0x0801_0000, 64 << 10)));
        assert_eq!(at(0x0803_0000), Some((0x0802_0000, 128 << 10)));
        assert_eq!(at(0x080f_ffff), Some((0x080e_0000, 128 << 10)));
        assert_eq!([at(0x07ff_ffff), at(0x0810_0000)], [None; 2]);
    }

    #[test]
    fn firmware_takes_pages_of_mapped_flash() {
        let taken = |chip: &str, start, bytes| {
            Chip::find(chip)
                .unwrap()
                .taken(image::Region::new(start, bytes))
        };
        for (chip, start) in [
            ("ESP32-C3", 0x3c01_0020),
            ("ESP32-C3", 0x4201_0020),
            ("ESP32-S3", 0x4201_0020),
        ] {
            assert_eq!(
                taken(chip, start, 0x1_0000),
                image::Region::new(0x3c01_0000, 0x2_0000),
                "{chip} {start:#x}"
            );
        }
        assert_eq!(
            taken("ESP32-C6", 0x4201_0020, 16),
            image::Region::new(0x4201_0000, 0x1_0000)
        );
        assert_eq!(
            taken("STM32F405", 0x0801_0020, 16),
            image::Region::new(0x0801_0020, 16)
        );
    }

    #[test]
    fn names_are_matched_and_suggested() {
        assert_eq!(
            Chip::find("esp32c3").map(|chip| chip.name.as_str()),
            Some("ESP32-C3")
        );
        assert_eq!(
            Chip::find("NRF52840").map(|chip| chip.name.as_str()),
            Some("nRF52840")
        );
        assert!(Chip::find("nRF52").is_none());
        // As probe-rs, CubeMX, embassy and the makers write them.
        for (name, chip) in [
            ("nRF52840_xxAA", "nRF52840"),
            ("nRF52840-QIAA", "nRF52840"),
            ("nRF5340_xxAA", "nRF5340"),
            ("nrf54l15-qfaa", "nRF54L15"),
            ("STM32F405RG", "STM32F405"),
            ("stm32f405rgtx", "STM32F405"),
            ("STM32F405VGT6", "STM32F405"),
            ("STM32F446RETx", "STM32F446"),
            ("STM32H743ZITx", "STM32H743"),
            ("STM32H743VIT6", "STM32H743"),
            ("STM32U575ZITxQ", "STM32U575"),
            ("STM32N657X0HxQ", "STM32N6"),
            ("RP235x", "RP2350"),
            ("RP2350A", "RP2350"),
            ("ESP32-C3", "ESP32-C3"),
            ("esp32s3", "ESP32-S3"),
        ] {
            assert_eq!(
                Chip::find(name).map(|chip| chip.name.as_str()),
                Some(chip),
                "{name}"
            );
        }
        // Half the flash, another chip, and what is no part of this one.
        for name in [
            "STM32F405RE",
            "STM32H743ZG",
            "STM32F407VG",
            "nRF52832_xxAA",
            "RP2354A",
            "STM32F405R",
            "",
        ] {
            assert!(Chip::find(name).is_none(), "{name}");
        }
        assert_eq!(Chip::similar("nrf52841"), ["nRF52840"]);
        assert_eq!(Chip::similar("STM32F405RG"), ["STM32F405"]);
        assert!(Chip::similar("z80").is_empty());
    }
}
