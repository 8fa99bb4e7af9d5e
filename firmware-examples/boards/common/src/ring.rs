//! Bytes between an interrupt handler, which may only push, and the main loop, which may only pop.

use core::fmt;
use core::sync::atomic::{AtomicU16, AtomicUsize, Ordering};

use embedded_io::ErrorKind;

/// Places: a line typed or pasted while the model computes, and a loss behind it.
const CAPACITY: usize = 256;
/// Stands for bytes that were lost.
const LOSS: u16 = 1 << 8;

/// Bytes came and were not received: an overrun, a bad frame, or a full [`Ring`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost;

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bytes were lost")
    }
}

impl core::error::Error for Lost {}

impl embedded_io::Error for Lost {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Other
    }
}

/// A queue for one writer and one reader. It needs loads and stores alone, so it works where a core
/// has no compare-and-swap.
pub struct Ring {
    /// Bytes, and [`LOSS`] where some are missing. The last free place takes a loss alone, so
    /// there is always room to note one.
    entries: [AtomicU16; CAPACITY],
    /// Entries ever pushed; the writer alone changes it.
    pushed: AtomicUsize,
    /// Entries ever popped; the reader alone changes it.
    popped: AtomicUsize,
}

impl Ring {
    /// An empty queue.
    #[must_use]
    pub const fn new() -> Self {
        let [pushed, popped] = [const { AtomicUsize::new(0) }; 2];
        Self {
            entries: [const { AtomicU16::new(0) }; CAPACITY],
            pushed,
            popped,
        }
    }

    /// Appends a byte, which is lost if the queue is full.
    pub fn push(&self, byte: u8) {
        match self.waiting() < CAPACITY - 1 {
            true => self.append(byte.into()),
            false => self.lose(),
        }
    }

    /// Notes that bytes came that nobody has, behind those that came before them. Losses with no
    /// byte between are one.
    pub fn lose(&self) {
        let last = self.pushed.load(Ordering::Relaxed).wrapping_sub(1) % CAPACITY;
        let is_noted = self.waiting() > 0
            && self
                .entries
                .get(last)
                .is_some_and(|entry| entry.load(Ordering::Relaxed) == LOSS);
        // A full queue ends in a loss, so there is room.
        if !is_noted {
            self.append(LOSS);
        }
    }

    /// Takes the oldest byte, or the loss that stands before it.
    pub fn pop(&self) -> Option<Result<u8, Lost>> {
        let popped = self.popped.load(Ordering::Relaxed);
        if self.pushed.load(Ordering::Acquire) == popped {
            return None;
        }
        let entry = self.entries.get(popped % CAPACITY)?.load(Ordering::Relaxed);
        self.popped.store(popped.wrapping_add(1), Ordering::Release);
        Some(u8::try_from(entry).map_err(|_| Lost))
    }

    /// Entries in the queue, as the writer sees them. The counters wrap together: `CAPACITY`
    /// divides 2^32.
    fn waiting(&self) -> usize {
        self.pushed
            .load(Ordering::Relaxed)
            .wrapping_sub(self.popped.load(Ordering::Acquire))
    }

    fn append(&self, entry: u16) {
        let pushed = self.pushed.load(Ordering::Relaxed);
        if let Some(place) = self.entries.get(pushed % CAPACITY) {
            place.store(entry, Ordering::Relaxed);
            self.pushed.store(pushed.wrapping_add(1), Ordering::Release);
        }
    }
}

impl Default for Ring {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::{CAPACITY, Lost, Ring};

    #[test]
    fn bytes_come_out_in_order() {
        let ring = Ring::new();
        // More than once around, at every fill.
        for round in 0..3 * CAPACITY {
            let fill = round % CAPACITY;
            assert_eq!(ring.pop(), None);
            (0..fill).for_each(|byte| ring.push(byte as u8));
            assert!((0..fill).all(|byte| ring.pop() == Some(Ok(byte as u8))));
        }
        assert_eq!(ring.pop(), None);
    }

    #[test]
    fn a_loss_is_told_once_and_where_it_happened() {
        let ring = Ring::new();
        // At every place of the ring.
        for _ in 0..CAPACITY {
            (0..CAPACITY + 3).for_each(|byte| ring.push(byte as u8));
            assert!((0..100).all(|byte| ring.pop() == Some(Ok(byte as u8))));
            ring.push(7);
            assert!((100..CAPACITY - 1).all(|byte| ring.pop() == Some(Ok(byte as u8))));
            assert_eq!(
                [ring.pop(), ring.pop(), ring.pop()],
                [Some(Err(Lost)), Some(Ok(7)), None]
            );
            (0..3).for_each(|_| ring.lose());
            ring.push(8);
            ring.lose();
            assert_eq!([ring.pop(), ring.pop()], [Some(Err(Lost)), Some(Ok(8))]);
            assert_eq!([ring.pop(), ring.pop()], [Some(Err(Lost)), None]);
        }
    }

    #[test]
    fn a_full_queue_has_room_for_its_loss_alone() {
        let ring = Ring::new();
        (0..CAPACITY).for_each(|_| ring.push(1));
        // One place is free again: it is kept.
        assert_eq!(ring.pop(), Some(Ok(1)));
        ring.push(2);
        ring.lose();
        assert!((2..CAPACITY).all(|_| ring.pop() == Some(Ok(1))));
        assert_eq!([ring.pop(), ring.pop()], [Some(Err(Lost)), None]);
    }
}
