//! Signal-to-noise ratios inside the layers: the runtime's probe against the reference's taps.

use sla_reference::{Op as FloatOp, Tap};
use sla_runtime::{Model, Op, Probe, Real};

/// A vector of a layer that both sides show in the same units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Channel {
    /// The read-side gate over the heads, scale included.
    QueryGate,
    /// The write-side gate over the heads, scale included.
    KeyGate,
    /// What the mixer adds to the residual stream.
    MixerOut,
    /// The input of `down_proj`.
    Hidden,
    /// What the MLP adds to the residual stream.
    MlpOut,
    /// The residual stream after the layer.
    Residual,
}

impl Channel {
    /// All, in the order in which a layer computes them.
    pub const ALL: [Channel; 6] = [
        Self::QueryGate,
        Self::KeyGate,
        Self::MixerOut,
        Self::Hidden,
        Self::MlpOut,
        Self::Residual,
    ];

    /// Name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::QueryGate => "query_gate",
            Self::KeyGate => "key_gate",
            Self::MixerOut => "mixer_out",
            Self::Hidden => "hidden",
            Self::MlpOut => "mlp_out",
            Self::Residual => "residual",
        }
    }

    fn of_runtime(op: Op) -> Option<Self> {
        Some(match op {
            Op::QueryGate => Self::QueryGate,
            Op::KeyGate => Self::KeyGate,
            Op::MixerOut => Self::MixerOut,
            Op::Hidden => Self::Hidden,
            Op::MlpOut => Self::MlpOut,
            Op::Residual => Self::Residual,
            _ => return None,
        })
    }

    fn of_reference(op: FloatOp) -> Option<Self> {
        Some(match op {
            FloatOp::QueryGate => Self::QueryGate,
            FloatOp::KeyGate => Self::KeyGate,
            FloatOp::MixerOut => Self::MixerOut,
            FloatOp::Hidden => Self::Hidden,
            FloatOp::MlpOut => Self::MlpOut,
            FloatOp::Residual => Self::Residual,
            _ => return None,
        })
    }
}

/// Ratios of one layer in dB, `10·log10(Σ float² / Σ (float - fixed)²)`; `None` where a layer has
/// no such vector or it was all zero, infinite where nothing differs.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LayerSnr([Option<f64>; Channel::ALL.len()]);

impl LayerSnr {
    /// The ratio of one vector.
    pub fn get(&self, channel: Channel) -> Option<f64> {
        self.0[channel as usize]
    }
}

/// What one float step showed: per layer, per channel. The last entry is the stream that enters
/// layer 0.
#[derive(Clone, Debug)]
pub(super) struct Trace {
    layers: Vec<[Vec<f64>; Channel::ALL.len()]>,
}

impl Trace {
    pub(super) fn new(layers: usize) -> Self {
        Self {
            layers: vec![Default::default(); layers + 1],
        }
    }
}

impl Tap for Trace {
    fn tap(&mut self, layer: usize, op: FloatOp, values: &[f64]) {
        let input = self.layers.len() - 1;
        let (layer, channel) = match (layer, op) {
            (0, FloatOp::LayerIn) => (input, Channel::Residual),
            _ => match Channel::of_reference(op) {
                Some(channel) => (layer, channel),
                None => return,
            },
        };
        let kept = &mut self.layers[layer][channel as usize];
        kept.clear();
        kept.extend_from_slice(values);
    }
}

/// Signal and noise, summed per layer and channel; the last entry is the input.
#[derive(Clone, Debug)]
pub(super) struct LayerSums {
    layers: Vec<[[f64; 2]; Channel::ALL.len()]>,
    /// Values that were saturated.
    pub(super) saturated: u64,
}

impl LayerSums {
    pub(super) fn new(layers: usize) -> Self {
        Self {
            layers: vec![[[0.0; 2]; Channel::ALL.len()]; layers + 1],
            saturated: 0,
        }
    }

    fn add(&mut self, layer: usize, channel: Channel, float: f64, fixed: f64) {
        let [signal, noise] = &mut self.layers[layer][channel as usize];
        *signal += float * float;
        *noise += (float - fixed) * (float - fixed);
    }

    /// Adds a float step that stands for the fixed one.
    pub(super) fn add_trace(&mut self, float: &Trace, fixed: &Trace) {
        for (layer, (float, fixed)) in float.layers.iter().zip(&fixed.layers).enumerate() {
            for channel in Channel::ALL {
                for (a, b) in float[channel as usize].iter().zip(&fixed[channel as usize]) {
                    self.add(layer, channel, *a, *b);
                }
            }
        }
    }

    /// Adds the sums of a row that came after.
    pub(super) fn merge(&mut self, row: &Self) {
        self.saturated += row.saturated;
        for (mine, theirs) in self
            .layers
            .as_flattened_mut()
            .iter_mut()
            .zip(row.layers.as_flattened())
        {
            mine[0] += theirs[0];
            mine[1] += theirs[1];
        }
    }

    /// Ratios of all layers, then of the input.
    pub(super) fn snr(&self) -> Vec<LayerSnr> {
        let ratio =
            |[signal, noise]: [f64; 2]| (signal > 0.0).then(|| 10.0 * (signal / noise).log10());
        self.layers
            .iter()
            .map(|channels| LayerSnr(channels.map(ratio)))
            .collect()
    }
}

/// Compares what the runtime shows with traces of the same step; one sum for each trace.
pub(super) struct SnrProbe<'t> {
    pub(super) traces: &'t [Trace],
    pub(super) sums: &'t mut [LayerSums],
    /// The runtime leaves the scale of an output gate to `o_proj`.
    pub(super) query_scale: f64,
}

impl<'t> SnrProbe<'t> {
    pub(super) fn new(model: &Model, traces: &'t [Trace], sums: &'t mut [LayerSums]) -> Self {
        let desc = model.desc();
        let query_scale = match desc.query_gate {
            sla_format::QueryGate::Output => {
                f64::from(desc.query_scale.mantissa) * 2f64.powi(desc.query_scale.exponent)
            }
            _ => 1.0,
        };
        Self {
            traces,
            sums,
            query_scale,
        }
    }

    fn each(
        &mut self,
        layer: usize,
        channel: Channel,
        first: usize,
        fixed: impl Iterator<Item = f64> + Clone,
    ) {
        for (trace, sums) in self.traces.iter().zip(self.sums.iter_mut()) {
            let Some(float) = trace
                .layers
                .get(layer)
                .and_then(|l| l[channel as usize].get(first..))
            else {
                continue;
            };
            for (a, b) in float.iter().zip(fixed.clone()) {
                sums.add(layer, channel, *a, b);
            }
        }
    }
}

impl Probe for SnrProbe<'_> {
    fn values(&mut self, layer: usize, op: Op, values: &[i32], frac: i32) {
        if let Some(channel) = Channel::of_runtime(op) {
            let unit = 2f64.powi(-frac);
            self.each(
                layer,
                channel,
                0,
                values.iter().map(|&v| f64::from(v) * unit),
            );
        }
    }

    fn real(&mut self, layer: usize, op: Op, index: usize, value: Real) {
        if let Some(channel) = Channel::of_runtime(op) {
            let scale = if channel == Channel::QueryGate {
                self.query_scale
            } else {
                1.0
            };
            let value = scale * f64::from(value.mantissa()) * 2f64.powi(value.exponent());
            self.each(layer, channel, index, std::iter::once(value));
        }
    }

    fn saturated(&mut self, _layer: usize, _op: Op, count: u32) {
        self.sums
            .iter_mut()
            .for_each(|s| s.saturated += u64::from(count));
    }
}
