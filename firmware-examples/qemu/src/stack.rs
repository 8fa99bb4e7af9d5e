//! Peak stack, measured: the free stack is painted, the work runs, and what it overwrote is found.

/// Paint. No address and no small number looks like it.
const PAINT: u32 = 0x5ac3_3ca5;
/// Bytes just below the stack pointer that stay unpainted; a smaller use than this reads as this.
const MARGIN_BYTES: usize = 16;
/// Deepest use that can be seen. The work's results are kept below it anyway, and painting
/// megabytes takes time.
const DEPTH_BYTES: usize = 128 * 1024;

/// Runs `work` and returns the most stack bytes that it had in use, from the caller's stack pointer
/// down.
#[inline(never)]
pub fn peak_bytes(work: &mut dyn FnMut()) -> usize {
    let top = stack_pointer();
    let bottom = lowest()
        .max(top.saturating_sub(DEPTH_BYTES))
        .next_multiple_of(4);
    paint(bottom, top - MARGIN_BYTES);
    work();
    let touched = first_touched(bottom, top - MARGIN_BYTES);
    top - touched
}

/// Bytes of stack that are free, from the caller's stack pointer down.
#[must_use]
pub fn free_bytes() -> usize {
    stack_pointer().saturating_sub(lowest())
}

#[inline(always)]
fn paint(bottom: usize, top: usize) {
    let mut address = bottom;
    while address < top {
        // SAFETY: the words between the end of the statics and the stack pointer belong to nobody.
        unsafe { (address as *mut u32).write_volatile(PAINT) };
        address += 4;
    }
}

#[inline(always)]
fn first_touched(bottom: usize, top: usize) -> usize {
    let mut address = bottom;
    // SAFETY: as in `paint`; every word was initialised there.
    while address < top && unsafe { (address as *const u32).read_volatile() } == PAINT {
        address += 4;
    }
    address
}

#[inline(always)]
fn stack_pointer() -> usize {
    let value: usize;
    #[cfg(target_arch = "arm")]
    // SAFETY: reads a register.
    unsafe {
        core::arch::asm!("mov {}, sp", out(reg) value, options(nomem, nostack, preserves_flags));
    }
    #[cfg(target_arch = "riscv32")]
    // SAFETY: reads a register.
    unsafe {
        core::arch::asm!("mv {}, sp", out(reg) value, options(nomem, nostack, preserves_flags));
    }
    value
}

/// The lowest address of the stack, from the linker script.
fn lowest() -> usize {
    unsafe extern "C" {
        #[cfg_attr(target_arch = "arm", link_name = "_stack_end")]
        #[cfg_attr(target_arch = "riscv32", link_name = "__estack")]
        static STACK_END: u8;
    }
    (&raw const STACK_END).addr()
}
