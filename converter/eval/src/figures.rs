//! From sums to figures.

use super::histogram::Histogram;
use super::layers::{Channel, LayerSnr};
use super::run::PairSums;
use sla_checkpoint::rows::Rows;

/// How far the second model ("fixed") is from the first ("float").
#[derive(Clone, Debug)]
pub struct Report {
    /// Positions compared.
    pub tokens: usize,
    /// Positions with a target: those that `nll_*` and `accuracy_*` average over.
    pub scored: usize,
    /// Mean negative log-likelihood of the targets in float; without any target, `None`.
    pub nll_float: Option<f64>,
    /// The same in fixed point.
    pub nll_fixed: Option<f64>,
    /// `exp(nll_fixed - nll_float)`
    pub ppl_ratio: Option<f64>,
    /// Mean of KL(float‖fixed).
    pub kl_mean: f64,
    /// Largest KL(float‖fixed).
    pub kl_max: f64,
    /// Share of positions where both have the same argmax.
    pub top1: f64,
    /// Largest difference of a logit.
    pub max_abs_logit: f64,
    /// RMS of the logits' differences over the RMS of the float logits.
    pub relative_rms: f64,
    /// Share of given targets or labels that float's argmax hits; `None` where the targets are
    /// merely the next tokens.
    pub accuracy_float: Option<f64>,
    /// The same in fixed point.
    pub accuracy_fixed: Option<f64>,
    /// Per-clip figures of feature models.
    pub clips: Option<ClipFigures>,
    /// One entry a layer.
    pub layers: Vec<LayerSnr>,
    /// Signal-to-noise ratio of the residual stream that enters the first layer, dB.
    pub input_snr: Option<f64>,
    /// Values and logits that were saturated (numerics.md N1.8).
    pub saturated: u64,
    /// All errors of logits by magnitude.
    pub errors: Histogram,
}

/// Figures over the clips of a feature model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClipFigures {
    /// Number of clips.
    pub clips: usize,
    /// Clips whose argmax at the last frame is the same.
    pub same_label: usize,
    /// Largest difference of a logit at the last frame, as a share of the float logits' RMS there;
    /// the worst clip.
    pub last_frame_max_error: f64,
    /// Relative RMS error at the last frame; median over clips.
    pub last_frame_relative_rms: f64,
    /// Relative RMS error over all frames of a clip; median over clips.
    pub clip_relative_rms: f64,
}

/// A layer and vector whose ratio is below a tolerance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Worst {
    /// The layer.
    pub layer: usize,
    /// The vector.
    pub channel: Channel,
    /// Its ratio in dB.
    pub snr: f64,
}

impl Report {
    /// The first vector, in order of computation, whose ratio is below `tolerance` dB.
    pub fn first_below(&self, tolerance: f64) -> Option<Worst> {
        self.ratios().find(|w| w.snr < tolerance)
    }

    /// The vector with the lowest ratio.
    pub fn worst(&self) -> Option<Worst> {
        self.ratios().min_by(|a, b| a.snr.total_cmp(&b.snr))
    }

    fn ratios(&self) -> impl Iterator<Item = Worst> {
        self.layers.iter().enumerate().flat_map(|(layer, snr)| {
            Channel::ALL.into_iter().filter_map(move |channel| {
                Some(Worst {
                    layer,
                    channel,
                    snr: snr.get(channel)?,
                })
            })
        })
    }
}

pub(super) fn report(pair: &PairSums, rows: &Rows) -> Report {
    let all = &pair.all;
    let mean = |sum: f64| (all.scored > 0).then(|| sum / all.scored as f64);
    let (nll_float, nll_fixed) = (mean(all.nll_float), mean(all.nll_fixed));
    let accuracy = |correct: usize| mean(correct as f64).filter(|_| rows.has_targets());
    let mut layers = pair.layers.snr();
    let input_snr = layers.pop().and_then(|input| input.get(Channel::Residual));
    Report {
        tokens: all.positions,
        scored: all.scored,
        nll_float,
        nll_fixed,
        ppl_ratio: nll_float
            .zip(nll_fixed)
            .map(|(float, fixed)| libm::exp(fixed - float)),
        kl_mean: all.kl / all.positions as f64,
        kl_max: all.kl_max,
        top1: all.agree as f64 / all.positions as f64,
        max_abs_logit: all.max_abs,
        relative_rms: all.relative_rms(),
        accuracy_float: accuracy(all.correct_float),
        accuracy_fixed: accuracy(all.correct_fixed),
        clips: matches!(rows, Rows::Features(_)).then(|| clips(pair)),
        layers,
        input_snr,
        saturated: pair.layers.saturated,
        errors: all.errors.clone(),
    }
}

fn clips(pair: &PairSums) -> ClipFigures {
    let figures =
        |f: fn(&super::metrics::Sums) -> f64| pair.rows.iter().map(f).collect::<Vec<f64>>();
    ClipFigures {
        clips: pair.rows.len(),
        same_label: pair.rows.iter().filter(|r| r.last.agree).count(),
        last_frame_max_error: figures(|r| r.last.relative_max())
            .into_iter()
            .fold(0.0, f64::max),
        last_frame_relative_rms: median(figures(|r| r.last.relative_rms())),
        clip_relative_rms: median(figures(|r| r.relative_rms())),
    }
}

/// The middle value; the mean of the middle two of an even number.
pub(super) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => values[n / 2],
        n => (values[n / 2 - 1] + values[n / 2]) / 2.0,
    }
}
