//! What a fresh file may cost: one line each, with what to do.

use crate::{ConvertOptions, WeightBits};
use sla_checkpoint::rows::Rows;
use sla_eval::{Report, WorstRow};
use sla_format::StateKind;

/// Relative RMS of the logits above which a file is not what its checkpoint is.
const FAR: f64 = 0.1;

/// How the fresh file was made and what it did.
pub(crate) struct Measured<'a> {
    pub(crate) options: &'a ConvertOptions,
    /// On calibration data.
    pub(crate) drift: &'a Report,
    /// On rows that are drawn ([`crate::calibrate::drawn`]).
    pub(crate) drawn: &'a Rows,
    pub(crate) worst: WorstRow,
    /// Where the residual stream's format is calibrated: the largest value seen.
    pub(crate) calibrated: Option<f64>,
    /// Tensors whose results have no bound within their format, by name.
    pub(crate) unproven: &'a [String],
}

impl Measured<'_> {
    /// All of them.
    pub(crate) fn warnings(&self) -> Vec<String> {
        [
            self.far(),
            self.residual(),
            self.saturated(),
            self.unproven(),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// The worse of both measurements.
    fn far(&self) -> Option<String> {
        let (given, drawn) = (self.drift.relative_rms, self.worst.relative_rms);
        let share = if given.is_nan() {
            f64::INFINITY
        } else {
            given.max(drawn)
        };
        if share <= FAR {
            return None;
        }
        let place = if share > drawn {
            "on the calibration data".into()
        } else {
            self.worst_drawn()
        };
        let share = if share.is_finite() {
            format!("{:.0} %", 100.0 * share)
        } else {
            "infinitely far".into()
        };
        Some(format!(
            "the integer model is {share} (relative RMS of the logits) away from the float model {place}; {}`sla eval` on your \
             own data (--text, --tokens) shows whether that reaches it, in which layer, and whether the weights or the arithmetic \
             cost it",
            self.closer()
        ))
    }

    fn worst_drawn(&self) -> String {
        let (rows, all) = (self.drawn.len(), self.drawn.positions());
        let each = all.div_ceil(rows.max(1));
        if rows == 1 {
            format!("on {}", self.draws(all))
        } else {
            format!("in the worst of {rows} rows of {}", self.draws(each))
        }
    }

    fn draws(&self, count: usize) -> String {
        match self.drawn {
            Rows::Tokens(_) => format!("{count} tokens drawn from the vocabulary"),
            Rows::Features(_) => {
                format!("{count} frames of noise with the features' mean and deviation")
            }
        }
    }

    /// Options that come closer to float.
    fn closer(&self) -> String {
        let weights = (self.options.weights != WeightBits::Int8).then_some("--weights int8");
        let state = self
            .options
            .state
            .contains(&StateKind::Int16)
            .then_some("--state int32");
        let all: Vec<&str> = weights.into_iter().chain(state).collect();
        if all.is_empty() {
            String::new()
        } else {
            format!("{} may come closer; ", all.join(" and "))
        }
    }

    /// A calibrated format costs nothing until values leave it.
    fn residual(&self) -> Option<String> {
        let count = self.worst.residual_saturated;
        let largest = self.calibrated.filter(|_| count > 0)?;
        Some(format!(
            "the residual stream saturated {count} times on {}: its proven bound leaves too few bits, so its format ends at 64 times \
             the largest value in the calibration data, {largest:.3e}; --calibration with data that reaches further gives it room",
            self.draws(self.drawn.positions())
        ))
    }

    fn saturated(&self) -> Option<String> {
        let drawn = self.worst.saturated
            + if self.calibrated.is_none() {
                self.worst.residual_saturated
            } else {
                0
            };
        let places = [
            (self.drift.saturated, "the calibration data".into()),
            (drawn, self.draws(self.drawn.positions())),
        ];
        let seen: Vec<String> = places
            .iter()
            .filter(|p| p.0 > 0)
            .map(|(count, place)| format!("{count} values saturated on {place}"))
            .collect();
        (!seen.is_empty()).then(|| {
            format!(
                "{}; `sla eval` on your own data (--text, --tokens) shows whether it happens there and what it costs; smaller weights \
                 (weight decay) avoid it",
                seen.join(", ")
            )
        })
    }

    fn unproven(&self) -> Option<String> {
        let first = self.unproven.first()?;
        Some(format!(
            "the bounds of {} tensors ({first} first) exceed their results' format: beyond ±32,768 they saturate; nothing is lost while \
             `sla eval` on your own data counts no saturated values, and smaller weights (weight decay) make it certain",
            self.unproven.len()
        ))
    }
}
