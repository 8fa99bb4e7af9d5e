//! What writing a model would erase and write: checked without a probe.

use sla_chips::image::Region;
use sla_chips::image::region::{Erased, Named};
use sla_chips::plan::Chip;

use super::options::Options;
use crate::address::firmware;
use crate::export::flash_of;
use crate::failure::{Outcome, fail};
use crate::table::{Table, grouped};

/// A checked region of a chip.
pub(super) struct FlashPlan {
    /// The chip, by the table of `sla plan` or by probe-rs.
    chip: String,
    /// Name of the memory.
    memory: String,
    /// The model.
    pub region: Region,
    /// The sectors that are erased, in order.
    sectors: Vec<Region>,
}

/// Checks the region of `bytes` against the chip's flash, its sectors and the firmware.
pub(super) fn plan(options: &Options, chip: &Chip, bytes: u64) -> Outcome<FlashPlan> {
    if chip.probe_rs.is_none() {
        return fail(format!(
            "the {} of {} cannot be written through a debug probe; write the file that `sla export` makes with its maker's tool",
            chip.flash.name, chip.name
        ));
    }
    let memory = flash_of(chip);
    FlashPlan::new(options, chip.name.clone(), &memory, bytes, &|address| {
        chip.sector_at(address)
    })
}

impl FlashPlan {
    /// Checks the region of `bytes` in `memory` of `chip`, whose sectors are known.
    pub fn new(
        options: &Options,
        chip: String,
        memory: &Named,
        bytes: u64,
        sector_at: &dyn Fn(u64) -> Option<Region>,
    ) -> Outcome<Self> {
        let (region, erased) = (
            Region::of_model(options.address, bytes)?,
            Erased::Sectors(sector_at),
        );
        region.within(memory, erased)?;
        let Some(sectors) = erased.by(&region) else {
            return fail(format!(
                "no way to write {:#x} of {chip} is known; choose another --address",
                region.start
            ));
        };
        region.whole(erased)?;
        if let Some(path) = &options.firmware {
            region.clear_of(&firmware(path)?, &memory.region, erased)?;
        }
        Ok(Self {
            chip,
            memory: memory.name.clone(),
            region,
            sectors,
        })
    }

    /// Bytes behind the model in its last sector, which keep what they have.
    fn kept(&self) -> u64 {
        self.sectors
            .last()
            .map_or(0, |sector| sector.end - self.region.end)
    }

    /// What was or would be done.
    pub fn text(&self, file: &str, id: u32, verb: &str) -> String {
        let mut sizes: Vec<u64> = self.sectors.iter().map(Region::bytes).collect();
        sizes.dedup();
        let sizes: Vec<String> = sizes.into_iter().map(grouped).collect();
        let mut table = Table::default();
        let region = |r: &Region| format!("{:#010x} to {:#010x}", r.start, r.end);
        table.row(["chip".to_string(), self.chip.clone()]);
        table.row(["memory".to_string(), self.memory.clone()]);
        table.row([
            "model".to_string(),
            format!(
                "{}, {} bytes, id {id:08x}",
                region(&self.region),
                grouped(self.region.bytes())
            ),
        ]);
        let erased = Region {
            start: self.region.start,
            end: self.region.end + self.kept(),
        };
        let sectors = format!("{} of {} bytes", self.sectors.len(), sizes.join(" and "));
        table.row([
            "sectors".to_string(),
            format!("{}, {sectors}", region(&erased)),
        ]);
        table.row([
            "kept behind it".to_string(),
            format!("{} bytes of the last sector", grouped(self.kept())),
        ]);
        format!("{verb} {file}\n{}", table.render())
    }
}
