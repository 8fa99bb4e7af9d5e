//! Checks every kernel against the scalar oracle.

#![no_std]
#![no_main]

#[riscv_rt::entry]
fn main() -> ! {
    app::conformance::<qemu_rv32::Machine>()
}
