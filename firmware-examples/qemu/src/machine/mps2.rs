//! Arm's MPS2 boards: the first dual timer (CMSDK, DDI 0479) as a free-running counter.

use crate::Rate;

const IS_M33: bool = cfg!(machine = "m33");
const TIMER: usize = if IS_M33 { 0x5000_2000 } else { 0x4000_2000 };
const LOAD: *mut u32 = TIMER as *mut u32;
const VALUE: *const u32 = (TIMER + 0x04) as *const u32;
const CONTROL: *mut u32 = (TIMER + 0x08) as *mut u32;
/// Enabled, 32 bits wide, free-running, no prescaler, no interrupt.
const FREE_RUNNING: u32 = 1 << 7 | 1 << 1;

/// 25 MHz: a tick is 40 ns, an instruction 128 ns. The M33's 20 MHz: 50 ns.
pub const RATE: Rate = if IS_M33 {
    Rate {
        numerator: 25,
        shift: 6,
    }
} else {
    Rate {
        numerator: 5,
        shift: 4,
    }
};

/// Starts the counter. Called once, before anything else.
pub fn start() {
    // SAFETY: registers of a timer that nothing else uses.
    unsafe {
        LOAD.write_volatile(u32::MAX);
        CONTROL.write_volatile(FREE_RUNNING);
    }
}

/// Ticks since the start; wraps. Out of line, so that its cost is the same everywhere. The timer
/// itself counts down.
#[inline(never)]
#[must_use]
pub fn now() -> u32 {
    // SAFETY: reading the register has no effect.
    !unsafe { VALUE.read_volatile() }
}
