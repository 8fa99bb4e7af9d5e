//! What a prompt costs per token.

#![no_std]
#![no_main]

#[cortex_m_rt::entry]
fn main() -> ! {
    app::prompt::<qemu_m33::Machine>()
}
