//! Why a checkpoint cannot be converted.

use sla_checkpoint::rows::RowsError;
use sla_eval::EvalError;
use sla_eval::owned_model::ModelFileError;
use sla_format::MAX_INT16_ROWS;
use sla_reference::ModelError;
use sla_runtime::{SectionError, SelfTestError, StepError};
use std::ops::RangeInclusive;

/// What reals of the config may be: format.md F4.5 has exponents in ±1,000, and a file holds them
/// times sizes.
pub(crate) const REALS: RangeInclusive<f64> = 1e-200..=1e200;

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
    Calibration(RowsError),
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
