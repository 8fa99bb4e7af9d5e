//! RV32IMAC: the `virt` machine of QEMU.

#![no_std]

use app::{Platform, Rate};

/// The machine.
pub struct Machine;

impl Platform for Machine {
    const NAME: &'static str = "rv32";
    /// `minstret` counts instructions.
    const RATE: Rate = Rate::ONE;

    fn start() {
        // The counter runs from reset.
    }

    #[inline(never)]
    fn now() -> u32 {
        let count: u32;
        // SAFETY: reads a counter.
        unsafe {
            core::arch::asm!("csrr {}, minstret", out(reg) count, options(nomem, nostack, preserves_flags))
        }
        count
    }
}
