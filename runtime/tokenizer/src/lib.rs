//! The tokenizer of a `.sla` file (`docs/format.md` F11): byte pair encoding as the `tokenizers`
//! library does it, read in place, without a heap.
//!
//! ```
//! # use sla_tokenizer::{ControlTokens, Decoder, Template, Tokenizer, encode_words};
//! # const MAX_PROMPT_BYTES: usize = 64;
//! # fn example(section: &[u8], id: u32, uart: &mut dyn FnMut(&[u8])) -> Result<(), Box<dyn std::error::Error>> {
//! let tokenizer = Tokenizer::read(section)?;                  // every byte checked, once
//! let mut ids = [0; encode_words(MAX_PROMPT_BYTES)];
//! let prompt = tokenizer.encode("Once upon a time", Template::Add, ControlTokens::AsText, &mut ids)?;
//! let mut decoder = Decoder::new(tokenizer, true);
//! decoder.push(id, &mut |text| uart(text.as_bytes()));        // whole characters only
//! # assert!(prompt <= ids.len());
//! # Ok(())
//! # }
//! ```
//!
//! No function panics, whatever the section's bytes or the text are.
#![no_std]
#![forbid(unsafe_code)]
#![warn(missing_debug_implementations)]

mod added;
pub mod classes;
mod decode;
mod encode;
mod error;
mod merge;
mod scan;
mod split;
mod tables;
#[cfg(test)]
mod tests;

pub use added::ControlTokens;
pub use decode::Decoder;
pub use encode::{Template, encode_words};
pub use error::{EncodeError, SectionError};
pub use sla_format::TokenizerDesc;
pub use tables::{Text, Tokenizer};
