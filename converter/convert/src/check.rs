//! What is refused before any work: numbers and options that no file can hold.

use crate::error::REALS;
use crate::{ConvertError, ConvertOptions};
use sla_format::{InputKind, MAX_INT16_ROWS, ModelDesc, StateKind};
use sla_reference::Config;
use sla_runtime::Tokenizer;

/// Refuses numbers that a file cannot hold.
pub(crate) fn reals(config: &Config) -> Result<(), ConvertError> {
    if let Some(min) = config.clamp_min.filter(|&min| min > 0.0) {
        return Err(ConvertError::Clamp(min));
    }
    let of_sla = config.sla.iter().flat_map(|sla| {
        [
            ("sla.query_gate_scale", sla.query_gate_scale),
            ("sla.key_gate_scale", sla.key_gate_scale),
        ]
    });
    match [("norm_eps", config.norm_eps)]
        .into_iter()
        .chain(of_sla)
        .find(|(_, value)| !REALS.contains(value))
    {
        Some((key, value)) => Err(ConvertError::Real { key, value }),
        None => Ok(()),
    }
}

/// The representation of each layer's state.
pub(crate) fn states(
    options: &ConvertOptions,
    config: &Config,
) -> Result<Vec<StateKind>, ConvertError> {
    let (asked, layers) = (&options.state, config.layers);
    let states = match asked[..] {
        [] => vec![StateKind::default(); layers],
        [all] => vec![all; layers],
        _ if asked.len() == layers => asked.to_vec(),
        _ => {
            return Err(ConvertError::States {
                given: asked.len(),
                layers,
            });
        }
    };
    match config.d_k as u32 {
        d_k if d_k > MAX_INT16_ROWS && states.contains(&StateKind::Int16) => {
            Err(ConvertError::StateRows(d_k))
        }
        _ => Ok(states),
    }
}

/// Refuses a tokenizer that does not fit the model, and a model beyond the format's limits.
pub(crate) fn sizes(options: &ConvertOptions, desc: &ModelDesc) -> Result<(), ConvertError> {
    if let Some(tokenizer) = &options.tokenizer {
        let vocabulary = match desc.input {
            InputKind::Tokens => desc.inputs,
            InputKind::Features => 0,
        };
        Tokenizer::read(tokenizer.section())
            .and_then(|read| read.check_vocabulary(vocabulary))
            .map_err(ConvertError::Tokenizer)?;
    }
    match desc.is_consistent() {
        true => Ok(()),
        false => Err(ConvertError::Limit),
    }
}
