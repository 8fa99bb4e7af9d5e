//! The C interface of `sla-runtime`: `include/sla.h` and a static library, `libsla.a`.
//!
//! Every function returns an [`sla_status`]; what it computes it writes behind its last pointers.
//! Nothing is allocated: the caller owns the storage of models, sessions and samplers as it owns
//! the buffers, and neither moves nor touches it while it is open. A null pointer, a misaligned
//! one, buffers that overlap and storage that was never opened are refused by name, and so is a
//! session whose results another one has displaced from scratch. What a caller can still do wrong
//! is what C lets nobody check: a pointer to less memory than announced, storage that has moved or
//! is used from two threads at once.
//!
//! No borrow outlives a call: models are read by any number of sessions and threads, and scratch
//! may be any of its sessions'.
//!
//! `cargo xtask c-api` builds the library for every target; firmware-examples/c-m4 is a complete
//! firmware in C.
#![cfg_attr(not(feature = "std"), no_std)]
#![expect(non_camel_case_types, reason = "the names of a C interface")]

mod attach;
mod model;
mod pointers;
mod sampler;
mod session;
mod snapshot;
mod status;
mod storage;
#[cfg(feature = "tokenizer")]
mod tokenizer;
mod version;

pub use model::{
    sla_file_bytes, sla_info, sla_is_end_of_text, sla_label, sla_model, sla_model_info,
    sla_model_open, sla_model_plan, sla_plan, sla_self_test,
};
pub use sampler::{
    sla_sample, sla_sampler, sla_sampler_config, sla_sampler_defaults, sla_sampler_observe,
    sla_sampler_open,
};
pub use session::{
    sla_argmax, sla_logits, sla_position, sla_prefill, sla_reset, sla_session, sla_session_open,
    sla_slice, sla_step, sla_step_begin, sla_step_features, sla_step_features_begin,
};
pub use snapshot::{sla_restore, sla_save, sla_snapshot_bytes};
pub use status::{sla_status, sla_status_text};
#[cfg(feature = "tokenizer")]
pub use tokenizer::{
    sla_control_tokens, sla_decode, sla_decode_end, sla_decoder, sla_decoder_open, sla_encode,
    sla_encode_words, sla_text,
};
pub use version::{
    SLA_VERSION_MAJOR, SLA_VERSION_MINOR, SLA_VERSION_NUMBER, SLA_VERSION_PATCH, sla_check_version,
    sla_version,
};

/// Nothing in the library panics (`cargo xtask proof`); a static library without a standard library
/// has to have this all the same.
#[cfg(all(not(feature = "std"), target_os = "none"))]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {
        core::hint::spin_loop();
    }
}
