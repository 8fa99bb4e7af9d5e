//! Error-compensated rounding of one row: successive rounding along a Cholesky factor, then
//! alternating refinement.

use super::cholesky::{Factor, dot};

/// The integers and scales that a row may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid {
    /// Smallest integer.
    pub low: i8,
    /// Largest integer.
    pub high: i8,
    /// Columns that share a scale.
    pub group: usize,
    /// Largest group scale; all are multiples of the row's unit.
    pub scales: u8,
}

/// A row on a [`Grid`]: `integer · scale · unit`.
#[derive(Clone, Debug, Default)]
pub struct Row {
    /// One a column.
    pub integers: Vec<i8>,
    /// One a group.
    pub scale: Vec<u8>,
    /// Real value of one unit.
    pub unit: f64,
    /// (ŵ - w)·H·(ŵ - w)ᵀ
    pub error: f64,
}

/// What rows are rounded for: the smallest (ŵ - w)·H·(ŵ - w)ᵀ.
pub struct Objective {
    h: Vec<f64>,
    factor: Factor,
    /// Cost of a unit error in each column after the columns that are rounded later have made good
    /// what they can.
    own_cost: Vec<f64>,
}

/// Clip factors tried for a group's step.
const CLIPS: usize = 24;
/// Times that steps and integers take turns, at most.
const ROUNDS: usize = 4;
/// Passes of coordinate descent, at most.
const PASSES: usize = 50;
/// Further starts of successive rounding, at most, and as many as keep starts · columns below a
/// limit.
const RESTARTS: usize = 8;
const RESTART_COLUMNS: usize = 3072;
/// Width of the noise that moves a further start, in steps.
const JITTER: f64 = 0.6;
/// A relative gain of the error below which refinement stops.
const LEAST_GAIN: f64 = 1e-4;

impl Objective {
    /// Of H, `[n, n]`, positive definite.
    pub fn new(h: Vec<f64>, n: usize) -> Self {
        let factor = Factor::new(&h, n);
        let mut own_cost = vec![0.0; n];
        for (k, &c) in factor.order.iter().enumerate() {
            own_cost[c] = factor.row(k)[k].powi(2);
        }
        Self {
            h,
            factor,
            own_cost,
        }
    }

    /// Columns.
    pub fn len(&self) -> usize {
        self.own_cost.len()
    }

    /// Whether there are no columns.
    pub fn is_empty(&self) -> bool {
        self.own_cost.is_empty()
    }

    /// x with H·x = b, in place.
    pub fn solve(&self, b: &mut [f64]) {
        self.factor.solve(b);
    }

    /// Rounds a row w: steps for each group by their cost, integers by successive rounding, then
    /// both by turns.
    ///
    /// # Panics
    /// If the row has another length.
    pub fn round(&self, w: &[f64], grid: Grid) -> Row {
        let n = self.len();
        let mut steps: Vec<f64> = (0..n)
            .step_by(grid.group)
            .map(|at| {
                let end = (at + grid.group).min(n);
                best_step(&w[at..end], &self.own_cost[at..end], grid)
            })
            .collect();
        let mut row = Row {
            scale: vec![0; steps.len()],
            integers: vec![0; n],
            unit: 0.0,
            error: 0.0,
        };
        row.set_steps(&mut steps, grid);
        self.successive(w, grid, &mut row, || 0.0);
        let mut gradient = vec![0.0; n];
        self.descend(w, grid, &mut row, &mut gradient);
        // The same from other starts: the least of several local minima.
        let mut noise = Noise(0x9e37_79b9_7f4a_7c15);
        for _ in 0..self.restarts(grid) {
            let mut next = row.clone();
            self.successive(w, grid, &mut next, || JITTER * noise.centred());
            self.descend(w, grid, &mut next, &mut gradient);
            if next.error < row.error {
                row = next;
            }
        }
        for _ in 0..ROUNDS {
            let mut next = row.clone();
            if grid.scales > 1 {
                let Some(mut steps) = self.best_steps(w, grid, &next) else {
                    break;
                };
                next.set_steps(&mut steps, grid);
            }
            self.descend(w, grid, &mut next, &mut gradient);
            let gain = row.error - next.error;
            let goes_on = gain > LEAST_GAIN * row.error;
            if gain > 0.0 {
                row = next;
            }
            if !goes_on {
                break;
            }
        }
        row
    }

    /// Further starts: they cost n² each, and matter only where steps are coarse.
    fn restarts(&self, grid: Grid) -> usize {
        if grid.scales == 1 {
            0
        } else {
            (RESTART_COLUMNS / self.len().max(1)).min(RESTARTS)
        }
    }

    /// From the last position to the first: each column is rounded with what the errors so far make
    /// of it, shifted by `jitter` steps.
    fn successive(&self, w: &[f64], grid: Grid, row: &mut Row, mut jitter: impl FnMut() -> f64) {
        let mut due = vec![0.0; self.len()];
        for k in (0..self.len()).rev() {
            let c = self.factor.order[k];
            let lower = self.factor.row(k);
            let step = row.step(c, grid);
            let q = nearest(w[c] + due[k] / lower[k] + jitter() * step, step, grid);
            row.integers[c] = q;
            let e = w[c] - f64::from(q) * step;
            due[..k]
                .iter_mut()
                .zip(lower)
                .for_each(|(d, l)| *d += e * l);
        }
    }

    /// Coordinate descent on the integers; leaves H·(ŵ - w) in `gradient` and sets the error.
    fn descend(&self, w: &[f64], grid: Grid, row: &mut Row, gradient: &mut [f64]) {
        let n = self.len();
        let mut e: Vec<f64> = (0..n)
            .map(|c| f64::from(row.integers[c]) * row.step(c, grid) - w[c])
            .collect();
        for (g, h) in gradient.iter_mut().zip(self.h.chunks_exact(n.max(1))) {
            *g = dot(h, &e);
        }
        for _ in 0..PASSES {
            let mut moved = false;
            for c in 0..n {
                let (step, h) = (row.step(c, grid), &self.h[c * n..(c + 1) * n]);
                let value = f64::from(row.integers[c]) * step;
                let q = nearest(value - gradient[c] / h[c], step, grid);
                if q != row.integers[c] {
                    let change = f64::from(q) * step - value;
                    row.integers[c] = q;
                    e[c] += change;
                    gradient
                        .iter_mut()
                        .zip(h)
                        .for_each(|(g, h)| *g += change * h);
                    moved = true;
                }
            }
            if !moved {
                break;
            }
        }
        row.error = dot(gradient, &e);
    }

    /// The real steps that are best for the integers as they are; `None` where there is no positive
    /// solution.
    fn best_steps(&self, w: &[f64], grid: Grid, row: &Row) -> Option<Vec<f64>> {
        let (n, groups) = (self.len(), row.scale.len());
        let q: Vec<f64> = row.integers.iter().map(|&q| f64::from(q)).collect();
        let mut a = vec![0.0; groups * groups];
        let mut b = vec![0.0; groups];
        for c in 0..n {
            if q[c] == 0.0 {
                continue;
            }
            let h = &self.h[c * n..(c + 1) * n];
            let g = c / grid.group;
            for (other, (h, q_other)) in h.chunks(grid.group).zip(q.chunks(grid.group)).enumerate()
            {
                a[g * groups + other] += q[c] * dot(h, q_other);
            }
            b[g] += q[c] * dot(h, w);
        }
        for g in 0..groups {
            // A group of zeros: any step.
            if a[g * groups + g] <= 0.0 {
                a[g * groups + g] = 1.0;
                b[g] = f64::from(row.scale[g]) * row.unit;
            }
        }
        Factor::new(&a, groups).solve(&mut b);
        b.iter().all(|&s| s >= 0.0 && s.is_finite()).then_some(b)
    }
}

impl Row {
    fn step(&self, column: usize, grid: Grid) -> f64 {
        f64::from(self.scale[column / grid.group]) * self.unit
    }

    fn set_steps(&mut self, steps: &mut [f64], grid: Grid) {
        let largest = steps.iter().fold(0.0f64, |m, &s| m.max(s));
        self.unit = largest / f64::from(grid.scales);
        for (scale, step) in self.scale.iter_mut().zip(steps) {
            *scale = if self.unit > 0.0 {
                (*step / self.unit).round().clamp(1.0, 255.0) as u8
            } else {
                0
            };
        }
    }
}

/// Xorshift: the same starts on every machine.
struct Noise(u64);

impl Noise {
    /// Uniform in [-1/2, 1/2).
    fn centred(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1u64 << 53) as f64 - 0.5
    }
}

fn nearest(value: f64, step: f64, grid: Grid) -> i8 {
    if step > 0.0 {
        (value / step)
            .round()
            .clamp(f64::from(grid.low), f64::from(grid.high)) as i8
    } else {
        0
    }
}

/// The step with the least Σ cost·(w - ŵ)² among [`CLIPS`] fractions of the one that clips nothing.
fn best_step(w: &[f64], cost: &[f64], grid: Grid) -> f64 {
    let (min, max) = w
        .iter()
        .fold((0.0f64, 0.0f64), |(a, b), &w| (a.min(w), b.max(w)));
    let whole = (max / f64::from(grid.high)).max(min / f64::from(grid.low));
    if grid.scales == 1 {
        return whole;
    }
    let error = |step: f64| -> f64 {
        w.iter()
            .zip(cost)
            .map(|(w, c)| c * (w - f64::from(nearest(*w, step, grid)) * step).powi(2))
            .sum()
    };
    (0..CLIPS)
        .map(|i| whole * (1.0 - 0.5 * i as f64 / CLIPS as f64))
        .min_by(|a, b| error(*a).total_cmp(&error(*b)))
        .unwrap_or(whole)
}

/// w·H·wᵀ
pub fn quadratic(h: &[f64], w: &[f64]) -> f64 {
    h.chunks_exact(w.len().max(1))
        .zip(w)
        .map(|(row, w_c)| w_c * dot(row, w))
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use sla_test_models::Rng;

    const GRID: Grid = Grid {
        low: -2,
        high: 1,
        group: 2,
        scales: 255,
    };

    /// Σ x·xᵀ of correlated vectors, and a row.
    fn problem(n: usize, seed: u64) -> (Vec<f64>, Vec<f64>) {
        let mut rng = Rng::new(seed);
        let mut h = vec![0.0; n * n];
        (0..n).for_each(|i| h[i * n + i] = 0.1);
        for _ in 0..2 * n {
            // Each element is 0.9 of the one before it and noise.
            let mut last = 0.0;
            let mut next = || {
                last = 0.9 * last + rng.normal();
                last
            };
            let x: Vec<f64> = (0..n).map(|_| next()).collect();
            (0..n * n).for_each(|i| h[i] += x[i / n] * x[i % n]);
        }
        (h, (0..n).map(|_| rng.normal()).collect())
    }

    fn value(row: &Row, grid: Grid) -> Vec<f64> {
        let step = |c: usize| f64::from(row.scale[c / grid.group]) * row.unit;
        row.integers
            .iter()
            .enumerate()
            .map(|(c, &q)| f64::from(q) * step(c))
            .collect()
    }

    fn error(h: &[f64], row: &Row, w: &[f64], grid: Grid) -> f64 {
        let e: Vec<f64> = value(row, grid).iter().zip(w).map(|(a, b)| a - b).collect();
        quadratic(h, &e)
    }

    #[test]
    fn the_error_is_the_objective_and_close_to_the_best_of_all_integers() {
        let mut over = 0.0;
        for seed in 0..40 {
            let (h, w) = problem(6, seed);
            let row = Objective::new(h.clone(), 6).round(&w, GRID);
            let own = error(&h, &row, &w, GRID);
            assert!(
                (row.error - own).abs() <= 1e-9 * own.max(1e-9),
                "seed {seed}: {} for {own}",
                row.error
            );
            // Every choice of integers for the same steps.
            let best = (0..4usize.pow(6)).map(|code| {
                let integers = (0..6).map(|c| (code >> (2 * c) & 3) as i8 - 2).collect();
                error(
                    &h,
                    &Row {
                        integers,
                        ..row.clone()
                    },
                    &w,
                    GRID,
                )
            });
            let best = best.fold(f64::INFINITY, f64::min);
            assert!(own >= best - 1e-9);
            over += own / best;
        }
        assert!(
            over / 40.0 < 1.25,
            "{} times the best on average",
            over / 40.0
        );
    }

    #[test]
    fn compensation_beats_rounding_to_nearest() {
        let grid = Grid {
            low: -8,
            high: 7,
            group: 32,
            scales: 255,
        };
        for seed in 0..5 {
            let (h, w) = problem(64, seed);
            let row = Objective::new(h.clone(), 64).round(&w, grid);
            let mut nearest = row.clone();
            for (c, q) in nearest.integers.iter_mut().enumerate() {
                *q = super::nearest(w[c], row.step(c, grid), grid);
            }
            assert!(row.error < 0.6 * error(&h, &nearest, &w, grid));
        }
    }

    #[test]
    fn zeros_and_single_columns_are_rounded() {
        let (h, _) = problem(5, 1);
        let row = Objective::new(h, 5).round(&[0.0; 5], GRID);
        assert_eq!((row.integers, row.error), (vec![0; 5], 0.0));
        let row = Objective::new(vec![2.0], 1).round(&[-3.0], GRID);
        assert!((value(&row, GRID)[0] + 3.0).abs() < 0.02, "{row:?}");
        assert!(
            Objective::new(Vec::new(), 0)
                .round(&[], GRID)
                .integers
                .is_empty()
        );
    }
}
