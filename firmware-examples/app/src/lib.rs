//! What the firmware of all machines shares. A machine's folder holds one [`Platform`] and small
//! binaries that call [`bench()`], [`conformance()`], [`generate()`], [`kernels()`], [`ledger()`],
//! [`prompt()`] and [`resume()`].

#![no_std]

mod bench;
mod boot;
#[cfg(feature = "serial")]
mod chat;
#[cfg(feature = "serial")]
mod cmsdk_uart;
mod command_line;
mod conformance;
mod console;
mod counter;
#[cfg(feature = "digits")]
mod digits;
mod dual_timer;
mod fault;
#[cfg(feature = "digits")]
mod frontend;
mod generate;
mod kernels;
mod ledger;
pub mod log;
mod memory;
pub mod model;
mod prompt;
mod resume;
pub mod semihost;
pub mod stack;
mod stop;
#[cfg(feature = "tokenizer")]
mod strings;
#[cfg(feature = "tokenizer")]
mod tokenize;
#[cfg(feature = "digits")]
mod wave;
mod workload;

pub use bench::bench;
#[cfg(feature = "serial")]
pub use chat::chat;
#[cfg(feature = "serial")]
pub use cmsdk_uart::{CmsdkUart, Overrun};
pub use command_line::Arguments;
pub use conformance::conformance;
pub use console::Console;
pub use counter::{Counter, Rate};
#[cfg(feature = "digits")]
pub use digits::digits;
pub use dual_timer::DualTimer;
#[cfg(feature = "digits")]
pub use frontend::frontend;
pub use generate::generate;
pub use kernels::kernels;
pub use ledger::ledger;
pub use memory::Memory;
pub use prompt::prompt;
pub use resume::resume;
#[cfg(feature = "tokenizer")]
pub use tokenize::tokenize;

/// What a machine must offer. The defaults for text, arguments and exit use semihosting; a board
/// with another transport overrides them.
pub trait Platform {
    /// The machine's short name, as `cargo xtask qemu --machine` takes it.
    const NAME: &'static str;
    /// What one tick of [`Platform::now`] is worth.
    const RATE: Rate;

    /// Starts the counter behind [`Platform::now`]. Called once, before anything else.
    fn start();

    /// A free-running counter that counts up and wraps. Must stay out of line (`#[inline(never)]`),
    /// so that its cost is the same everywhere.
    fn now() -> u32;

    /// Writes bytes to the host's standard output.
    fn print(bytes: &[u8]) {
        semihost::write(semihost::Channel::Output, bytes);
    }

    /// Fills `buffer` with what the host passed to this run, and returns the used part.
    fn arguments(buffer: &mut [u8]) -> &[u8] {
        semihost::command_line(buffer)
    }

    /// Ends the run; `code` becomes the exit code on the host.
    fn exit(code: u8) -> ! {
        semihost::exit(code)
    }
}
