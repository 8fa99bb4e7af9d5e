//! Goes on from a session that the host computed.

#![no_std]
#![no_main]

#[cortex_m_rt::entry]
fn main() -> ! {
    app::resume::<qemu_m3::Machine>()
}
