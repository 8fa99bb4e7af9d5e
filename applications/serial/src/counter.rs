//! What the ledger counts.

/// A free-running counter of the machine: cycles, instructions, or time. `()` is a machine without
/// one.
pub trait Counter {
    /// What it counts, as the ledger names it; empty for nothing.
    const UNIT: &'static str;

    /// The reading now. It counts up and wraps at 2^32, at most once while a token is made, or 16
    /// of a line are read: what is measured in one go.
    fn now(&mut self) -> u32;

    /// What so many ticks of [`Counter::now`] are worth in [`Counter::UNIT`].
    fn units(ticks: u32) -> u64 {
        ticks.into()
    }
}

impl Counter for () {
    const UNIT: &'static str = "";

    fn now(&mut self) -> u32 {
        0
    }
}
