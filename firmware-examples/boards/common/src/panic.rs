//! A panic is logged with its place and stops the board. Its text would bring in `core::fmt`.

use core::panic::PanicInfo;

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    match info.location() {
        Some(place) => defmt::error!("panic at {=str}:{=u32}", place.file(), place.line()),
        None => defmt::error!("panic"),
    }
    halt()
}

/// Stops: with a debug probe attached it takes over here (probe-rs prints the call stack), without
/// one the core is locked up or loops.
pub(crate) fn halt() -> ! {
    loop {
        #[cfg(target_arch = "arm")]
        // SAFETY: an undefined instruction ends in the fault handler and never comes back.
        unsafe {
            core::arch::asm!("udf #0", options(nomem, nostack));
        }
        #[cfg(target_arch = "riscv32")]
        // SAFETY: a breakpoint ends in the debugger or the exception handler.
        unsafe {
            core::arch::asm!("ebreak", options(nomem, nostack));
        }
    }
}
