//! What the float model does on calibration data: the model's own samples unless some are given.

use sla_checkpoint::Meta;
use sla_checkpoint::rows::{FeatureRow, Rows, TokenRow};
use sla_eval::parallel::parallel;
use sla_eval::random::{Generator, Noise};
use sla_eval::step;
use sla_reference::{Input, Model, Op, Session, Tap};

/// Data that conversion may look at.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Calibration {
    /// Tokens that the float model samples from itself; for feature models synthetic frames: a
    /// random walk around the mean of the training features with their standard deviation, then
    /// constant silence.
    #[default]
    Own,
    /// Rows of token ids, each from a fresh state.
    Tokens(Vec<Vec<u32>>),
    /// Rows of raw feature vectors, each from a fresh state.
    Frames(Vec<Vec<Vec<f64>>>),
}

/// Longest row of own samples.
const OWN_STEPS: usize = 512;
/// Multiplications that the sampling of one row may cost.
const OWN_BUDGET: usize = 2_000_000_000;
/// Rows of own samples that second moments are taken from, and the fewest steps in each.
const OWN_ROWS: usize = 32;
const LEAST_STEPS: usize = 64;
/// The most steps of given data that second moments are taken from.
const MOST_STEPS: usize = 16_384;

/// Steps of drawn rows together, at most and at least, and in each row.
const DRAWN_STEPS: std::ops::RangeInclusive<usize> = 32..=8192;
const DRAWN_ROW: usize = 64;
/// Multiplications that they may cost.
const DRAWN_BUDGET: usize = 200_000_000;

/// What conversion looks at.
pub struct Data {
    /// For ranges, drift and the self-test.
    pub rows: Rows,
    /// The residual stream over these rows, where sampling saw it.
    pub residual: Option<Residual>,
    /// For second moments, where weights are rounded by them.
    pub moments: Option<Rows>,
    /// What the provenance calls it.
    pub name: String,
}

/// Resolves the choice to rows; `moments` says whether second moments will be taken.
pub fn data(
    meta: &Meta,
    model: &Model,
    calibration: &Calibration,
    moments: bool,
    done: &mut dyn FnMut(f64),
) -> Data {
    let given = |rows: Rows, name: &str| {
        let part = moments.then(|| {
            spread(
                &rows,
                (64 * OWN_BUDGET / parameters(model).max(1)).min(MOST_STEPS),
            )
        });
        Data {
            rows,
            residual: None,
            moments: part,
            name: name.into(),
        }
    };
    match (calibration, &model.config.input) {
        (Calibration::Tokens(rows), _) => given(tokens(rows.clone()), "given tokens"),
        (Calibration::Frames(rows), _) => given(features(rows.clone()), "given features"),
        (Calibration::Own, Input::Features { mean, std, .. }) => {
            let count = if moments { OWN_ROWS } else { 1 };
            let rows: Vec<_> = (0..count).map(|i| synthetic(mean, std, i as u64)).collect();
            let first = features(rows[..1].to_vec());
            let name = "synthetic frames and silence".into();
            Data {
                rows: first,
                residual: None,
                moments: moments.then(|| features(rows)),
                name,
            }
        }
        (Calibration::Own, Input::Tokens { .. }) => {
            let affordable = OWN_BUDGET / parameters(model).max(1);
            let first = meta
                .bos_token_id
                .unwrap_or(10.min(model.config.outputs as u32 - 1));
            if !moments {
                let steps = affordable.clamp(32, OWN_STEPS);
                let mut residual = Residual::default();
                return Data {
                    rows: tokens(vec![sample(model, 0, first, steps, &mut residual, done)]),
                    residual: Some(residual),
                    moments: None,
                    name: format!("{steps} tokens sampled from the float model"),
                };
            }
            let steps = affordable.clamp(LEAST_STEPS, OWN_STEPS);
            let rows = parallel(OWN_ROWS, |i| {
                sample(model, i as u64, first, steps, &mut (), &mut |_| ())
            });
            let measured = affordable.clamp(32, OWN_STEPS);
            Data {
                rows: tokens(vec![rows[0][..measured.min(rows[0].len())].to_vec()]),
                residual: None,
                name: format!("{OWN_ROWS} x {steps} tokens sampled from the float model"),
                moments: Some(tokens(rows)),
            }
        }
    }
}

/// What own samples and given data may never reach: every token of the vocabulary as often as any
/// other, in random order; for feature models noise with the mean and deviation of the training
/// features. Each row is from a fresh state.
pub fn drawn(model: &Model) -> Rows {
    let affordable =
        (DRAWN_BUDGET / parameters(model).max(1)).clamp(*DRAWN_STEPS.start(), *DRAWN_STEPS.end());
    let steps = if affordable < DRAWN_ROW {
        affordable
    } else {
        affordable / DRAWN_ROW * DRAWN_ROW
    };
    // Own samples have the streams before.
    let mut generator = Generator::stream(OWN_ROWS as u64);
    match &model.config.input {
        Input::Tokens { vocab } => {
            let mut vocabulary: Vec<u32> = (0..*vocab as u32).collect();
            generator.shuffle(&mut vocabulary);
            let mut ids: Vec<u32> = vocabulary.iter().copied().cycle().take(steps).collect();
            generator.shuffle(&mut ids);
            tokens(ids.chunks(DRAWN_ROW).map(<[u32]>::to_vec).collect())
        }
        Input::Features { mean, std, .. } => {
            let mut frame = || {
                mean.iter()
                    .zip(std)
                    .map(|(mean, std)| mean + std * generator.normal())
                    .collect()
            };
            let frames: Vec<Vec<f64>> = (0..steps).map(|_| frame()).collect();
            features(frames.chunks(DRAWN_ROW).map(<[_]>::to_vec).collect())
        }
    }
}

/// Whole rows, evenly spaced, of about `steps` steps together; at least one.
fn spread(rows: &Rows, steps: usize) -> Rows {
    let every = rows.positions().div_ceil(steps.max(1)).max(1);
    match rows {
        Rows::Tokens(rows) => Rows::Tokens(rows.iter().step_by(every).cloned().collect()),
        Rows::Features(rows) => Rows::Features(rows.iter().step_by(every).cloned().collect()),
    }
}

fn tokens(rows: Vec<Vec<u32>>) -> Rows {
    Rows::Tokens(
        rows.into_iter()
            .map(|ids| TokenRow { ids, targets: None })
            .collect(),
    )
}

fn features(rows: Vec<Vec<Vec<f64>>>) -> Rows {
    Rows::Features(
        rows.into_iter()
            .map(|frames| FeatureRow {
                frames,
                label: None,
            })
            .collect(),
    )
}

fn parameters(model: &Model) -> usize {
    let layer = model.weights.layers.first().map_or(0, |w| {
        [&w.q, &w.k, &w.v, &w.o, &w.gate, &w.up, &w.down]
            .iter()
            .map(|m| m.data.len())
            .sum()
    });
    layer * model.config.layers + model.config.hidden * model.config.outputs
}

fn sample(
    model: &Model,
    stream: u64,
    first: u32,
    steps: usize,
    tap: &mut impl Tap,
    done: &mut dyn FnMut(f64),
) -> Vec<u32> {
    let mut generator = Generator::stream(stream);
    let mut session = Session::new(model);
    let mut tokens = vec![first];
    while let Ok(logits) = session.step_token(tokens[tokens.len() - 1], tap) {
        if tokens.len() >= steps {
            break;
        }
        tokens.push(generator.draw(logits));
        done(tokens.len() as f64 / steps as f64);
    }
    tokens
}

/// 256 frames of noise, then 128 of silence (3 standard deviations below the mean).
fn synthetic(mean: &[f64], std: &[f64], stream: u64) -> Vec<Vec<f64>> {
    let mut noise = Noise::stream(stream, mean, std);
    let silence: Vec<f64> = mean
        .iter()
        .zip(std)
        .map(|(mean, std)| mean - 3.0 * std)
        .collect();
    (0..256)
        .map(|_| noise.next_frame())
        .chain(std::iter::repeat_n(silence, 128))
        .collect()
}

/// Measured extent of the residual stream.
#[derive(Clone, Copy, Debug)]
pub struct Residual {
    /// Smallest RMS of x over all layers and steps.
    pub smallest_rms: f64,
    /// Largest |x|.
    pub largest: f64,
}

impl Default for Residual {
    /// Nothing seen.
    fn default() -> Self {
        Self {
            smallest_rms: f64::INFINITY,
            largest: 0.0,
        }
    }
}

impl Tap for Residual {
    fn tap(&mut self, _: usize, op: Op, x: &[f64]) {
        if matches!(op, Op::LayerIn | Op::MidResidual | Op::Residual) {
            let rms = (x.iter().map(|x| x * x).sum::<f64>() / x.len().max(1) as f64).sqrt();
            if rms > 0.0 {
                self.smallest_rms = self.smallest_rms.min(rms);
            }
            self.largest = x.iter().fold(self.largest, |m, x| m.max(x.abs()));
        }
    }
}

/// Runs the rows through the float model.
pub fn measure(model: &Model, rows: &Rows) -> Residual {
    let mut residual = Residual::default();
    let mut session = Session::new(model);
    for r in 0..rows.len() {
        session.reset();
        for t in 0..rows.row(r).len() {
            step(&mut session, rows.row(r), t, &mut residual);
        }
    }
    residual
}
