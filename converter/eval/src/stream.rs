//! One long stream through the float model, the float model over the file's weights and the
//! runtime, side by side: does the integer run drift away?
//!
//! Each runs on a thread of its own over the same input, chunk by chunk, and only sums are kept:
//! memory does not depend on the length of the stream. Positions are counted from 1.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use sla_reference::{Model as FloatModel, Session as FloatSession};
use sla_runtime::{Model, Op, Probe};

use super::feed::{Feed, Source, Step, StepInput};
use super::metrics::{Outputs, Sums};
use super::run::{check_same, fill};
use super::{EvalError, fixed_features};
use crate::owned_model::Memory;
use sla_checkpoint::rows::RowsError;

/// Logits of a chunk, about.
const CHUNK_LOGITS: usize = 1 << 16;
/// Chunks that a thread may be ahead of another.
const AHEAD: usize = 2;
/// Windows of the curve in a decade of positions.
const CURVE: i32 = 8;
/// Positions of the windows at both ends, at most; half of a shorter stream.
const END: u64 = 10_000;

/// How far two models are apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Distance {
    /// Mean KL divergence in nats; the model named first is the one that is trusted.
    pub kl: f64,
    /// Largest difference of a logit.
    pub max_abs: f64,
}

/// Figures over positions `first..=last`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Window {
    /// First position.
    pub first: u64,
    /// Last position.
    pub last: u64,
    /// Float against the runtime.
    pub fixed: Distance,
    /// Float against float over dequantised weights: what the weights cost.
    pub dequantized: Distance,
    /// Float over dequantised weights against the runtime: what the arithmetic costs.
    pub arithmetic: Distance,
    /// Bits that float spends on a token; `None` for feature models.
    pub bits_float: Option<f64>,
    /// The same of the runtime.
    pub bits_fixed: Option<f64>,
    /// Values and logits that were saturated.
    pub saturated: u64,
}

/// What [`stream`] found.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamReport {
    /// The whole stream.
    pub all: Window,
    /// Positions 1-10, 11-100, 101-1,000, …
    pub decades: Vec<Window>,
    /// Eight windows a decade.
    pub curve: Vec<Window>,
    /// The first 10,000 positions, or the first half of a shorter stream.
    pub first: Window,
    /// As many at the end.
    pub last: Window,
}

impl StreamReport {
    /// Mean KL at the end over that at the beginning.
    pub fn drift(&self) -> f64 {
        times(self.last.fixed.kl, self.first.fixed.kl)
    }

    /// The KL of a decade over what the weights alone cost there; the worst decade.
    pub fn over_weights(&self) -> f64 {
        self.decades
            .iter()
            .filter(|w| w.fixed.kl > 0.0)
            .map(|w| w.fixed.kl / w.dequantized.kl)
            .fold(0.0, f64::max)
    }
}

/// `now / before`; what is as it was stays once itself, were it nothing.
fn times(now: f64, before: f64) -> f64 {
    if now == before { 1.0 } else { now / before }
}

/// Runs `steps` positions of one stream through all three. `dequantized` has the config of
/// `reference` and the weights that the file means. `progress` gets the finished share, on the
/// calling thread.
///
/// # Errors
/// [`EvalError`]: the input or the models do not fit each other.
pub fn stream(
    reference: &FloatModel,
    dequantized: &FloatModel,
    model: &Model,
    source: Source,
    steps: u64,
    progress: &mut dyn FnMut(f64),
) -> Result<StreamReport, EvalError> {
    check_same(&reference.config, model)?;
    check_same(&dequantized.config, model)?;
    if steps == 0 {
        return Err(RowsError::Empty { what: "steps" }.into());
    }
    let feed = Feed::new(source, model, &reference.config)?;
    let chunk = (CHUNK_LOGITS / reference.config.outputs.max(1)).clamp(1, 256);
    let mut windows = Windows::new(steps);
    thread::scope(|scope| {
        let (to_dequantized, dequantized_steps) = sync_channel(AHEAD);
        let (to_fixed, fixed_steps) = sync_channel(AHEAD);
        let (float_done, float) = sync_channel(AHEAD);
        let (dequantized_done, of_dequantized) = sync_channel(AHEAD);
        let (fixed_done, fixed) = sync_channel(AHEAD);
        let threads = [
            thread::Builder::new().spawn_scoped(scope, move || {
                lead(
                    reference,
                    feed,
                    steps,
                    chunk,
                    [&to_dequantized, &to_fixed],
                    &float_done,
                )
            }),
            thread::Builder::new().spawn_scoped(scope, move || {
                follow(
                    &dequantized_steps,
                    &dequantized_done,
                    float_step(dequantized),
                )
            }),
            thread::Builder::new().spawn_scoped(scope, move || {
                let mut memory = Memory::of(model);
                follow(&fixed_steps, &fixed_done, fixed_step(model, &mut memory)?)
            }),
        ];
        // A thread that stops hangs up, and the others end when they notice.
        let mut position = 0;
        while let (Ok((steps_done, float)), Ok(dequantized), Ok(fixed)) =
            (float.recv(), of_dequantized.recv(), fixed.recv())
        {
            let (steps_done, float): (Arc<[Step]>, Vec<Seen>) = (steps_done, float);
            for (((step, a), b), c) in steps_done.iter().zip(&float).zip(&dequantized).zip(&fixed) {
                position += 1;
                windows.add(position, [a, b, c], step.target);
            }
            progress(position as f64 / steps as f64);
        }
        drop((float, of_dequantized, fixed));
        let ended = |thread: std::io::Result<thread::ScopedJoinHandle<Result<(), EvalError>>>| {
            thread
                .map_err(|_| EvalError::Thread)?
                .join()
                .expect("no panic in a model")
        };
        threads.into_iter().try_for_each(ended)
    })?;
    Ok(windows.report())
}

/// What a model showed at one position.
#[derive(Default)]
struct Seen {
    outputs: Outputs,
    saturated: u64,
}

/// Runs the float model that makes the input, and hands the input on.
fn lead(
    model: &FloatModel,
    mut feed: Feed,
    steps: u64,
    chunk: usize,
    followers: [&SyncSender<Arc<[Step]>>; 2],
    done: &SyncSender<(Arc<[Step]>, Vec<Seen>)>,
) -> Result<(), EvalError> {
    let mut step_one = float_step(model);
    let mut left = steps;
    let mut input = feed.first();
    while left > 0 {
        let len = left.min(chunk as u64);
        left -= len;
        let (mut passed, mut seen) = (Vec::new(), Vec::new());
        for _ in 0..len {
            let now = step_one(&input)?;
            let next = feed.next(&now.outputs.logits);
            passed.push(Step {
                target: next.target(),
                input: std::mem::replace(&mut input, next),
            });
            seen.push(now);
        }
        let passed: Arc<[Step]> = passed.into();
        let gone = followers
            .iter()
            .any(|follower| follower.send(Arc::clone(&passed)).is_err());
        if done.send((passed, seen)).is_err() || gone {
            break;
        }
    }
    Ok(())
}

/// Runs a model over the input that [`lead`] hands on.
fn follow(
    steps: &Receiver<Arc<[Step]>>,
    done: &SyncSender<Vec<Seen>>,
    mut step: impl FnMut(&StepInput) -> Result<Seen, EvalError>,
) -> Result<(), EvalError> {
    for chunk in steps {
        let seen = chunk
            .iter()
            .map(|s| step(&s.input))
            .collect::<Result<_, _>>()?;
        if done.send(seen).is_err() {
            break;
        }
    }
    Ok(())
}

fn float_step(model: &FloatModel) -> impl FnMut(&StepInput) -> Result<Seen, EvalError> {
    let mut session = FloatSession::new(model);
    move |input| {
        let logits = match input {
            StepInput::Token(token) => session.step_token(*token, &mut ())?,
            StepInput::Frame(frame) => session.step_features(frame, &mut ())?,
        };
        let mut seen = Seen::default();
        seen.outputs.set(logits.iter().copied());
        Ok(seen)
    }
}

fn fixed_step<'a>(
    model: &'a Model,
    memory: &'a mut Memory,
) -> Result<impl FnMut(&StepInput) -> Result<Seen, EvalError> + 'a, EvalError> {
    let mut session = memory.session(model)?;
    let mut features = Vec::new();
    Ok(move |input: &StepInput| {
        let mut counter = Saturated(0);
        let mut logits = match input {
            StepInput::Token(token) => session.step_probed(*token, &mut counter)?,
            StepInput::Frame(frame) => {
                fixed_features(frame, model.desc().feature_frac, &mut features);
                session.step_features_probed(&features, &mut counter)?
            }
        };
        let mut seen = Seen::default();
        counter.0 += u64::from(fill(&mut seen.outputs, &mut logits));
        seen.saturated = counter.0;
        Ok(seen)
    })
}

/// Counts saturated values.
struct Saturated(u64);

impl Probe for Saturated {
    fn saturated(&mut self, _layer: usize, _op: Op, count: u32) {
        self.0 += u64::from(count);
    }
}

/// Sums over a window: float against the runtime, float against dequantised, dequantised against
/// the runtime.
#[derive(Clone, Default)]
struct WindowSums {
    pairs: [Sums; 3],
    saturated: u64,
}

impl WindowSums {
    fn add(&mut self, [float, dequantized, fixed]: [&Seen; 3], target: Option<usize>) {
        let [total, weights, arithmetic] = &mut self.pairs;
        total.add(&float.outputs, &fixed.outputs, target);
        weights.add(&float.outputs, &dequantized.outputs, target);
        arithmetic.add(&dequantized.outputs, &fixed.outputs, target);
        self.saturated += fixed.saturated;
    }

    fn merge(&mut self, other: &Self) {
        self.pairs
            .iter_mut()
            .zip(&other.pairs)
            .for_each(|(a, b)| a.merge(b));
        self.saturated += other.saturated;
    }

    fn window(&self, first: u64, last: u64) -> Window {
        let distance = |s: &Sums| Distance {
            kl: s.kl / s.positions as f64,
            max_abs: s.max_abs,
        };
        let total = &self.pairs[0];
        let bits = |nats: f64| {
            (total.scored > 0).then(|| nats / total.scored as f64 / std::f64::consts::LN_2)
        };
        let [fixed, dequantized, arithmetic] = self.pairs.each_ref().map(distance);
        Window {
            first,
            last,
            fixed,
            dequantized,
            arithmetic,
            bits_float: bits(total.nll_float),
            bits_fixed: bits(total.nll_fixed),
            saturated: self.saturated,
        }
    }
}

/// The windows of a stream; the decades are unions of the curve's.
struct Windows {
    steps: u64,
    /// Last position of each window of the curve, rising; every power of ten below the end is one.
    ends: Vec<u64>,
    curve: Vec<WindowSums>,
    first: WindowSums,
    last: WindowSums,
}

impl Windows {
    fn new(steps: u64) -> Self {
        let mut ends: Vec<u64> = (0..)
            .map(|j: i32| libm::pow(10.0, f64::from(j) / f64::from(CURVE)).round() as u64)
            .take_while(|&end| end < steps)
            .collect();
        ends.push(steps);
        ends.dedup();
        let curve = Vec::new();
        Self {
            steps,
            ends,
            curve,
            first: WindowSums::default(),
            last: WindowSums::default(),
        }
    }

    /// Length of the windows at both ends.
    fn end(&self) -> u64 {
        (self.steps / 2).clamp(1, END)
    }

    /// Adds a position; they come in order.
    fn add(&mut self, position: u64, seen: [&Seen; 3], target: Option<usize>) {
        let open = self.curve.len();
        if open == 0 || self.ends.get(open - 1).is_some_and(|&end| position > end) {
            self.curve.push(WindowSums::default());
        }
        let end = self.end();
        if let Some(current) = self.curve.last_mut() {
            current.add(seen, target);
        }
        if position <= end {
            self.first.add(seen, target);
        }
        if position > self.steps - end {
            self.last.add(seen, target);
        }
    }

    fn report(&self) -> StreamReport {
        let (mut all, mut decade) = (WindowSums::default(), WindowSums::default());
        let (mut decades, mut curve) = (Vec::new(), Vec::new());
        let (mut first, mut decade_first, mut power) = (1, 1, 10);
        for (sums, &end) in self.curve.iter().zip(&self.ends) {
            curve.push(sums.window(first, end));
            all.merge(sums);
            decade.merge(sums);
            if end == power || end == self.steps {
                decades.push(std::mem::take(&mut decade).window(decade_first, end));
                (decade_first, power) = (end + 1, power.saturating_mul(10));
            }
            first = end + 1;
        }
        StreamReport {
            all: all.window(1, self.steps),
            decades,
            curve,
            first: self.first.window(1, self.end()),
            last: self.last.window(self.steps - self.end() + 1, self.steps),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_cover_the_stream_once() {
        for steps in [1, 2, 9, 10, 11, 100, 1234, 100_000, 250_000] {
            let mut windows = Windows::new(steps);
            let mut seen: [Seen; 3] = Default::default();
            for (seen, logit) in seen.iter_mut().zip([1.0, 1.5, 3.0]) {
                seen.outputs.set([0.0, logit].into_iter());
            }
            seen[2].saturated = 2;
            for position in 1..=steps {
                windows.add(position, seen.each_ref(), Some(1));
            }
            let report = windows.report();
            for parts in [&report.decades, &report.curve] {
                assert_eq!((parts[0].first, parts[parts.len() - 1].last), (1, steps));
                assert!(parts.windows(2).all(|w| w[0].last + 1 == w[1].first));
                assert_eq!(parts.iter().map(|w| w.saturated).sum::<u64>(), 2 * steps);
            }
            assert!(
                report
                    .decades
                    .iter()
                    .rev()
                    .skip(1)
                    .zip(0..)
                    .all(|(w, _)| w.last.to_string().starts_with('1'))
            );
            assert_eq!(report.decades.len() as u32, (steps.max(2) - 1).ilog10() + 1);
            let len = (steps / 2).clamp(1, END);
            assert_eq!(
                (report.first.last, report.last.first),
                (len, steps - len + 1)
            );
            assert_eq!(report.first.saturated, 2 * len);
            let w = report.all;
            assert_eq!(
                (w.fixed.max_abs, w.dequantized.max_abs, w.arithmetic.max_abs),
                (2.0, 0.5, 1.5)
            );
            let bits = |logit: f64| (1.0 + (-logit).exp()).log2();
            assert!((w.bits_float.unwrap() - bits(1.0)).abs() < 1e-9);
            assert!((w.bits_fixed.unwrap() - bits(3.0)).abs() < 1e-9);
            assert!((report.drift() - 1.0).abs() < 1e-9 && report.over_weights() > 1.0);
        }
    }
}
