//! Instructions of a token, from what `cargo xtask costs` fitted to measured ones.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::work::{Unit, Work};

/// Relative error of [`Costs::instructions`] against a measured token that the project's tests
/// allow, for models of the shape of the shipped ones and above: `cargo xtask test --all` and
/// `cargo xtask bench` compare every shipped model on every machine.
pub const TOLERANCE: f64 = 0.05;

/// The fitted costs: machine by machine, as `costs.toml` has them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CostTable {
    /// Version of the compiler that the measured firmware was built with.
    pub rustc: String,
    /// By the machine's name.
    pub machine: BTreeMap<String, Costs>,
}

/// What one machine's instruction set and compiler need.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Costs {
    /// Bytes of code and constants of the `bench` firmware with all backbones, without the model.
    pub code_bytes: u64,
    /// Peak stack of a token, the largest of all measured models.
    pub stack_bytes: u64,
    /// Largest relative error over the shipped models, which the fit did not see.
    pub shipped_error: f64,
    /// Instructions per unit, by the unit's name; a unit without a figure costs nothing.
    pub unit: BTreeMap<String, f64>,
}

impl CostTable {
    /// The costs that this program was built with.
    ///
    /// # Panics
    /// Never: a test reads the same text.
    pub fn builtin() -> &'static Self {
        static TABLE: LazyLock<CostTable> = LazyLock::new(|| {
            CostTable::parse(include_str!("costs.toml")).expect("costs.toml was read by a test")
        });
        &TABLE
    }

    /// Reads the text of `costs.toml`.
    ///
    /// # Errors
    /// The reader's message, or the name of a unit that does not exist.
    pub fn parse(text: &str) -> Result<Self, String> {
        let table: Self = toml::from_str(text).map_err(|e| e.to_string())?;
        let known = |name: &String| Unit::ALL.iter().any(|unit| unit.name() == name);
        match table
            .machine
            .values()
            .flat_map(|costs| costs.unit.keys())
            .find(|name| !known(name))
        {
            Some(name) => Err(format!("no unit is called {name}")),
            None => Ok(table),
        }
    }
}

impl Costs {
    /// Instructions of `work`.
    pub fn instructions(&self, work: &Work) -> f64 {
        work.present()
            .map(|(unit, amount)| amount * self.unit.get(unit.name()).copied().unwrap_or(0.0))
            .sum()
    }
}
