//! Choosing the next token.

use sla_runtime::{Sampler, SamplerConfig, Session};

use crate::attach::{Use, with_buffer};
use crate::pointers::put;
use crate::session::{logits, sla_session};
use crate::status::{sla_status, status};
use crate::storage::Storage;

/// Storage of a sampler.
#[repr(C)]
pub struct sla_sampler {
    /// Not for use.
    opaque: [u64; 48],
}

// SAFETY: plain memory.
unsafe impl Storage for sla_sampler {
    type Value = Sampler;
}

/// How to choose.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct sla_sampler_config {
    /// Divides the logits; 0 is greedy.
    pub temperature: f32,
    /// Keep this many best tokens; 0 for as many as possible (256).
    pub top_k: u32,
    /// Keep the fewest best tokens whose probabilities sum to this; 1 for all.
    pub top_p: f32,
    /// Divides positive and multiplies negative logits of the last 64 tokens; 1 for none.
    pub repetition_penalty: f32,
    /// Seed of the generator: the same seed gives the same text on every machine.
    pub seed: u64,
}

/// Usual settings.
#[unsafe(no_mangle)]
pub extern "C" fn sla_sampler_defaults() -> sla_sampler_config {
    let SamplerConfig {
        temperature,
        top_k,
        top_p,
        repetition_penalty,
        seed,
    } = SamplerConfig::default();
    sla_sampler_config {
        temperature,
        top_k: top_k as u32,
        top_p,
        repetition_penalty,
        seed,
    }
}

/// Opens a sampler at the start of its random sequence.
///
/// # Safety
/// `sampler` is null or points to its storage.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sla_sampler_open(
    sampler: *mut sla_sampler,
    config: sla_sampler_config,
) -> sla_status {
    let sla_sampler_config {
        temperature,
        top_k,
        top_p,
        repetition_penalty,
        seed,
    } = config;
    let config = SamplerConfig {
        temperature,
        top_k: top_k as usize,
        top_p,
        repetition_penalty,
        seed,
    };
    // SAFETY: the caller's promise.
    status(unsafe { sla_sampler::open(sampler, Sampler::new(config)) })
}

/// Tells the sampler of a token that was not its choice (a prompt), for the repetition penalty.
///
/// # Safety
/// `sampler` is null or points to an open or zeroed sampler.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sla_sampler_observe(sampler: *mut sla_sampler, token: u32) -> sla_status {
    // SAFETY: the caller's promise.
    status(unsafe { sla_sampler::get_mut(sampler) }.map(|sampler| sampler.observe(token)))
}

/// Chooses the next token from the session's logits and remembers it.
///
/// # Safety
/// As `sla_sampler_observe` and `sla_reset`; `token` is null or points to its type.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sla_sample(
    sampler: *mut sla_sampler,
    session: *mut sla_session,
    token: *mut u32,
) -> sla_status {
    let mut sample = |session: &mut Session<'_, 'static>| {
        // SAFETY: the caller's promise.
        let sampler = unsafe { sla_sampler::get_mut(sampler) }?;
        // SAFETY: the caller's promise; the session has no part of it.
        unsafe { put(token, sampler.sample(&mut logits(session))) }
    };
    // SAFETY: the caller's promise.
    unsafe { with_buffer(session, Use::Logits, (token, 1), &mut sample) }
}
