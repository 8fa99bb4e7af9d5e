//! What a prompt costs per token.

#![no_std]
#![no_main]

#[riscv_rt::entry]
fn main() -> ! {
    app::prompt::<qemu_rv32::Machine>()
}
