//! What stands before the layers and behind them: input and head.

use sla_reference::{Head, Input, InputWeights, Matrix};

use super::CheckpointError;
use super::plan::Plan;
use super::sizes::{ALWAYS, size_of};
use super::tensors::Tensors;

/// The embedding, or the projection of a classifier.
pub(super) fn input(
    plan: &Plan,
    tensors: &mut Tensors,
    warnings: &mut Vec<String>,
) -> Result<(Input, InputWeights), CheckpointError> {
    let h = plan.hidden;
    if let Some(f) = &plan.features {
        let why = "a classifier reads feature vectors";
        let weight = tensors.take("input_proj.weight", &[h, f.size], why)?;
        let bias = tensors.take("input_proj.bias", &[h], why)?;
        let input = Input::Features {
            size: f.size,
            mean: f.mean.clone(),
            std: f.std.clone(),
        };
        return Ok((
            input,
            InputWeights::Projection {
                weight: Matrix::new(h, f.size, weight),
                bias,
            },
        ));
    }
    let name = "embeddings.weight";
    let vocab = size_of(
        tensors,
        name,
        0,
        &["any", &h.to_string()],
        "every language model has it",
    )?;
    if let Some(size) = plan.vocab.filter(|&v| v != vocab) {
        warnings.push(format!(
            "config.json: vocab_size = {size}, but the embedding has {vocab} rows, which is used; correct the key"
        ));
    }
    let data = tensors.take(name, &[vocab, h], ALWAYS)?;
    Ok((
        Input::Tokens { vocab },
        InputWeights::Embedding(Matrix::new(vocab, h, data)),
    ))
}

/// Whether the embedding is the head. A language model with neither a head nor a word about it is a
/// base model.
pub(super) fn check_head(
    plan: &Plan,
    tied_head: bool,
    input: &Input,
    tensors: &Tensors,
) -> Result<bool, CheckpointError> {
    let Input::Tokens { vocab } = *input else {
        return Ok(false);
    };
    if plan.tied == Some(true) {
        return Ok(true);
    }
    match tensors.shape(HEAD) {
        Some(_) => Ok(false),
        None if tied_head => Ok(true),
        None => {
            let tied = plan.tied.map_or("absent (false)", |_| "false");
            Err(CheckpointError::MissingHead {
                outputs: vocab,
                hidden: plan.hidden,
                tied,
            })
        }
    }
}

const HEAD: &str = "lm_head.weight";

/// The head, and the number of outputs; no weight means tied.
pub(super) fn head(
    plan: &Plan,
    tied: bool,
    input: &Input,
    input_weights: &InputWeights,
    tensors: &mut Tensors,
    warnings: &mut Vec<String>,
) -> Result<(usize, Head), CheckpointError> {
    let h = plan.hidden;
    if let Some(f) = &plan.features {
        let why = "a classifier ends in it";
        let weight = tensors.take("classifier.weight", &[f.labels, h], why)?;
        let bias = tensors.take("classifier.bias", &[f.labels], why)?;
        return Ok((
            f.labels,
            Head {
                weight: Some(Matrix::new(f.labels, h, weight)),
                bias: Some(bias),
            },
        ));
    }
    let Input::Tokens { vocab } = *input else {
        unreachable!("only classifiers read features")
    };
    if !tied {
        let weight = tensors.take(HEAD, &[vocab, h], ALWAYS)?;
        return Ok((
            vocab,
            Head {
                weight: Some(Matrix::new(vocab, h, weight)),
                bias: None,
            },
        ));
    }
    if let Some(shape) = tensors.shape(HEAD) {
        // Saved beside the embedding, it is most often the embedding once more.
        let same_shape = shape == [vocab, h];
        let stored = if same_shape {
            tensors.take_if_present(HEAD, &[vocab, h])?
        } else {
            None
        };
        let same = matches!((input_weights, &stored), (InputWeights::Embedding(m), Some(head)) if m.data == *head);
        tensors.ignore(HEAD);
        if !same {
            warnings.push(
                "lm_head.weight is ignored though it differs from the embedding: tie_word_embeddings is true, the embedding is the head; \
                 set it to false to use lm_head.weight"
                    .into(),
            );
        }
    }
    Ok((
        vocab,
        Head {
            weight: None,
            bias: None,
        },
    ))
}
