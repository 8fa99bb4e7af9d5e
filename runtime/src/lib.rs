//! Fixed-point runtime for Softmax Linear Attention models: constant memory, no heap, no float on
//! the token path.
//!
//! ```
//! # macro_rules! include_bytes {
//! #     ("model.sla") => { core::include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/format-v1.sla")) };
//! # }
//! use sla_runtime::{Aligned, MemoryPlan, Model, Session};
//!
//! static MODEL: &Aligned<[u8]> = &Aligned(*include_bytes!("model.sla"));
//! const PLAN: MemoryPlan = MemoryPlan::of_file(&MODEL.0);
//! const _: () = assert!(PLAN.state_bytes() + PLAN.scratch_bytes() <= 48 * 1024, "the RAM budget");
//!
//! // Statics in firmware, which has no stack for them.
//! let mut state = [0u32; PLAN.state_words];
//! let mut scratch = [0u32; PLAN.scratch_words];
//! let model = Model::parse(&MODEL.0).unwrap();
//! let mut session = Session::new(&model, &mut state, &mut scratch).unwrap();
//! let next = session.step(b'\n'.into()).unwrap().argmax();
//! ```
//!
//! Data flows one way: [`Model::parse`] checks every byte that steers the computation, once;
//! [`Session::step`] advances the state by one token and hands out [`Logits`], which compute the
//! head in tiles on demand. `docs/numerics.md` defines every integer; the code names its clauses.
//!
//! Between tokens a session can be written as bytes and restored on another machine
//! ([`Session::snapshot`], [`Session::restore`]), or copied ([`Session::copy_from`]). Inside a
//! token a task may yield between [`Slices`] and between tiles of [`Logits`].
//!
//! No function panics, whatever the file's weights or the inputs are.
#![cfg_attr(not(feature = "std"), no_std)]
#![forbid(unsafe_code)]
#![warn(missing_debug_implementations)]

mod backbone;
mod block;
mod conv;
mod error;
mod exercise;
mod head_gate;
mod head_state;
mod input;
#[cfg(feature = "profile")]
mod ledger;
mod logits;
mod matrix;
mod mixer;
mod mlp;
mod model;
mod norm;
#[cfg(feature = "profile")]
pub mod parts;
mod probe;
mod restore;
mod sampler;
pub mod scales;
mod self_test;
mod session;
mod slices;
mod snapshot;
mod workspace;

pub use error::{ParseError, SelfTestError, SnapshotError, StepError};
pub use exercise::Exercise;
pub use fixed::types::I16F16;
#[cfg(feature = "profile")]
pub use ledger::{Entry, Ledger, weight_bytes};
pub use logits::Logits;
pub use model::{Aligned, Model};
pub use probe::{NoProbe, Op, Probe};
pub use sampler::{MAX_CANDIDATES, Sampler, SamplerConfig};
pub use session::Session;
pub use sla_format::{Checksum, InputKind, MemoryPlan, ModelDesc, file_bytes};
pub use sla_kernels::Real;
#[cfg(feature = "tokenizer")]
pub use sla_tokenizer::{
    ControlTokens, Decoder, EncodeError, SectionError, Template, Tokenizer, encode_words,
};
pub use slices::Slices;
pub use snapshot::Snapshot;
