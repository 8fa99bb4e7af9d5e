//! Bytes between an interrupt handler, which may only push, and the main loop, which may only pop.

use core::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

/// Bytes that may wait: a line typed or pasted while the model computes.
const CAPACITY: usize = 256;

/// A queue for one writer and one reader. It needs loads and stores alone, so it works where a core has no compare-and-swap.
pub struct Ring {
    bytes: [AtomicU8; CAPACITY],
    /// Bytes ever pushed; the writer alone changes it.
    pushed: AtomicUsize,
    /// Bytes ever popped; the reader alone changes it.
    popped: AtomicUsize,
}

impl Ring {
    /// An empty queue.
    #[must_use]
    pub const fn new() -> Self {
        Self { bytes: [const { AtomicU8::new(0) }; CAPACITY], pushed: AtomicUsize::new(0), popped: AtomicUsize::new(0) }
    }

    /// Appends a byte; `false` if it was dropped because the queue is full.
    pub fn push(&self, byte: u8) -> bool {
        let pushed = self.pushed.load(Ordering::Relaxed);
        // The counters wrap together: CAPACITY divides 2^32.
        if pushed.wrapping_sub(self.popped.load(Ordering::Acquire)) >= CAPACITY {
            return false;
        }
        let Some(place) = self.bytes.get(pushed % CAPACITY) else { return false };
        place.store(byte, Ordering::Relaxed);
        self.pushed.store(pushed.wrapping_add(1), Ordering::Release);
        true
    }

    /// Takes the oldest byte.
    pub fn pop(&self) -> Option<u8> {
        if self.is_empty() {
            return None;
        }
        let popped = self.popped.load(Ordering::Relaxed);
        let byte = self.bytes.get(popped % CAPACITY)?.load(Ordering::Relaxed);
        self.popped.store(popped.wrapping_add(1), Ordering::Release);
        Some(byte)
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.pushed.load(Ordering::Acquire) == self.popped.load(Ordering::Relaxed)
    }
}

impl Default for Ring {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::{CAPACITY, Ring};

    #[test]
    fn bytes_come_out_in_order_and_a_full_queue_drops() {
        let ring = Ring::new();
        // More than once around, at every fill.
        for round in 0..3 * CAPACITY {
            let fill = round % (CAPACITY + 1);
            assert!(ring.is_empty() && ring.pop().is_none());
            assert!((0..fill).all(|byte| ring.push(byte as u8)));
            assert_eq!(ring.push(0xee), fill < CAPACITY);
            assert!((0..fill).all(|byte| ring.pop() == Some(byte as u8)));
            assert_eq!(ring.pop(), (fill < CAPACITY).then_some(0xee));
        }
    }
}
