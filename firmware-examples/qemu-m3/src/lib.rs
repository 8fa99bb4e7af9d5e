//! Cortex-M3: Arm MPS2 AN385.

#![no_std]

use app::{DualTimer, Platform, Rate};

// SAFETY: the board's first dual timer; only this machine's counter uses it.
const TIMER: DualTimer = unsafe { DualTimer::at(0x4000_2000) };

/// The machine.
pub struct Machine;

impl Platform for Machine {
    const NAME: &'static str = "m3";
    /// 25 MHz: a tick is 40 ns, an instruction 128 ns.
    const RATE: Rate = Rate {
        numerator: 5,
        shift: 4,
    };

    fn start() {
        TIMER.start();
    }

    #[inline(never)]
    fn now() -> u32 {
        TIMER.ticks()
    }
}
