//! Text over a serial line: a line in, generated text out, token by token, on anything that
//! implements `embedded_io`'s traits. No heap, no float arithmetic of its own.
//!
//! ```
//! # use sla_serial::{Counter, Parts, RamStore, Settings, Shell, Unfit};
//! # fn example(
//! #     (session, file): (sla_runtime::Session, &[u8]),
//! #     (uart, cycles): (impl embedded_io::Read + embedded_io::ReadReady + embedded_io::Write, impl Counter),
//! #     (mut slot, mut line, mut ids): ([u8; 4096], [u8; 64], [u32; 96]),
//! # ) -> Result<(), Unfit> {
//! let mut shell = Shell::new(session, Parts {
//!     uart,                                        // embedded_io: Read + Write + ReadReady
//!     store: RamStore::new(&mut slot),             // or sla_store::Store: two slots of flash
//!     counter: cycles,                             // or ()
//!     line: &mut line,                             // the longest line, in bytes
//!     ids: &mut ids,                               // sla_runtime::encode_words(line.len()); empty for models of bytes
//!     file_bytes: file.len(),
//! }, Settings::default())?;
//! loop {
//!     let _failure = shell.serve();                // comes back only where the line fails
//! }
//! # }
//! ```
//!
//! What a person types and sees is in docs/applications.md.
#![no_std]
#![forbid(unsafe_code)]
#![warn(missing_debug_implementations)]

mod codec;
mod command;
mod counter;
mod decimal;
mod editor;
mod engine;
mod error;
mod settings;
mod shell;
mod store;
mod terminal;

pub use counter::Counter;
pub use decimal::Decimal;
pub use error::{Failure, Unfit};
pub use settings::Settings;
pub use shell::{Parts, Shell};
pub use store::{RamError, RamStore, Store};
