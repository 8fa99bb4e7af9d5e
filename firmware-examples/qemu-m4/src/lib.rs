//! Cortex-M4F: Arm MPS2 AN386.

#![no_std]

use app::{DualTimer, Platform, Rate};

// SAFETY: the board's first dual timer; only this machine's counter uses it.
const TIMER: DualTimer = unsafe { DualTimer::at(0x4000_2000) };

/// The board's second UART, the first being that of the runner's `-serial none`.
#[cfg(feature = "serial")]
#[must_use]
pub fn uart() -> app::CmsdkUart {
    // SAFETY: nothing else of this firmware uses it. 25 MHz / 217 is 115,200 baud.
    unsafe { app::CmsdkUart::start(0x4000_5000, 217) }
}

/// The machine.
pub struct Machine;

impl Platform for Machine {
    const NAME: &'static str = "m4";
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
