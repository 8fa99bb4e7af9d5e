//! The formats that a model's bounds decide.

use crate::calibrate::Residual;
use crate::lower::LoweredModel;
use crate::quantize::LEAST_IN_BITS;
use sla_checkpoint::Meta;
use sla_format::ModelDesc;
use sla_mapping::describe;
use sla_mapping::real::exponent_above;
use sla_reference::Config;

/// Fraction bits that a lowering asks for and that only the bounds of a lowering tell.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Formats {
    /// Of the residual stream.
    pub(crate) residual_frac: i32,
    /// Whether the residual stream stays within its format, whatever the input.
    pub(crate) proven: bool,
    /// Of unit vectors.
    pub(crate) unit_frac: i32,
}

impl Formats {
    /// Those of the lowering that is done for its bounds alone.
    pub(crate) const TRIAL: Self = Self {
        residual_frac: 16,
        proven: false,
        unit_frac: LEAST_IN_BITS,
    };

    /// The best for the bounds of a trial and what the float model was seen to do.
    pub(crate) fn of(trial: &LoweredModel, seen: &Residual) -> Self {
        let (residual_frac, proven) = residual(trial.residual_bound, seen);
        Self {
            residual_frac,
            proven,
            unit_frac: trial.unit_frac,
        }
    }

    /// The description of a model with these formats.
    pub(crate) fn describe(self, config: &Config, meta: &Meta) -> ModelDesc {
        let eos = meta.eos_token_ids.first().copied();
        let (residual, unit) = (self.residual_frac, self.unit_frac);
        describe(config, residual, unit, meta.bos_token_id, eos)
    }
}

/// Fraction bits of the residual stream, and whether its bound is proven: the proven bound if it
/// leaves 11 bits for the smallest RMS seen, else 64 times the largest value seen.
fn residual(bound: f64, seen: &Residual) -> (i32, bool) {
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
