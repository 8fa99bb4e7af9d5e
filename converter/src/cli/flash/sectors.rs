//! What writing a model would erase and write, from the description of the target alone.

use probe_rs::config::{MemoryRegion, Registry, Target};
use sla_converter::image::Region;
use sla_converter::image::region::{Named, aligned};
use sla_converter::plan::Chip;

use super::Options;
use crate::cli::address::firmware;
use crate::cli::export::flash_of;
use crate::cli::failure::{Failure, Outcome, fail};
use crate::cli::table::{Table, grouped};

/// A checked region of a target.
pub(super) struct FlashPlan {
    /// The target as probe-rs describes it.
    pub target: Target,
    /// The model.
    pub region: Region,
    /// The sectors that are erased, in order.
    pub sectors: Vec<Region>,
    /// Name of the memory.
    memory: String,
}

/// The sectors of a target's flash around `region`.
struct Flash {
    memory: Named,
    sectors: Vec<Region>,
}

/// Finds the target and checks the region of `bytes` against its flash, its sectors and the firmware.
pub(super) fn plan(options: &Options, bytes: u64) -> Outcome<FlashPlan> {
    let known = Chip::find(&options.chip);
    let target = target(options, known)?;
    let region = Region::of_model(options.address, bytes)?;
    let flash = Flash::around(&target, region)?;
    let first = flash.sectors.first().map_or(16, Region::bytes);
    let board = known.map(flash_of);
    let limits = [Some(&flash.memory), board.as_ref()];
    for memory in limits.into_iter().flatten() {
        region.within(memory, first)?;
    }
    if flash.sectors.first().is_some_and(|sector| sector.start != region.start) {
        aligned(region.start, first, "a sector that is erased needs")?;
    }
    // All of a sector is erased: none may have a part of the firmware.
    let erased = Region { start: region.start, end: flash.sectors.last().map_or(region.end, |sector| sector.end) };
    if let Some(path) = &options.firmware {
        erased.clear_of(&firmware(path)?, first)?;
    }
    Ok(FlashPlan { memory: flash.memory.name.clone(), target, region, sectors: flash.sectors })
}

fn target(options: &Options, known: Option<&Chip>) -> Outcome<Target> {
    let name = match known {
        Some(Chip { probe_rs: Some(name), .. }) => name,
        Some(Chip { name, flash, .. }) => {
            return fail(format!(
                "the {} of {name} cannot be written through a debug probe; write the file that `sla export` makes with \
                 its maker's tool",
                flash.name
            ));
        }
        None => &options.chip,
    };
    let registry = Registry::from_builtin_families();
    registry.get_target_by_name(name).map_err(|_| {
        let similar: Vec<String> = registry.search_chips(name).into_iter().take(3).collect();
        let own = Chip::similar(name).into_iter().map(str::to_string);
        let similar: Vec<String> = own.chain(similar).take(3).collect();
        Failure::Usage(match similar.is_empty() {
            true => {
                format!("no chip is called {name}; `sla plan` lists the known ones, and any target of probe-rs will do")
            }
            false => format!("no chip is called {name}; similar: {}", similar.join(", ")),
        })
    })
}

impl Flash {
    /// The flash that `region` starts in.
    fn around(target: &Target, region: Region) -> Outcome<Self> {
        let regions = target.memory_map.iter().filter_map(|memory| match memory {
            MemoryRegion::Nvm(nvm) if !nvm.is_alias => Some((nvm.name.clone(), nvm.range.clone())),
            _ => None,
        });
        // Banks that follow each other are one memory for a model.
        let mut memories: Vec<Named> = Vec::new();
        for (name, range) in regions {
            let next = Region { start: range.start, end: range.end };
            match memories.last_mut() {
                Some(last) if last.region.end == next.start => last.region.end = next.end,
                _ => memories.push(Named { name: name.unwrap_or_else(|| "the flash".into()), region: next }),
            }
        }
        let Some(memory) = memories.iter().find(|m| (m.region.start..m.region.end).contains(&region.start)) else {
            let ranges: Vec<String> =
                memories.iter().map(|m| format!("{:#x} to {:#x}", m.region.start, m.region.end)).collect();
            return fail(match ranges.is_empty() {
                true => format!("probe-rs knows no flash of {}", target.name),
                false => format!(
                    "{:#x} is not in the flash of {}, which is {}",
                    region.start,
                    target.name,
                    ranges.join(" and ")
                ),
            });
        };
        let mut sectors = Vec::new();
        let mut at = region.start;
        while at < region.end.min(memory.region.end) {
            let Some(sector) = sector_at(target, at) else {
                return fail(format!("probe-rs has no way to write {at:#x} of {}", target.name));
            };
            at = sector.end;
            sectors.push(sector);
        }
        Ok(Self { memory: memory.clone(), sectors })
    }
}

/// The sector that holds `address`, by the default algorithm of its memory.
fn sector_at(target: &Target, address: u64) -> Option<Region> {
    let holds =
        |algorithm: &&probe_rs::config::RawFlashAlgorithm| algorithm.flash_properties.address_range.contains(&address);
    let properties = target
        .flash_algorithms
        .iter()
        .filter(holds)
        .max_by_key(|algorithm| algorithm.default)
        .map(|algorithm| &algorithm.flash_properties)?;
    let offset = address - properties.address_range.start;
    // Each description holds from its own offset to the next one's.
    let kind = properties.sectors.iter().filter(|kind| kind.address <= offset).max_by_key(|kind| kind.address)?;
    let start = properties.address_range.start + kind.address + (offset - kind.address) / kind.size * kind.size;
    Some(Region::new(start, kind.size))
}

impl FlashPlan {
    /// Bytes behind the model in its last sector, which keep what they have.
    fn kept(&self) -> u64 {
        self.sectors.last().map_or(0, |sector| sector.end - self.region.end)
    }

    /// What was or would be done.
    pub fn text(&self, file: &str, id: u32, verb: &str) -> String {
        let mut sizes: Vec<u64> = self.sectors.iter().map(Region::bytes).collect();
        sizes.dedup();
        let sizes: Vec<String> = sizes.into_iter().map(grouped).collect();
        let mut table = Table::default();
        let region = |r: &Region| format!("{:#010x} to {:#010x}", r.start, r.end);
        table.row(["target".to_string(), self.target.name.clone()]);
        table.row(["memory".to_string(), self.memory.clone()]);
        table.row([
            "model".to_string(),
            format!("{}, {} bytes, id {id:08x}", region(&self.region), grouped(self.region.bytes())),
        ]);
        let erased = Region { start: self.region.start, end: self.region.end + self.kept() };
        let sectors = format!("{} of {} bytes", self.sectors.len(), sizes.join(" and "));
        table.row(["sectors".to_string(), format!("{}, {sectors}", region(&erased))]);
        table.row(["kept behind it".to_string(), format!("{} bytes of the last sector", grouped(self.kept()))]);
        format!("{verb} {file}\n{}", table.render())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Regions that follow each other, as one.
    fn joined(ranges: impl Iterator<Item = std::ops::Range<u64>>) -> Vec<Region> {
        let mut all: Vec<Region> = ranges.map(|r| Region { start: r.start, end: r.end }).collect();
        all.sort_by_key(|region| region.start);
        all.dedup_by(|next, last| {
            let follows = next.start == last.end;
            last.end = if follows { next.end } else { last.end };
            follows
        });
        all
    }

    #[test]
    fn chips_agree_with_probe_rs() {
        let registry = Registry::from_builtin_families();
        let mut checked = 0;
        for chip in Chip::all() {
            let Some(name) = &chip.probe_rs else { continue };
            let target = registry.get_target_by_name(name).unwrap_or_else(|e| panic!("{name}: {e}"));
            let nvm = joined(target.memory_map.iter().filter_map(|m| m.as_nvm_region().map(|r| r.range.clone())));
            let ram = joined(target.memory_map.iter().filter_map(|m| m.as_ram_region().map(|r| r.range.clone())));
            let inside = |all: &[Region], own: &sla_converter::plan::Region| {
                all.iter().any(|region| region.contains(&Region::new(own.address, own.bytes)))
            };
            assert!(inside(&nvm, &chip.flash), "{}: flash {nvm:x?}", chip.name);
            for own in &chip.ram {
                assert!(inside(&ram, own), "{}: {} {ram:x?}", chip.name, own.name);
            }
            assert!(sector_at(&target, chip.flash.address).is_some(), "{}: no way to write", chip.name);
            checked += 1;
        }
        assert!(checked >= 10, "{checked} chips");
    }

    #[test]
    fn sectors_of_several_sizes() {
        let target = Registry::from_builtin_families().get_target_by_name("STM32F405RG").unwrap();
        let at = |address| sector_at(&target, address).map(|sector| (sector.start, sector.bytes()));
        // RM0090 table 5.
        assert_eq!(at(0x0800_0000), Some((0x0800_0000, 16 << 10)));
        assert_eq!(at(0x0800_ffff), Some((0x0800_c000, 16 << 10)));
        assert_eq!(at(0x0801_0000), Some((0x0801_0000, 64 << 10)));
        assert_eq!(at(0x0803_0000), Some((0x0802_0000, 128 << 10)));
        assert_eq!(at(0x2000_0000), None);
    }
}
