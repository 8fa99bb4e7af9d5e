//! The system counter of the MPS3 AN547.

use crate::Rate;

const COUNTER_CONTROL: *mut u32 = 0x5810_0000 as *mut u32;
const COUNTER_LOW: *const u32 = 0x5810_1000 as *const u32;

/// 32 MHz: a tick is 31.25 ns, an instruction 128 ns.
pub const RATE: Rate = Rate {
    numerator: 125,
    shift: 9,
};

/// Starts the counter. Called once, before anything else.
pub fn start() {
    // SAFETY: starts the system counter, which nothing else uses.
    unsafe { COUNTER_CONTROL.write_volatile(1) }
}

/// Ticks since the start; wraps. Out of line, so that its cost is the same everywhere.
#[inline(never)]
#[must_use]
pub fn now() -> u32 {
    // SAFETY: reading the counter has no effect.
    unsafe { COUNTER_LOW.read_volatile() }
}
