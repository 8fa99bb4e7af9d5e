//! What the binaries in `src/bin` share. Each of them runs on every machine that has a folder here;
//! [`machine`] is the one that is being built for.

#![no_std]

pub mod boot;
mod command_line;
mod console;
mod counter;
mod fault;
pub mod log;
pub mod machine;
mod memory;
pub mod model;
pub mod semihost;
pub mod stack;
pub mod stop;
pub mod workload;

pub use command_line::Arguments;
pub use console::Console;
#[cfg(target_arch = "arm")]
pub use cortex_m_rt::entry;
pub use counter::{Counter, Rate};
pub use memory::Memory;
#[cfg(target_arch = "riscv32")]
pub use riscv_rt::entry;
