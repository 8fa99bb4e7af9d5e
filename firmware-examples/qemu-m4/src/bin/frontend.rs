//! The front end of spoken digits alone: a digest of its features, and what it costs.

#![no_std]
#![no_main]

#[cortex_m_rt::entry]
fn main() -> ! {
    app::frontend::<qemu_m4::Machine>()
}
