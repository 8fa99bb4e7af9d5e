//! NOR flash in memory: programming clears bits and only in erased units, erasing sets whole units,
//! and the power can go, or an operation can fail, at any byte of either.

#![allow(dead_code, reason = "each test uses what it needs")]

use std::ops::Range;

use embedded_storage::nor_flash::{
    ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash,
};

/// What a fake flash reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    Misaligned,
    OutOfBounds,
    /// A unit was programmed twice between erasures.
    NotErased,
    /// Asked for by the test: the operation stopped in the middle.
    Stopped,
    /// Error correction cannot make sense of a unit.
    Ecc,
    /// Asked for by the test: this call failed.
    Failed,
}

impl NorFlashError for Fault {
    fn kind(&self) -> NorFlashErrorKind {
        match self {
            Self::Misaligned => NorFlashErrorKind::NotAligned,
            Self::OutOfBounds => NorFlashErrorKind::OutOfBounds,
            Self::NotErased | Self::Stopped | Self::Ecc | Self::Failed => NorFlashErrorKind::Other,
        }
    }
}

/// How far an interrupted erasure got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Torn {
    /// The first bytes are erased.
    Front,
    /// The last bytes are erased.
    Back,
    /// Each byte so far has got some of its bits back, those after it none.
    Bits,
}

/// A flash of `READ`, `WRITE` and `ERASE` bytes a unit.
#[derive(Clone)]
pub struct Nor<const READ: usize, const WRITE: usize, const ERASE: usize> {
    pub bytes: Vec<u8>,
    pub programmed: Vec<bool>,
    /// Bytes that may still be programmed or erased before the operation stops; `None` for no end.
    pub budget: Option<usize>,
    pub torn: Torn,
    /// Bytes programmed and erased so far.
    pub done: usize,
    pub reads: usize,
    /// Calls so far.
    pub calls: usize,
    /// The calls that fail, without doing anything.
    pub failing: Range<usize>,
    /// The call that programs a wrong bit and says nothing.
    pub lying: Option<usize>,
    /// Whether units that something stopped in cannot be read.
    pub has_ecc: bool,
    /// The write units that cannot.
    pub torn_units: Vec<bool>,
}

impl<const READ: usize, const WRITE: usize, const ERASE: usize> Nor<READ, WRITE, ERASE> {
    /// A flash that holds `bytes`, as if something else had been there.
    pub fn new(bytes: Vec<u8>) -> Self {
        let units = bytes.len() / WRITE;
        Self {
            bytes,
            programmed: vec![true; units],
            budget: None,
            torn: Torn::Front,
            done: 0,
            reads: 0,
            calls: 0,
            failing: 0..0,
            lying: None,
            has_ecc: false,
            torn_units: vec![false; units],
        }
    }

    /// The same with error correction.
    pub fn with_ecc(self) -> Self {
        Self {
            has_ecc: true,
            ..self
        }
    }

    /// The same flash after a reset: what is in it, and no pending stop.
    pub fn rebooted(&self) -> Self {
        Self {
            budget: None,
            done: 0,
            reads: 0,
            calls: 0,
            failing: 0..0,
            lying: None,
            ..self.clone()
        }
    }

    /// How many of `wanted` bytes the operation gets done.
    fn spend(&mut self, wanted: usize) -> usize {
        let now = self.budget.map_or(wanted, |left| left.min(wanted));
        self.budget = self.budget.map(|left| left - now);
        self.done += now;
        now
    }

    fn call(&mut self, from: u32, to: u32, unit: usize) -> Result<(usize, usize), Fault> {
        let call = self.calls;
        self.calls += 1;
        if self.failing.contains(&call) {
            return Err(Fault::Failed);
        }
        let (from, to) = (from as usize, to as usize);
        if !from.is_multiple_of(unit) || !to.is_multiple_of(unit) {
            return Err(Fault::Misaligned);
        }
        if from > to || to > self.bytes.len() {
            return Err(Fault::OutOfBounds);
        }
        Ok((from, to))
    }
}

impl<const READ: usize, const WRITE: usize, const ERASE: usize> ErrorType
    for Nor<READ, WRITE, ERASE>
{
    type Error = Fault;
}

impl<const READ: usize, const WRITE: usize, const ERASE: usize> ReadNorFlash
    for Nor<READ, WRITE, ERASE>
{
    const READ_SIZE: usize = READ;

    fn read(&mut self, offset: u32, out: &mut [u8]) -> Result<(), Fault> {
        let (from, to) = self.call(offset, offset + out.len() as u32, READ)?;
        self.reads += 1;
        if self.has_ecc && self.torn_units[from / WRITE..to.div_ceil(WRITE)].contains(&true) {
            return Err(Fault::Ecc);
        }
        out.copy_from_slice(&self.bytes[from..to]);
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.bytes.len()
    }
}

impl<const READ: usize, const WRITE: usize, const ERASE: usize> NorFlash
    for Nor<READ, WRITE, ERASE>
{
    const WRITE_SIZE: usize = WRITE;
    const ERASE_SIZE: usize = ERASE;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), Fault> {
        let (from, to) = self.call(from, to, ERASE)?;
        // An erase unit at a time, as flash does it.
        for unit in (from..to).step_by(ERASE) {
            let all = &mut self.bytes[unit..unit + ERASE].to_vec();
            let now = self.spend(ERASE);
            match self.torn {
                _ if now == ERASE => all.fill(0xff),
                Torn::Front => all[..now].fill(0xff),
                Torn::Back => all[ERASE - now..].fill(0xff),
                Torn::Bits => all[..now]
                    .iter_mut()
                    .enumerate()
                    .for_each(|(i, b)| *b |= (i * 167 + 89) as u8),
            }
            self.bytes[unit..unit + ERASE].copy_from_slice(all);
            let units = unit / WRITE..(unit + ERASE) / WRITE;
            if now < ERASE {
                // Units that read as something, and units that do not read, all over it.
                units.for_each(|unit| self.torn_units[unit] = !(unit + now).is_multiple_of(3));
                return Err(Fault::Stopped);
            }
            self.programmed[units.clone()].fill(false);
            self.torn_units[units].fill(false);
        }
        Ok(())
    }

    fn write(&mut self, offset: u32, data: &[u8]) -> Result<(), Fault> {
        let (from, to) = self.call(offset, offset + data.len() as u32, WRITE)?;
        let units = from / WRITE..to / WRITE;
        if self.programmed[units.clone()].contains(&true) {
            return Err(Fault::NotErased);
        }
        let now = self.spend(data.len());
        // The unit that the power went in counts as programmed.
        self.programmed[units.start..units.start + now.div_ceil(WRITE).max(1)].fill(true);
        for (byte, new) in self.bytes[from..].iter_mut().zip(&data[..now]) {
            *byte &= new;
        }
        if now < data.len() {
            // The byte in progress has some of its bits.
            self.bytes[from + now] &= data[now] | 0x5a;
            self.torn_units[units.start + now / WRITE] = true;
            return Err(Fault::Stopped);
        }
        if self.lying == Some(self.calls - 1) {
            self.bytes[to - 1] ^= 1;
        }
        Ok(())
    }
}
