//! A model layer after layer: what each matrix reads in the model that is quantised so far, and
//! rounding for that.
//!
//! Two models run over the same tokens: the float model (x, y) and the quantised one (x̃, ỹ). A
//! matrix that reads a norm is rounded for Ŵ·ã ≈ W·a, one that writes to the residual stream for x̃
//! + Ŵ·ỹ ≈ x + W·y: every matrix makes good what it can of the errors before it.

use super::compensate::{Grid, Objective, Row, quadratic};
use super::evidence::{Evidence, gather};
use super::model::{Quantized, dequantized, folding, inverse};
use super::streams::{Streams, advance, streams};
use super::{Bits, Int4Rows, Int8Rows, QuantizedMatrix};
use sla_checkpoint::rows::Rows;
use sla_eval::parallel::parallel;
use sla_format::{ModelDesc, Role};
use sla_mapping::layer_slot;
use sla_reference::{LayerSession, LayerWeights, Model, Op, Tap};

/// Rows of a matrix that a thread rounds at once.
const ROWS_AT_ONCE: usize = 16;
/// What rounding a matrix cost.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    /// Layer; the number of layers for the head.
    pub layer: usize,
    /// Role.
    pub role: Role,
    /// Bits of a weight.
    pub bits: Bits,
    /// tr(ΔW·H·ΔWᵀ)/tr(W·H·Wᵀ)
    pub error: f64,
}

/// How to run [`quantize`].
pub struct Plan<'a> {
    /// The model's description; only what folding needs.
    pub desc: &'a ModelDesc,
    /// Bits of every matrix.
    pub bits: &'a dyn Fn(usize, Role) -> Bits,
    /// Whether matrices see the errors of those before them; otherwise each is rounded as if it
    /// were the only one.
    pub chained: bool,
}

/// One half of a layer: some matrices read a norm, one writes to the residual stream.
struct Half {
    readers: &'static [Role],
    writer: Role,
    /// What the writer reads.
    between: Op,
}

const HALVES: [Half; 2] = [
    Half {
        readers: &[
            Role::Query,
            Role::Key,
            Role::Value,
            Role::OutputGate,
            Role::DecayDown,
            Role::DeltaDecay,
            Role::DeltaBeta,
            Role::QueryHeadGate,
            Role::KeyHeadGate,
        ],
        writer: Role::Output,
        between: Op::MixerNorm,
    },
    Half {
        readers: &[Role::MlpGate, Role::MlpUp],
        writer: Role::MlpDown,
        between: Op::Hidden,
    },
];

/// Quantises every matrix for the data in `rows`. `done` is told the share of layers that are
/// finished.
///
/// # Panics
/// If the rows do not fit the model.
pub fn quantize(
    model: &Model,
    rows: &Rows,
    plan: &Plan<'_>,
    done: &mut dyn FnMut(f64),
) -> (Quantized, Vec<Cost>) {
    let (config, weights) = (&model.config, &model.weights);
    let mut run = Run {
        model,
        plan,
        out: Quantized::new(config),
        costs: Vec::new(),
    };
    let input = run.input();
    let mut streams = streams(model, rows, plan.chained.then_some(&input));
    run.out.set(0, Role::Input, input);
    for (layer, float) in weights.layers.iter().enumerate() {
        let mut fixed = float.clone();
        for half in &HALVES {
            run.readers(layer, half.readers, &streams, &mut fixed);
            run.decay_up(layer, &mut fixed);
            let fixed = if plan.chained {
                &mut fixed
            } else {
                &mut float.clone()
            };
            run.writer(layer, half, float, fixed, &mut streams);
        }
        done((layer + 1) as f64 / config.layers as f64);
    }
    if !config.tied {
        run.readers(
            config.layers,
            &[Role::Head],
            &streams,
            &mut LayerWeights::zeros(config),
        );
    }
    (run.out, run.costs)
}

struct Run<'a> {
    model: &'a Model,
    plan: &'a Plan<'a>,
    out: Quantized,
    costs: Vec<Cost>,
}

impl Run<'_> {
    fn grid(&self, layer: usize, role: Role, cols: usize) -> (Bits, Grid) {
        match (self.plan.bits)(layer, role) {
            Bits::Int4 => (Bits::Int4, Int4Rows::grid(cols)),
            Bits::Int8 => (Bits::Int8, Int8Rows::GRID),
        }
    }

    /// The input's matrix: nearest int8, or int4 with the best steps for each row, all columns
    /// being alike.
    fn input(&self) -> QuantizedMatrix {
        let recipe = folding(
            &self.model.config,
            &self.model.weights,
            self.plan.desc,
            0,
            Role::Input,
        )
        .expect("an input");
        let (cols, w) = (recipe.matrix.cols, recipe.folded());
        match self.grid(0, Role::Input, cols) {
            (Bits::Int8, _) => QuantizedMatrix::Int8(Int8Rows::round(&w, cols)),
            (Bits::Int4, grid) => {
                let mut identity = vec![0.0; cols * cols];
                (0..cols).for_each(|i| identity[i * cols + i] = 1.0);
                let objective = Objective::new(identity, cols);
                let rows = w
                    .chunks_exact(cols)
                    .map(|row| objective.round(row, grid))
                    .collect();
                QuantizedMatrix::Int4(Int4Rows::of(rows, cols))
            }
        }
    }

    /// GLA's second decay matrix reads a handful of values: nearest int8.
    fn decay_up(&mut self, layer: usize, fixed: &mut LayerWeights) {
        let role = Role::DecayUp;
        let Some(recipe) = folding(
            &self.model.config,
            &self.model.weights,
            self.plan.desc,
            layer,
            role,
        ) else {
            return;
        };
        let q = QuantizedMatrix::Int8(Int8Rows::round(&recipe.folded(), recipe.matrix.cols));
        fixed.gk1 = Some(dequantized(&q, None));
        self.out.set(layer, role, q);
    }

    /// Rounds the matrices that read `norm` of the residual stream.
    fn readers(
        &mut self,
        layer: usize,
        roles: &[Role],
        streams: &Streams,
        fixed: &mut LayerWeights,
    ) {
        let (hidden, eps) = (self.model.config.hidden, self.model.config.norm_eps);
        let (h, undone) = gather(streams.float.len(), hidden, hidden, |r, add| {
            let (mut a, mut b) = (vec![0.0; hidden], vec![0.0; hidden]);
            for (x, y) in streams.float[r]
                .chunks_exact(hidden)
                .zip(streams.fixed[r].chunks_exact(hidden))
            {
                rms(x, eps, &mut a);
                rms(y, eps, &mut b);
                a.iter_mut().zip(&b).for_each(|(a, b)| *a -= b);
                add(&a, &b);
            }
        });
        // The unit vectors are what a matrix with its norm's weights folded in reads.
        let input = Evidence::new(h, undone, &vec![1.0; hidden]);
        for &role in roles {
            let config = &self.model.config;
            let Some(recipe) = folding(config, &self.model.weights, self.plan.desc, layer, role)
            else {
                continue;
            };
            let undone = |row: &[f64], out: &mut [f64]| {
                out.fill(0.0);
                for (w, errors) in row.iter().zip(input.undone.chunks_exact(hidden)) {
                    out.iter_mut().zip(errors).for_each(|(o, e)| *o += w * e);
                }
            };
            let q = self.round(layer, role, &recipe.folded(), &input, |_, row, out| {
                undone(row, out)
            });
            let slot = if role == Role::Head {
                None
            } else {
                layer_slot(fixed, role)
            };
            if let Some(slot) = slot {
                *slot = dequantized(&q, recipe.columns.as_deref());
            }
            self.out.set(layer, role, q);
        }
    }

    /// Runs half a layer in both models, rounds the matrix at its end and moves both streams on.
    fn writer(
        &mut self,
        layer: usize,
        half: &Half,
        float: &LayerWeights,
        fixed: &mut LayerWeights,
        streams: &mut Streams,
    ) {
        let config = &self.model.config;
        let hidden = config.hidden;
        let count = streams.float.len();
        let mut results = parallel(2 * count, |i| {
            let (w, x) = if i < count {
                (float, &streams.float[i])
            } else {
                (&*fixed, &streams.fixed[i - count])
            };
            let mut session = LayerSession::new(config, w, layer);
            let mut x = x.clone();
            let mut between = Between {
                op: half.between,
                values: Vec::new(),
            };
            for x in x.chunks_exact_mut(hidden) {
                match half.writer {
                    Role::Output => session.mix(x, &mut between),
                    _ => session.mlp(x, &mut between),
                }
            }
            (x, between.values)
        });
        let fixed_results = results.split_off(count);
        let recipe = folding(
            config,
            &self.model.weights,
            self.plan.desc,
            layer,
            half.writer,
        )
        .expect("every layer writes");
        let n = recipe.matrix.cols;
        // With the float matrix at the end of the quantised half, what is left between the streams
        // is what the rounded one should make good.
        let (h, undone) = gather(count, hidden, n, |r, add| {
            let mut left = vec![0.0; hidden];
            let pairs = results[r]
                .0
                .chunks_exact(hidden)
                .zip(fixed_results[r].0.chunks_exact(hidden));
            for ((x, y), input) in pairs.zip(fixed_results[r].1.chunks_exact(n)) {
                left.iter_mut()
                    .zip(x.iter().zip(y))
                    .for_each(|(l, (x, y))| *l = x - y);
                add(&left, input);
            }
        });
        let input = Evidence::new(h, undone, &inverse(recipe.columns.as_deref(), n));
        let undone =
            |r: usize, _: &[f64], out: &mut [f64]| out.copy_from_slice(&input.undone[r * n..][..n]);
        let q = self.round(layer, half.writer, &recipe.folded(), &input, undone);
        let matrix = dequantized(&q, recipe.columns.as_deref());
        for (r, (_, inputs)) in fixed_results.iter().enumerate() {
            streams.float[r].clone_from(&results[r].0);
            if self.plan.chained {
                advance(&matrix, inputs, &mut streams.fixed[r]);
            } else {
                streams.fixed[r].clone_from(&results[r].0);
            }
        }
        if let Some(slot) = layer_slot(fixed, half.writer) {
            *slot = matrix;
        }
        self.out.set(layer, half.writer, q);
    }

    /// Rounds a folded matrix. `undone(row index, row, out)` is the row's Σ e·x̃ᵀ: what it should do
    /// beyond W.
    fn round(
        &mut self,
        layer: usize,
        role: Role,
        w: &[f64],
        input: &Evidence,
        undone: impl Fn(usize, &[f64], &mut [f64]) + Sync,
    ) -> QuantizedMatrix {
        let n = input.objective.len();
        let (bits, grid) = self.grid(layer, role, n);
        let rows = w.len() / n;
        let rounded = parallel(rows.div_ceil(ROWS_AT_ONCE), |block| {
            let mut target = vec![0.0; n];
            let range = block * ROWS_AT_ONCE..rows.min((block + 1) * ROWS_AT_ONCE);
            let round = |r: usize| {
                let row = &w[r * n..][..n];
                undone(r, row, &mut target);
                input.objective.solve(&mut target);
                target.iter_mut().zip(row).for_each(|(t, w)| *t += w);
                let q = input.objective.round(&target, grid);
                let power = quadratic(&input.h, row);
                (q, power)
            };
            range.map(round).collect::<Vec<_>>()
        });
        let (rows, power): (Vec<Row>, Vec<f64>) = rounded.into_iter().flatten().unzip();
        let (error, power) = (
            rows.iter().map(|r| r.error).sum::<f64>(),
            power.iter().sum::<f64>(),
        );
        self.costs.push(Cost {
            layer,
            role,
            bits,
            error: if power > 0.0 { error / power } else { 0.0 },
        });
        match bits {
            Bits::Int4 => QuantizedMatrix::Int4(Int4Rows::of(rows, n)),
            Bits::Int8 => QuantizedMatrix::Int8(Int8Rows::of(rows, n)),
        }
    }
}

/// Keeps what one operation gives, token by token.
struct Between {
    op: Op,
    values: Vec<f64>,
}

impl Tap for Between {
    fn tap(&mut self, _: usize, op: Op, values: &[f64]) {
        if op == self.op {
            self.values.extend_from_slice(values);
        }
    }
}

/// `y = x / sqrt(mean(x²) + eps)`
fn rms(x: &[f64], eps: f64, y: &mut [f64]) {
    let factor = 1.0 / (x.iter().map(|v| v * v).sum::<f64>() / x.len() as f64 + eps).sqrt();
    y.iter_mut().zip(x).for_each(|(y, x)| *y = x * factor);
}
