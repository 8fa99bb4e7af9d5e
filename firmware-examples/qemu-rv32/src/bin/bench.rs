//! Counts instructions per token and measures the stack.

#![no_std]
#![no_main]

#[riscv_rt::entry]
fn main() -> ! {
    app::bench::<qemu_rv32::Machine>()
}
