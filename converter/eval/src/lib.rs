//! How close the integer runtime is to the float model: the same rows through both, compared
//! position by position.
//!
//! [`compare`] sets the float model against the runtime on a `.sla` file. [`compare_all`] adds the
//! float model over the *dequantised* weights, which splits the difference in two: what int8
//! weights cost, and what integer arithmetic costs. Rows run in parallel, each from a fresh state;
//! the sums are added in row order, so no result depends on the number of threads. [`stream()`]
//! does the same over one long stream, in windows of its positions. Logarithms are natural.

mod error;
mod features;
mod feed;
mod figures;
mod histogram;
mod json;
mod layers;
mod metrics;
pub mod numbers;
mod observe;
pub mod owned_model;
pub mod parallel;
pub mod random;
pub mod report;
mod run;
mod step;
mod stream;
mod tensors;
#[cfg(test)]
mod tests;
mod worst;

pub use error::EvalError;
pub use features::fixed_features;
pub use feed::Source;
pub use figures::{ClipFigures, Report, Worst};
pub use histogram::{Bin, Histogram};
pub use layers::{Channel, LayerSnr};
pub(crate) use observe::winner;
pub use observe::{GateUse, LayerObserved, Observed, Range, SHOWN, Sample, Side, observe};
pub use run::check_same;
pub use step::step;
pub use stream::{Distance, StreamReport, Window, stream};
pub use tensors::{Spread, TensorFigures, tensor_figures};
pub use worst::{WorstRow, worst_row};

pub use sla_checkpoint::rows::{FeatureRow, ROW_TOKENS, Rows, RowsError, TokenRow};
use sla_reference::Model as FloatModel;
use sla_runtime::Model;

/// The three comparisons of [`compare_all`]; "float" is the first, "fixed" the second model of
/// each.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// Float against the runtime: everything that conversion changed.
    pub total: Report,
    /// Float over dequantised weights against the runtime: the arithmetic alone.
    pub dequantized: Report,
    /// Float against float over dequantised weights: the weights alone.
    pub weights_only: Report,
}

/// Runs `rows` through `reference` and `model`. `progress` gets the finished share, on the calling
/// thread.
///
/// # Errors
/// [`EvalError`]: the rows or the two models do not fit each other.
pub fn compare(
    reference: &FloatModel,
    model: &Model,
    rows: &Rows,
    progress: &mut dyn FnMut(f64),
) -> Result<Report, EvalError> {
    let sums = run::run(&[reference], model, rows, progress)?;
    Ok(figures::report(&sums[0], rows))
}

/// [`compare`], also against `dequantized`, which has the config of `reference` and the weights
/// that the file means.
///
/// # Errors
/// As [`compare`].
pub fn compare_all(
    reference: &FloatModel,
    dequantized: &FloatModel,
    model: &Model,
    rows: &Rows,
    progress: &mut dyn FnMut(f64),
) -> Result<Comparison, EvalError> {
    let sums = run::run(&[reference, dequantized], model, rows, progress)?;
    let [total, dequantized, weights_only] = [0, 1, 2].map(|i| figures::report(&sums[i], rows));
    Ok(Comparison {
        total,
        dequantized,
        weights_only,
    })
}
