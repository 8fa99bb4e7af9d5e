//! What `sla eval` compares, and on what.

use std::path::{Path, PathBuf};

use sla_checkpoint::{Checkpoint, LoadOptions, Purpose, data};
use sla_eval::Rows;
use sla_mapping::dequantize;
use sla_reference::Model as FloatModel;
use sla_runtime::Model;

use crate::failure::{Failure, Outcome, fail, warn};
use crate::inspect::provenance;

/// The checkpoint of `model`, which knows whether the embedding is the head.
pub(crate) fn checkpoint(dir: &Path, model: &Model) -> Outcome<Checkpoint> {
    let how = LoadOptions {
        tied_head: model.desc().tied(),
        purpose: Purpose::Evaluate,
    };
    Ok(sla_checkpoint::load_with(dir, how)?)
}

/// The float model, and the same over the weights that the file means.
pub(super) fn floats(model: &Model, checkpoint: Checkpoint) -> Outcome<[FloatModel; 2]> {
    let dequantized = FloatModel::new(checkpoint.config.clone(), dequantize(model, &checkpoint)?)?;
    check_source(&checkpoint, model);
    Ok([checkpoint.into_model()?, dequantized])
}

/// Sizes agree; weights need not.
pub(crate) fn check_source(checkpoint: &Checkpoint, model: &Model) {
    let have: String = checkpoint
        .meta
        .source_sha256
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    let made_from = provenance(model)
        .find(|(key, _)| *key == "source_sha256")
        .map(|(_, value)| value);
    if made_from.is_some_and(|hash| hash != have) {
        warn(&[
            "the file was converted from other weights than the checkpoint's (source_sha256 differs), so the figures compare two \
               models; give the checkpoint that it is from, or convert this one",
        ]);
    }
}

/// The input: a text, a file of tokens or features, or the checkpoint's own.
pub(crate) fn rows(
    dir: &Path,
    tokens: Option<&PathBuf>,
    text: Option<&PathBuf>,
    model: &Model,
    checkpoint: &Checkpoint,
) -> Outcome<Rows> {
    if let Some(path) = text {
        return Ok(Rows::ids(&data::text(
            path,
            &checkpoint.config,
            model.tokenizer().as_ref(),
        )?));
    }
    let own = dir.join("eval.safetensors");
    if tokens.is_none() && !own.exists() {
        return fail(format!(
            "{}: no such file; give the input with --text or --tokens",
            own.display()
        ));
    }
    data::eval_rows(tokens.unwrap_or(&own), &checkpoint.config).map_err(Failure::from)
}
