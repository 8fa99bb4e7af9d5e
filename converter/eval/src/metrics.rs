//! Sums over positions of two models' logits.

use super::histogram::Histogram;

/// The logits of one model at one position, with what every metric needs of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Outputs {
    pub(super) logits: Vec<f64>,
    log_probs: Vec<f64>,
    argmax: usize,
}

impl Outputs {
    /// Takes over a position's logits.
    pub(super) fn set(&mut self, logits: impl Iterator<Item = f64>) {
        self.fill(|all| all.extend(logits));
    }

    /// Takes over the logits that `append` puts into an empty vector.
    pub(super) fn fill(&mut self, append: impl FnOnce(&mut Vec<f64>)) {
        self.logits.clear();
        append(&mut self.logits);
        self.refresh();
    }

    fn refresh(&mut self) {
        let mut top = f64::NEG_INFINITY;
        for (i, &logit) in self.logits.iter().enumerate() {
            if logit > top {
                (top, self.argmax) = (logit, i);
            }
        }
        let log_sum = libm::log(self.logits.iter().map(|l| libm::exp(l - top)).sum::<f64>());
        self.log_probs.clear();
        self.log_probs
            .extend(self.logits.iter().map(|l| l - top - log_sum));
    }
}

/// Sums over the positions of a row, or of several rows. "float" is the model that is trusted.
#[derive(Clone, Debug, Default)]
pub(super) struct Sums {
    pub(super) positions: usize,
    /// Positions with a target.
    pub(super) scored: usize,
    pub(super) nll_float: f64,
    pub(super) nll_fixed: f64,
    pub(super) correct_float: usize,
    pub(super) correct_fixed: usize,
    pub(super) kl: f64,
    pub(super) kl_max: f64,
    pub(super) agree: usize,
    pub(super) max_abs: f64,
    pub(super) error_square: f64,
    pub(super) float_square: f64,
    /// All errors of logits by magnitude.
    pub(super) errors: Histogram,
    /// The last position added.
    pub(super) last: LastPosition,
}

/// The last position of a row.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LastPosition {
    pub(super) agree: bool,
    pub(super) max_abs: f64,
    pub(super) error_square: f64,
    pub(super) float_square: f64,
    pub(super) outputs: usize,
}

impl Sums {
    /// Adds one position.
    pub(super) fn add(&mut self, float: &Outputs, fixed: &Outputs, target: Option<usize>) {
        let (mut kl, mut last) = (
            0.0,
            LastPosition {
                agree: float.argmax == fixed.argmax,
                ..Default::default()
            },
        );
        let logs = float.log_probs.iter().zip(&fixed.log_probs);
        for ((a, b), (log_a, log_b)) in float.logits.iter().zip(&fixed.logits).zip(logs) {
            kl += libm::exp(*log_a) * (log_a - log_b);
            last.max_abs = last.max_abs.max((a - b).abs());
            self.errors.add(a - b);
            last.error_square += (a - b) * (a - b);
            last.float_square += a * a;
            last.outputs += 1;
        }
        // Rounding may leave a sum that is not negative in exact arithmetic just below 0.
        let kl = if kl < 0.0 { 0.0 } else { kl };
        self.positions += 1;
        self.kl += kl;
        self.kl_max = self.kl_max.max(kl);
        self.agree += usize::from(last.agree);
        self.max_abs = self.max_abs.max(last.max_abs);
        self.error_square += last.error_square;
        self.float_square += last.float_square;
        self.last = last;
        if let Some(target) = target {
            self.scored += 1;
            self.nll_float -= float.log_probs[target];
            self.nll_fixed -= fixed.log_probs[target];
            self.correct_float += usize::from(float.argmax == target);
            self.correct_fixed += usize::from(fixed.argmax == target);
        }
    }

    /// Adds the sums of a row that came after.
    pub(super) fn merge(&mut self, row: &Self) {
        self.positions += row.positions;
        self.scored += row.scored;
        self.nll_float += row.nll_float;
        self.nll_fixed += row.nll_fixed;
        self.correct_float += row.correct_float;
        self.correct_fixed += row.correct_fixed;
        self.kl += row.kl;
        self.kl_max = self.kl_max.max(row.kl_max);
        self.agree += row.agree;
        self.max_abs = self.max_abs.max(row.max_abs);
        self.error_square += row.error_square;
        self.float_square += row.float_square;
        self.errors.merge(&row.errors);
        self.last = row.last;
    }

    /// RMS of the difference over the RMS of the float logits; 0 without a difference.
    pub(super) fn relative_rms(&self) -> f64 {
        share(self.error_square.sqrt(), self.float_square.sqrt())
    }
}

/// `error / signal`; no error is none of whatever there is.
fn share(error: f64, signal: f64) -> f64 {
    if error == 0.0 { 0.0 } else { error / signal }
}

impl LastPosition {
    /// RMS of the difference over the RMS of the float logits; 0 without a difference.
    pub(super) fn relative_rms(&self) -> f64 {
        share(self.error_square.sqrt(), self.float_square.sqrt())
    }

    /// Largest difference over the RMS of the float logits; 0 without a difference.
    pub(super) fn relative_max(&self) -> f64 {
        share(
            self.max_abs,
            (self.float_square / self.outputs as f64).sqrt(),
        )
    }
}
