//! Spoken digits in a recording of the host.

#![no_std]
#![no_main]

#[cortex_m_rt::entry]
fn main() -> ! {
    app::digits::<qemu_m4::Machine>()
}
