//! The micro:bit's TIMER0 (nRF51822) as a free-running counter.

use crate::Rate;

const TIMER0: usize = 0x4000_8000;
const START: *mut u32 = TIMER0 as *mut u32;
const CAPTURE0: *mut u32 = (TIMER0 + 0x040) as *mut u32;
const BITMODE: *mut u32 = (TIMER0 + 0x508) as *mut u32;
const PRESCALER: *mut u32 = (TIMER0 + 0x510) as *mut u32;
const CC0: *const u32 = (TIMER0 + 0x540) as *const u32;
const BITS_32: u32 = 3;

/// 16 MHz: a tick is 62.5 ns, an instruction 128 ns.
pub const RATE: Rate = Rate {
    numerator: 125,
    shift: 8,
};

/// Starts the counter. Called once, before anything else.
pub fn start() {
    // SAFETY: registers of TIMER0, which nothing else uses.
    unsafe {
        BITMODE.write_volatile(BITS_32);
        PRESCALER.write_volatile(0);
        START.write_volatile(1);
    }
}

/// Ticks since the start; wraps. Out of line, so that its cost is the same everywhere.
#[inline(never)]
#[must_use]
pub fn now() -> u32 {
    // SAFETY: captures the counter into a register of this timer and reads it.
    unsafe {
        CAPTURE0.write_volatile(1);
        CC0.read_volatile()
    }
}
