//! Goes on from a session that the host computed.

#![no_std]
#![no_main]

#[riscv_rt::entry]
fn main() -> ! {
    app::resume::<qemu_rv32::Machine>()
}
