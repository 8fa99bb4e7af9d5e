//! Cortex-M33: Arm MPS2 AN505.

#![no_std]

use app::{DualTimer, Platform, Rate};

// SAFETY: the board's first dual timer; only this machine's counter uses it.
const TIMER: DualTimer = unsafe { DualTimer::at(0x5000_2000) };

/// The machine.
pub struct Machine;

impl Platform for Machine {
    const NAME: &'static str = "m33";
    /// 20 MHz: a tick is 50 ns, an instruction 128 ns.
    const RATE: Rate = Rate {
        numerator: 25,
        shift: 6,
    };

    fn start() {
        TIMER.start();
    }

    #[inline(never)]
    fn now() -> u32 {
        TIMER.ticks()
    }
}
