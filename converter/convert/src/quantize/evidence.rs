//! What rounding is based on: sums over the tokens that a matrix reads.

use super::compensate::Objective;
use super::moments::Moments;
use sla_eval::parallel::parallel;

/// Share of the mean diagonal that is added to second moments.
const DAMPING: f64 = 0.01;
/// Sums of moments that are kept apart, whatever the number of cores, and then added.
const LANES: usize = 2;

/// What rounding a set of matrices with the same input is based on.
pub(super) struct Evidence {
    /// H = Σ x̃·x̃ᵀ in units of the folded matrix's input.
    pub(super) h: Vec<f64>,
    pub(super) objective: Objective,
    /// Σ e·x̃ᵀ, `[·, n]`, folded likewise.
    pub(super) undone: Vec<f64>,
}

impl Evidence {
    /// From sums in units of the unfolded input.
    pub(super) fn new(mut h: Vec<f64>, mut undone: Vec<f64>, inverse: &[f64]) -> Self {
        let n = inverse.len();
        for (row, a) in h.chunks_exact_mut(n).zip(inverse) {
            row.iter_mut().zip(inverse).for_each(|(h, b)| *h *= a * b);
        }
        for row in undone.chunks_exact_mut(n) {
            row.iter_mut().zip(inverse).for_each(|(u, b)| *u *= b);
        }
        let mean = (0..n).map(|i| h[i * n + i]).sum::<f64>() / n as f64;
        let mut damped = h.clone();
        let ridge = if mean > 0.0 { DAMPING * mean } else { 1.0 };
        (0..n).for_each(|i| damped[i * n + i] += ridge);
        Self {
            h,
            objective: Objective::new(damped, n),
            undone,
        }
    }
}

/// Σ x̃·x̃ᵀ and Σ e·x̃ᵀ over all rows; `each` calls its argument with e and x̃ of every token of a row.
pub(super) fn gather(
    count: usize,
    errors: usize,
    inputs: usize,
    each: impl Fn(usize, &mut dyn FnMut(&[f64], &[f64])) + Sync,
) -> (Vec<f64>, Vec<f64>) {
    let lanes = parallel(LANES.min(count), |lane| {
        let (mut h, mut undone) = (Moments::new(inputs, inputs), Moments::new(errors, inputs));
        for r in (lane..count).step_by(LANES) {
            each(r, &mut |e, x| {
                h.add(x, x);
                undone.add(e, x);
            });
        }
        (h, undone)
    });
    let sums = lanes.into_iter().reduce(|mut sum, (h, undone)| {
        sum.0.merge(h);
        sum.1.merge(undone);
        sum
    });
    let (h, undone) =
        sums.unwrap_or_else(|| (Moments::new(inputs, inputs), Moments::new(errors, inputs)));
    (h.finish(), undone.finish())
}
