//! Checkpoint in, file out: calibrate, lower, write, run, measure.

use crate::calibrate::{self, Calibration, Residual};
use crate::checkpoint::Checkpoint;
use crate::eval::{EvalError, Rows, compare, fixed_features};
use crate::lower::{describe, exponent_above, lower};
use crate::owned_model::{ModelFileError, OwnedModel};
use crate::quantize::LEAST_IN_BITS;
use crate::write::{self, Extras, self_test, write};
use sla_format::{Checksum, MAX_INT16_ROWS, StateKind};
use sla_reference::{Model, ModelError};
use sla_runtime::{SelfTestError, StepError};

/// How to convert.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ConvertOptions {
    /// Data for calibration and for measuring the drift.
    pub calibration: Calibration,
    /// Representation of the layers' states: one for all, or one a layer; none stands for int32.
    pub state: Vec<StateKind>,
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
    #[error(
        "the model exceeds a limit of the format: 65,536 channels a tensor, 256 heads, 4,096 layers, 64 convolution taps, \
         16,777,216 tokens, 4 GiB (docs/format.md F4.3)"
    )]
    Limit,
    /// A decay above 1.
    #[error("config.json: clamp_min = {0} is positive, so the state would grow at every token; it has to be ≤ 0")]
    Clamp(f64),
    /// Another number of state representations than layers.
    #[error("--state has {given} entries for {layers} layers: give one for all, or one a layer, separated by commas")]
    States {
        /// Entries.
        given: usize,
        /// Layers.
        layers: usize,
    },
    /// More rows than an int16 state may have.
    #[error(
        "--state int16 is for states of up to {MAX_INT16_ROWS} rows, and d_k is {0}: use int32 (docs/format.md F10.2)"
    )]
    StateRows(u32),
    /// Calibration data of the wrong kind or content.
    #[error("calibration: {0}")]
    Calibration(EvalError),
    /// The fresh file could not be compared with the float model.
    #[error("measuring the fresh file: {0}")]
    Measure(#[from] EvalError),
    /// The checkpoint's parts do not fit each other.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The fresh file was refused: a defect of the converter.
    #[error("the fresh file does not parse ({0}): please report this")]
    Parse(#[from] ModelFileError),
    /// The fresh file does not repeat itself: a defect of the converter.
    #[error("the fresh file fails its own test ({0}): please report this")]
    SelfTest(#[from] SelfTestError),
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
    let states = states(&options.state, config.layers, config.d_k)?;
    let model = Model::new(config.clone(), checkpoint.weights.clone())?;
    let (rows, data) = calibrate::rows(checkpoint, &model, &options.calibration, &mut |x| progress("calibrate", x));
    rows.check(config).map_err(ConvertError::Calibration)?;
    let residual = calibrate::measure(&model, &rows);

    let (bos, eos) = (checkpoint.meta.bos_token_id, checkpoint.meta.eos_token_id);
    let trial = lower(config, &checkpoint.weights, &describe(config, 16, LEAST_IN_BITS, bos, eos), &mut |x| {
        progress("bound", x)
    })?;
    let (residual_frac, proven) = residual_format(trial.residual_bound, &residual);
    let desc = describe(config, residual_frac, trial.unit_frac, bos, eos);
    drop(trial);
    let lowered = lower(config, &checkpoint.weights, &desc, &mut |x| progress("quantise", x))?;

    let mut warnings = checkpoint.warnings.clone();
    if !proven {
        warnings.push(format!(
            "the residual stream's proven bound {:.3e} leaves too few bits; its format is calibrated (64 times the \
             largest value seen, {:.3e}) and saturates beyond",
            lowered.residual_bound, residual.largest
        ));
    }
    if let Some(first) = lowered.unproven.first() {
        warnings.push(format!(
            "the bounds of {} tensors ({first} first) exceed their results' format: beyond ±32,768 they saturate, which `sla \
             eval` counts",
            lowered.unproven.len()
        ));
    }
    // The file is run before it is finished: its self-test and the measured drift are part of it.
    let mut extras = Extras {
        labels: checkpoint
            .meta
            .id2label
            .iter()
            .map(|label| label.replace(['\n', '\r'], " "))
            .collect::<Vec<_>>()
            .join("\n"),
        states: write::states(&states),
        ..Extras::default()
    };
    let fresh = OwnedModel::from_bytes(&write(&desc, &lowered.tensors, &extras)?)?;
    extras.self_test = run_self_test(&fresh, &rows)?;
    let drift = compare(&model, &fresh.model(), &rows, &mut |x| progress("measure", x))?;
    if drift.relative_rms.is_nan() || drift.relative_rms > 0.1 {
        warnings.push(format!(
            "the integer model is {:.0} % (relative RMS of the logits) away from the float model on the calibration data; \
             `sla eval` shows in which layer, and whether int8 weights or the arithmetic cost it",
            100.0 * drift.relative_rms
        ));
    }
    if drift.saturated > 0 {
        warnings.push(format!("{} values saturated on the calibration data", drift.saturated));
    }
    let residual_format = format!("Q{residual_frac} {}", if proven { "proven" } else { "calibrated" });
    extras.provenance = [
        ("source", checkpoint.meta.name.clone()),
        ("source_sha256", checkpoint.meta.source_sha256.iter().map(|b| format!("{b:02x}")).collect()),
        ("model_type", checkpoint.meta.model_type.clone()),
        ("converter", format!("sla-converter {}", env!("CARGO_PKG_VERSION"))),
        ("weights", "int8 per row".into()),
        ("state", names(&states)),
        ("calibration", data),
        ("residual_bound", format!("{:.3e}", lowered.residual_bound)),
        ("residual_seen", format!("{:.3e}", residual.largest)),
        ("residual_format", residual_format),
        ("drift_kl_mean", format!("{:.2e}", drift.kl_mean)),
        ("drift_top1", format!("{:.4}", drift.top1)),
        ("drift_relative_rms", format!("{:.4}", drift.relative_rms)),
        ("saturated", drift.saturated.to_string()),
    ]
    .iter()
    .map(|(key, value): &(&str, String)| format!("{key}={}\n", value.replace('\n', " ")))
    .collect();
    let file = write(&desc, &lowered.tensors, &extras)?;
    let finished = OwnedModel::from_bytes(&file)?;
    let (plan, mut memory) = (*finished.model().plan(), finished.memory());
    let (state, scratch) = memory.buffers();
    finished.model().self_test(state, scratch)?;
    let summary = [
        ("flash", format!("{} bytes", file.len())),
        ("RAM", format!("{} bytes of state, {} of scratch", plan.state_bytes(), plan.scratch_bytes())),
        ("calibration", rows_text(&rows, &extras.provenance)),
        (
            "drift from float",
            format!(
                "mean KL {:.2e}, top-1 {:.2} %, relative RMS {:.2} %",
                drift.kl_mean,
                100.0 * drift.top1,
                100.0 * drift.relative_rms
            ),
        ),
    ];
    let summary = summary.map(|(key, value)| (key.to_owned(), value)).to_vec();
    Ok(Converted { file, warnings, summary })
}

/// One kind a layer.
fn states(asked: &[StateKind], layers: usize, d_k: usize) -> Result<Vec<StateKind>, ConvertError> {
    let states = match *asked {
        [] => vec![StateKind::default(); layers],
        [all] => vec![all; layers],
        _ if asked.len() == layers => asked.to_vec(),
        _ => return Err(ConvertError::States { given: asked.len(), layers }),
    };
    match d_k as u32 {
        d_k if d_k > MAX_INT16_ROWS && states.contains(&StateKind::Int16) => Err(ConvertError::StateRows(d_k)),
        _ => Ok(states),
    }
}

/// What the layers' states are: one name for all, or one a layer.
fn names(states: &[StateKind]) -> String {
    let all: Vec<&str> = states.iter().map(|kind| kind.name()).collect();
    if all.iter().all(|name| Some(name) == all.first()) {
        all.first().copied().unwrap_or_default().into()
    } else {
        all.join(",")
    }
}

fn rows_text(rows: &Rows, provenance: &str) -> String {
    let name = provenance.lines().find_map(|line| line.strip_prefix("calibration=")).unwrap_or("");
    format!("{name} ({} steps)", rows.positions())
}

/// Fraction bits of the residual stream, and whether its bound is proven: the proven bound if it leaves 11
/// bits for the smallest RMS seen, else 64 times the largest value seen.
fn residual_format(bound: f64, seen: &Residual) -> (i32, bool) {
    let proven = 30 - exponent_above(bound);
    let fine = 11 - exponent_above(seen.smallest_rms.min(1e30)) + 1;
    if proven >= fine || !seen.smallest_rms.is_finite() {
        (proven.clamp(-30, 24), true)
    } else {
        let calibrated = 30 - exponent_above(64.0 * seen.largest);
        (calibrated.clamp(proven, fine.max(proven)).clamp(-30, 24), calibrated <= proven)
    }
}

/// Runs the first steps of the calibration rows and returns the section with the digest of their logits.
fn run_self_test(file: &OwnedModel, rows: &Rows) -> Result<Vec<u8>, ConvertError> {
    let model = file.model();
    let mut memory = file.memory();
    let mut session = memory.session(&model)?;
    let mut digest = Checksum::default();
    let (mut input, mut integers) = (Vec::new(), Vec::new());
    let mut steps = 0;
    match rows {
        Rows::Tokens(rows) => {
            for &token in rows.iter().flat_map(|row| &row.ids).take(SELF_TEST_STEPS) {
                session.step(token)?.digest(&mut digest);
                input.push(token as i32);
                steps += 1;
            }
        }
        Rows::Features(rows) => {
            for frame in rows.iter().flat_map(|row| &row.frames).take(SELF_TEST_STEPS) {
                fixed_features(frame, model.desc().feature_frac, &mut integers);
                session.step_features(&integers)?.digest(&mut digest);
                input.extend_from_slice(&integers);
                steps += 1;
            }
        }
    }
    Ok(self_test(digest.finish(), steps, &input))
}
