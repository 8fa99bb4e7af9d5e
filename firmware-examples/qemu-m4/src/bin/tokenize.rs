//! Encodes many strings and prints a digest of their ids.

#![no_std]
#![no_main]

#[cortex_m_rt::entry]
fn main() -> ! {
    app::tokenize::<qemu_m4::Machine>()
}
