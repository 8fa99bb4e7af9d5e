//! Shows where the instructions of a token go.

#![no_std]
#![no_main]

#[cortex_m_rt::entry]
fn main() -> ! {
    app::ledger::<qemu_m3::Machine>()
}
