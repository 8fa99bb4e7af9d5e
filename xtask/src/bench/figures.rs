//! The figures: executed instructions per unit, by case and machine.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};

use super::layout;
use crate::qemu::{Report, Shown};
use crate::table::Table;

/// By how much a figure may rise above the recorded one, percent; the same fall asks for recording
/// anew.
pub const TOLERANCE_PERCENT: f64 = 2.0;
/// What stands where a machine has no figure.
const NONE: &str = "–";

/// Cases in their order, machines in theirs, and what was measured.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Figures {
    /// Name and unit of each case.
    pub cases: Vec<(String, String)>,
    /// Machine names.
    pub machines: Vec<String>,
    values: BTreeMap<(String, String), f64>,
}

/// The case of a model's token.
pub fn token(model: &str) -> String {
    format!("token:{model}")
}

/// The case of the longest piece that a model's token can be cut into.
pub fn slice(model: &str) -> String {
    format!("slice:{model}")
}

impl Figures {
    /// What the runs showed: kernels and prompts, then tokens.
    pub fn of<'r>(reports: impl Iterator<Item = &'r Report<Shown>> + Clone) -> Self {
        let mut figures = Self::default();
        let all = || {
            reports
                .clone()
                .filter_map(|report| Some((&report.machine, report.outcome.done()?)))
        };
        let counted = || {
            all().filter_map(|(name, shown)| {
                if let Shown::Cases(list) = shown {
                    Some((name, list))
                } else {
                    None
                }
            })
        };
        // A small machine lacks some cases: the fullest list has their order.
        if let Some((_, list)) = counted().max_by_key(|(_, list)| list.len()) {
            figures.cases = list
                .iter()
                .map(|case| (layout::split(&case.name).0.to_owned(), case.unit.clone()))
                .collect();
        }
        for (machine, list) in counted() {
            for case in list {
                figures.add(
                    machine,
                    layout::split(&case.name).0,
                    &case.unit,
                    case.insns_per_unit(),
                );
            }
        }
        let rows = || {
            all().filter_map(|(_, shown)| {
                if let Shown::Model(row) = shown {
                    Some(row.as_ref())
                } else {
                    None
                }
            })
        };
        for row in rows() {
            figures.add(&row.machine, &token(&row.model), "token", row.insns_mean);
            figures.add(
                &row.machine,
                &slice(&row.model),
                "slice",
                row.insns_slice_max as f64,
            );
        }
        figures
    }

    fn add(&mut self, machine: &str, case: &str, unit: &str, value: f64) {
        if !self.cases.iter().any(|(name, _)| name == case) {
            self.cases.push((case.to_owned(), unit.to_owned()));
        }
        if !self.machines.iter().any(|name| name == machine) {
            self.machines.push(machine.to_owned());
        }
        self.values
            .insert((case.to_owned(), machine.to_owned()), value);
    }

    /// Instructions per unit, if this machine ran this case.
    pub fn get(&self, case: &str, machine: &str) -> Option<f64> {
        self.values
            .get(&(case.to_owned(), machine.to_owned()))
            .copied()
    }

    /// One row a case, one column a machine.
    pub fn table(&self) -> Table {
        let heads: Vec<&str> = ["<case", "<per"]
            .into_iter()
            .chain(self.machines.iter().map(String::as_str))
            .collect();
        let mut table = Table::new(&heads);
        for (case, unit) in &self.cases {
            let figure = |machine: &String| {
                self.get(case, machine)
                    .map_or_else(|| NONE.to_owned(), number)
            };
            let cells = [case.clone(), unit.clone()].into_iter();
            table.row(cells.chain(self.machines.iter().map(figure)));
        }
        table
    }

    /// Reads the Markdown of [`Figures::table`], to the digits that it shows.
    pub fn read(markdown: &str) -> Result<Self> {
        let mut lines = markdown.lines().map(cells);
        let heads = lines.next().context("no table")?;
        let [case, per, machines @ ..] = heads.as_slice() else {
            bail!("no columns")
        };
        if (*case, *per) != ("case", "per") {
            bail!("the columns are {}", heads.join(", "));
        }
        let mut figures = Self {
            machines: machines.iter().map(|&name| name.to_owned()).collect(),
            ..Self::default()
        };
        for line in lines.skip(1) {
            let [case, unit, values @ ..] = line.as_slice() else {
                bail!("no columns in {line:?}")
            };
            for (&machine, &text) in machines
                .iter()
                .zip(values)
                .filter(|(_, text)| **text != NONE)
            {
                let value = text
                    .replace(',', "")
                    .parse()
                    .with_context(|| format!("{case}: {text} is no number"))?;
                figures.add(machine, case, unit, value);
            }
        }
        Ok(figures)
    }

    /// What differs from `recorded` on the machines that ran here.
    pub fn differences(&self, recorded: &Self) -> Vec<Difference> {
        let names = |figures: &Self| {
            figures
                .cases
                .iter()
                .map(|(name, _)| name.clone())
                .collect::<Vec<_>>()
        };
        let gone = names(recorded)
            .into_iter()
            .filter(|name| !self.cases.iter().any(|(other, _)| other == name));
        let mut differences = Vec::new();
        for case in names(self).into_iter().chain(gone) {
            for machine in &self.machines {
                let (was, is) = (recorded.get(&case, machine), self.get(&case, machine));
                let percent = was.zip(is).map(|(was, is)| 100.0 * (is / was - 1.0));
                if was.is_some() != is.is_some()
                    || percent.is_some_and(|percent| percent.abs() > TOLERANCE_PERCENT)
                {
                    differences.push(Difference {
                        case: case.clone(),
                        machine: machine.clone(),
                        was,
                        is,
                    });
                }
            }
        }
        differences
    }
}

fn cells(line: &str) -> Vec<&str> {
    line.trim()
        .trim_matches('|')
        .split('|')
        .map(str::trim)
        .collect()
}

/// Four digits at least, and all before the point.
pub fn number(value: f64) -> String {
    if value >= 1000.0 {
        let digits = format!("{value:.0}");
        let groups: Vec<&[u8]> = digits.as_bytes().rchunks(3).rev().collect();
        return String::from_utf8_lossy(&groups.join(&b',')).into_owned();
    }
    let before = if value >= 1.0 {
        value.log10().floor() as usize + 1
    } else {
        0
    };
    format!("{value:.0$}", 4usize.saturating_sub(before))
}

/// A figure that is not the recorded one.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// Case name.
    pub case: String,
    /// Machine name.
    pub machine: String,
    /// The recorded figure.
    pub was: Option<f64>,
    /// The measured one.
    pub is: Option<f64>,
}

impl Difference {
    /// Whether it is anything but an improvement: dearer, not recorded, or not measured any more.
    pub fn is_failure(&self) -> bool {
        !matches!((self.was, self.is), (Some(was), Some(is)) if is < was)
    }
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        let Self { case, machine, .. } = self;
        match (self.was, self.is) {
            (Some(was), Some(is)) => {
                let percent = 100.0 * (is / was - 1.0);
                write!(
                    f,
                    "{machine} {case}: {} instructions, recorded {} ({percent:+.1} %)",
                    number(is),
                    number(was)
                )
            }
            (None, Some(is)) => write!(
                f,
                "{machine} {case}: {} instructions, not recorded",
                number(is)
            ),
            (Some(was), None) => {
                write!(f, "{machine} {case}: recorded {}, did not run", number(was))
            }
            (None, None) => write!(f, "{machine} {case}: nothing"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(list: &[(&str, &str, f64)]) -> Figures {
        let mut figures = Figures::default();
        list.iter()
            .for_each(|(case, machine, value)| figures.add(machine, case, "MAC", *value));
        figures
    }

    #[test]
    fn a_table_reads_back() {
        let written = figures(&[
            ("a:1", "m4", 0.9221),
            ("a:1", "m7", 13.68),
            ("token:x", "m7", 1_097_627.0),
        ]);
        let markdown = written.table().markdown();
        assert!(
            markdown.contains("| token:x | MAC | – | 1,097,627 |"),
            "{markdown}"
        );
        assert_eq!(Figures::read(&markdown).expect("just written"), written);
        assert!(Figures::read("| case | m4 |\n").is_err() && Figures::read("").is_err());
        assert!(Figures::read("| case | per | m4 |\n|---|---|---|\n| a | b | one |\n").is_err());
    }

    #[test]
    fn numbers_keep_four_digits() {
        assert_eq!(
            [0.92194, 7.5432, 88.004, 999.96, 1_234_567.8].map(number),
            ["0.9219", "7.543", "88.00", "1000.0", "1,234,568"]
        );
    }

    #[test]
    fn a_regression_is_found_on_the_machine_that_has_it() {
        let recorded = figures(&[("a", "m4", 1.0), ("b", "m4", 1.0), ("a", "m7", 1.0)]);
        assert_eq!(recorded.differences(&recorded), []);
        let within = figures(&[("a", "m4", 1.0199), ("b", "m4", 0.9801), ("a", "m7", 1.0)]);
        assert_eq!(within.differences(&recorded), []);
        let planted = figures(&[("a", "m4", 1.0), ("b", "m4", 1.021), ("a", "m7", 1.0)]);
        let found = planted.differences(&recorded);
        assert_eq!(found.len(), 1);
        assert!(found[0].is_failure());
        assert_eq!(
            found[0].to_string(),
            "m4 b: 1.021 instructions, recorded 1.000 (+2.1 %)"
        );
    }

    #[test]
    fn an_improvement_is_told_and_is_no_failure() {
        let (recorded, faster) = (figures(&[("a", "m4", 1.0)]), figures(&[("a", "m4", 0.97)]));
        let found = faster.differences(&recorded);
        assert_eq!(found.len(), 1);
        assert!(!found[0].is_failure());
    }

    #[test]
    fn new_and_lost_cases_fail_where_the_machine_ran() {
        let (one, two) = (
            figures(&[("a", "m4", 1.0)]),
            figures(&[("a", "m4", 1.0), ("b", "m4", 1.0), ("b", "m7", 1.0)]),
        );
        for found in [one.differences(&two), two.differences(&one)] {
            assert!(found.iter().all(Difference::is_failure) && !found.is_empty());
        }
        assert_eq!(one.differences(&two).len(), 1, "m7 did not run");
    }
}
