//! Cortex-M33: Arm MPS2 AN505.

#![no_std]

use app::{Platform, Rate};

const TIMER: usize = 0x5000_2000;
const LOAD: *mut u32 = TIMER as *mut u32;
const VALUE: *const u32 = (TIMER + 0x04) as *const u32;
const CONTROL: *mut u32 = (TIMER + 0x08) as *mut u32;
/// Enabled, 32 bits wide, free-running, no prescaler, no interrupt.
const FREE_RUNNING: u32 = 1 << 7 | 1 << 1;

/// The machine.
pub struct Machine;

impl Platform for Machine {
    const NAME: &'static str = "m33";
    /// 20 MHz: a tick is 50 ns, an instruction 128 ns.
    const RATE: Rate = Rate { numerator: 25, shift: 6 };

    fn start() {
        // SAFETY: registers of the dual timer, which nothing else uses.
        unsafe {
            LOAD.write_volatile(u32::MAX);
            CONTROL.write_volatile(FREE_RUNNING);
        }
    }

    #[inline(never)]
    fn now() -> u32 {
        // The timer counts down.
        // SAFETY: reading the value has no effect.
        !unsafe { VALUE.read_volatile() }
    }
}
