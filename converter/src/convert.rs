//! Checkpoint in, file out: calibrate, lower, write, run, measure.

use crate::calibrate::{self, Calibration, Residual, Rows};
use crate::checkpoint::Checkpoint;
use crate::lower::{describe, exponent_above, lower};
use crate::owned_model::OwnedModel;
use crate::quantize::saturate;
use crate::write::{Extras, self_test, write};
use sla_format::{Checksum, ModelDesc};
use sla_reference::{Model, ModelError};
use sla_runtime::{ParseError, StepError};

/// How to convert.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ConvertOptions {
    /// Data for calibration and for measuring the drift.
    pub calibration: Calibration,
}

/// A finished file.
pub struct Converted {
    /// Its bytes.
    pub file: Vec<u8>,
    /// One line each.
    pub warnings: Vec<String>,
    /// What to tell the user, in order.
    pub summary: Vec<(String, String)>,
}

/// Why a checkpoint cannot be converted.
#[derive(Debug, thiserror::Error)]
pub enum ConvertError {
    /// The format has limits: format.md F4.3.
    #[error("the model exceeds a limit of the format (65,536 channels, 256 heads, 4 GiB; see docs/format.md F4.3)")]
    Limit,
    /// A decay above 1.
    #[error("config.json: clamp_min = {0} is positive, so the state would grow at every token; it has to be ≤ 0")]
    Clamp(f64),
    /// Calibration data of the wrong kind or content.
    #[error("calibration: {0}")]
    Calibration(String),
    /// The checkpoint's parts do not fit each other.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The fresh file was refused: a defect of the converter.
    #[error("the fresh file does not parse ({0}): please report this")]
    Parse(#[from] ParseError),
    /// The fresh file does not run.
    #[error("the fresh file does not run: {0}")]
    Step(#[from] StepError),
}

/// Steps of the self-test.
const SELF_TEST_STEPS: usize = 8;

/// Converts a checkpoint. `progress` is told the stage and its share that is done.
///
/// # Errors
/// [`ConvertError`]; nothing is written anywhere.
pub fn convert(
    checkpoint: &Checkpoint,
    options: &ConvertOptions,
    progress: &mut dyn FnMut(&str, f64),
) -> Result<Converted, ConvertError> {
    let config = &checkpoint.config;
    if let Some(min) = config.clamp_min.filter(|&min| min > 0.0) {
        return Err(ConvertError::Clamp(min));
    }
    let model = Model::new(config.clone(), checkpoint.weights.clone())?;
    let rows = calibrate::rows(checkpoint, &model, &options.calibration, &mut |x| progress("calibrate", x));
    check_rows(&model, &rows)?;
    let residual = calibrate::measure(&model, &rows);

    let (bos, eos) = (checkpoint.meta.bos_token_id, checkpoint.meta.eos_token_id);
    let trial = lower(config, &checkpoint.weights, &describe(config, 16, bos, eos), &mut |x| progress("bound", x))?;
    let (residual_frac, proven) = residual_format(trial.residual_bound, &residual);
    drop(trial);
    let desc = describe(config, residual_frac, bos, eos);
    let lowered = lower(config, &checkpoint.weights, &desc, &mut |x| progress("quantise", x))?;

    let mut warnings = checkpoint.warnings.clone();
    if !proven {
        warnings.push(format!(
            "the residual stream's proven bound {:.3e} leaves too few bits; its format is calibrated (64 times the \
             largest value seen, {:.3e}) and saturates beyond",
            lowered.residual_bound, residual.largest
        ));
    }
    let mut extras = Extras {
        provenance: provenance(checkpoint, &rows, &desc, &lowered.residual_bound, proven, &residual),
        labels: checkpoint.meta.id2label.join("\n"),
        ..Extras::default()
    };
    let first = OwnedModel::from_bytes(&write(&desc, &lowered.tensors, &extras)?)?;
    extras.self_test = run_self_test(&first, &desc, &rows)?;
    let file = write(&desc, &lowered.tensors, &extras)?;
    let summary = Vec::new();
    Ok(Converted { file, warnings, summary })
}

/// Fraction bits of the residual stream, and whether its bound is proven: the proven bound if it leaves 13
/// bits for the smallest RMS seen, else 64 times the largest value seen.
fn residual_format(bound: f64, seen: &Residual) -> (i32, bool) {
    let proven = 30 - exponent_above(bound);
    let fine = 13 - exponent_above(seen.smallest_rms.min(1e30)) + 1;
    if proven >= fine || !seen.smallest_rms.is_finite() {
        (proven.clamp(-30, 24), true)
    } else {
        let calibrated = 30 - exponent_above(64.0 * seen.largest);
        (calibrated.clamp(proven, fine.max(proven)).clamp(-30, 24), calibrated <= proven)
    }
}

fn check_rows(model: &Model, rows: &Rows) -> Result<(), ConvertError> {
    use sla_reference::Input;
    let refuse = |text: String| Err(ConvertError::Calibration(text));
    match &model.config.input {
        Input::Tokens { vocab } => {
            let Some(longest) = rows.tokens.iter().map(Vec::len).max().filter(|&n| n > 0) else {
                return refuse("a language model needs tokens, and there are none".into());
            };
            let _ = longest;
            match rows.tokens.iter().flatten().find(|&&t| t as usize >= *vocab) {
                Some(t) => refuse(format!("token {t} is outside the vocabulary of {vocab}")),
                None => Ok(()),
            }
        }
        Input::Features { size, .. } => {
            let mut frames = rows.frames.iter().flatten().peekable();
            if frames.peek().is_none() {
                return refuse("a feature model needs feature frames, and there are none".into());
            }
            match frames.find(|f| f.len() != *size || f.iter().any(|x| !x.is_finite())) {
                Some(f) => refuse(format!("a frame of {} values, or with a NaN, where {size} numbers are needed", f.len())),
                None => Ok(()),
            }
        }
    }
}

fn provenance(
    checkpoint: &Checkpoint,
    rows: &Rows,
    desc: &ModelDesc,
    bound: &f64,
    proven: bool,
    residual: &Residual,
) -> String {
    let sha: String = checkpoint.meta.source_sha256.iter().map(|b| format!("{b:02x}")).collect();
    let lines = [
        ("source", checkpoint.meta.name.clone()),
        ("source_sha256", sha),
        ("model_type", checkpoint.meta.model_type.clone()),
        ("converter", format!("sla-converter {}", env!("CARGO_PKG_VERSION"))),
        ("calibration", rows.name.clone()),
        ("residual_bound", format!("{bound:.3e}")),
        ("residual_format", format!("Q{} {}", desc.residual_frac, if proven { "proven" } else { "calibrated" })),
        ("residual_seen", format!("{:.3e}", residual.largest)),
    ];
    lines.iter().map(|(k, v)| format!("{k}={v}\n")).collect()
}

/// Runs the first steps of the calibration rows and returns the section with the digest of their logits.
fn run_self_test(model: &OwnedModel, desc: &ModelDesc, rows: &Rows) -> Result<Vec<u8>, ConvertError> {
    let mut digest = Checksum::default();
    let mut memory = model.memory();
    let mut session = memory.session(model)?;
    let mut input: Vec<i32> = Vec::new();
    let mut steps = 0;
    for &token in rows.tokens.iter().flatten().take(SELF_TEST_STEPS) {
        session.step(token)?.digest(&mut digest);
        input.push(token as i32);
        steps += 1;
    }
    for frame in rows.frames.iter().flatten().take(SELF_TEST_STEPS) {
        let frame: Vec<i32> = frame.iter().map(|&x| saturate(libm::ldexp(x, desc.feature_frac))).collect();
        session.step_features(&frame)?.digest(&mut digest);
        input.extend(frame);
        steps += 1;
    }
    Ok(self_test(digest.finish(), steps, &input))
}
