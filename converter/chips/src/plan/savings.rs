//! What other options of the conversion would save.

use sla_format::{InputKind, LAYER_ROLES, MemoryPlan, Role, StateKind, TensorDesc, TensorKind};
use sla_runtime::Model;

use sla_convert::quantize::choose::{can_be_int4, saving};

/// Bytes that a file or a session would have less.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Savings {
    /// Flash, with `--weights int4`.
    pub int4_bytes: u64,
    /// Flash beyond that, with `--head int4`.
    pub int4_head_bytes: u64,
    /// RAM, with `--state int16`.
    pub int16_bytes: u64,
}

impl Savings {
    /// Of `model`, beyond what it saves already.
    pub fn of(model: &Model) -> Self {
        let desc = model.desc();
        let layers = desc.layers as usize;
        let int4 = |(layer, role): (usize, Role)| {
            let t: TensorDesc = model.tensor(layer, role);
            let (rows, cols) = (t.rows as usize, t.cols as usize);
            if t.kind == TensorKind::I8 && can_be_int4(role, rows, cols) {
                saving(rows, cols) as u64
            } else {
                0
            }
        };
        let in_layers = (0..layers).flat_map(|layer| {
            Role::ALL
                .into_iter()
                .take(LAYER_ROLES)
                .map(move |role| (layer, role))
        });
        // Features have any range, and a tied head is the embedding.
        let embedding =
            (desc.input == InputKind::Tokens && !desc.tied()).then_some((layers, Role::Input));
        let words = |kind| MemoryPlan::layer_state_words(desc, kind);
        let int16 = (0..layers).filter(|&layer| model.states().of(layer) == StateKind::Int32);
        let each = 4 * (words(StateKind::Int32) - words(StateKind::Int16)) as u64;
        Self {
            int4_bytes: in_layers.map(int4).sum(),
            int4_head_bytes: embedding
                .into_iter()
                .chain([(layers, Role::Head)])
                .map(int4)
                .sum(),
            int16_bytes: int16.count() as u64 * each,
        }
    }
}
