//! Generates text after a prompt.

#![no_std]
#![no_main]

#[riscv_rt::entry]
fn main() -> ! {
    app::generate::<qemu_rv32::Machine>()
}
