//! Bytes between an interrupt handler, which may only push, and the main loop, which may only pop.

use core::fmt;
use core::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

use embedded_io::ErrorKind;

/// Bytes that may wait: a line typed or pasted while the model computes.
const CAPACITY: usize = 256;

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

/// A queue for one writer and one reader. It needs loads and stores alone, so it works where a core has no compare-and-swap.
pub struct Ring {
    bytes: [AtomicU8; CAPACITY],
    /// Bytes ever pushed; the writer alone changes it.
    pushed: AtomicUsize,
    /// Bytes ever popped; the reader alone changes it.
    popped: AtomicUsize,
    /// Losses ever; the writer alone changes it.
    lost: AtomicUsize,
    /// Losses that the reader has been told of; it alone changes it.
    told: AtomicUsize,
}

impl Ring {
    /// An empty queue.
    #[must_use]
    pub const fn new() -> Self {
        let [pushed, popped, lost, told] = [const { AtomicUsize::new(0) }; 4];
        Self { bytes: [const { AtomicU8::new(0) }; CAPACITY], pushed, popped, lost, told }
    }

    /// Appends a byte, which is lost if the queue is full.
    pub fn push(&self, byte: u8) {
        let pushed = self.pushed.load(Ordering::Relaxed);
        // The counters wrap together: CAPACITY divides 2^32.
        let is_full = pushed.wrapping_sub(self.popped.load(Ordering::Acquire)) >= CAPACITY;
        match self.bytes.get(pushed % CAPACITY).filter(|_| !is_full) {
            Some(place) => {
                place.store(byte, Ordering::Relaxed);
                self.pushed.store(pushed.wrapping_add(1), Ordering::Release);
            }
            None => self.lose(),
        }
    }

    /// Notes that bytes came that nobody has.
    pub fn lose(&self) {
        self.lost.store(self.lost.load(Ordering::Relaxed).wrapping_add(1), Ordering::Release);
    }

    /// Takes the oldest byte; a loss first, once for all that have gathered.
    pub fn pop(&self) -> Option<Result<u8, Lost>> {
        let lost = self.lost.load(Ordering::Acquire);
        if lost != self.told.load(Ordering::Relaxed) {
            self.told.store(lost, Ordering::Relaxed);
            return Some(Err(Lost));
        }
        let popped = self.popped.load(Ordering::Relaxed);
        if self.pushed.load(Ordering::Acquire) == popped {
            return None;
        }
        let byte = self.bytes.get(popped % CAPACITY)?.load(Ordering::Relaxed);
        self.popped.store(popped.wrapping_add(1), Ordering::Release);
        Some(Ok(byte))
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
            let fill = round % (CAPACITY + 1);
            assert_eq!(ring.pop(), None);
            (0..fill).for_each(|byte| ring.push(byte as u8));
            assert!((0..fill).all(|byte| ring.pop() == Some(Ok(byte as u8))));
        }
        assert_eq!(ring.pop(), None);
    }

    #[test]
    fn what_is_lost_is_told_once() {
        let ring = Ring::new();
        (0..CAPACITY + 3).for_each(|byte| ring.push(byte as u8));
        assert_eq!(ring.pop(), Some(Err(Lost)));
        assert!((0..CAPACITY).all(|byte| ring.pop() == Some(Ok(byte as u8))));
        assert_eq!(ring.pop(), None);
        ring.lose();
        ring.push(7);
        assert_eq!([ring.pop(), ring.pop(), ring.pop()], [Some(Err(Lost)), Some(Ok(7)), None]);
    }
}
