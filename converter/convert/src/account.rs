//! What a conversion tells: the provenance in the file, and the summary for its user.

use crate::ConvertOptions;
use crate::calibrate::{Data, Residual};
use crate::formats::Formats;
use crate::lower::LoweredModel;
use crate::round::Rounded;
use sla_checkpoint::Meta;
use sla_eval::Report;
use sla_eval::numbers::percent;
use sla_format::{MemoryPlan, StateKind};

/// Everything that was found on the way to the file.
pub(crate) struct Account<'a> {
    pub(crate) meta: &'a Meta,
    pub(crate) options: &'a ConvertOptions,
    pub(crate) states: &'a [StateKind],
    pub(crate) data: &'a Data,
    pub(crate) seen: &'a Residual,
    pub(crate) rounded: &'a Rounded,
    pub(crate) formats: Formats,
    pub(crate) lowered: &'a LoweredModel,
    /// On calibration data.
    pub(crate) drift: &'a Report,
}

impl Account<'_> {
    /// The lines `key=value` of the file.
    pub(crate) fn provenance(&self) -> String {
        let (meta, drift) = (self.meta, self.drift);
        let sha256 = meta.source_sha256.iter().map(|b| format!("{b:02x}"));
        let proven = match self.formats.proven {
            true => "proven",
            false => "calibrated",
        };
        let bound = self.lowered.residual_bound;
        [
            ("source", meta.name.clone()),
            ("source_sha256", sha256.collect()),
            ("model_type", meta.model_type.clone()),
            (
                "converter",
                format!("sla-converter {}", env!("CARGO_PKG_VERSION")),
            ),
            ("weights", self.rounded.name.clone()),
            ("state", names(self.states)),
            ("calibration", self.data.name.clone()),
            ("residual_bound", format!("{bound:.3e}")),
            ("residual_seen", format!("{:.3e}", self.seen.largest)),
            (
                "residual_format",
                format!("Q{} {proven}", self.formats.residual_frac),
            ),
            ("drift_kl_mean", format!("{:.2e}", drift.kl_mean)),
            ("drift_top1", format!("{:.4}", drift.top1)),
            ("drift_relative_rms", format!("{:.4}", drift.relative_rms)),
            ("saturated", drift.saturated.to_string()),
        ]
        .iter()
        .map(|(key, value)| format!("{key}={}\n", value.replace('\n', " ")))
        .collect()
    }

    /// What to tell the user of a file of `bytes` bytes, in order.
    pub(crate) fn summary(&self, bytes: usize, plan: &MemoryPlan) -> Vec<(String, String)> {
        let flash = match self.rounded.int8_bytes {
            None => format!("{bytes} bytes"),
            Some(int8) => {
                let share = bytes as f64 / int8 as f64;
                format!("{bytes} bytes, {share:.3} of the int8 file's")
            }
        };
        let (state, scratch) = (plan.state_bytes(), plan.scratch_bytes());
        let drift = self.drift;
        let (top1, rms) = (percent(drift.top1), percent(drift.relative_rms));
        let mut lines = vec![("flash", flash), ("weights", self.rounded.name.clone())];
        lines.extend(
            self.options
                .tokenizer
                .iter()
                .map(|tokenizer| ("tokenizer", tokenizer.summary())),
        );
        lines.extend([
            (
                "RAM",
                format!("{state} bytes of state, {scratch} of scratch"),
            ),
            (
                "calibration",
                format!("{} ({} steps)", self.data.name, self.data.rows.positions()),
            ),
            (
                "drift from float",
                format!(
                    "mean KL {:.2e}, top-1 {top1}, relative RMS {rms}",
                    drift.kl_mean
                ),
            ),
        ]);
        if let ids @ [_, _, ..] = &self.meta.eos_token_ids[..] {
            let ids: Vec<String> = ids.iter().map(u32::to_string).collect();
            lines.push(("end of text", ids.join(", ")));
        }
        lines
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value))
            .collect()
    }
}

/// What the layers' states are: one name for all, or one a layer.
fn names(states: &[StateKind]) -> String {
    let mut all: Vec<&str> = states.iter().map(|kind| kind.name()).collect();
    if all.windows(2).all(|pair| pair[0] == pair[1]) {
        all.truncate(1);
    }
    all.join(",")
}
