//! Many short rows through float model and runtime: only the worst of them is of interest.

use sla_reference::{Model as FloatModel, Session as FloatSession};
use sla_runtime::{Model, Op, Probe};

use super::run::check_same;
use super::{EvalError, fixed_features, step};
use crate::owned_model::Memory;
use crate::parallel::parallel;
use sla_checkpoint::rows::{Row, Rows};

/// What [`worst_row`] found.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct WorstRow {
    /// RMS of the logits' differences over the RMS of the float logits, in the row where it is
    /// largest.
    pub relative_rms: f64,
    /// Values of the residual stream that were saturated, in all rows.
    pub residual_saturated: u64,
    /// Other values, and logits.
    pub saturated: u64,
}

impl Probe for WorstRow {
    fn saturated(&mut self, _layer: usize, op: Op, count: u32) {
        let count = u64::from(count);
        if op == Op::Residual {
            self.residual_saturated += count
        } else {
            self.saturated += count
        }
    }
}

/// Runs every row through both models, on all cores.
///
/// # Errors
/// [`EvalError`]: the rows or the two models do not fit each other.
pub fn worst_row(
    reference: &FloatModel,
    model: &Model,
    rows: &Rows,
) -> Result<WorstRow, EvalError> {
    rows.check(&reference.config)?;
    check_same(&reference.config, model)?;
    let figures = parallel(rows.len(), |r| one(reference, model, rows.row(r)));
    figures
        .into_iter()
        .try_fold(WorstRow::default(), |all, row| {
            let row = row?;
            Ok(WorstRow {
                relative_rms: all.relative_rms.max(row.relative_rms),
                residual_saturated: all.residual_saturated + row.residual_saturated,
                saturated: all.saturated + row.saturated,
            })
        })
}

fn one(reference: &FloatModel, model: &Model, row: Row) -> Result<WorstRow, EvalError> {
    let mut float = FloatSession::new(reference);
    let mut memory = Memory::of(model);
    let mut session = memory.session(model)?;
    let (mut seen, mut features) = (WorstRow::default(), Vec::new());
    let (mut error, mut signal) = (0.0, 0.0);
    for t in 0..row.len() {
        let mut wanted = step(&mut float, row, t, &mut ()).iter();
        let mut logits = match row {
            Row::Tokens(row) => session.step_probed(row.ids[t], &mut seen)?,
            Row::Features(row) => {
                fixed_features(&row.frames[t], model.desc().feature_frac, &mut features);
                session.step_features_probed(&features, &mut seen)?
            }
        };
        let mut saturated = 0;
        logits.for_each_tile(|_, tile| {
            for (&q16, float) in tile.iter().zip(&mut wanted) {
                error += (float - f64::from(q16) / 65_536.0).powi(2);
                signal += float * float;
                saturated += u64::from(q16 == i32::MAX || q16 == i32::MIN);
            }
        });
        seen.saturated += saturated;
    }
    seen.relative_rms = match (error / signal).sqrt() {
        _ if error == 0.0 => 0.0,
        // A float model out of its range.
        rms if rms.is_nan() => f64::INFINITY,
        rms => rms,
    };
    Ok(seen)
}
