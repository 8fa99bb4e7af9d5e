//! Cortex-M0: BBC micro:bit (nRF51822), 256 KiB flash, 16 KiB RAM.

#![no_std]

use app::{Platform, Rate};

const TIMER0: usize = 0x4000_8000;
const START: *mut u32 = TIMER0 as *mut u32;
const CAPTURE0: *mut u32 = (TIMER0 + 0x040) as *mut u32;
const BITMODE: *mut u32 = (TIMER0 + 0x508) as *mut u32;
const PRESCALER: *mut u32 = (TIMER0 + 0x510) as *mut u32;
const CC0: *const u32 = (TIMER0 + 0x540) as *const u32;
const BITS_32: u32 = 3;

/// The machine.
pub struct Machine;

impl Platform for Machine {
    const NAME: &'static str = "m0";
    /// 16 MHz: a tick is 62.5 ns, an instruction 128 ns.
    const RATE: Rate = Rate {
        numerator: 125,
        shift: 8,
    };

    fn start() {
        // SAFETY: registers of TIMER0, which nothing else uses.
        unsafe {
            BITMODE.write_volatile(BITS_32);
            PRESCALER.write_volatile(0);
            START.write_volatile(1);
        }
    }

    #[inline(never)]
    fn now() -> u32 {
        // SAFETY: captures the counter into a register of this timer and reads it.
        unsafe {
            CAPTURE0.write_volatile(1);
            CC0.read_volatile()
        }
    }
}
