//! One slot: a record, then the value (docs/snapshot.md S3.1). The record is programmed last and is
//! what makes the value count.

use core::ops::Range;

use embedded_storage::nor_flash::NorFlash;
use sla_format::{Checksum, words_at};

use crate::CHUNK;
use crate::error::StoreError;

/// First word of a record.
const MAGIC: u32 = u32::from_le_bytes(*b"SLR\x7f");

/// What a slot's first bytes say of the value (S3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    /// Number of the write.
    pub sequence: u32,
    /// Length of the value.
    pub bytes: u32,
}

impl Record {
    const BYTES: usize = 16;

    /// Sequence numbers wrap: of two that are in use at once, the newer one is ahead by less than
    /// half their range.
    pub fn is_newer_than(&self, other: &Self) -> bool {
        self.sequence.wrapping_sub(other.sequence) as i32 > 0
    }

    /// The checksum so far: over the words before it.
    fn checksum(&self) -> Checksum {
        let mut crc = Checksum::default();
        for word in [MAGIC, self.sequence, self.bytes] {
            crc.add_bytes(&word.to_le_bytes());
        }
        crc
    }

    fn emit(&self, crc: u32, out: &mut [u8]) {
        let words = [MAGIC, self.sequence, self.bytes, crc];
        for (field, word) in out.chunks_exact_mut(4).zip(words) {
            field.copy_from_slice(&word.to_le_bytes());
        }
    }
}

/// Half of the region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot {
    start: u32,
    end: u32,
}

impl Slot {
    /// The halves of a region; `None` if they are not whole erase units with room for a record, or
    /// not in a flash of that capacity.
    pub fn halves(region: &Range<u32>, erase_bytes: usize, capacity: usize) -> Option<[Self; 2]> {
        let erase = u32::try_from(erase_bytes).ok().filter(|&erase| erase > 0)?;
        let half = region.end.checked_sub(region.start)? / 2;
        let whole = [region.start, half]
            .iter()
            .all(|at| at.is_multiple_of(erase))
            && half as usize > CHUNK;
        let middle = region.start + half;
        let is_in = middle + half == region.end && region.end as usize <= capacity;
        (whole && is_in).then_some([
            Self {
                start: region.start,
                end: middle,
            },
            Self {
                start: middle,
                end: region.end,
            },
        ])
    }

    /// Bytes of the record with what fills its last unit.
    const fn record_bytes<F: NorFlash>() -> usize {
        let unit = if F::WRITE_SIZE > F::READ_SIZE {
            F::WRITE_SIZE
        } else {
            F::READ_SIZE
        };
        Record::BYTES.next_multiple_of(unit)
    }

    /// Address of the value.
    pub fn value<F: NorFlash>(&self) -> u32 {
        self.start + Self::record_bytes::<F>() as u32
    }

    /// The longest value that fits.
    pub fn capacity<F: NorFlash>(&self) -> usize {
        (self.end - self.value::<F>()) as usize
    }

    /// The slot's record, if a whole value lies behind it. The error is that of a slot that cannot
    /// be read.
    pub fn find<F: NorFlash>(&self, flash: &mut F) -> Result<Option<Record>, StoreError<F::Error>> {
        let mut chunk = [0xff; CHUNK];
        let head = chunk
            .get_mut(..Self::record_bytes::<F>())
            .unwrap_or_default();
        flash.read(self.start, head).map_err(StoreError::Flash)?;
        let Some([MAGIC, sequence, bytes, stored]) = words_at(head, 0) else {
            return Ok(None);
        };
        let record = Record { sequence, bytes };
        if bytes as usize > self.capacity::<F>() {
            return Ok(None);
        }
        Ok((self.crc(flash, &record)? == stored).then_some(record))
    }

    /// The checksum of a record and of the value as it reads back.
    fn crc<F: NorFlash>(
        &self,
        flash: &mut F,
        record: &Record,
    ) -> Result<u32, StoreError<F::Error>> {
        let mut crc = record.checksum();
        let (mut chunk, mut at) = ([0; CHUNK], 0);
        while at < record.bytes as usize {
            let bytes = chunk
                .get_mut(..CHUNK.min(record.bytes as usize - at))
                .unwrap_or_default();
            self.read(flash, at, bytes)?;
            crc.add_bytes(bytes);
            at += CHUNK;
        }
        Ok(crc.finish())
    }

    /// Fills `out` with the value's bytes from `at` on, which are in the slot. The flash sees whole
    /// read units.
    pub fn read<F: NorFlash>(
        &self,
        flash: &mut F,
        at: usize,
        out: &mut [u8],
    ) -> Result<(), StoreError<F::Error>> {
        let (mut chunk, mut at, mut rest) = ([0; CHUNK], at, out);
        while !rest.is_empty() {
            let skip = at % F::READ_SIZE;
            let len = rest.len().min(CHUNK - skip);
            let (out, others) = core::mem::take(&mut rest).split_at_mut(len);
            let units = chunk
                .get_mut(..(skip + len).next_multiple_of(F::READ_SIZE))
                .unwrap_or_default();
            flash
                .read(self.value::<F>() + (at - skip) as u32, units)
                .map_err(StoreError::Flash)?;
            out.iter_mut()
                .zip(units.iter().skip(skip))
                .for_each(|(out, byte)| *out = *byte);
            (at, rest) = (at + len, others);
        }
        Ok(())
    }

    /// Erases the slot, programs the value, reads it back, and then makes it count.
    pub fn write<F: NorFlash>(
        &self,
        flash: &mut F,
        bytes: usize,
        sequence: u32,
        fill: &mut dyn FnMut(usize, &mut [u8]),
    ) -> Result<Record, StoreError<F::Error>> {
        flash
            .erase(self.start, self.end)
            .map_err(StoreError::Flash)?;
        let record = Record {
            sequence,
            bytes: bytes as u32,
        };
        let (mut crc, mut at) = (record.checksum(), 0);
        while at < bytes {
            let mut chunk = [0xff; CHUNK];
            let len = CHUNK.min(bytes - at);
            let own = chunk.get_mut(..len).unwrap_or_default();
            fill(at, own);
            crc.add_bytes(own);
            let units = chunk
                .get(..len.next_multiple_of(F::WRITE_SIZE))
                .unwrap_or_default();
            flash
                .write(self.value::<F>() + at as u32, units)
                .map_err(StoreError::Flash)?;
            at += CHUNK;
        }
        let crc = crc.finish();
        if self.crc(flash, &record)? != crc {
            return Err(StoreError::Verify { slot: self.start });
        }
        let mut chunk = [0xff; CHUNK];
        let head = chunk
            .get_mut(..Self::record_bytes::<F>())
            .unwrap_or_default();
        record.emit(crc, head);
        flash.write(self.start, head).map_err(StoreError::Flash)?;
        if self.find(flash)? != Some(record) {
            return Err(StoreError::Verify { slot: self.start });
        }
        Ok(record)
    }
}
