//! Rows through the models, on all cores.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use sla_reference::{Config, Model as FloatModel, Session as FloatSession};
use sla_runtime::{Logits, Model, Op, Probe, Session};

use super::EvalError;
use super::fixed_features;
use super::layers::{LayerSums, SnrProbe, Trace};
use super::metrics::{Outputs, Sums};
use crate::owned_model::Memory;
use sla_checkpoint::rows::{Row, Rows};

/// Positions between two progress messages.
const REPORT_EVERY: usize = 256;

/// The sums of one comparison.
#[derive(Clone, Debug)]
pub(super) struct PairSums {
    pub(super) all: Sums,
    /// The same, row by row.
    pub(super) rows: Vec<Sums>,
    pub(super) layers: LayerSums,
}

/// What one row adds to each comparison.
type RowSums = Vec<(Sums, LayerSums)>;

enum Message {
    Steps(usize),
    Row(usize, Result<RowSums, EvalError>),
}

/// Runs every row through the float models and the runtime. Comparisons in order: each float model
/// against the runtime, then each other float model against the first (which plays "float").
pub(super) fn run(
    floats: &[&FloatModel],
    model: &Model,
    rows: &Rows,
    progress: &mut dyn FnMut(f64),
) -> Result<Vec<PairSums>, EvalError> {
    let workers = thread::available_parallelism().map_or(1, |n| n.get());
    run_on(workers, floats, model, rows, progress)
}

/// [`run`] on so many threads; the result is the same.
pub(super) fn run_on(
    workers: usize,
    floats: &[&FloatModel],
    model: &Model,
    rows: &Rows,
    progress: &mut dyn FnMut(f64),
) -> Result<Vec<PairSums>, EvalError> {
    for float in floats {
        rows.check(&float.config)?;
        check_same(&float.config, model)?;
    }
    let total = rows.positions();
    let next = AtomicUsize::new(0);
    let (sender, messages) = mpsc::channel();
    let mut results: Vec<Option<RowSums>> = vec![None; rows.len()];
    thread::scope(|scope| {
        let mut running = 0;
        for _ in 0..workers.min(rows.len()) {
            let (sender, next) = (sender.clone(), &next);
            let started = thread::Builder::new().spawn_scoped(scope, move || {
                let mut worker = Worker::new(floats, model);
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= rows.len() {
                        return;
                    }
                    let sums = worker.row(rows.row(index), &mut |steps| {
                        let _ = sender.send(Message::Steps(steps));
                    });
                    let failed = sums.is_err();
                    if sender.send(Message::Row(index, sums)).is_err() || failed {
                        // Nobody listens, or there is no result to work for.
                        next.store(rows.len(), Ordering::Relaxed);
                        return;
                    }
                }
            });
            running += usize::from(started.is_ok());
        }
        if running == 0 && !rows.is_empty() {
            return Err(EvalError::Thread);
        }
        drop(sender);
        let mut done = 0;
        let mut failure = None;
        for message in messages {
            match message {
                Message::Steps(steps) => {
                    done += steps;
                    progress(done as f64 / total as f64);
                }
                Message::Row(index, Ok(sums)) => results[index] = Some(sums),
                Message::Row(_, Err(e)) => failure = failure.or(Some(e)),
            }
        }
        failure.map_or(Ok(()), Err)
    })?;

    let layers = model.desc().layers as usize;
    let empty = || PairSums {
        all: Sums::default(),
        rows: Vec::new(),
        layers: LayerSums::new(layers),
    };
    let mut pairs = vec![empty(); 2 * floats.len() - 1];
    for row in results.into_iter().flatten() {
        for (pair, (sums, layers)) in pairs.iter_mut().zip(row) {
            pair.all.merge(&sums);
            pair.layers.merge(&layers);
            pair.rows.push(sums);
        }
    }
    Ok(pairs)
}

/// The models, with buffers that last from row to row.
struct Worker<'a, 'm> {
    floats: Vec<FloatSession<'a>>,
    traces: Vec<Trace>,
    float_outputs: Vec<Outputs>,
    model: &'a Model<'m>,
    memory: Memory,
    fixed_outputs: Outputs,
    features: Vec<i32>,
}

impl<'a, 'm> Worker<'a, 'm> {
    fn new(floats: &[&'a FloatModel], model: &'a Model<'m>) -> Self {
        let layers = model.desc().layers as usize;
        Self {
            floats: floats.iter().map(|f| FloatSession::new(f)).collect(),
            traces: vec![Trace::new(layers); floats.len()],
            float_outputs: vec![Outputs::default(); floats.len()],
            model,
            memory: Memory::of(model),
            fixed_outputs: Outputs::default(),
            features: Vec::new(),
        }
    }

    fn row(&mut self, row: Row, report: &mut dyn FnMut(usize)) -> Result<RowSums, EvalError> {
        let n = self.floats.len();
        let mut sums = vec![Sums::default(); 2 * n - 1];
        let mut layer_sums = vec![LayerSums::new(self.model.desc().layers as usize); 2 * n - 1];
        let mut session = self.memory.session(self.model)?;
        self.floats.iter_mut().for_each(FloatSession::reset);
        for position in 0..row.len() {
            for ((float, trace), outputs) in self
                .floats
                .iter_mut()
                .zip(&mut self.traces)
                .zip(&mut self.float_outputs)
            {
                let logits = match row {
                    Row::Tokens(row) => float.step_token(row.ids[position], trace)?,
                    Row::Features(row) => float.step_features(&row.frames[position], trace)?,
                };
                outputs.set(logits.iter().copied());
            }
            let mut probe = SnrProbe::new(self.model, &self.traces, &mut layer_sums[..n]);
            step_fixed(
                &mut session,
                row,
                position,
                &mut self.features,
                &mut probe,
                &mut self.fixed_outputs,
            )?;

            let target = row.target(position);
            for (sums, float) in sums.iter_mut().zip(&self.float_outputs) {
                sums.add(float, &self.fixed_outputs, target);
            }
            for i in 1..n {
                sums[n + i - 1].add(&self.float_outputs[0], &self.float_outputs[i], target);
                layer_sums[n + i - 1].add_trace(&self.traces[0], &self.traces[i]);
            }
            if (position + 1).is_multiple_of(REPORT_EVERY) || position + 1 == row.len() {
                report(position % REPORT_EVERY + 1);
            }
        }
        Ok(sums.into_iter().zip(layer_sums).collect())
    }
}

fn step_fixed(
    session: &mut Session,
    row: Row,
    position: usize,
    features: &mut Vec<i32>,
    probe: &mut SnrProbe,
    outputs: &mut Outputs,
) -> Result<(), EvalError> {
    let desc = *session.model().desc();
    let mut logits = match row {
        Row::Tokens(row) => session.step_probed(row.ids[position], probe)?,
        Row::Features(row) => {
            fixed_features(&row.frames[position], desc.feature_frac, features);
            session.step_features_probed(features, probe)?
        }
    };
    let saturated = fill(outputs, &mut logits);
    probe.saturated(desc.layers as usize, Op::Head, saturated);
    Ok(())
}

/// Takes over the runtime's logits of a step; returns how many were saturated (numerics.md N1.8).
pub(super) fn fill(outputs: &mut Outputs, logits: &mut Logits) -> u32 {
    let mut saturated = 0;
    outputs.fill(|all| {
        logits.for_each_tile(|_, tile| {
            saturated += tile
                .iter()
                .filter(|&&q16| q16 == i32::MAX || q16 == i32::MIN)
                .count() as u32;
            all.extend(tile.iter().map(|&q16| f64::from(q16) / 65_536.0));
        });
    });
    saturated
}

/// Whether the file may come from this checkpoint: the same recurrence and sizes.
///
/// # Errors
/// [`EvalError::Mismatch`] with the first difference.
pub fn check_same(config: &Config, model: &Model) -> Result<(), EvalError> {
    use sla_format::InputKind;
    use sla_reference::Input;
    let desc = model.desc();
    let differ = |what, float: String, fixed: String| {
        if float == fixed {
            Ok(())
        } else {
            Err(EvalError::Mismatch { what, float, fixed })
        }
    };
    differ(
        "backbone",
        format!("{:?}", config.backbone),
        format!("{:?}", desc.backbone),
    )?;
    let (inputs, kind) = match &config.input {
        Input::Tokens { vocab } => (*vocab, "tokens"),
        Input::Features { size, .. } => (*size, "features"),
    };
    let fixed_kind = if desc.input == InputKind::Tokens {
        "tokens"
    } else {
        "features"
    };
    differ("input", kind.into(), fixed_kind.into())?;
    for (what, float, fixed) in [
        ("input size", inputs, desc.inputs),
        ("output size", config.outputs, desc.outputs),
        ("number of layers", config.layers, desc.layers),
        ("hidden size", config.hidden, desc.hidden),
        ("number of heads", config.heads, desc.heads),
        (
            "number of state heads",
            config.value_heads,
            desc.state_heads,
        ),
        ("key head width", config.d_k, desc.d_k),
        ("value head width", config.d_v, desc.d_v),
        ("MLP width", config.intermediate, desc.intermediate),
    ] {
        differ(what, float.to_string(), fixed.to_string())?;
    }
    Ok(())
}
