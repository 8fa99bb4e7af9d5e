//! The same run on the host: the digest that every machine must reproduce.

use std::path::Path;

use anyhow::Result;
use sla_converter::owned_model::OwnedModel;
use sla_runtime::{Checksum, Exercise};

/// The digest of `tokens` steps of the exercise through the model in `path`.
pub fn reference(path: &Path, tokens: u32) -> Result<u32> {
    let file = OwnedModel::read(path)?;
    let model = file.model();
    let mut memory = file.memory();
    let mut session = memory.session(&model)?;
    let mut frame = vec![0; Exercise::frame_len(model.desc())];
    let mut exercise = Exercise::new(model.desc(), &mut frame);
    let mut digest = Checksum::default();
    for _ in 0..tokens {
        exercise.prepare(&session);
        let mut logits = exercise.step(&mut session)?;
        logits.digest(&mut digest);
        exercise.choose(logits.argmax());
    }
    Ok(digest.finish())
}
