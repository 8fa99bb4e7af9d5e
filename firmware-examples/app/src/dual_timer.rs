//! The dual timer of Arm's MPS2 boards (CMSDK, DDI 0479) as a free-running counter.

/// Enabled, 32 bits wide, free-running, no prescaler, no interrupt.
const FREE_RUNNING: u32 = 1 << 7 | 1 << 1;

/// The first counter of a dual timer.
pub struct DualTimer {
    base: usize,
}

impl DualTimer {
    /// The timer whose registers begin at `base`.
    ///
    /// # Safety
    /// They are a dual timer's, and nothing else uses them.
    #[must_use]
    pub const unsafe fn at(base: usize) -> Self {
        Self { base }
    }

    /// Starts it.
    pub fn start(&self) {
        let (load, control) = (self.base as *mut u32, (self.base + 0x08) as *mut u32);
        // SAFETY: registers of this timer (`at`).
        unsafe {
            load.write_volatile(u32::MAX);
            control.write_volatile(FREE_RUNNING);
        }
    }

    /// Ticks since the start; wraps. The timer itself counts down.
    #[inline(always)]
    #[must_use]
    pub fn ticks(&self) -> u32 {
        let value = (self.base + 0x04) as *const u32;
        // SAFETY: a register of this timer (`at`); reading it has no effect.
        !unsafe { value.read_volatile() }
    }
}
