//! The self-test that a file carries: a few steps, and the digest of their logits.

use crate::ConvertError;
use crate::write;
use sla_checkpoint::rows::Rows;
use sla_eval::fixed_features;
use sla_eval::owned_model::OwnedModel;
use sla_format::{Checksum, InputKind, ModelDesc};

/// Steps of the self-test.
const STEPS: usize = 8;

/// The most bytes of its section.
pub(crate) fn bytes(desc: &ModelDesc) -> usize {
    let words = match desc.input {
        InputKind::Tokens => 1,
        InputKind::Features => desc.inputs as usize,
    };
    8 + STEPS * 4 * words
}

/// Runs the first steps of the calibration rows and returns the section with the digest of their
/// logits.
pub(crate) fn record(file: &OwnedModel, rows: &Rows) -> Result<Vec<u8>, ConvertError> {
    let model = file.model();
    let mut memory = file.memory();
    let mut session = memory.session(&model)?;
    let mut digest = Checksum::default();
    let (mut input, mut integers) = (Vec::new(), Vec::new());
    let mut steps = 0;
    match rows {
        Rows::Tokens(rows) => {
            for &token in rows.iter().flat_map(|row| &row.ids).take(STEPS) {
                session.step(token)?.digest(&mut digest);
                input.push(token as i32);
                steps += 1;
            }
        }
        Rows::Features(rows) => {
            for frame in rows.iter().flat_map(|row| &row.frames).take(STEPS) {
                fixed_features(frame, model.desc().feature_frac, &mut integers);
                session.step_features(&integers)?.digest(&mut digest);
                input.extend_from_slice(&integers);
                steps += 1;
            }
        }
    }
    Ok(write::self_test(digest.finish(), steps, &input))
}
