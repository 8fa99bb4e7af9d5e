//! What the tests that cross crates share: models made in memory, and the integer runtime set
//! against the float reference.

pub mod fuzz;
pub mod material;
pub mod needs;
pub mod recall;
pub mod untrusted;

use std::path::{Path, PathBuf};

use sla_checkpoint::{Checkpoint, Meta, load};
use sla_convert::{ConvertOptions, convert};
use sla_eval::fixed_features;
use sla_eval::owned_model::OwnedModel;
pub use sla_eval::parallel::parallel;
use sla_format::StateKind;
use sla_mapping::dequantize;
use sla_reference::{Config, Input, InputWeights, Matrix, Model as FloatModel, Weights};
use sla_runtime::Session;
use sla_test_models::Rng;

/// The directories in `dir` whose names begin with `prefix`, by name.
///
/// # Panics
/// If there is none.
pub fn directories(dir: &Path, prefix: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir)
        .expect("a readable directory")
        .map(|e| e.expect("a readable entry").path());
    let mut dirs: Vec<PathBuf> = entries
        .filter(|p| p.is_dir() && name(p).starts_with(prefix))
        .collect();
    dirs.sort();
    assert!(!dirs.is_empty(), "{} holds no {prefix}*", dir.display());
    dirs
}

/// Last component of a path.
pub fn name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// A checkpoint that never was on disk.
pub fn checkpoint(config: Config, weights: Weights) -> Checkpoint {
    let meta = Meta {
        model_type: format!("{:?}", config.backbone),
        name: "synthetic".into(),
        bos_token_id: None,
        eos_token_ids: Vec::new(),
        id2label: Vec::new(),
        sample_rate: None,
        n_fft: None,
        hop_length: None,
        source_sha256: [0; 32],
    };
    Checkpoint {
        config,
        weights,
        warnings: Vec::new(),
        meta,
    }
}

/// Both representations of the state.
pub const STATES: [StateKind; 2] = [StateKind::Int32, StateKind::Int16];

/// The usual conversion with all layers' states in one representation.
pub fn with_state(state: StateKind) -> ConvertOptions {
    ConvertOptions {
        state: vec![state],
        ..ConvertOptions::default()
    }
}

/// A converted checkpoint with the two float models that it is measured by.
pub struct Case {
    /// The float model.
    pub float: FloatModel,
    /// The float model over the weights that the file means.
    pub dequantized: FloatModel,
    /// The file.
    pub file: OwnedModel,
    /// What the converter warned of.
    pub warnings: Vec<String>,
}

impl Case {
    /// Converts.
    ///
    /// # Panics
    /// If the checkpoint cannot be converted.
    pub fn new(checkpoint: &Checkpoint, options: &ConvertOptions) -> Self {
        let converted = convert(checkpoint.clone(), options, &mut |_, _| {})
            .unwrap_or_else(|e| panic!("convert: {e}"));
        let file = OwnedModel::from_bytes(&converted.file).expect("a fresh file parses");
        let weights = dequantize(&file.model(), checkpoint).expect("the file's own checkpoint");
        let model = |weights| {
            FloatModel::new(checkpoint.config.clone(), weights).expect("weights that fit")
        };
        Self {
            float: model(checkpoint.weights.clone()),
            dequantized: model(weights),
            file,
            warnings: converted.warnings,
        }
    }

    /// Converts a model made in memory, calibrated on its own samples.
    ///
    /// # Panics
    /// If it cannot be converted.
    pub fn of(config: Config, weights: Weights) -> Self {
        Self::of_state(config, weights, StateKind::Int32)
    }

    /// [`Case::of`] with the state in another representation.
    ///
    /// # Panics
    /// As [`Case::of`].
    pub fn of_state(config: Config, weights: Weights, state: StateKind) -> Self {
        Self::new(&checkpoint(config, weights), &with_state(state))
    }

    /// Loads and converts a checkpoint, calibrated on its own samples.
    ///
    /// # Panics
    /// If it cannot be loaded or converted.
    pub fn load(dir: &Path) -> Self {
        Self::load_state(dir, StateKind::Int32)
    }

    /// [`Case::load`] with the state in another representation.
    ///
    /// # Panics
    /// As [`Case::load`].
    pub fn load_state(dir: &Path, state: StateKind) -> Self {
        Self::new(
            &load(dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display())),
            &with_state(state),
        )
    }

    /// Runs the stream through the integer runtime from a fresh state; logits of every step.
    ///
    /// # Panics
    /// If a step is refused.
    pub fn fixed(&self, stream: &Stream) -> Vec<Vec<f64>> {
        let model = self.file.model();
        let mut memory = self.file.memory();
        let mut session = memory
            .session(&model)
            .expect("buffers of the planned sizes");
        (0..stream.len())
            .map(|t| stream.step_fixed(t, &mut session))
            .collect()
    }

    /// How far the integer runtime is from the float model over its own weights, and from the
    /// original.
    ///
    /// # Panics
    /// If a step is refused, or a logit is not finite.
    pub fn drift(&self, stream: &Stream) -> Drift {
        let fixed = self.fixed(stream);
        let (own, float) = (stream.float(&self.dequantized), stream.float(&self.float));
        assert!(
            own.iter().chain(&float).flatten().all(|l| l.is_finite()),
            "the float model is out of its range"
        );
        let moved: Vec<_> = (0..4).map(|seed| stream.float(&self.moved(seed))).collect();
        let over_draws = |of: Error| {
            (moved
                .iter()
                .map(|moved| of(&own, moved).powi(2))
                .sum::<f64>()
                / 4.0)
                .sqrt()
        };
        let rms =
            (own.iter().flatten().map(|l| l * l).sum::<f64>() / own.concat().len() as f64).sqrt();
        Drift {
            arithmetic: relative_rms(&own, &fixed),
            usual: usual_rms(&own, &fixed),
            total: relative_rms(&float, &fixed),
            sensitivity: over_draws(relative_rms),
            usual_sensitivity: over_draws(usual_rms),
            resolution: if rms > 0.0 { 0.3 / 65_536.0 / rms } else { 0.0 },
        }
    }

    /// The float model over the file's weights with every weight moved by as much as rounding its
    /// matrix's input to a unit vector of 13 bits moves a product: 0.3·√cols·2^-13 of it.
    fn moved(&self, seed: u64) -> FloatModel {
        let mut model = self.dequantized.clone();
        let mut rng = Rng::new(seed);
        matrices(&mut model.weights, |m| {
            let share = 0.3 * (m.cols as f64).sqrt() * 2f64.powi(-13);
            m.data
                .iter_mut()
                .for_each(|w| *w *= (1.0 + share * rng.normal()) as f32);
        });
        model
    }
}

/// Relative RMS errors of the integer runtime's logits, and how far the float model itself moves
/// when its weights move by what rounding activations amounts to (four draws): the conditioning of
/// model and stream.
#[derive(Clone, Copy, Debug)]
pub struct Drift {
    /// Against the float model over the dequantised weights.
    pub arithmetic: f64,
    /// The same without the worst sixteenth of the steps: a norm of something near 0 is decided by
    /// no precision.
    pub usual: f64,
    /// Against the float model.
    pub total: f64,
    /// Conditioning over all steps.
    pub sensitivity: f64,
    /// Conditioning without the worst sixteenth of the steps.
    pub usual_sensitivity: f64,
    /// What rounding logits to multiples of 2^-16 costs.
    pub resolution: f64,
}

/// Calls `f` for every matrix and convolution.
pub fn matrices(w: &mut Weights, mut f: impl FnMut(&mut Matrix)) {
    match &mut w.input {
        InputWeights::Embedding(m) | InputWeights::Projection { weight: m, .. } => f(m),
    }
    for l in &mut w.layers {
        for m in [
            &mut l.q,
            &mut l.k,
            &mut l.v,
            &mut l.o,
            &mut l.gate,
            &mut l.up,
            &mut l.down,
        ] {
            f(m);
        }
        let more = [
            &mut l.g,
            &mut l.gk0,
            &mut l.gk1,
            &mut l.a,
            &mut l.b,
            &mut l.query_gate,
            &mut l.key_gate,
        ];
        more.into_iter().flatten().for_each(&mut f);
        let convs = [&mut l.q_conv, &mut l.k_conv, &mut l.v_conv];
        convs.into_iter().flatten().for_each(|c| f(&mut c.weight));
    }
    w.head.weight.iter_mut().for_each(f);
}

/// A measure of two runs' logits.
type Error = fn(&[Vec<f64>], &[Vec<f64>]) -> f64;

/// RMS of the differences over the RMS of `float`; 0 when both are all zero.
pub fn relative_rms(float: &[Vec<f64>], fixed: &[Vec<f64>]) -> f64 {
    let pairs = || float.iter().flatten().zip(fixed.iter().flatten());
    let error: f64 = pairs().map(|(a, b)| (a - b) * (a - b)).sum();
    let signal: f64 = pairs().map(|(a, _)| a * a).sum();
    if error == 0.0 {
        0.0
    } else {
        (error / signal).sqrt()
    }
}

/// [`relative_rms`] without the worst sixteenth of the positions.
pub fn usual_rms(float: &[Vec<f64>], fixed: &[Vec<f64>]) -> f64 {
    let error = |(a, b): (&Vec<f64>, &Vec<f64>)| {
        a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f64>()
    };
    let mut errors: Vec<f64> = float.iter().zip(fixed).map(error).collect();
    errors.sort_by(f64::total_cmp);
    let error: f64 = errors[..errors.len() - errors.len() / 16].iter().sum();
    let signal: f64 = float.iter().flatten().map(|l| l * l).sum();
    if error == 0.0 {
        0.0
    } else {
        (error / signal).sqrt()
    }
}

/// What goes into a model.
#[derive(Clone, Debug)]
pub enum Stream {
    /// For models that read tokens.
    Tokens(Vec<u32>),
    /// Raw feature vectors.
    Frames(Vec<Vec<f64>>),
}

impl Stream {
    /// A random input for a model: uniform tokens, or noise with the mean and deviation of the
    /// training features.
    pub fn random(config: &Config, steps: usize, seed: u64) -> Self {
        let mut rng = Rng::new(seed ^ 0x57e4);
        match &config.input {
            Input::Tokens { vocab } => {
                Self::Tokens((0..steps).map(|_| rng.below(*vocab) as u32).collect())
            }
            Input::Features { mean, std, .. } => {
                let mut frame = || {
                    mean.iter()
                        .zip(std)
                        .map(|(m, s)| m + s * rng.normal())
                        .collect()
                };
                Self::Frames((0..steps).map(|_| frame()).collect())
            }
        }
    }

    /// Steps.
    pub fn len(&self) -> usize {
        match self {
            Self::Tokens(ids) => ids.len(),
            Self::Frames(frames) => frames.len(),
        }
    }

    /// Whether there are no steps.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Step `t` on the integer runtime.
    ///
    /// # Panics
    /// If it is refused.
    pub fn step_fixed(&self, t: usize, session: &mut Session) -> Vec<f64> {
        let mut integers = Vec::new();
        let mut logits = match self {
            Self::Tokens(ids) => session.step(ids[t]),
            Self::Frames(frames) => {
                fixed_features(
                    &frames[t],
                    session.model().desc().feature_frac,
                    &mut integers,
                );
                session.step_features(&integers)
            }
        }
        .expect("an input of the model's kind");
        let mut out = Vec::new();
        logits
            .for_each_tile(|_, tile| out.extend(tile.iter().map(|&q16| f64::from(q16) / 65_536.0)));
        out
    }

    /// All steps of a float model from a fresh state; logits of every step.
    ///
    /// # Panics
    /// If a step is refused.
    pub fn float(&self, model: &FloatModel) -> Vec<Vec<f64>> {
        let mut session = sla_reference::Session::new(model);
        let step = |t: usize| match self {
            Self::Tokens(ids) => session.step_token(ids[t], &mut ()).map(<[f64]>::to_vec),
            Self::Frames(frames) => session
                .step_features(&frames[t], &mut ())
                .map(<[f64]>::to_vec),
        };
        (0..self.len())
            .map(step)
            .map(|logits| logits.expect("an input of the model's kind"))
            .collect()
    }
}

/// ln softmax.
pub fn log_softmax(logits: &[f64]) -> Vec<f64> {
    let top = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum = logits.iter().map(|l| (l - top).exp()).sum::<f64>().ln();
    logits.iter().map(|l| l - top - sum).collect()
}

/// KL(float‖fixed) of two sets of logits, nats.
pub fn kl(float: &[f64], fixed: &[f64]) -> f64 {
    let pairs = log_softmax(float).into_iter().zip(log_softmax(fixed));
    pairs.map(|(a, b)| a.exp() * (a - b)).sum::<f64>().max(0.0)
}
