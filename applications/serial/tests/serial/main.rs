//! Text over a serial line, from one end to the other.

#[cfg(unix)]
mod emulated;
mod line;
mod shell;
mod stores;
#[cfg(feature = "tokenizer")]
mod tokenizer;
