//! The processor's cycle counter. An instruction takes more cycles where it waits for flash, so a
//! count is of the clock and the wait states that the board has set.

use sla_serial::Counter;

/// DWT CYCCNT of Armv7-M and Armv8-M Mainline, `mcycle` of RISC-V.
pub struct Cycles(());

impl Cycles {
    /// Starts the counter.
    #[must_use]
    pub fn start() -> Self {
        #[cfg(target_arch = "arm")]
        {
            use cortex_m::peripheral::DWT;
            // SAFETY: debug and trace units are used here alone.
            let mut core = unsafe { cortex_m::Peripherals::steal() };
            core.DCB.enable_trace();
            // The Cortex-M7 locks it; others have no such register and ignore the write.
            DWT::unlock();
            core.DWT.enable_cycle_counter();
        }
        #[cfg(target_arch = "riscv32")]
        // SAFETY: `mcountinhibit` stops the counters on some cores after reset; nothing depends on
        // that.
        unsafe {
            core::arch::asm!("csrw 0x320, zero", options(nomem, nostack));
        }
        Self(())
    }
}

impl Counter for Cycles {
    const UNIT: &'static str = "cycles";

    fn now(&mut self) -> u32 {
        #[cfg(target_arch = "arm")]
        return cortex_m::peripheral::DWT::cycle_count();
        #[cfg(target_arch = "riscv32")]
        {
            let count: u32;
            // SAFETY: reads a counter.
            unsafe {
                core::arch::asm!("csrr {}, mcycle", out(reg) count, options(nomem, nostack, preserves_flags))
            }
            count
        }
    }
}
