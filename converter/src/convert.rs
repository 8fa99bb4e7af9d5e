//! Checkpoint in, file out: calibrate, lower, write, run, measure.

use crate::calibrate::{self, Calibration, Data, Residual};
use crate::checkpoint::{Checkpoint, Meta};
use crate::eval::{EvalError, Rows, compare, fixed_features, worst_row};
use crate::lower::{describe, exponent_above, lower};
use crate::numbers::percent;
use crate::owned_model::{ModelFileError, OwnedModel};
use crate::quantize::choose::{Candidate, candidates, explain, measure, select};
use crate::quantize::model::Quantized;
use crate::quantize::sequential::{Cost, Plan, quantize};
use crate::quantize::{Bits, LEAST_IN_BITS};
use crate::tokenizer;
use crate::warnings::Measured;
use crate::write::{self, Extras, self_test, write};
use sla_format::{Checksum, InputKind, MAX_INT16_ROWS, ModelDesc, Role, StateKind};
use sla_reference::{Config, Model, ModelError};
use sla_runtime::{SectionError, SelfTestError, StepError, Tokenizer};
use std::ops::RangeInclusive;

/// How to convert.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ConvertOptions {
    /// Data for calibration and for measuring the drift.
    pub calibration: Calibration,
    /// Representation of the layers' states: one for all, or one a layer; none stands for int32.
    pub state: Vec<StateKind>,
    /// Bits of the matrices within layers.
    pub weights: WeightBits,
    /// Bits of embedding and head, where the weights are not all int8.
    pub head: Bits,
    /// The tokenizer that becomes part of the file.
    pub tokenizer: Option<tokenizer::Compiled>,
}

/// Bits of the matrices within layers.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum WeightBits {
    /// 8, rounded to the nearest.
    #[default]
    Int8,
    /// 4, but 8 for those that steer and for the few that are smaller than a group
    /// ([`crate::quantize::choose::can_be_int4`]); rounded by second moments.
    Int4,
    /// 4 or 8 by measured sensitivity, so that the file stays within a budget; rounded by second
    /// moments.
    Mixed(Budget),
}

/// The size that a file may have.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Budget {
    /// In bytes.
    Bytes(usize),
    /// As a share of the int8 file.
    Ratio(f64),
}

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

/// Why a checkpoint cannot be converted.
#[derive(Debug, thiserror::Error)]
pub enum ConvertError {
    /// The format has limits: format.md F4.3.
    #[error(
        "the model exceeds a limit of the format: 65,536 channels a tensor, 256 heads, 4,096 layers, 64 convolution taps, \
         16,777,216 tokens, 4 GiB (docs/format.md F4.3); a smaller model is needed"
    )]
    Limit,
    /// A decay above 1.
    #[error(
        "config.json: clamp_min = {0} is positive, so the state would grow at every token; it has to be ≤ 0"
    )]
    Clamp(f64),
    /// A number beyond the reals of a file.
    #[error(
        "config.json: {key} = {value:e} is beyond what a file can hold, {:e} to {:e}; correct it",
        REALS.start(),
        REALS.end()
    )]
    Real {
        /// The key.
        key: &'static str,
        /// Its value.
        value: f64,
    },
    /// Another number of state representations than layers.
    #[error(
        "--state has {given} entries for {layers} layers: give one for all, or one a layer, separated by commas"
    )]
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
    /// A budget that all int4 does not meet.
    #[error(
        "the budget of {budget} bytes is impossible: with every matrix that can be int4 the file has {least} bytes{hint}"
    )]
    Budget {
        /// Asked for.
        budget: usize,
        /// The least that is possible.
        least: usize,
        /// What could still make it smaller.
        hint: &'static str,
    },
    /// A tokenizer with more ids than the model, or for a model that reads no tokens.
    #[error(
        "the tokenizer does not fit the model: {0}; --no-tokenizer converts the model without it"
    )]
    Tokenizer(SectionError),
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
    #[error("the fresh file does not run ({0}): please report this")]
    Step(#[from] StepError),
}

/// What reals of the config may be: format.md F4.5 has exponents in ±1,000, and a file holds them
/// times sizes.
const REALS: RangeInclusive<f64> = 1e-200..=1e200;

/// Steps of the self-test.
const SELF_TEST_STEPS: usize = 8;

/// Bytes of a file for its provenance.
const PROVENANCE_BYTES: usize = 768;

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
    if let Some(min) = config.clamp_min.filter(|&min| min > 0.0) {
        return Err(ConvertError::Clamp(min));
    }
    check_reals(&config)?;
    let states = states(&options.state, config.layers, config.d_k)?;
    let mut model = Model::new(config, weights)?;
    let by_moments = options.weights != WeightBits::Int8;
    let Data {
        rows,
        residual,
        moments,
        name,
    } = calibrate::data(&meta, &model, &options.calibration, by_moments, &mut |x| {
        progress("calibrate", x)
    });
    rows.check(&model.config)
        .map_err(ConvertError::Calibration)?;
    let residual = residual.unwrap_or_else(|| calibrate::measure(&model, &rows));

    let (bos, eos) = (meta.bos_token_id, meta.eos_token_ids.first().copied());
    let trial_desc = describe(&model.config, 16, LEAST_IN_BITS, bos, eos);
    let ends = write::ends(&meta.eos_token_ids);
    let mut extras = Extras {
        labels: labels(&meta),
        states: write::states(&states),
        ends,
        ..Extras::default()
    };
    if let Some(tokenizer) = &options.tokenizer {
        let inputs = if trial_desc.input == InputKind::Tokens {
            trial_desc.inputs
        } else {
            0
        };
        let read =
            Tokenizer::read(tokenizer.section()).and_then(|read| read.check_vocabulary(inputs));
        read.map_err(ConvertError::Tokenizer)?;
        warnings.extend(tokenizer.warnings.iter().cloned());
        extras.tokenizer = tokenizer.section().to_vec();
    }
    let rounded = round(
        &mut model,
        &trial_desc,
        moments.as_ref(),
        options,
        &extras,
        progress,
    )?;
    let model = model;
    let (config, weights) = (&model.config, &model.weights);
    let trial = lower(config, weights, &trial_desc, &rounded.matrices, &mut |x| {
        progress("bound", x)
    })?;
    let (residual_frac, proven) = residual_format(trial.residual_bound, &residual);
    let desc = describe(config, residual_frac, trial.unit_frac, bos, eos);
    drop(trial);
    let lowered = lower(config, weights, &desc, &rounded.matrices, &mut |x| {
        progress("lower", x)
    })?;

    // The file is run before it is finished: its self-test and the measured drift are part of it.
    let fresh = OwnedModel::from_bytes(&write(&desc, &lowered.tensors, &extras)?)?;
    extras.self_test = run_self_test(&fresh, &rows)?;
    let drift = compare(&model, &fresh.model(), &rows, &mut |x| {
        progress("measure", x)
    })?;
    let drawn = calibrate::drawn(&model);
    let measured = Measured {
        options,
        drift: &drift,
        worst: worst_row(&model, &fresh.model(), &drawn)?,
        drawn: &drawn,
        calibrated: (!proven).then_some(residual.largest),
        unproven: &lowered.unproven,
    };
    warnings.extend(measured.warnings());
    let residual_format = format!(
        "Q{residual_frac} {}",
        if proven { "proven" } else { "calibrated" }
    );
    extras.provenance = [
        ("source", meta.name.clone()),
        (
            "source_sha256",
            meta.source_sha256
                .iter()
                .map(|b| format!("{b:02x}"))
                .collect(),
        ),
        ("model_type", meta.model_type.clone()),
        (
            "converter",
            format!("sla-converter {}", env!("CARGO_PKG_VERSION")),
        ),
        ("weights", rounded.name.clone()),
        ("state", names(&states)),
        ("calibration", name),
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
    let (plan, mut memory) = (finished.model().plan(), finished.memory());
    let (state, scratch) = memory.buffers();
    finished.model().self_test(state, scratch)?;
    let flash = match rounded.int8_bytes {
        None => format!("{} bytes", file.len()),
        Some(int8) => format!(
            "{} bytes, {:.3} of the int8 file's",
            file.len(),
            file.len() as f64 / int8 as f64
        ),
    };
    let summary = [
        ("flash", flash),
        ("weights", rounded.name.clone()),
        (
            "RAM",
            format!(
                "{} bytes of state, {} of scratch",
                plan.state_bytes(),
                plan.scratch_bytes()
            ),
        ),
        ("calibration", rows_text(&rows, &extras.provenance)),
        (
            "drift from float",
            format!(
                "mean KL {:.2e}, top-1 {}, relative RMS {}",
                drift.kl_mean,
                percent(drift.top1),
                percent(drift.relative_rms)
            ),
        ),
    ];
    let mut summary = summary.map(|(key, value)| (key.to_owned(), value)).to_vec();
    if let Some(tokenizer) = &options.tokenizer {
        summary.insert(2, ("tokenizer".to_owned(), tokenizer.summary()));
    }
    if let ids @ [_, _, ..] = &meta.eos_token_ids[..] {
        summary.push((
            "end of text".to_owned(),
            ids.iter()
                .map(u32::to_string)
                .collect::<Vec<_>>()
                .join(", "),
        ));
    }
    let choices = match rounded.costs.is_empty() {
        true => Vec::new(),
        false => explain(&rounded.costs, &rounded.candidates, config.layers),
    };
    Ok(Converted {
        file,
        warnings,
        summary,
        choices,
    })
}

/// Refuses numbers that a file cannot hold.
fn check_reals(config: &Config) -> Result<(), ConvertError> {
    let of_sla = config.sla.iter().flat_map(|sla| {
        [
            ("sla.query_gate_scale", sla.query_gate_scale),
            ("sla.key_gate_scale", sla.key_gate_scale),
        ]
    });
    match [("norm_eps", config.norm_eps)]
        .into_iter()
        .chain(of_sla)
        .find(|(_, value)| !REALS.contains(value))
    {
        Some((key, value)) => Err(ConvertError::Real { key, value }),
        None => Ok(()),
    }
}

/// All matrices as integers, and what the choice of their bits was based on.
struct Rounded {
    matrices: Quantized,
    /// For the provenance.
    name: String,
    costs: Vec<Cost>,
    candidates: Vec<Candidate>,
    /// Size of the file with int8 matrices, where that was asked for.
    int8_bytes: Option<usize>,
}

/// Chooses bits and rounds: to the nearest int8, or by the second moments of `moments`.
fn round(
    model: &mut Model,
    desc: &ModelDesc,
    moments: Option<&Rows>,
    options: &ConvertOptions,
    extras: &Extras,
    progress: &mut dyn FnMut(&str, f64),
) -> Result<Rounded, ConvertError> {
    let nearest = Quantized::nearest(&model.config, &model.weights, desc);
    let Some(rows) = moments else {
        let (costs, candidates) = (Vec::new(), Vec::new());
        return Ok(Rounded {
            matrices: nearest,
            name: "int8".into(),
            costs,
            candidates,
            int8_bytes: None,
        });
    };
    let int8 = lower(&model.config, &model.weights, desc, &nearest, &mut |x| {
        progress("size", x)
    })?;
    let words = if desc.input == InputKind::Features {
        desc.inputs as usize
    } else {
        1
    };
    let self_test_bytes = 8 + SELF_TEST_STEPS * 4 * words;
    let int8_bytes = write(desc, &int8.tensors, extras)?.len() + PROVENANCE_BYTES + self_test_bytes;
    drop((nearest, int8));

    let mut candidates = candidates(model, desc, options.head);
    let mut int4 = vec![true; candidates.len()];
    if let WeightBits::Mixed(budget) = options.weights {
        let budget = match budget {
            Budget::Bytes(bytes) => bytes,
            Budget::Ratio(ratio) => (ratio * int8_bytes as f64) as usize,
        };
        let need = int8_bytes.saturating_sub(budget);
        let hint = if options.head == Bits::Int8 {
            "; `--head int4` takes less"
        } else {
            ""
        };
        let impossible = |saved| ConvertError::Budget {
            budget,
            least: int8_bytes - saved,
            hint,
        };
        select(&candidates, need).map_err(impossible)?;
        measure(model, desc, rows, &mut candidates, &mut |x| {
            progress("sensitivity", x)
        });
        int4 = select(&candidates, need).map_err(impossible)?;
    }
    let chosen: Vec<(usize, Role)> = candidates
        .iter()
        .zip(&int4)
        .filter(|(_, int4)| **int4)
        .map(|(c, _)| (c.layer, c.role))
        .collect();
    let bits = |layer, role| {
        let layer = if role == Role::Input {
            model.config.layers
        } else {
            layer
        };
        if chosen.contains(&(layer, role)) {
            Bits::Int4
        } else {
            Bits::Int8
        }
    };
    let plan = Plan {
        desc,
        bits: &bits,
        chained: true,
    };
    let (matrices, costs) = quantize(model, rows, &plan, &mut |x| progress("quantise", x));
    let head = if options.head == Bits::Int4 {
        "int4"
    } else {
        "int8"
    };
    let name = match options.weights {
        WeightBits::Mixed(_) => format!(
            "mixed, {} of {} matrices int4, embedding and head",
            chosen.len(),
            costs.len()
        ),
        _ => "int4, embedding and head".into(),
    };
    let name = format!("{name} {head}");
    Ok(Rounded {
        matrices,
        name,
        costs,
        candidates,
        int8_bytes: Some(int8_bytes),
    })
}

fn labels(meta: &Meta) -> String {
    meta.id2label
        .iter()
        .map(|label| label.replace(['\n', '\r'], " "))
        .collect::<Vec<_>>()
        .join("\n")
}

/// One kind a layer.
fn states(asked: &[StateKind], layers: usize, d_k: usize) -> Result<Vec<StateKind>, ConvertError> {
    let states = match *asked {
        [] => vec![StateKind::default(); layers],
        [all] => vec![all; layers],
        _ if asked.len() == layers => asked.to_vec(),
        _ => {
            return Err(ConvertError::States {
                given: asked.len(),
                layers,
            });
        }
    };
    match d_k as u32 {
        d_k if d_k > MAX_INT16_ROWS && states.contains(&StateKind::Int16) => {
            Err(ConvertError::StateRows(d_k))
        }
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
    let name = provenance
        .lines()
        .find_map(|line| line.strip_prefix("calibration="))
        .unwrap_or("");
    format!("{name} ({} steps)", rows.positions())
}

/// Fraction bits of the residual stream, and whether its bound is proven: the proven bound if it
/// leaves 11 bits for the smallest RMS seen, else 64 times the largest value seen.
fn residual_format(bound: f64, seen: &Residual) -> (i32, bool) {
    let proven = 30 - exponent_above(bound);
    let fine = 11 - exponent_above(seen.smallest_rms.min(1e30)) + 1;
    if proven >= fine || !seen.smallest_rms.is_finite() {
        (proven.clamp(-30, 24), true)
    } else {
        let calibrated = 30 - exponent_above(64.0 * seen.largest);
        (
            calibrated.clamp(proven, fine.max(proven)).clamp(-30, 24),
            calibrated <= proven,
        )
    }
}

/// Runs the first steps of the calibration rows and returns the section with the digest of their
/// logits.
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
            for frame in rows
                .iter()
                .flat_map(|row| &row.frames)
                .take(SELF_TEST_STEPS)
            {
                fixed_features(frame, model.desc().feature_frac, &mut integers);
                session.step_features(&integers)?.digest(&mut digest);
                input.extend_from_slice(&integers);
                steps += 1;
            }
        }
    }
    Ok(self_test(digest.finish(), steps, &input))
}
