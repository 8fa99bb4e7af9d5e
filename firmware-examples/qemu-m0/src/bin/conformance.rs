//! Checks every kernel against the scalar oracle.

#![no_std]
#![no_main]

#[cortex_m_rt::entry]
fn main() -> ! {
    app::conformance::<qemu_m0::Machine>()
}
