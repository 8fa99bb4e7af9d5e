//! One value in two slots of NOR flash: a write that power loss interrupts, at any moment, leaves
//! the value from before or the new one, whole. `docs/snapshot.md` S3 is normative.
//!
//! ```
//! # use sla_store::Store;
//! # fn example<F: embedded_storage::nor_flash::NorFlash>(
//! #     flash: F,
//! #     session: &mut sla_runtime::Session,
//! # ) -> Result<(), Box<dyn std::error::Error>>
//! # where
//! #     F::Error: 'static,
//! # {
//! let mut store = Store::open(flash, 0x0c_0000..0x0e_0000)?;    // two slots of 64 KiB
//! if store.bytes().is_some() {
//!     session.restore_with(|at, out| store.read(at, out))?;     // go on where the power went
//! }
//! // ...
//! let snapshot = session.snapshot();
//! store.write(snapshot.bytes(), |at, out| { snapshot.read(at, out); })?;
//! # Ok(())
//! # }
//! ```
//!
//! The flash is any [`NorFlash`]; no write unit is programmed twice between erasures, as flash with
//! error correction demands. Nothing is buffered but 256 bytes.
#![no_std]
#![forbid(unsafe_code)]
#![warn(missing_debug_implementations)]

mod error;
mod slot;

pub use error::StoreError;

use core::ops::Range;
use embedded_storage::nor_flash::NorFlash;
use slot::{Record, Slot};

/// Bytes that are read or programmed at a time; a flash's units divide it.
const CHUNK: usize = 256;

/// The two slots.
#[derive(Debug)]
pub struct Store<F: NorFlash> {
    flash: F,
    slots: [Slot; 2],
    /// The slot with the newest whole value, and its record.
    newest: Option<(Slot, Record)>,
    /// Why a slot could not be read.
    unreadable: Option<StoreError<F::Error>>,
}

impl<F: NorFlash> Store<F> {
    /// Looks for the newest value in `region`, whose halves are the slots. Reads both slots once
    /// and writes nothing. A slot that cannot be read is an empty slot ([`Store::unreadable`]).
    ///
    /// # Errors
    /// [`StoreError::Region`] when the region is not two slots of whole erase units inside the
    /// flash.
    pub fn open(mut flash: F, region: Range<u32>) -> Result<Self, StoreError<F::Error>> {
        const { assert!(CHUNK.is_multiple_of(F::WRITE_SIZE) && CHUNK.is_multiple_of(F::READ_SIZE)) };
        let slots =
            Slot::halves(&region, F::ERASE_SIZE, flash.capacity()).ok_or(StoreError::Region {
                start: region.start,
                end: region.end,
                erase_bytes: F::ERASE_SIZE,
            })?;
        let (mut newest, mut unreadable) = (None, None);
        for slot in slots {
            match slot.find(&mut flash) {
                Ok(Some(record))
                    if newest.is_none_or(|(_, other)| record.is_newer_than(&other)) =>
                {
                    newest = Some((slot, record));
                }
                Ok(_) => {}
                Err(error) => unreadable = Some(error),
            }
        }
        Ok(Self {
            flash,
            slots,
            newest,
            unreadable,
        })
    }

    /// The error that reading a slot gave when the store was opened. On flash with error correction
    /// that is what a power loss can leave of the slot that was being written, and the next
    /// write mends it. Where it can also be a bus that fails now and then, the slot
    /// may hold the newest value: open the store again before anything is written.
    #[must_use]
    pub fn unreadable(&self) -> Option<&StoreError<F::Error>> {
        self.unreadable.as_ref()
    }

    /// The longest value that fits.
    #[must_use]
    pub fn capacity(&self) -> usize {
        let [slot, _] = self.slots;
        slot.capacity::<F>()
    }

    /// Length of the value; `None` when nothing was ever written whole.
    #[must_use]
    pub fn bytes(&self) -> Option<usize> {
        self.newest.map(|(_, record)| record.bytes as usize)
    }

    /// Number of the write that made the value, from 1; it wraps.
    #[must_use]
    pub fn sequence(&self) -> Option<u32> {
        self.newest.map(|(_, record)| record.sequence)
    }

    /// Where the value's bytes are in the flash, for one that is mapped into memory.
    #[must_use]
    pub fn location(&self) -> Option<Range<u32>> {
        self.newest
            .map(|(slot, record)| slot.value::<F>()..slot.value::<F>() + record.bytes)
    }

    /// Fills `out` with the value's bytes from `at` on.
    ///
    /// # Errors
    /// [`StoreError::Range`] past its end, or without a value; [`StoreError::Flash`].
    pub fn read(&mut self, at: usize, out: &mut [u8]) -> Result<(), StoreError<F::Error>> {
        let have = self.bytes().unwrap_or(0);
        let end = at.checked_add(out.len()).filter(|&end| end <= have);
        let (Some((slot, _)), Some(_)) = (self.newest, end) else {
            return Err(StoreError::Range {
                at,
                len: out.len(),
                have,
            });
        };
        slot.read(&mut self.flash, at, out)
    }

    /// Replaces the value by `bytes` new ones; `fill(at, out)` has to fill `out` with those from
    /// `at` on, in order. What is programmed is read back before it counts.
    ///
    /// # Errors
    /// [`StoreError::TooLong`] before anything is written; [`StoreError::Verify`] and
    /// [`StoreError::Flash`] of a slot that is worn or protected, after which the value from
    /// before is still the value. Without one the next write tries the other slot.
    pub fn write(
        &mut self,
        bytes: usize,
        mut fill: impl FnMut(usize, &mut [u8]),
    ) -> Result<(), StoreError<F::Error>> {
        if bytes > self.capacity() {
            return Err(StoreError::TooLong {
                bytes,
                capacity: self.capacity(),
            });
        }
        let [first, second] = self.slots;
        let (slot, sequence) = match self.newest {
            Some((slot, record)) => (
                if slot == first { second } else { first },
                record.sequence.wrapping_add(1),
            ),
            None => (first, 1),
        };
        match slot.write(&mut self.flash, bytes, sequence, &mut fill) {
            Ok(record) => self.newest = Some((slot, record)),
            Err(error) => {
                self.slots = [second, first];
                return Err(error);
            }
        }
        Ok(())
    }

    /// Gives the flash back.
    pub fn release(self) -> F {
        self.flash
    }
}
