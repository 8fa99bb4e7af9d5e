//! Where a model may lie: checks before anything is written.

use sla_format::SECTION_ALIGN;

/// A range of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// First address.
    pub start: u64,
    /// One past the last.
    pub end: u64,
}

/// All 32-bit addresses.
pub const ADDRESSES: Region = Region {
    start: 0,
    end: 1 << 32,
};

/// Why a model cannot lie there; every display is one line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegionError {
    /// Not aligned as format.md F3.3 demands.
    #[error(
        "{address:#x} is no multiple of {SECTION_ALIGN}, which a model in place needs; {near:#x} is one"
    )]
    Misaligned {
        /// Address asked for.
        address: u64,
        /// The next multiple, or the one before where that has no 32-bit address.
        near: u64,
    },
    /// Not the start of a sector.
    #[error(
        "{address:#x} is inside a sector, and whole sectors are erased; {near:#x} is the start of one"
    )]
    InsideSector {
        /// Address asked for.
        address: u64,
        /// The start of the next sector, or of the one that holds the address where that is the
        /// last.
        near: u64,
    },
    /// Not the start of a page.
    #[error(
        "{address:#x} is inside a page, and the flash is mapped in pages of {page} bytes; {near:#x} is the start of one"
    )]
    InsidePage {
        /// Address asked for.
        address: u64,
        /// Length of a page.
        page: u64,
        /// The start of the next page, or of the one that holds the address where that is the
        /// last.
        near: u64,
    },
    /// Beyond the 32-bit addresses.
    #[error("the model would end at {end:#x}, beyond the 32-bit addresses; choose a lower address")]
    Address {
        /// One past the last address.
        end: u64,
    },
    /// Not in the flash.
    #[error("{start:#x} is not in {memory}, which is {from:#x} to {to:#x}{}", match from.saturating_add(*start) {
        address if address < *to => format!("; {start:#x} from its start is {address:#x}"),
        _ => String::new(),
    })]
    Outside {
        /// Address asked for.
        start: u64,
        /// Name of the memory.
        memory: String,
        /// Its first address.
        from: u64,
        /// One past its last.
        to: u64,
    },
    /// Longer than what is left of the flash.
    #[error("the model has {need} bytes, but {memory} has only {room} from {start:#x} on; {}", match last {
        Some(last) => format!("the last address that does is {last:#x}"),
        None => "it is too long for all of it: a smaller model is needed".into(),
    })]
    TooLong {
        /// Bytes of the model.
        need: u64,
        /// Bytes from its start to the end of the memory.
        room: u64,
        /// Address asked for.
        start: u64,
        /// Name of the memory.
        memory: String,
        /// Last address from which it fits.
        last: Option<u64>,
    },
    /// Something else is there.
    #[error("{} {what} at {from:#x} to {to:#x}; {}", match erased {
        false => format!("the model at {start:#x} to {end:#x} would overwrite"),
        true => format!("whole sectors, {start:#x} to {end:#x}, are erased for the model, and with them"),
    }, match next {
        Some(next) => format!("the first address behind it with room for the model is {next:#x}"),
        None => "no address behind it has room for the model".into(),
    })]
    Overlap {
        /// First address of what is overwritten or erased.
        start: u64,
        /// One past its last.
        end: u64,
        /// Whether that is more than the model: whole sectors.
        erased: bool,
        /// What is there.
        what: String,
        /// Its first address.
        from: u64,
        /// One past its last.
        to: u64,
        /// The first address behind it at which the model touches nothing.
        next: Option<u64>,
    },
}

/// What is lost where a model is written.
#[derive(Clone, Copy)]
pub enum Erased<'s> {
    /// What the model's own bytes replace.
    Bytes,
    /// The same in flash that is mapped in pages of this length: a model begins one.
    Pages(u64),
    /// Every sector that the model touches: the one that holds an address, none outside the flash.
    Sectors(&'s dyn Fn(u64) -> Option<Region>),
}

impl Erased<'_> {
    /// What is lost in order, in pieces; `None` where there is no sector.
    pub fn by(&self, model: &Region) -> Option<Vec<Region>> {
        let Self::Sectors(sector_at) = self else {
            return Some(vec![*model]);
        };
        let mut sectors = Vec::new();
        let mut at = model.start;
        while at < model.end {
            let sector = sector_at(at).filter(|sector| sector.start <= at && at < sector.end)?;
            at = sector.end;
            sectors.push(sector);
        }
        Some(sectors)
    }

    /// The pieces as one region: the model at least.
    fn hull(&self, model: &Region) -> Region {
        let pieces = self.by(model).unwrap_or_default();
        match (pieces.first(), pieces.last()) {
            (Some(first), Some(last)) => Region {
                start: first.start,
                end: last.end,
            },
            _ => *model,
        }
    }

    /// The first address from `address` on that a model may begin at without touching what lies
    /// before it.
    fn next(&self, address: u64) -> Option<u64> {
        match self {
            Self::Bytes => address.checked_next_multiple_of(SECTION_ALIGN as u64),
            Self::Pages(page) => address.checked_next_multiple_of(*page),
            Self::Sectors(sector_at) => {
                let sector = sector_at(address)?;
                Some(if sector.start == address {
                    address
                } else {
                    sector.end
                })
            }
        }
    }

    /// The last address up to `address` that a model may begin at.
    fn last(&self, address: u64) -> Option<u64> {
        match self {
            Self::Bytes => Some(address / SECTION_ALIGN as u64 * SECTION_ALIGN as u64),
            Self::Pages(page) => Some(address / page * page),
            Self::Sectors(sector_at) => sector_at(address).map(|sector| sector.start),
        }
    }
}

/// A named memory or part of a firmware.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// What it is.
    pub name: String,
    /// Where it is.
    pub region: Region,
}

impl Region {
    /// `bytes` from `start` on.
    pub fn new(start: u64, bytes: u64) -> Self {
        Self {
            start,
            end: start.saturating_add(bytes),
        }
    }

    /// Length.
    pub fn bytes(&self) -> u64 {
        self.end - self.start
    }

    /// Whether both have an address in common.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.start < other.end && other.start < self.end
    }

    /// Whether all of `other` lies inside.
    pub fn contains(&self, other: &Self) -> bool {
        self.start <= other.start && other.end <= self.end
    }

    /// The region of a model of `bytes` at `address`: aligned as a session needs it (format.md
    /// F3.3), with 32-bit addresses.
    ///
    /// # Errors
    /// [`RegionError::Address`] or [`RegionError::Misaligned`].
    pub fn of_model(address: u64, bytes: u64) -> Result<Self, RegionError> {
        let region = Self::new(address, bytes);
        if !ADDRESSES.contains(&region) {
            return Err(RegionError::Address { end: region.end });
        }
        match address.next_multiple_of(SECTION_ALIGN as u64) {
            next if next == address => Ok(region),
            next if next < ADDRESSES.end => Err(RegionError::Misaligned {
                address,
                near: next,
            }),
            next => Err(RegionError::Misaligned {
                address,
                near: next - SECTION_ALIGN as u64,
            }),
        }
    }

    /// Checks that this model lies inside `memory`.
    ///
    /// # Errors
    /// [`RegionError::Outside`] or [`RegionError::TooLong`].
    pub fn within(&self, memory: &Named, erased: Erased) -> Result<(), RegionError> {
        let Named { name, region } = memory;
        if !(region.start..region.end).contains(&self.start) {
            let (memory, from, to) = (name.clone(), region.start, region.end);
            return Err(RegionError::Outside {
                start: self.start,
                memory,
                from,
                to,
            });
        }
        if self.end > region.end {
            let last = region
                .end
                .checked_sub(self.bytes())
                .and_then(|last| erased.last(last));
            return Err(RegionError::TooLong {
                need: self.bytes(),
                room: region.end - self.start,
                start: self.start,
                memory: name.clone(),
                last: last.filter(|&last| last >= region.start),
            });
        }
        Ok(())
    }

    /// All of what is erased for this model, which has to begin where that does.
    ///
    /// # Errors
    /// [`RegionError::InsideSector`] or [`RegionError::InsidePage`].
    pub fn whole(&self, erased: Erased) -> Result<Self, RegionError> {
        let (whole, address) = (erased.hull(self), self.start);
        let near = erased.next(address).filter(|next| *next < ADDRESSES.end);
        match erased {
            Erased::Pages(page) if !address.is_multiple_of(page) => Err(RegionError::InsidePage {
                address,
                page,
                near: near.unwrap_or(address / page * page),
            }),
            _ if whole.start == address => Ok(whole),
            _ => Err(RegionError::InsideSector {
                address,
                near: near.unwrap_or(whole.start),
            }),
        }
    }

    /// Checks that writing this model into `memory` loses none of `parts`.
    ///
    /// # Errors
    /// [`RegionError::Overlap`] with the first that would be.
    pub fn clear_of(
        &self,
        parts: &[Named],
        memory: &Region,
        erased: Erased,
    ) -> Result<(), RegionError> {
        let lost = erased.hull(self);
        match touched(&lost, parts) {
            None => Ok(()),
            Some(Named { name, region }) => Err(RegionError::Overlap {
                start: lost.start,
                end: lost.end,
                erased: lost != *self,
                what: name.clone(),
                from: region.start,
                to: region.end,
                next: self.free_behind(region, parts, memory, erased),
            }),
        }
    }

    /// The first address behind `part` at which a model of this length loses none of `parts` and
    /// stays in `memory`.
    fn free_behind(
        &self,
        part: &Region,
        parts: &[Named],
        memory: &Region,
        erased: Erased,
    ) -> Option<u64> {
        let mut behind = part.end;
        loop {
            // Every part that is met ends behind `start`, so the search ends.
            let start = erased.next(behind)?;
            let model = Self::new(start, self.bytes());
            if !memory.contains(&model) {
                return None;
            }
            match touched(&erased.hull(&model), parts) {
                None => return Some(start),
                Some(next) => behind = next.region.end,
            }
        }
    }
}

fn touched<'p>(region: &Region, parts: &'p [Named]) -> Option<&'p Named> {
    parts.iter().find(|part| region.overlaps(&part.region))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flash() -> Named {
        Named {
            name: "flash".into(),
            region: Region::new(0x0800_0000, 0x10_0000),
        }
    }

    /// Sectors of an STM32F4: 16 KiB four times, 64 KiB, then 128 KiB.
    fn sector_at(address: u64) -> Option<Region> {
        let at = address
            .checked_sub(0x0800_0000)
            .filter(|&at| at < 0x10_0000)?;
        let (from, bytes) = match at {
            0..0x1_0000 => (0, 0x4000),
            0x1_0000..0x2_0000 => (0x1_0000, 0x1_0000),
            _ => (0x2_0000, 0x2_0000),
        };
        Some(Region::new(
            0x0800_0000 + from + (at - from) / bytes * bytes,
            bytes,
        ))
    }
    const SECTORS: Erased = Erased::Sectors(&sector_at);

    fn part(start: u64, bytes: u64) -> Named {
        Named {
            name: format!("part {start:#x}"),
            region: Region::new(start, bytes),
        }
    }

    #[test]
    fn models_are_aligned_and_have_addresses() {
        assert_eq!(
            Region::of_model(0x20, 7),
            Ok(Region {
                start: 0x20,
                end: 0x27
            })
        );
        let error = Region::of_model(0x28, 7).unwrap_err().to_string();
        assert_eq!(
            error,
            "0x28 is no multiple of 16, which a model in place needs; 0x30 is one"
        );
        let error = Region::of_model(0xffff_fff8, 7).unwrap_err().to_string();
        assert_eq!(
            error,
            "0xfffffff8 is no multiple of 16, which a model in place needs; 0xfffffff0 is one"
        );
        assert!(Region::of_model(0xffff_fff0, 16).is_ok());
        assert_eq!(
            Region::of_model(0xffff_fff0, 17),
            Err(RegionError::Address { end: 0x1_0000_0001 })
        );
        for address in [1 << 32, u64::MAX - 15, u64::MAX - 1, u64::MAX] {
            assert!(
                matches!(
                    Region::of_model(address, 100),
                    Err(RegionError::Address { .. })
                ),
                "{address:#x}"
            );
        }
    }

    #[test]
    fn a_model_stays_inside_its_memory() {
        let at = |start, bytes| Region::new(start, bytes).within(&flash(), SECTORS);
        assert_eq!(at(0x0800_0000, 0x10_0000), Ok(()));
        assert!(matches!(
            at(0x0800_0000, 0x10_0001),
            Err(RegionError::TooLong {
                room: 0x10_0000,
                last: None,
                ..
            })
        ));
        let error = at(0x080f_0000, 0x1_0001);
        assert!(
            matches!(
                error,
                Err(RegionError::TooLong {
                    room: 0x1_0000,
                    last: Some(0x080e_0000),
                    ..
                })
            ),
            "{error:?}"
        );
        let exact = Region::new(0x080f_fff0, 0x11).within(&flash(), Erased::Bytes);
        assert!(
            matches!(
                exact,
                Err(RegionError::TooLong {
                    last: Some(0x080f_ffe0),
                    ..
                })
            ),
            "{exact:?}"
        );
        assert!(matches!(
            at(0x07ff_f000, 1),
            Err(RegionError::Outside { .. })
        ));
        assert!(matches!(
            at(0x0810_0000, 1),
            Err(RegionError::Outside { .. })
        ));
    }

    /// The proposed address of the overlap that there must be.
    #[track_caller]
    fn next(model: Region, parts: &[Named], memory: Region, erased: Erased) -> Option<u64> {
        match model.clear_of(parts, &memory, erased) {
            Err(RegionError::Overlap { next, .. }) => next,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn exact_bytes_touch_no_firmware() {
        let parts = [part(0x0800_0000, 0x9001), part(0x0800_9001, 0x10)];
        let model = |start| Region::new(start, 0x1000);
        let at = |start| model(start).clear_of(&parts, &ADDRESSES, Erased::Bytes);
        assert_eq!(at(0x0800_9020), Ok(()));
        assert_eq!(
            model(0x0800_9011).clear_of(&parts, &ADDRESSES, Erased::Bytes),
            Ok(())
        );
        let error = at(0x0800_9000).unwrap_err().to_string();
        let text = "the model at 0x8009000 to 0x800a000 would overwrite part 0x8000000 at 0x8000000 to 0x8009001; the first \
                    address behind it with room for the model is 0x8009020";
        assert_eq!(error, text);
    }

    #[test]
    fn sectors_touch_no_firmware() {
        // 100 bytes of a model in the sector 0x08004000 to 0x08008000.
        let model = Region::new(0x0800_5000, 100);
        let clear = |parts: &[Named]| model.clear_of(parts, &flash().region, SECTORS);
        assert_eq!(
            clear(&[part(0x0800_0000, 0x4000), part(0x0800_8000, 1)]),
            Ok(())
        );
        // In front of the model and behind it, in its sector; the exact bytes are free.
        for lost in [
            part(0x0800_4fff, 1),
            part(0x0800_5064, 1),
            part(0x0800_7fff, 1),
        ] {
            let parts = [lost];
            assert_eq!(model.clear_of(&parts, &ADDRESSES, Erased::Bytes), Ok(()));
            let error = clear(&parts).unwrap_err();
            assert!(
                matches!(
                    &error,
                    RegionError::Overlap {
                        erased: true,
                        next: Some(0x0800_8000),
                        ..
                    }
                ),
                "{error}"
            );
            let text = error.to_string();
            assert!(
                text.starts_with("whole sectors, 0x8004000 to 0x8008000, are erased"),
                "{text}"
            );
        }
        // A proposed address skips what lies further on, and what does not fit is not proposed.
        let parts = [part(0x0800_4000, 1), part(0x0800_9000, 0x8000)];
        assert_eq!(
            next(model, &parts, flash().region, SECTORS),
            Some(0x0802_0000)
        );
        assert_eq!(
            next(
                Region::new(0x0800_4000, 0xf_0000),
                &parts,
                flash().region,
                SECTORS
            ),
            None
        );
    }

    #[test]
    fn whole_sectors_begin_with_the_model() {
        let whole = |start, bytes| Region::new(start, bytes).whole(SECTORS);
        assert_eq!(
            whole(0x0800_c000, 0x4001),
            Ok(Region {
                start: 0x0800_c000,
                end: 0x0802_0000
            })
        );
        assert_eq!(
            Region::new(0x0800_c010, 1).whole(Erased::Bytes),
            Ok(Region::new(0x0800_c010, 1))
        );
        let inside = |address, near| Err(RegionError::InsideSector { address, near });
        assert_eq!(whole(0x0800_c010, 1), inside(0x0800_c010, 0x0801_0000));
        let pages = |address: u64| Some(Region::new(address / 4096 * 4096, 4096));
        let last = Region::new(0xffff_ff00, 16).whole(Erased::Sectors(&pages));
        assert_eq!(last, inside(0xffff_ff00, 0xffff_f000));
    }

    #[test]
    fn a_model_in_mapped_flash_begins_a_page() {
        let (memory, pages) = (
            Named {
                name: "flash".into(),
                region: Region::new(0x3c00_0000, 0x40_0000),
            },
            Erased::Pages(0x1_0000),
        );
        let model = |start| Region::new(start, 0x2_8000);
        assert_eq!(model(0x3c01_0000).whole(pages), Ok(model(0x3c01_0000)));
        let error = model(0x3c01_1000).whole(pages).unwrap_err().to_string();
        assert_eq!(
            error,
            "0x3c011000 is inside a page, and the flash is mapped in pages of 65536 bytes; 0x3c020000 is the start of one"
        );
        let error = model(0x3c3e_0000).within(&memory, pages);
        assert!(
            matches!(
                error,
                Err(RegionError::TooLong {
                    last: Some(0x3c3d_0000),
                    ..
                })
            ),
            "{error:?}"
        );
        assert_eq!(
            next(
                model(0x3c01_0000),
                &[part(0x3c00_0020, 0x1_8000)],
                memory.region,
                pages
            ),
            Some(0x3c02_0000)
        );
        let error = model(0x1_0000)
            .within(&memory, pages)
            .unwrap_err()
            .to_string();
        let text = "0x10000 is not in flash, which is 0x3c000000 to 0x3c400000; 0x10000 from its start is 0x3c010000";
        assert_eq!(error, text);
    }

    #[test]
    fn proposals_near_the_ends_of_numbers() {
        let model = Region::new(0xffff_fe00, 0x100);
        assert_eq!(
            next(model, &[part(0xffff_fe00, 0x91)], ADDRESSES, Erased::Bytes),
            Some(0xffff_fea0)
        );
        assert_eq!(
            next(model, &[part(0xffff_fe00, 0x100)], ADDRESSES, Erased::Bytes),
            Some(0xffff_ff00)
        );
        assert_eq!(
            next(model, &[part(0xffff_fe00, 0x101)], ADDRESSES, Erased::Bytes),
            None
        );
        assert_eq!(
            next(model, &[part(0xffff_fe00, 0x200)], ADDRESSES, Erased::Bytes),
            None
        );
        let everywhere = Region {
            start: 0,
            end: u64::MAX,
        };
        let model = Region::new(u64::MAX - 0x1ff, 0x100);
        assert_eq!(
            next(
                model,
                &[part(u64::MAX - 0x1ff, 0x1f8)],
                everywhere,
                Erased::Bytes
            ),
            None
        );
        assert_eq!(
            next(
                model,
                &[part(u64::MAX - 0x1ff, u64::MAX)],
                everywhere,
                Erased::Bytes
            ),
            None
        );
        let text = model
            .clear_of(&[part(u64::MAX - 0x1ff, 1)], &ADDRESSES, Erased::Bytes)
            .unwrap_err()
            .to_string();
        assert!(
            text.ends_with("no address behind it has room for the model"),
            "{text}"
        );
    }
}
