//! Where `/save` keeps a session.

use core::fmt;

use embedded_storage::nor_flash::NorFlash;
use sla_runtime::Snapshot;
use sla_store::StoreError;

/// Keeps one session's snapshot.
pub trait Store {
    /// Why it does not.
    type Error: fmt::Display;

    /// Length of what is kept, in bytes; `None` when nothing is.
    fn bytes(&self) -> Option<usize>;

    /// Keeps `snapshot` in place of what was kept.
    ///
    /// # Errors
    /// Those of the medium. What [`Store::bytes`] and [`Store::read`] then give is whole, or
    /// nothing.
    fn write(&mut self, snapshot: &Snapshot) -> Result<(), Self::Error>;

    /// Fills `out` with the kept bytes from `at` on.
    ///
    /// # Errors
    /// Those of the medium, and a range that is not kept.
    fn read(&mut self, at: usize, out: &mut [u8]) -> Result<(), Self::Error>;
}

/// Two slots of NOR flash, which a power loss at any moment leaves with a whole session.
impl<F: NorFlash> Store for sla_store::Store<F> {
    type Error = StoreError<F::Error>;

    fn bytes(&self) -> Option<usize> {
        sla_store::Store::bytes(self)
    }

    fn write(&mut self, snapshot: &Snapshot) -> Result<(), Self::Error> {
        sla_store::Store::write(self, snapshot.bytes(), |at, out| {
            snapshot.read(at, out);
        })
    }

    fn read(&mut self, at: usize, out: &mut [u8]) -> Result<(), Self::Error> {
        sla_store::Store::read(self, at, out)
    }
}

/// A slot in RAM, which a reset loses.
#[derive(Debug)]
pub struct RamStore<'b> {
    slot: &'b mut [u8],
    bytes: Option<usize>,
}

impl<'b> RamStore<'b> {
    /// An empty slot: `slot` needs
    /// [`MemoryPlan::snapshot_bytes`](sla_runtime::MemoryPlan::snapshot_bytes) bytes.
    #[must_use]
    pub fn new(slot: &'b mut [u8]) -> Self {
        Self { slot, bytes: None }
    }
}

/// Why a slot in RAM does not hold a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RamError {
    /// It is too short.
    TooLong {
        /// Length of the snapshot.
        bytes: usize,
        /// Length of the slot.
        capacity: usize,
    },
    /// A read of bytes that are not kept.
    Range {
        /// First byte of the read.
        at: usize,
        /// Length of the read.
        len: usize,
        /// Bytes that are kept.
        have: usize,
    },
}

impl fmt::Display for RamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { bytes, capacity } => {
                write!(
                    f,
                    "a session of {bytes} bytes, the slot in RAM has room for {capacity}"
                )
            }
            Self::Range { at, len, have } => {
                write!(
                    f,
                    "bytes {at} to {} of a session of {have}",
                    at.saturating_add(*len)
                )
            }
        }
    }
}

impl core::error::Error for RamError {}

impl Store for RamStore<'_> {
    type Error = RamError;

    fn bytes(&self) -> Option<usize> {
        self.bytes
    }

    fn write(&mut self, snapshot: &Snapshot) -> Result<(), RamError> {
        let (bytes, capacity) = (snapshot.bytes(), self.slot.len());
        let slot = self
            .slot
            .get_mut(..bytes)
            .ok_or(RamError::TooLong { bytes, capacity })?;
        snapshot.read(0, slot);
        self.bytes = Some(bytes);
        Ok(())
    }

    fn read(&mut self, at: usize, out: &mut [u8]) -> Result<(), RamError> {
        let have = self.bytes.unwrap_or(0);
        let end = at.checked_add(out.len()).filter(|&end| end <= have);
        let kept = end.and_then(|end| self.slot.get(at..end));
        let kept = kept.ok_or(RamError::Range {
            at,
            len: out.len(),
            have,
        })?;
        out.copy_from_slice(kept);
        Ok(())
    }
}
