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

/// Why a model cannot lie there; every display is one line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegionError {
    /// Not aligned as format.md F3.3 demands.
    #[error("{address:#x} is no multiple of {align}, which {why}; the next one is {next:#x}", next = address.saturating_add(*align - 1) / *align * *align)]
    Misaligned {
        /// Address asked for.
        address: u64,
        /// What it has to be a multiple of.
        align: u64,
        /// Who demands that.
        why: &'static str,
    },
    /// Beyond the 32-bit addresses.
    #[error("the model would end at {end:#x}, beyond the 32-bit addresses")]
    Address {
        /// One past the last address.
        end: u64,
    },
    /// Not in the flash.
    #[error("{start:#x} is not in {memory}, which is {from:#x} to {to:#x}")]
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
    #[error(
        "the model has {need} bytes, but {memory} has only {room} from {start:#x} on; the last address that does is {last:#x}"
    )]
    TooLong {
        /// Bytes of the model.
        need: u64,
        /// Bytes from its start to the end of the memory.
        room: u64,
        /// Address asked for.
        start: u64,
        /// Name of the memory.
        memory: String,
        /// Last aligned address from which it fits, or the memory's start if it never does.
        last: u64,
    },
    /// Something else is there.
    #[error(
        "the model at {start:#x} to {end:#x} would overwrite {what} at {from:#x} to {to:#x}; the first address behind it is {next:#x}"
    )]
    Overlap {
        /// First address of what would be erased.
        start: u64,
        /// One past its last.
        end: u64,
        /// What is there.
        what: String,
        /// Its first address.
        from: u64,
        /// One past its last.
        to: u64,
        /// The first aligned address behind it.
        next: u64,
    },
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
        Self { start, end: start.saturating_add(bytes) }
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

    /// The region of a model of `bytes` at `address`: aligned as a session needs it (format.md F3.3), with 32-bit addresses.
    ///
    /// # Errors
    /// [`RegionError::Misaligned`] or [`RegionError::Address`].
    pub fn of_model(address: u64, bytes: u64) -> Result<Self, RegionError> {
        aligned(address, SECTION_ALIGN as u64, "a model in place needs")?;
        let region = Self::new(address, bytes);
        if region.end > 1 << 32 { Err(RegionError::Address { end: region.end }) } else { Ok(region) }
    }

    /// Checks that this lies inside `memory`.
    ///
    /// # Errors
    /// [`RegionError::Outside`] or [`RegionError::TooLong`].
    pub fn within(&self, memory: &Named, align: u64) -> Result<(), RegionError> {
        let Named { name, region } = memory;
        if !(region.start..region.end).contains(&self.start) {
            let (memory, from, to) = (name.clone(), region.start, region.end);
            return Err(RegionError::Outside { start: self.start, memory, from, to });
        }
        if self.end > region.end {
            let last = region.end.saturating_sub(self.bytes()) / align * align;
            return Err(RegionError::TooLong {
                need: self.bytes(),
                room: region.end - self.start,
                start: self.start,
                memory: name.clone(),
                last: last.max(region.start),
            });
        }
        Ok(())
    }

    /// Checks that this touches none of `others`.
    ///
    /// # Errors
    /// [`RegionError::Overlap`] with the first that it touches.
    pub fn clear_of(&self, others: &[Named], align: u64) -> Result<(), RegionError> {
        let end = others.iter().map(|other| other.region.end).max().unwrap_or(0);
        match others.iter().find(|other| self.overlaps(&other.region)) {
            None => Ok(()),
            Some(Named { name, region }) => Err(RegionError::Overlap {
                start: self.start,
                end: self.end,
                what: name.clone(),
                from: region.start,
                to: region.end,
                next: end.next_multiple_of(align),
            }),
        }
    }
}

/// Checks that `address` is a multiple of `align`.
///
/// # Errors
/// [`RegionError::Misaligned`].
pub fn aligned(address: u64, align: u64, why: &'static str) -> Result<(), RegionError> {
    if address.is_multiple_of(align) { Ok(()) } else { Err(RegionError::Misaligned { address, align, why }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flash() -> Named {
        Named { name: "flash".into(), region: Region::new(0x0800_0000, 0x10_0000) }
    }

    #[test]
    fn models_are_aligned_and_have_addresses() {
        assert_eq!(Region::of_model(0x20, 7), Ok(Region { start: 0x20, end: 0x27 }));
        let error = Region::of_model(0x28, 7).unwrap_err().to_string();
        assert_eq!(error, "0x28 is no multiple of 16, which a model in place needs; the next one is 0x30");
        assert!(Region::of_model(0xffff_fff0, 16).is_ok());
        assert_eq!(Region::of_model(0xffff_fff0, 17), Err(RegionError::Address { end: 0x1_0000_0001 }));
        assert!(Region::of_model(u64::MAX - 15, 100).is_err());
    }

    #[test]
    fn a_model_stays_inside_its_memory() {
        let at = |start, bytes| Region::new(start, bytes).within(&flash(), 0x1000);
        assert_eq!(at(0x0800_0000, 0x10_0000), Ok(()));
        assert!(matches!(at(0x0800_0000, 0x10_0001), Err(RegionError::TooLong { room: 0x10_0000, .. })));
        assert!(matches!(at(0x080f_f000, 0x1001), Err(RegionError::TooLong { room: 0x1000, last: 0x080f_e000, .. })));
        assert!(matches!(at(0x07ff_f000, 1), Err(RegionError::Outside { .. })));
        assert!(matches!(at(0x0810_0000, 1), Err(RegionError::Outside { .. })));
    }

    #[test]
    fn a_model_touches_no_firmware() {
        let parts = [
            Named { name: ".text".into(), region: Region::new(0x0800_0000, 0x9001) },
            Named { name: ".data".into(), region: Region::new(0x0800_9001, 0x10) },
        ];
        let at = |start| Region::new(start, 0x1000).clear_of(&parts, 0x1000);
        assert_eq!(at(0x0800_a000), Ok(()));
        let error = at(0x0800_9000).unwrap_err();
        assert!(matches!(&error, RegionError::Overlap { what, next: 0x0800_a000, .. } if what == ".text"), "{error}");
        assert_eq!(Region::new(0x0800_9011, 1).clear_of(&parts, 0x10), Ok(()));
        assert!(Region::new(0x0800_9010, 1).clear_of(&parts, 0x10).is_err());
    }
}
