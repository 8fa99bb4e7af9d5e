//! Shows where the instructions of a token go.

#![no_std]
#![no_main]

#[riscv_rt::entry]
fn main() -> ! {
    app::ledger::<qemu_rv32::Machine>()
}
