//! Whether a model fits a chip, and about how fast it runs there (docs/plan.md).
//!
//! Sizes are exact or measured. The speed is an estimate: instructions fitted to measured ones
//! ([`cost`]), times the cycles of the core's published timing, and the reads from flash that no
//! cache holds.

mod chips;
pub mod cost;
mod fit;
pub mod savings;
pub mod work;

pub use chips::{Chip, Core, Region};
pub use cost::{CostTable, Costs};
pub use fit::{Fit, Need, ONE_BACKBONE_BYTES, Placed};
pub use work::{Unit, Work};

use sla_runtime::Model;

/// What a model asks of any chip.
#[derive(Clone, Debug)]
pub struct Demand {
    /// Length of the file.
    pub model_bytes: u64,
    /// State: lives between tokens.
    pub state_bytes: u64,
    /// Scratch.
    pub scratch_bytes: u64,
    /// Scratch with which prompts are processed two tokens at a time.
    pub prompt_scratch_bytes: u64,
    /// A token's work.
    pub work: Work,
    /// Bytes of weights that a token reads.
    pub streamed_bytes: u64,
    /// Passes over the code of a token where the code of a layer stays in a cache, and where that
    /// of a head alone does.
    passes: [u64; 2],
}

/// Least and most.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    /// Least.
    pub low: f64,
    /// Most.
    pub high: f64,
}

/// The estimated speed of a token.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Speed {
    /// Executed instructions of a token, by the cost model.
    pub instructions: f64,
    /// Cycles of a token.
    pub cycles: Range,
    /// Tokens in a second.
    pub tokens_per_second: Range,
}

/// A model on a chip.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The chip.
    pub chip: &'static Chip,
    /// Flash and RAM.
    pub fit: Fit,
    /// Speed; none where the project has no target for the core.
    pub speed: Option<Speed>,
}

impl Plan {
    /// Whether code and stack were measured on a machine with the chip's core; else they are the
    /// most of all measured machines.
    pub fn is_measured(&self) -> bool {
        self.speed.is_some()
    }
}

/// Caches from this size on hold the code of half a layer.
const LAYER_CACHE_BYTES: u32 = 8 << 10;
/// Code and stack of the bench firmware on the core's machine, and its costs; the most of all
/// machines where the core has none.
fn costs_of(core: &Core) -> (u64, u64, Option<&'static Costs>) {
    let table = &CostTable::builtin().machine;
    match core.machine.as_ref().and_then(|machine| table.get(machine)) {
        Some(costs) => (costs.code_bytes, costs.stack_bytes, Some(costs)),
        None => {
            let most = |bytes: fn(&Costs) -> u64| table.values().map(bytes).max().unwrap_or(0);
            (
                most(|costs| costs.code_bytes),
                most(|costs| costs.stack_bytes),
                None,
            )
        }
    }
}

impl Demand {
    /// That of `model`, whose file has `model_bytes`.
    pub fn of(model: &Model, model_bytes: usize) -> Self {
        let (plan, desc) = (model.plan(), model.desc());
        let (layers, heads) = (u64::from(desc.layers), u64::from(desc.state_heads));
        Self {
            model_bytes: model_bytes as u64,
            state_bytes: plan.state_bytes() as u64,
            scratch_bytes: plan.scratch_bytes() as u64,
            prompt_scratch_bytes: plan.prompt_scratch_bytes() as u64,
            work: Work::of_token(model),
            streamed_bytes: work::streamed_bytes(model),
            passes: [2 * layers + 1, layers * (heads + 2) + 1],
        }
    }

    /// The model on `chip`.
    pub fn on(&self, chip: &'static Chip) -> Plan {
        let (code_bytes, stack_bytes, costs) = costs_of(chip.core());
        let fit = Fit::new(self, chip, code_bytes, stack_bytes);
        Plan {
            chip,
            fit,
            speed: costs.map(|costs| self.speed(chip, costs)),
        }
    }

    /// Cycles: instructions at the core's rate, the weights once from flash, and the code once at
    /// best; at worst the code anew for every pass that it does not outlast in the cache.
    fn speed(&self, chip: &Chip, costs: &Costs) -> Speed {
        let instructions = costs.instructions(&self.work);
        let [small, large] = [self.passes[1], self.passes[0]];
        let passes = if chip.cache_bytes < LAYER_CACHE_BYTES {
            small
        } else {
            large
        };
        let cycles = |bound: usize, passes: u64| {
            let lines =
                (self.streamed_bytes + passes * costs.code_bytes).div_ceil(chip.line.into());
            instructions * chip.core().cycles[bound]
                + (lines * u64::from(chip.line_cycles[bound])) as f64
        };
        let cycles = Range {
            low: cycles(0, 1),
            high: cycles(1, passes),
        };
        let hertz = 1e6 * f64::from(chip.mhz);
        let tokens_per_second = Range {
            low: hertz / cycles.high,
            high: hertz / cycles.low,
        };
        Speed {
            instructions,
            cycles,
            tokens_per_second,
        }
    }
}
