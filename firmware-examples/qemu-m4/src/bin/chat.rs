//! Text over the second UART: `-serial mon:stdio` for a person, `-serial pty` for a program.

#![no_std]
#![no_main]

#[cortex_m_rt::entry]
fn main() -> ! {
    app::chat::<qemu_m4::Machine>(qemu_m4::uart())
}
