//! Reports as JSON. NaN and infinities have no JSON: they become null.

use serde_json::{Map, Value, json};

use super::Comparison;
use super::figures::Report;
use super::histogram::Bin;
use super::layers::{Channel, LayerSnr};

/// A number, or null where JSON has none.
fn number(value: impl Into<Option<f64>>) -> Value {
    value
        .into()
        .and_then(serde_json::Number::from_f64)
        .map_or(Value::Null, Value::Number)
}

impl Report {
    /// All figures under their own names; clip figures only for feature models.
    pub fn to_json(&self) -> Value {
        let mut keys = Map::new();
        let figures = [
            ("nll_float", self.nll_float),
            ("nll_fixed", self.nll_fixed),
            ("ppl_ratio", self.ppl_ratio),
            ("kl_mean", Some(self.kl_mean)),
            ("kl_max", Some(self.kl_max)),
            ("top1", Some(self.top1)),
            ("max_abs_logit", Some(self.max_abs_logit)),
            ("relative_rms", Some(self.relative_rms)),
            ("accuracy_float", self.accuracy_float),
            ("accuracy_fixed", self.accuracy_fixed),
        ];
        keys.extend(figures.map(|(name, value)| (name.to_string(), number(value))));
        keys.insert("tokens".into(), self.tokens.into());
        keys.insert("scored".into(), self.scored.into());
        keys.insert("saturated".into(), self.saturated.into());
        keys.insert("input_snr".into(), number(self.input_snr));
        keys.insert("logit_errors".into(), self.errors.bins().map(bin).collect());
        keys.insert(
            "layers".into(),
            self.layers.iter().enumerate().map(layer).collect(),
        );
        if let Some(c) = &self.clips {
            keys.insert("clips".into(), c.clips.into());
            keys.insert("clips_same_label".into(), c.same_label.into());
            keys.insert(
                "last_frame_max_error".into(),
                number(c.last_frame_max_error),
            );
            keys.insert(
                "last_frame_relative_rms".into(),
                number(c.last_frame_relative_rms),
            );
            keys.insert("clip_relative_rms".into(), number(c.clip_relative_rms));
        }
        Value::Object(keys)
    }
}

/// `{"below": 0.001, "count": 12}`
fn bin(bin: Bin) -> Value {
    json!({ "below": bin.to, "count": bin.count })
}

/// `{"layer": 0, "mixer_out": 41.2, ...}`; gates only where the model has them.
fn layer((index, snr): (usize, &LayerSnr)) -> Value {
    let mut keys = Map::from_iter([("layer".to_string(), Value::from(index))]);
    for channel in Channel::ALL {
        let gate = matches!(channel, Channel::QueryGate | Channel::KeyGate);
        if !gate || snr.get(channel).is_some() {
            keys.insert(channel.name().into(), number(snr.get(channel)));
        }
    }
    Value::Object(keys)
}

impl Comparison {
    /// The total's figures, with those of the other two comparisons under `dequantized` and
    /// `weights_only`; `first_out_of_tolerance` names the first vector of the arithmetic
    /// comparison below `tolerance` dB.
    pub fn to_json(&self, tolerance: f64) -> Value {
        let mut value = self.total.to_json();
        value["dequantized"] = self.dequantized.to_json();
        value["weights_only"] = self.weights_only.to_json();
        value["tolerance_db"] = number(tolerance);
        value["first_out_of_tolerance"] = self.dequantized.first_below(tolerance).map_or(
            Value::Null,
            |w| json!({ "layer": w.layer, "op": w.channel.name(), "snr": number(w.snr) }),
        );
        value
    }
}
