//! The same run on the host: the digest that every machine must reproduce.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use anyhow::{Context, Result, bail};
use sla_converter::owned_model::OwnedModel;
use sla_runtime::{Checksum, Sampler, SamplerConfig, TestStream};

use crate::models::Model;

/// Digests of runs that were done, and those that are being done.
type Runs = Mutex<HashMap<(PathBuf, u32), Arc<OnceLock<Result<u32, String>>>>>;

/// The digest of `tokens` steps of the test stream through `model`: by the scalar kernels and by those
/// of this processor, which must agree. A second call with the same arguments waits for the first
/// and costs nothing.
pub fn reference(model: &Model, tokens: u32) -> Result<u32> {
    static RUNS: OnceLock<Runs> = OnceLock::new();
    let mut runs = RUNS
        .get_or_init(Runs::default)
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    let run = Arc::clone(runs.entry((model.path.clone(), tokens)).or_default());
    drop(runs);
    let outcome = run.get_or_init(|| both(model, tokens).map_err(|error| format!("{error:#}")));
    outcome.clone().map_err(anyhow::Error::msg)
}

/// What `sla run` generates after `prompt` with its default settings, as bytes.
pub fn text(model: &Model, prompt: &[u8], tokens: u32, seed: u32) -> Result<Vec<u8>> {
    let file = OwnedModel::read(&model.path)?;
    let model = file.model();
    let mut memory = file.memory();
    let mut session = memory.session(&model)?;
    let mut sampler = Sampler::new(SamplerConfig {
        seed: seed.into(),
        ..SamplerConfig::default()
    });
    for &byte in prompt {
        sampler.observe(byte.into());
        session.step(byte.into())?;
    }
    let mut text = Vec::new();
    for _ in 0..tokens {
        let token = sampler.sample(&mut session.logits());
        text.push(u8::try_from(token)?);
        session.step(token)?;
    }
    Ok(text)
}

/// Name of the kernels that this processor has beside the scalar ones.
pub fn backend() -> &'static str {
    sla_kernels::backend()
}

fn both(model: &Model, tokens: u32) -> Result<u32> {
    let failed = || format!("{} on the host", model.name);
    let scalar = sla_kernels::with_scalar(|| digest(model, tokens)).with_context(failed)?;
    let simd = digest(model, tokens).with_context(failed)?;
    if scalar != simd {
        bail!(
            "{}: the host's own digests differ: scalar {scalar:08x}, {} {simd:08x}",
            model.name,
            backend()
        );
    }
    Ok(scalar)
}

fn digest(model: &Model, tokens: u32) -> Result<u32> {
    let file = OwnedModel::read(&model.path)?;
    let model = file.model();
    let mut memory = file.memory();
    let mut session = memory.session(&model)?;
    let mut frame = vec![0; TestStream::frame_len(model.desc())];
    let mut exercise = TestStream::new(model.desc(), &mut frame);
    let mut digest = Checksum::default();
    for _ in 0..tokens {
        exercise.prepare(&session);
        let mut logits = exercise.step(&mut session)?;
        logits.digest(&mut digest);
        exercise.choose(logits.argmax());
    }
    Ok(digest.finish())
}
