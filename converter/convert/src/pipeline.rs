//! Checkpoint in, file out: calibrate, round, lower, write, run, measure.

use crate::account::Account;
use crate::calibrate;
use crate::formats::Formats;
use crate::lower::lower;
use crate::warnings::Measured;
use crate::write::{Extras, write};
use crate::{ConvertError, ConvertOptions, WeightBits, check, round, self_test};
use sla_checkpoint::Checkpoint;
use sla_eval::owned_model::OwnedModel;
use sla_eval::{compare, worst_row};
use sla_reference::Model;

/// A finished file.
pub struct Converted {
    /// Its bytes.
    pub file: Vec<u8>,
    /// One line each.
    pub warnings: Vec<String>,
    /// What to tell the user, in order.
    pub summary: Vec<(String, String)>,
    /// Why each matrix has the bits that it has, a table with its heading; empty for int8.
    pub choices: Vec<[String; 4]>,
}

/// Converts a checkpoint. `progress` is told the stage and its share that is done.
///
/// # Errors
/// [`ConvertError`]; nothing is written anywhere.
pub fn convert(
    checkpoint: Checkpoint,
    options: &ConvertOptions,
    progress: &mut dyn FnMut(&str, f64),
) -> Result<Converted, ConvertError> {
    let Checkpoint {
        config,
        weights,
        mut warnings,
        meta,
    } = checkpoint;
    check::reals(&config)?;
    let states = check::states(options, &config)?;
    let mut model = Model::new(config, weights)?;

    // What the float model does on calibration data.
    let by_moments = options.weights != WeightBits::Int8;
    let calibration = &options.calibration;
    let data = calibrate::data(&meta, &model, calibration, by_moments, &mut |x| {
        progress("calibrate", x)
    });
    data.rows
        .check(&model.config)
        .map_err(ConvertError::Calibration)?;
    let seen = data
        .residual
        .unwrap_or_else(|| calibrate::measure(&model, &data.rows));

    // Integers for every matrix. Their bounds decide the formats, so they are lowered twice.
    let trial = Formats::TRIAL.describe(&model.config, &meta);
    check::sizes(options, &trial)?;
    let mut extras = Extras::new(&meta, &states);
    if let Some(tokenizer) = &options.tokenizer {
        warnings.extend(tokenizer.warnings.iter().cloned());
        extras.tokenizer = tokenizer.section().to_vec();
    }
    let rounded = match &data.moments {
        None => round::nearest(&model, &trial),
        Some(rows) => round::by_moments(&mut model, &trial, rows, options, &extras, progress)?,
    };
    let model = model;
    let (config, weights, matrices) = (&model.config, &model.weights, &rounded.matrices);
    let bounds = lower(config, weights, &trial, matrices, &mut |x| {
        progress("bound", x)
    })?;
    let formats = Formats::of(&bounds, &seen);
    drop(bounds);
    let desc = formats.describe(config, &meta);
    let lowered = lower(config, weights, &desc, matrices, &mut |x| {
        progress("lower", x)
    })?;

    // The file is run before it is finished: its self-test and the measured drift are part of it.
    let fresh = OwnedModel::from_bytes(&write(&desc, &lowered.tensors, &extras)?)?;
    extras.self_test = self_test::record(&fresh, &data.rows)?;
    let drift = compare(&model, &fresh.model(), &data.rows, &mut |x| {
        progress("measure", x)
    })?;
    let drawn = calibrate::drawn(&model);
    let measured = Measured {
        options,
        drift: &drift,
        worst: worst_row(&model, &fresh.model(), &drawn)?,
        drawn: &drawn,
        calibrated: (!formats.proven).then_some(seen.largest),
        unproven: &lowered.unproven,
    };
    warnings.extend(measured.warnings());
    let account = Account {
        meta: &meta,
        options,
        states: &states,
        data: &data,
        seen: &seen,
        rounded: &rounded,
        formats,
        lowered: &lowered,
        drift: &drift,
    };
    extras.provenance = account.provenance();
    let file = write(&desc, &lowered.tensors, &extras)?;
    let finished = OwnedModel::from_bytes(&file)?;
    let (plan, mut memory) = (finished.model().plan(), finished.memory());
    let (state, scratch) = memory.buffers();
    finished.model().self_test(state, scratch)?;
    Ok(Converted {
        summary: account.summary(file.len(), &plan),
        choices: rounded.choices(model.config.layers),
        file,
        warnings,
    })
}
