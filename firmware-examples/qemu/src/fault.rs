//! Panics and processor faults end the run with a line and an exit code, instead of hanging it.

use core::panic::PanicInfo;

use crate::console::decimal;
use crate::semihost::{Channel, exit, write};

/// Exit code of a panic.
const PANIC: u8 = 101;
/// Exit code of a processor fault.
const FAULT: u8 = 102;

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    write(Channel::Output, b"\n@panic ");
    if let Some(place) = info.location() {
        let mut digits = [0; 20];
        write(Channel::Output, place.file().as_bytes());
        write(Channel::Output, b":");
        write(
            Channel::Output,
            decimal(u64::from(place.line()), &mut digits),
        );
    }
    // A message with arguments would bring in `core::fmt`; the place says enough.
    if let Some(text) = info.message().as_str() {
        write(Channel::Output, b" ");
        write(Channel::Output, text.as_bytes());
    }
    write(Channel::Output, b"\n");
    exit(PANIC)
}

fn fault(name: &[u8]) -> ! {
    write(Channel::Output, b"\n@fault ");
    write(Channel::Output, name);
    write(Channel::Output, b"\n");
    exit(FAULT)
}

/// Replaces cortex-m-rt's endless loop.
// SAFETY: the name is the one that cortex-m-rt leaves to the application.
#[cfg(target_arch = "arm")]
#[unsafe(no_mangle)]
extern "C" fn HardFault() -> ! {
    fault(b"hard fault")
}

/// Replaces cortex-m-rt's endless loop.
// SAFETY: the name is the one that cortex-m-rt leaves to the application.
#[cfg(target_arch = "arm")]
#[unsafe(no_mangle)]
extern "C" fn DefaultHandler() -> ! {
    fault(b"unexpected exception")
}

/// Replaces riscv-rt's endless loop.
// SAFETY: the name is the one that riscv-rt leaves to the application.
#[cfg(target_arch = "riscv32")]
#[unsafe(no_mangle)]
extern "C" fn ExceptionHandler() -> ! {
    fault(b"exception")
}
