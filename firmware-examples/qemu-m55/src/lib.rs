//! Cortex-M55: Arm MPS3 AN547.

#![no_std]

use app::{Platform, Rate};

const COUNTER_CONTROL: *mut u32 = 0x5810_0000 as *mut u32;
const COUNTER_LOW: *const u32 = 0x5810_1000 as *const u32;

/// The machine.
pub struct Machine;

impl Platform for Machine {
    const NAME: &'static str = "m55";
    /// 32 MHz: a tick is 31.25 ns, an instruction 128 ns.
    const RATE: Rate = Rate {
        numerator: 125,
        shift: 9,
    };

    fn start() {
        // SAFETY: starts the system counter, which nothing else uses.
        unsafe { COUNTER_CONTROL.write_volatile(1) }
    }

    #[inline(never)]
    fn now() -> u32 {
        // SAFETY: reading the counter has no effect.
        unsafe { COUNTER_LOW.read_volatile() }
    }
}
