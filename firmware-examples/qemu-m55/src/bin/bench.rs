//! Counts instructions per token and measures the stack.

#![no_std]
#![no_main]

#[cortex_m_rt::entry]
fn main() -> ! {
    app::bench::<qemu_m55::Machine>()
}
