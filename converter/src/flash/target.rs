//! The targets of probe-rs.

use probe_rs::config::{MemoryRegion, Registry, Target};
use sla_chips::image::Region;
use sla_chips::image::region::Named;
use sla_chips::plan::Chip;

use super::options::Options;
use super::sectors::FlashPlan;
use crate::failure::{Failure, Outcome, fail};

/// The target of a chip of `sla plan`, or the one that is called `name`.
pub(super) fn find(name: &str) -> Outcome<Target> {
    let registry = Registry::from_builtin_families();
    let known = Chip::find(name)
        .and_then(|chip| chip.probe_rs.as_deref())
        .unwrap_or(name);
    registry.get_target_by_name(known).map_err(|_| {
        let own = Chip::similar(name).into_iter().map(str::to_string);
        let similar: Vec<String> = own.chain(registry.search_chips(name)).take(3).collect();
        Failure::Usage(match similar.is_empty() {
            true => {
                format!("no chip is called {name}; `sla plan` lists the known ones, and any target of probe-rs will do")
            }
            false => format!("no chip is called {name}; similar: {}", similar.join(", ")),
        })
    })
}

/// Checks the region of `bytes` in the flash of a target that the table of chips does not have.
pub(super) fn plan(options: &Options, bytes: u64) -> Outcome<FlashPlan> {
    let target = find(&options.chip)?;
    let memory = flash_around(&target, options.address)?;
    FlashPlan::new(options, target.name.clone(), &memory, bytes, &|address| {
        sector_at(&target, address)
    })
}

/// The flash that holds `address`; banks that follow each other are one.
fn flash_around(target: &Target, address: u64) -> Outcome<Named> {
    let regions = target.memory_map.iter().filter_map(|memory| match memory {
        MemoryRegion::Nvm(nvm) if !nvm.is_alias => Some((nvm.name.clone(), nvm.range.clone())),
        _ => None,
    });
    let mut memories: Vec<Named> = Vec::new();
    for (name, range) in regions {
        let next = Region {
            start: range.start,
            end: range.end,
        };
        match memories.last_mut() {
            Some(last) if last.region.end == next.start => last.region.end = next.end,
            _ => memories.push(Named {
                name: name.unwrap_or_else(|| "the flash".into()),
                region: next,
            }),
        }
    }
    let ranges: Vec<String> = memories
        .iter()
        .map(|m| format!("{:#x} to {:#x}", m.region.start, m.region.end))
        .collect();
    let found = memories
        .into_iter()
        .find(|m| (m.region.start..m.region.end).contains(&address));
    match found {
        Some(memory) => Ok(memory),
        None if ranges.is_empty() => fail(format!(
            "probe-rs knows no flash of {}; choose another target",
            target.name
        )),
        None => fail(format!(
            "{address:#x} is not in the flash of {}, which is {}",
            target.name,
            ranges.join(" and ")
        )),
    }
}

/// The sector that holds `address`, by the default algorithm of its memory.
fn sector_at(target: &Target, address: u64) -> Option<Region> {
    let holds = |algorithm: &&probe_rs::config::RawFlashAlgorithm| {
        algorithm.flash_properties.address_range.contains(&address)
    };
    let properties = target
        .flash_algorithms
        .iter()
        .filter(holds)
        .max_by_key(|algorithm| algorithm.default)
        .map(|algorithm| &algorithm.flash_properties)?;
    let offset = address - properties.address_range.start;
    // Each description holds from its own offset to the next one's.
    let kind = properties
        .sectors
        .iter()
        .filter(|kind| kind.address <= offset)
        .max_by_key(|kind| kind.address)?;
    let start = properties.address_range.start
        + kind.address
        + (offset - kind.address) / kind.size * kind.size;
    Some(Region::new(start, kind.size))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Regions that follow each other, as one.
    fn joined(ranges: impl Iterator<Item = std::ops::Range<u64>>) -> Vec<Region> {
        let mut all: Vec<Region> = ranges
            .map(|r| Region {
                start: r.start,
                end: r.end,
            })
            .collect();
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
            let target = registry
                .get_target_by_name(name)
                .unwrap_or_else(|e| panic!("{name}: {e}"));
            let nvm = joined(
                target
                    .memory_map
                    .iter()
                    .filter_map(|m| m.as_nvm_region().map(|r| r.range.clone())),
            );
            let ram = joined(
                target
                    .memory_map
                    .iter()
                    .filter_map(|m| m.as_ram_region().map(|r| r.range.clone())),
            );
            let inside = |all: &[Region], own: &sla_chips::plan::Region| {
                all.iter()
                    .any(|region| region.contains(&Region::new(own.address, own.bytes)))
            };
            assert!(inside(&nvm, &chip.flash), "{}: flash {nvm:x?}", chip.name);
            for own in &chip.ram {
                assert!(inside(&ram, own), "{}: {} {ram:x?}", chip.name, own.name);
            }
            // What `sla plan` and a dry run say is erased is what probe-rs erases.
            let flash = Region::new(chip.flash.address, chip.flash.bytes);
            let mut at = flash.start;
            while at < flash.end {
                let sector = sector_at(&target, at);
                assert_eq!(sector, chip.sector_at(at), "{}: {at:#x}", chip.name);
                at = sector.map_or(flash.end, |sector| sector.end);
            }
            checked += 1;
        }
        assert!(checked >= 10, "{checked} chips");
    }

    #[test]
    fn sectors_of_several_sizes() {
        let target = Registry::from_builtin_families()
            .get_target_by_name("STM32F405RG")
            .unwrap();
        let at = |address| sector_at(&target, address).map(|sector| (sector.start, sector.bytes()));
        // RM0090 table 5.
        assert_eq!(at(0x0800_0000), Some((0x0800_0000, 16 << 10)));
        assert_eq!(at(0x0800_ffff), Some((0x0800_c000, 16 << 10)));
        assert_eq!(at(0x0801_0000), Some((0x0801_0000, 64 << 10)));
        assert_eq!(at(0x0803_0000), Some((0x0802_0000, 128 << 10)));
        assert_eq!(at(0x2000_0000), None);
    }
}
