//! One tensor of the table, for people.

use serde_json::{Value, json};
use sla_format::{NONE, Role, TensorDesc, TensorKind};

/// One tensor of the table.
pub(super) struct Entry {
    /// `None` for tensors that the model has once.
    pub(super) layer: Option<usize>,
    pub(super) role: Role,
    pub(super) desc: TensorDesc,
}

impl Entry {
    pub(super) fn name(&self) -> String {
        self.layer.map_or_else(
            || self.role.name().to_string(),
            |l| format!("layers.{l}.{}", self.role.name()),
        )
    }

    pub(super) fn json(&self) -> Value {
        let t = &self.desc;
        let matrix = t.kind.is_matrix();
        json!({
            "layer": self.layer,
            "role": self.role.name(),
            "shape": [t.rows, t.cols],
            "bits": bits(t.kind),
            "block": (matrix && t.block_tiles > 0).then_some(16 * u32::from(t.block_tiles)),
            "acc_bound": (t.acc_bound > 0).then_some(t.acc_bound),
            "bias": t.bias != NONE,
            "out_frac": t.out_frac,
        })
    }
}

/// Bits of one element, as stored.
pub(super) fn bits(kind: TensorKind) -> u32 {
    match kind {
        TensorKind::Absent => 0,
        TensorKind::I4 => 4,
        TensorKind::I8 => 8,
        TensorKind::I16 => 16,
        TensorKind::I32 => 32,
        TensorKind::Real | TensorKind::U64 => 64,
    }
}
