//! Exact counts of executed instructions, from a free-running timer.
//!
//! The emulator lets every instruction take the same virtual time (`-icount shift=7`: 128 ns), and
//! its timers tick several times in that time, so the ticks between two readings, times the tick's
//! length, divided by 128 ns and rounded, is the number of instructions between them. The cost of
//! an empty region is measured once by the same code path and taken off.

use crate::machine;

/// Instructions per tick as `numerator / 2^shift`.
#[derive(Clone, Copy)]
pub struct Rate {
    /// Numerator.
    pub numerator: u32,
    /// Power of two of the denominator.
    pub shift: u32,
}

impl Rate {
    /// A counter that counts instructions, or another unit that is reported as it is.
    pub const ONE: Self = Self {
        numerator: 1,
        shift: 0,
    };

    /// Instructions in `ticks`, rounded to the nearest.
    #[must_use]
    pub fn instructions(self, ticks: u32) -> u32 {
        self.instructions_of(ticks.into()) as u32
    }

    /// [`Rate::instructions`] of a sum of ticks, below 2^56 or so.
    #[must_use]
    pub fn instructions_of(self, ticks: u64) -> u64 {
        let half = (1u64 << self.shift) >> 1;
        (ticks * u64::from(self.numerator) + half) >> self.shift
    }
}

/// Counts instructions of regions.
pub struct Counter {
    empty: u32,
}

impl Counter {
    /// Starts the machine's timer and measures the empty region.
    #[must_use]
    pub fn start() -> Self {
        machine::start();
        let empty = region(&mut || ());
        Self { empty }
    }

    /// Runs `work` and returns the instructions it executed. Everything between its call and its
    /// return counts, both excluded.
    pub fn count(&self, work: &mut dyn FnMut()) -> u32 {
        region(work).wrapping_sub(self.empty)
    }

    /// Whether the counter reads [`KNOWN`] instructions as that many: a check of the whole
    /// arrangement.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.count(&mut || known()) == KNOWN
    }
}

/// One code path for every measured region, so that the constant of the empty one fits all.
#[inline(never)]
fn region(work: &mut dyn FnMut()) -> u32 {
    let start = machine::now();
    work();
    let end = machine::now();
    machine::RATE.instructions(end.wrapping_sub(start))
}

/// Instructions of the check.
const KNOWN: u32 = 200;

#[inline(always)]
fn known() {
    // SAFETY: changes nothing but the program counter.
    unsafe {
        core::arch::asm!(".rept {n}", "nop", ".endr", n = const KNOWN, options(nomem, nostack, preserves_flags))
    }
}
