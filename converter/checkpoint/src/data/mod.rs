//! Data files: token ids, targets, features and labels from safetensors, text as bytes, logits into
//! safetensors.
//!
//! Only the tensors that are asked for are looked at. Integers may be I64, I32, I16, U8, U16 or
//! U32, numbers F64, F32, F16 or BF16.

mod error;
mod tensors;

pub use error::DataError;
pub use tensors::{F32Tensor, Ids, TensorFile, write_f32};

use std::path::Path;

use sla_reference::{Config, Input};

use crate::tokenizer::encode;
use crate::{files, foreign};
use sla_tokenizer::{ControlTokens, Template, Tokenizer};

use crate::rows::{FeatureRow, Rows, TokenRow};

/// Rows of token ids with the leading shape of their tensor, `[T]` or `[B, T]`.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenRows {
    /// Leading shape.
    pub shape: Vec<usize>,
    /// One entry a row.
    pub rows: Vec<Vec<u32>>,
}

/// Rows of raw feature vectors with the leading shape of their tensor, `[T]` or `[B, T]`.
#[derive(Clone, Debug, PartialEq)]
pub struct FeatureRows {
    /// Leading shape.
    pub shape: Vec<usize>,
    /// One entry a row.
    pub rows: Vec<Vec<Vec<f64>>>,
}

/// `input_ids` of `file`, `[T]` or `[B, T]`, each checked against the vocabulary.
///
/// # Errors
/// [`DataError`]
pub fn tokens(file: &TensorFile, vocab: usize) -> Result<TokenRows, DataError> {
    let ids = file.ids("input_ids")?;
    let len = match ids.shape[..] {
        [len] | [_, len] => len,
        _ => return Err(file.bad_shape("input_ids", &ids.shape, "[T] or [B, T]")),
    };
    if ids.values.is_empty() {
        return Err(file.empty("input_ids", &ids.shape));
    }
    let row = |(row, values): (usize, &[i64])| {
        let id = |(position, &id): (usize, &i64)| {
            let valid = u32::try_from(id).ok().filter(|&i| (i as usize) < vocab);
            valid.ok_or_else(|| DataError::Token {
                file: file.name().into(),
                place: if ids.shape.len() == 1 {
                    format!("{position}")
                } else {
                    format!("{row}, {position}")
                },
                id,
                vocab,
            })
        };
        values.iter().enumerate().map(id).collect()
    };
    let rows = ids
        .values
        .chunks_exact(len)
        .enumerate()
        .map(row)
        .collect::<Result<_, _>>()?;
    Ok(TokenRows {
        shape: ids.shape,
        rows,
    })
}

/// Tensor `name` of `file`, `[T, F]` or `[B, T, F]` with `F = size`, every value finite.
///
/// # Errors
/// [`DataError`]
pub fn features(file: &TensorFile, name: &str, size: usize) -> Result<FeatureRows, DataError> {
    let (shape, values) = file.numbers(name)?;
    let len = match shape[..] {
        [len, width] | [_, len, width] if width == size => len,
        _ => return Err(file.bad_shape(name, &shape, &format!("[T, {size}] or [B, T, {size}]"))),
    };
    if values.is_empty() {
        return Err(file.empty(name, &shape));
    }
    if let Some(index) = values.iter().position(|v| !v.is_finite()) {
        let (tensor, value) = (name.into(), values[index]);
        return Err(DataError::NotFinite {
            file: file.name().into(),
            tensor,
            index,
            value,
        });
    }
    let frames = |row: &[f64]| row.chunks_exact(size).map(<[f64]>::to_vec).collect();
    let rows = values.chunks_exact(len * size).map(frames).collect();
    Ok(FeatureRows {
        shape: shape[..shape.len() - 1].to_vec(),
        rows,
    })
}

/// The clips of `file`: `features`, or `features.0`, `features.1`, … in the order of their numbers.
///
/// # Errors
/// [`DataError`]
pub fn clips(file: &TensorFile, size: usize) -> Result<Vec<Vec<Vec<f64>>>, DataError> {
    if file.has("features") {
        return Ok(features(file, "features", size)?.rows);
    }
    let mut clips = Vec::new();
    for number in clip_numbers(file) {
        clips.extend(features(file, &format!("features.{number}"), size)?.rows);
    }
    if clips.is_empty() {
        Err(file.missing("features"))
    } else {
        Ok(clips)
    }
}

/// The `N` of all tensors `features.N`, in order.
pub fn clip_numbers(file: &TensorFile) -> Vec<u64> {
    let number = |name: &str| {
        let digits = name.strip_prefix("features.")?;
        // Only the spelling that `features.{number}` gives back.
        digits
            .parse::<u64>()
            .ok()
            .filter(|n| n.to_string() == digits)
    };
    let mut numbers: Vec<u64> = file.tensor_names().filter_map(number).collect();
    numbers.sort_unstable();
    numbers
}

/// What `eval` compares on: `input_ids` with optional `targets`, or the clips with optional
/// `labels`.
///
/// # Errors
/// [`DataError`]
pub fn eval_rows(path: &Path, config: &Config) -> Result<Rows, DataError> {
    let file = TensorFile::read(path)?;
    match &config.input {
        Input::Tokens { vocab } => token_rows(&file, *vocab, config.outputs),
        Input::Features { size, .. } => feature_rows(&file, *size, config.outputs),
    }
}

fn token_rows(file: &TensorFile, vocab: usize, outputs: usize) -> Result<Rows, DataError> {
    let TokenRows { shape, rows } = tokens(file, vocab)?;
    let mut rows: Vec<TokenRow> = rows
        .into_iter()
        .map(|ids| TokenRow { ids, targets: None })
        .collect();
    if file.has("targets") {
        let targets = file.ids("targets")?;
        if targets.shape != shape {
            return Err(file.bad_shape(
                "targets",
                &targets.shape,
                &format!("{shape:?}, as input_ids"),
            ));
        }
        let len = rows.first().map_or(1, |r| r.ids.len());
        for (row, values) in rows.iter_mut().zip(targets.values.chunks_exact(len)) {
            let target = |&t: &i64| match usize::try_from(t) {
                Ok(label) if label >= outputs => Err(file.bad_label("targets", t, outputs)),
                Ok(label) => Ok(label as i32),
                Err(_) => Ok(-1),
            };
            row.targets = Some(values.iter().map(target).collect::<Result<_, _>>()?);
        }
    }
    Ok(Rows::Tokens(rows))
}

fn feature_rows(file: &TensorFile, size: usize, outputs: usize) -> Result<Rows, DataError> {
    let clips = clips(file, size)?;
    let mut rows: Vec<FeatureRow> = clips
        .into_iter()
        .map(|frames| FeatureRow {
            frames,
            label: None,
        })
        .collect();
    if file.has("labels") {
        let labels = file.ids("labels")?;
        if labels.values.len() != rows.len() || labels.shape.len() > 1 {
            return Err(file.bad_shape(
                "labels",
                &labels.shape,
                &format!("[{}], one for each clip", rows.len()),
            ));
        }
        for (row, &label) in rows.iter_mut().zip(&labels.values) {
            let index = usize::try_from(label).ok().filter(|&l| l < outputs);
            row.label = Some(index.ok_or_else(|| file.bad_label("labels", label, outputs))?);
        }
    }
    Ok(Rows::Features(rows))
}

/// The ids of a text file: those of the tokenizer, without its template and with control
/// tokens where the text has them, as in training, or the bytes for a model with a vocabulary of
/// 256.
///
/// # Errors
/// [`DataError::NotBytes`] for another model without a tokenizer, [`DataError::NotUtf8`] with one,
/// [`DataError::NotText`], otherwise when the file cannot be read or is empty.
pub fn text(
    path: &Path,
    config: &Config,
    tokenizer: Option<&Tokenizer>,
) -> Result<Vec<u32>, DataError> {
    match config.input {
        Input::Tokens { .. } if tokenizer.is_some() => {}
        Input::Tokens { vocab: 256 } => {}
        Input::Tokens { vocab } => {
            return Err(DataError::NotBytes {
                have: format!("a vocabulary of {vocab}"),
            });
        }
        Input::Features { .. } => {
            return Err(DataError::NotBytes {
                have: "feature vectors as input".into(),
            });
        }
    }
    let file = files::shown(path);
    let bytes = files::read(path).map_err(|source| DataError::Io {
        file: file.clone(),
        source,
    })?;
    if let Some(what) = foreign::not_text(&bytes) {
        return Err(DataError::NotText { file, what });
    }
    let ids = match tokenizer {
        Some(tokenizer) => match std::str::from_utf8(&bytes) {
            Ok(text) => encode(tokenizer, text, Template::Omit, ControlTokens::Parse),
            Err(e) => {
                return Err(DataError::NotUtf8 {
                    file,
                    at: e.valid_up_to(),
                });
            }
        },
        None => bytes.into_iter().map(u32::from).collect(),
    };
    if ids.is_empty() {
        Err(DataError::EmptyText { file })
    } else {
        Ok(ids)
    }
}
