//! What the kernels must reach.

use serde_json::{Value, json};

use super::figures::{Figures, number};
use crate::table::Table;

/// A bound on one figure.
pub struct Target {
    /// Case name.
    case: &'static str,
    /// Machine name.
    machine: &'static str,
    /// The most instructions per unit.
    must: f64,
}

const fn target(case: &'static str, machine: &'static str, must: f64) -> Target {
    Target {
        case,
        machine,
        must,
    }
}

/// All of them.
pub const TARGETS: [Target; 7] = [
    target("matvec_i8:256x256", "m4", 1.20),
    target("matvec_i4:256x256", "m4", 1.40),
    target("matvec_i8:256x256", "m55", 0.36),
    target("matvec_i8:256x256", "rv32", 4.2),
    target("token:shakespeare-sla-gla", "m4", 1_150_000.0),
    target("token:shakespeare-sla-gla", "m55", 400_000.0),
    target("prompt64:shakespeare-sla-gla", "m4", 880_000.0),
];

/// How a target stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// Reached.
    Pass,
    /// Not reached.
    Fail,
    /// Nothing was measured.
    Absent,
}

impl Standing {
    fn name(self) -> &'static str {
        match self {
            Self::Pass => "PASS",
            Self::Fail => "FAIL",
            Self::Absent => "not measured",
        }
    }
}

impl Target {
    /// How it stands.
    fn standing(&self, figures: &Figures) -> Standing {
        match figures.get(self.case, self.machine) {
            None => Standing::Absent,
            Some(value) if value <= self.must => Standing::Pass,
            Some(_) => Standing::Fail,
        }
    }

    /// Whether this is an error; a machine that did not run has no targets.
    pub fn is_missed(&self, figures: &Figures) -> bool {
        let has_run = figures.machines.iter().any(|name| name == self.machine);
        has_run && self.standing(figures) != Standing::Pass
    }

    /// Case, machine, bound, figure, standing.
    pub fn cells(&self, figures: &Figures) -> [String; 5] {
        let figure = figures
            .get(self.case, self.machine)
            .map_or_else(|| "–".to_owned(), number);
        let standing = self.standing(figures).name().to_owned();
        [
            self.case.to_owned(),
            self.machine.to_owned(),
            number(self.must),
            figure,
            standing,
        ]
    }

    /// The same as an object.
    pub fn to_json(&self, figures: &Figures) -> Value {
        json!({
            "case": self.case,
            "machine": self.machine,
            "at_most": self.must,
            "measured": figures.get(self.case, self.machine),
            "standing": self.standing(figures).name(),
        })
    }
}

/// All targets of the machines that ran.
pub fn table(figures: &Figures) -> Table {
    let mut table = Table::new(&["<target", "<machine", "at most", "measured", "<"]);
    for target in TARGETS
        .iter()
        .filter(|target| figures.machines.iter().any(|name| name == target.machine))
    {
        table.row(target.cells(figures));
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(value: &str) -> Figures {
        Figures::read(&format!(
            "| case | per | m4 |\n|---|---|---|\n| a | MAC | {value} |\n"
        ))
        .expect("a table")
    }

    #[test]
    fn a_target_fails_above_its_bound_and_without_a_figure() {
        let bound = target("a", "m4", 1.2);
        assert!(!bound.is_missed(&figures("1.200")));
        assert!(bound.is_missed(&figures("1.201")) && bound.is_missed(&figures("–")));
        assert!(
            !target("a", "m55", 1.2).is_missed(&figures("9.000")),
            "m55 did not run"
        );
    }
}
