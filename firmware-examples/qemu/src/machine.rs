//! What differs from machine to machine in the firmware itself: the counter of instructions, and a
//! UART. `SLA_MACHINE`, which the `.cargo/config.toml` of a machine's folder sets, chooses.

#[cfg_attr(machine = "m0", path = "machine/m0.rs")]
#[cfg_attr(machine = "m55", path = "machine/m55.rs")]
#[cfg_attr(machine = "rv32", path = "machine/rv32.rs")]
#[cfg_attr(
    any(machine = "m3", machine = "m4", machine = "m7", machine = "m33"),
    path = "machine/mps2.rs"
)]
mod timer;
#[cfg(feature = "serial")]
mod uart;

pub use timer::{RATE, now, start};
#[cfg(feature = "serial")]
pub use uart::uart;

/// The machine's short name, as `cargo xtask qemu --machine` takes it.
pub const NAME: &str = env!("SLA_MACHINE");
