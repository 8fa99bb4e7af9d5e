//! Generates text after a prompt.

#![no_std]
#![no_main]

#[cortex_m_rt::entry]
fn main() -> ! {
    app::generate::<qemu_m3::Machine>()
}
