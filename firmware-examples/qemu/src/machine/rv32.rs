//! `minstret`, which counts instructions.

use crate::Rate;

/// The counter counts what is asked for.
pub const RATE: Rate = Rate::ONE;

/// The counter runs from reset.
pub fn start() {}

/// Instructions since the reset; wraps. Out of line, so that its cost is the same everywhere.
#[inline(never)]
#[must_use]
pub fn now() -> u32 {
    let count: u32;
    // SAFETY: reads a counter.
    unsafe {
        core::arch::asm!("csrr {}, minstret", out(reg) count, options(nomem, nostack, preserves_flags))
    }
    count
}
