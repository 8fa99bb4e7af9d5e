//! What can go wrong.

/// Why the store cannot be opened, read or written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreError<E> {
    /// The flash reports an error.
    Flash(E),
    /// Not two slots of whole erase units with room for a record, inside the flash.
    Region {
        /// First byte.
        start: u32,
        /// Byte after the last.
        end: u32,
        /// Bytes of an erase unit.
        erase_bytes: usize,
    },
    /// The value does not fit a slot.
    TooLong {
        /// Its length.
        bytes: usize,
        /// Room in a slot.
        capacity: usize,
    },
    /// A read past the end of the value.
    Range {
        /// First byte of the read.
        at: usize,
        /// Length of the read.
        len: usize,
        /// Length of the value; 0 without one.
        have: usize,
    },
    /// What was programmed does not read back: the flash is worn or protected.
    Verify {
        /// Address of the slot.
        slot: u32,
    },
}

impl<E: core::fmt::Debug> core::fmt::Display for StoreError<E> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Flash(e) => write!(f, "flash: {e:?}"),
            Self::Region {
                start,
                end,
                erase_bytes,
            } => {
                write!(
                    f,
                    "{start:#x}..{end:#x} is not two slots of whole erase units of {erase_bytes} bytes in the flash"
                )
            }
            Self::TooLong { bytes, capacity } => {
                write!(f, "{bytes} bytes, a slot has room for {capacity}")
            }
            Self::Range { at, len, have } => {
                write!(
                    f,
                    "bytes {at} to {} of a value of {have}",
                    at.saturating_add(*len)
                )
            }
            Self::Verify { slot } => {
                write!(f, "the slot at {slot:#x} does not hold what was written")
            }
        }
    }
}

impl<E: core::fmt::Debug> core::error::Error for StoreError<E> {}
