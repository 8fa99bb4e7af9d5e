//! Counts the instructions of single kernels.

#![no_std]
#![no_main]

#[riscv_rt::entry]
fn main() -> ! {
    app::kernels::<qemu_rv32::Machine>()
}
