//! One position of a row on the float model.

use sla_checkpoint::rows::Row;
use sla_reference::{Session, Tap};

/// Position `t` of a row on the float model; the logits.
///
/// # Panics
/// If the row does not fit the model (see [`sla_checkpoint::rows::Rows::check`]).
pub fn step<'s>(session: &'s mut Session, row: Row, t: usize, tap: &mut impl Tap) -> &'s [f64] {
    let logits = match row {
        Row::Tokens(row) => session.step_token(row.ids[t], tap),
        Row::Features(row) => session.step_features(&row.frames[t], tap),
    };
    logits.expect("rows were checked")
}
