//! The chips of `chips.toml`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use crate::image;

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
    /// Emulated machine whose instruction counts hold for it; none where the project has no target.
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
    /// How the flash is erased: number and length of equal sectors, from its start on; empty where nothing is erased.
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
    /// Name of the target in probe-rs.
    pub probe_rs: Option<String>,
    /// Family of UF2 files.
    pub uf2_family: Option<u32>,
    /// Which of the figures are no published ones.
    pub assumed: Option<String>,
    /// Documents.
    pub source: String,
}

static FILE: LazyLock<File> =
    LazyLock::new(|| toml::from_str(include_str!("chips.toml")).expect("chips.toml was read by a test"));

impl Chip {
    /// All chips.
    ///
    /// # Panics
    /// Never: a test reads the same text.
    pub fn all() -> &'static [Chip] {
        &FILE.chip
    }

    /// The chip of that name, whatever its case and dashes.
    pub fn find(name: &str) -> Option<&'static Chip> {
        let plain = plain(name);
        Self::all().iter().find(|chip| self::plain(&chip.name) == plain)
    }

    /// The chips whose names are nearest to `name`, nearest first, where any is near.
    pub fn similar(name: &str) -> Vec<&'static str> {
        let wanted = plain(name);
        let distance = |chip: &Chip| strsim::damerau_levenshtein(&plain(&chip.name), &wanted);
        let is_part = |chip: &Chip| {
            let own = plain(&chip.name);
            wanted.len() >= 3 && (own.contains(&wanted) || wanted.contains(&own))
        };
        let mut near: Vec<_> =
            Self::all().iter().map(|chip| (if is_part(chip) { 0 } else { distance(chip) }, chip)).collect();
        near.retain(|(distance, _)| *distance <= 2);
        near.sort_by_key(|(distance, _)| *distance);
        near.into_iter().take(3).map(|(_, chip)| chip.name.as_str()).collect()
    }

    /// The sector of its flash that holds `address`.
    pub fn sector_at(&self, address: u64) -> Option<image::Region> {
        let mut start = self.flash.address;
        for &[count, bytes] in &self.sectors {
            let run = image::Region::new(start, count * bytes);
            if (run.start..run.end).contains(&address) {
                return Some(image::Region::new(start + (address - start) / bytes * bytes, bytes));
            }
            start = run.end;
        }
        None
    }

    /// Its core.
    ///
    /// # Panics
    /// Never: a test looks up every chip's core.
    pub fn core(&self) -> &'static Core {
        FILE.core.get(&self.core).expect("a test looks up every chip's core")
    }
}

/// Letters and digits alone, in lower case.
fn plain(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
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
            let core = FILE.core.get(&chip.core).unwrap_or_else(|| panic!("{name}: no core {}", chip.core));
            if let Some(machine) = &core.machine {
                assert!(CostTable::builtin().machine.contains_key(machine), "{name}: no costs of {machine}");
                assert!(0.5 <= core.cycles[0] && core.cycles[0] <= core.cycles[1] && core.cycles[1] <= 4.0, "{name}");
            }
            assert!(chip.source.len() > 20 && core.source.len() > 10, "{name}: no source");
            assert!((16..=1000).contains(&chip.mhz) && chip.line.is_power_of_two(), "{name}");
            assert!(chip.line_cycles[0] > 0 && chip.line_cycles[0] <= chip.line_cycles[1], "{name}");
            assert!(chip.cache_bytes.is_power_of_two() && !chip.ram.is_empty(), "{name}");
            assert!(chip.flash.bytes >= 128 << 10 && chip.flash.address.is_multiple_of(16), "{name}");
            let erased: u64 = chip.sectors.iter().map(|[count, bytes]| count * bytes).sum();
            let written = chip.probe_rs.is_some() || chip.uf2_family.is_some();
            assert!(erased == chip.flash.bytes || (erased == 0 && !written), "{name}: {erased} bytes of sectors");
            let mut regions: Vec<&Region> = chip.ram.iter().chain([&chip.flash]).collect();
            regions.sort_by_key(|region| region.address);
            assert!(regions.windows(2).all(|two| two[0].address + two[0].bytes <= two[1].address), "{name}: overlap");
            assert!(std::ptr::eq(Chip::find(name).expect("its own name"), chip), "{name}: not the only one");
        }
        let used = |core: &String| Chip::all().iter().any(|chip| chip.core == *core);
        assert!(FILE.core.keys().all(used), "a core that no chip has");
    }

    #[test]
    fn sectors_of_several_sizes() {
        let chip = Chip::find("STM32F405").unwrap();
        let at = |address| chip.sector_at(address).map(|sector| (sector.start, sector.bytes()));
        // RM0090 table 5.
        assert_eq!(at(0x0800_0000), Some((0x0800_0000, 16 << 10)));
        assert_eq!(at(0x0800_ffff), Some((0x0800_c000, 16 << 10)));
        assert_eq!(at(0x0801_0000), Some((0x0801_0000, 64 << 10)));
        assert_eq!(at(0x0803_0000), Some((0x0802_0000, 128 << 10)));
        assert_eq!(at(0x080f_ffff), Some((0x080e_0000, 128 << 10)));
        assert_eq!([at(0x07ff_ffff), at(0x0810_0000)], [None; 2]);
    }

    #[test]
    fn names_are_matched_and_suggested() {
        assert_eq!(Chip::find("esp32c3").map(|chip| chip.name.as_str()), Some("ESP32-C3"));
        assert_eq!(Chip::find("NRF52840").map(|chip| chip.name.as_str()), Some("nRF52840"));
        assert!(Chip::find("nRF52").is_none());
        assert_eq!(Chip::similar("nrf52841"), ["nRF52840"]);
        assert_eq!(Chip::similar("STM32F405RG"), ["STM32F405"]);
        assert!(Chip::similar("z80").is_empty());
    }
}
