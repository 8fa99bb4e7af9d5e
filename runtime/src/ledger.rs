//! Where the instructions (or cycles) of a token go: a probe that reads a counter after each
//! operation.

use crate::model::Model;
use crate::probe::{Op, Probe};
use sla_format::{Role, TensorKind};

/// Number of operations.
const OPS: usize = Op::ALL.len();

/// One line of a ledger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// Counter ticks.
    pub ticks: u64,
    /// Values that were saturated.
    pub saturated: u32,
}

/// Sums per layer and operation over any number of steps; `ROWS` is at least the number of layers +
/// 1 (the last row is for input and head). Further layers are added to the last row.
///
/// ```
/// # use sla_runtime::{Ledger, Op, Probe};
/// # fn cycle_counter() -> u32 { 0 }
/// let mut ledger = Ledger::<5>::new(cycle_counter);
/// ledger.begin(); // before session.step_probed(token, &mut ledger)
/// ledger.done(4, Op::Head); // after the logits were used
/// for (layer, op, entry) in ledger.entries() {
///     let _ = (layer, op.name(), entry.ticks);
/// }
/// ```
#[derive(Debug)]
pub struct Ledger<const ROWS: usize> {
    now: fn() -> u32,
    last: u32,
    rows: [[Entry; OPS]; ROWS],
}

impl<const ROWS: usize> Ledger<ROWS> {
    /// An empty ledger that reads `now`, a counter that counts up and wraps.
    #[must_use]
    pub fn new(now: fn() -> u32) -> Self {
        Self {
            now,
            last: 0,
            rows: [[Entry::default(); OPS]; ROWS],
        }
    }

    /// Starts the clock of a step.
    pub fn begin(&mut self) {
        self.last = (self.now)();
    }

    /// All entries with something in them.
    pub fn entries(&self) -> impl Iterator<Item = (usize, Op, Entry)> + '_ {
        self.rows.iter().enumerate().flat_map(|(layer, row)| {
            Op::ALL
                .iter()
                .zip(row)
                .map(move |(op, entry)| (layer, *op, *entry))
                .filter(|(.., e)| *e != Entry::default())
        })
    }

    fn entry(&mut self, layer: usize, op: Op) -> Option<&mut Entry> {
        self.rows
            .get_mut(layer.min(ROWS.saturating_sub(1)))?
            .get_mut(op as usize)
    }
}

impl<const ROWS: usize> Probe for Ledger<ROWS> {
    fn done(&mut self, layer: usize, op: Op) {
        let now = (self.now)();
        let ticks = now.wrapping_sub(self.last);
        if let Some(entry) = self.entry(layer, op) {
            entry.ticks += u64::from(ticks);
        }
        self.last = (self.now)();
    }

    fn saturated(&mut self, layer: usize, op: Op, count: u32) {
        if let Some(entry) = self.entry(layer, op) {
            entry.saturated = entry.saturated.saturating_add(count);
        }
    }
}

/// Bytes of weights, multipliers and biases that one step reads for `op` of `layer`.
#[must_use]
pub fn weight_bytes(model: &Model, layer: usize, op: Op) -> u64 {
    let roles: &[Role] = match op {
        Op::Project => &[
            Role::Query,
            Role::Key,
            Role::Value,
            Role::OutputGate,
            Role::DecayDown,
            Role::DecayUp,
            Role::DeltaDecay,
            Role::DeltaBeta,
            Role::QueryHeadGate,
            Role::KeyHeadGate,
            Role::QueryConv,
            Role::KeyConv,
            Role::ValueConv,
        ],
        Op::MixerOut => &[Role::Output],
        Op::Hidden => &[Role::MlpGate, Role::MlpUp],
        Op::MlpOut => &[Role::MlpDown],
        Op::Head => &[Role::Head],
        _ => &[],
    };
    let bytes = |role: &Role| {
        let t = model.tensor(layer, *role);
        if t.kind == TensorKind::Absent {
            return 0;
        }
        let constants = t.channels(*role) * if t.bias == sla_format::NONE { 4 } else { 8 };
        t.data_bytes().unwrap_or(0) as u64 + constants as u64
    };
    roles.iter().map(bytes).sum()
}
