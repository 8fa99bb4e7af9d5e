//! Text over a serial line, from one end to the other.

mod line;
mod shell;
mod stores;
#[cfg(feature = "tokenizer")]
mod tokenizer;
