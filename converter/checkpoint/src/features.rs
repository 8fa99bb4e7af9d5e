//! What the config of a classifier over feature vectors says beside the backbone.

use super::CheckpointError;
use super::json::Keys;

/// What the config of a classifier says beside the backbone.
#[derive(Clone, Debug, Default)]
pub(super) struct Features {
    pub(super) size: usize,
    pub(super) labels: usize,
    pub(super) mean: Vec<f64>,
    pub(super) std: Vec<f64>,
    pub(super) id2label: Vec<String>,
    pub(super) sample_rate: Option<u32>,
    pub(super) n_fft: Option<u32>,
    pub(super) hop_length: Option<u32>,
}

/// Reads it.
pub(super) fn features(
    keys: &Keys,
    warnings: &mut Vec<String>,
) -> Result<Features, CheckpointError> {
    let missing = |key: &str, hint: &str| CheckpointError::MissingKey {
        key: key.into(),
        hint: hint.into(),
    };
    let size = keys.size("input_size")?.ok_or_else(|| {
        missing(
            "input_size",
            "a ForSequenceClassification model reads feature vectors of that length",
        )
    })?;
    let id2label = id2label(keys)?;
    let labels = match (keys.size("num_labels")?, id2label.len()) {
        // Transformers writes num_labels only as the length of id2label.
        (None, 0) => return Err(missing("num_labels", "a classifier has that many outputs")),
        (None, n) => n,
        (Some(n), 0) => n,
        (Some(n), m) if n == m => n,
        (Some(n), m) => {
            return Err(keys.bad(
                "id2label",
                format!("names {m} labels, but num_labels = {n}"),
            ));
        }
    };
    let (mean, std) = match (
        keys.numbers("feature_mean", size)?,
        keys.numbers("feature_std", size)?,
    ) {
        (Some(mean), Some(std)) => (mean, std),
        (None, None) => {
            warnings.push("config.json: no feature_mean and feature_std, so features are taken as they are; give both if training scaled them".into());
            (vec![0.0; size], vec![1.0; size])
        }
        (Some(_), None) => {
            return Err(missing(
                "feature_std",
                "feature_mean is given, so this must be",
            ));
        }
        (None, Some(_)) => {
            return Err(missing(
                "feature_mean",
                "feature_std is given, so this must be",
            ));
        }
    };
    if let Some(bad) = std.iter().position(|s| *s <= 0.0) {
        return Err(keys.bad(
            "feature_std",
            format!("element {bad} is {}; each must be > 0", std[bad]),
        ));
    }
    Ok(Features {
        size,
        labels,
        mean,
        std,
        id2label,
        sample_rate: keys.number_u32("sample_rate")?,
        n_fft: keys.number_u32("n_fft")?,
        hop_length: keys.number_u32("hop_length")?,
    })
}

/// `{"0": name, …}` with every index once; empty when absent.
fn id2label(keys: &Keys) -> Result<Vec<String>, CheckpointError> {
    let Some(object) = keys.object("id2label")? else {
        return Ok(Vec::new());
    };
    let names = object.names().len();
    (0..names)
        .map(|i| match object.text(&i.to_string())? {
            Some(name) => Ok(name.to_string()),
            None => Err(keys.bad(
                "id2label",
                format!("holds {names} names but none for \"{i}\""),
            )),
        })
        .collect()
}
