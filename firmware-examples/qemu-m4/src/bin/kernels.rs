//! Counts the instructions of single kernels.

#![no_std]
#![no_main]

#[cortex_m_rt::entry]
fn main() -> ! {
    app::kernels::<qemu_m4::Machine>()
}
