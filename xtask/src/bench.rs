//! `cargo xtask bench`: executed instructions of every kernel and of whole tokens on the emulated
//! machines, beside those that docs/kernels.md records, and throughput on this machine.

mod figures;
mod host;
pub mod layout;
mod record;
mod targets;

use anyhow::{Result, bail};
use clap::Args;
use serde_json::{Value, json};

use crate::qemu::{self, Outcome, Report, Row, Shown};
use crate::table::Table;
use crate::{models, setup};
use figures::{Difference, Figures, TOLERANCE_PERCENT, number};
use layout::Layout;
use record::Record;
use targets::TARGETS;

/// Options of `cargo xtask bench`.
#[derive(Args)]
pub struct Options {
    /// m0, m3, m4, m7, m33, m55, rv32, or all; can be given several times or with commas
    #[arg(long, alias = "machine", default_value = "all", value_delimiter = ',')]
    machines: Vec<String>,
    /// Print one JSON object, and nothing else, on standard output
    #[arg(long)]
    json: bool,
    /// Record the figures in docs/kernels.md
    #[arg(long, conflicts_with_all = ["machines", "json"])]
    bless: bool,
    /// Leave out the throughput on this machine
    #[arg(long)]
    no_host: bool,
}

/// Runs `cargo xtask bench`.
pub fn command(options: &Options) -> Result<()> {
    let emulated = qemu::Options {
        machine: options.machines.clone(),
        ..qemu::Options::default()
    };
    let shipped = models::MEASURED
        .into_iter()
        .map(models::shipped_as)
        .collect::<Result<Vec<_>>>()?;
    let reports = qemu::everything(&emulated, &qemu::BINARIES, &shipped, |report| match &report
        .outcome
    {
        Outcome::Done(_) => eprintln!(
            "{}: {} {}: done",
            report.machine, report.binary, report.model
        ),
        Outcome::Skipped(_) | Outcome::Failed(_) => {}
    })?;
    let complaint = qemu::complain(&reports);
    let bench = Bench::of(&reports)?;
    if bench.figures.machines.is_empty() {
        return complaint;
    }
    let host = match (options.no_host, shipped.first()) {
        (false, Some(model)) => host::measure(model)?,
        _ => None,
    };
    if options.bless {
        complaint?;
        let path = record::write(&bench.rustc, &bench.markdown(host.as_ref()))?;
        eprintln!("recorded in {}", path.display());
        let missed: Vec<String> = bench
            .missed()
            .into_iter()
            .chain(host.as_ref().and_then(host::missed))
            .collect();
        return if missed.is_empty() {
            Ok(())
        } else {
            bail!("{}", missed.join("; "))
        };
    }
    if !options.json {
        let tables = bench
            .tables()
            .into_iter()
            .chain(host.as_ref().map(host::table));
        tables.for_each(|table| println!("{}", table.render()));
    }
    let mut verdict = bench.verdict()?;
    verdict
        .failures
        .extend(host.as_ref().and_then(host::missed));
    if options.json {
        println!("{:#}", bench.json(host.as_ref(), &verdict));
    }
    verdict
        .notes
        .iter()
        .chain(&verdict.skipped)
        .chain(&verdict.failures)
        .for_each(|line| eprintln!("{line}"));
    complaint?;
    match verdict.failures.len() {
        0 => Ok(()),
        count => bail!(
            "{count} figures are dearer than docs/kernels.md has them, missing, or miss their target"
        ),
    }
}

/// What was measured.
pub struct Bench {
    figures: Figures,
    layouts: Vec<Layout>,
    rows: Vec<Row>,
    rustc: String,
}

/// What to think of the figures.
pub struct Verdict {
    /// Good to know.
    pub notes: Vec<String>,
    /// What could not be judged.
    pub skipped: Vec<String>,
    /// Regressions and targets missed.
    pub failures: Vec<String>,
    differences: Vec<Difference>,
}

impl Bench {
    /// What the runs of [`qemu::everything`] showed, of [`models::MEASURED`] alone.
    pub fn of(reports: &[Report<Shown>]) -> Result<Self> {
        let counts = |report: &&Report<Shown>| match report.outcome.done() {
            Some(Shown::Model(row)) => models::MEASURED.contains(&row.model.as_str()),
            shown => shown.is_some(),
        };
        let (mut layouts, mut rows) = (Vec::new(), Vec::new());
        for shown in reports
            .iter()
            .filter(counts)
            .filter_map(|report| report.outcome.done())
        {
            match shown {
                Shown::Kernels { .. } => {}
                Shown::Model(row) => rows.push(row.as_ref().clone()),
                Shown::Cases(cases) => {
                    for case in cases {
                        let layout = layout::of(&case.name)?;
                        layouts.extend(layout.filter(|layout| !layouts.contains(layout)));
                    }
                }
            }
        }
        Ok(Self {
            figures: Figures::of(reports.iter().filter(counts)),
            layouts,
            rows,
            rustc: setup::rustc_version(),
        })
    }

    /// The figures beside the recorded ones, and beside their targets.
    pub fn verdict(&self) -> Result<Verdict> {
        let record = Record::read()?;
        let mut verdict = Verdict {
            notes: Vec::new(),
            skipped: Vec::new(),
            failures: self.missed(),
            differences: Vec::new(),
        };
        if record.rustc != self.rustc {
            let (here, there) = (&self.rustc, &record.rustc);
            verdict.skipped.push(format!(
                "comparison with docs/kernels.md: compiled by rustc {here}, recorded {there}"
            ));
            return Ok(verdict);
        }
        verdict.differences = self.figures.differences(&record.figures);
        for difference in &verdict.differences {
            match difference.is_failure() {
                true => verdict.failures.push(difference.to_string()),
                false => verdict.notes.push(format!(
                    "{difference}: better: `cargo xtask bench --bless` records it"
                )),
            }
        }
        let (cases, machines) = (self.figures.cases.len(), self.figures.machines.len());
        if verdict.differences.is_empty() {
            let text = format!(
                "{cases} cases on {machines} machines within {TOLERANCE_PERCENT} % of docs/kernels.md"
            );
            verdict.notes.push(text);
        }
        Ok(verdict)
    }

    /// One line a target that is missed.
    fn missed(&self) -> Vec<String> {
        let missed = TARGETS
            .iter()
            .filter(|target| target.is_missed(&self.figures));
        missed
            .map(|target| format!("target: {}", target.cells(&self.figures).join(" ")))
            .collect()
    }

    fn tables(&self) -> [Table; 4] {
        [
            self.figures.table(),
            layout::table(&self.layouts),
            tokens(&self.rows),
            targets::table(&self.figures),
        ]
    }

    /// The generated part of docs/kernels.md. The table of figures comes first: it is read back.
    fn markdown(&self, host: Option<&Value>) -> String {
        let [figures, layouts, tokens, targets] = self.tables().map(|table| table.markdown());
        let host = host.map_or_else(String::new, |host| {
            format!(
                "\nOn the machine that made this, and only there:\n\n{}",
                host::table(host).markdown()
            )
        });
        format!(
            "Instructions per unit:\n\n{figures}\n\
             What the layout proves for these matrices of random full-range int8 weights (numerics.md N5):\n\n{layouts}\n\
             Whole tokens: 256 of the model's own greedy text; bytes of state, scratch, stack and code:\n\n{tokens}\n\
             Targets:\n\n{targets}{host}"
        )
    }

    fn json(&self, host: Option<&Value>, verdict: &Verdict) -> Value {
        let figures = &self.figures;
        let all = figures.cases.iter().flat_map(|(case, unit)| {
            let one = move |machine: &String| {
                let insns_per_unit = figures.get(case, machine)?;
                Some(json!({ "case": case, "unit": unit, "machine": machine, "insns_per_unit": insns_per_unit }))
            };
            figures.machines.iter().filter_map(one)
        });
        let layout =
            |l: &Layout| json!({ "case": l.case, "in_bits": l.in_bits, "block_columns": l.block });
        let difference = |d: &Difference| {
            json!({
                "case": d.case, "machine": d.machine, "recorded": d.was, "measured": d.is, "is_failure": d.is_failure(),
            })
        };
        json!({
            "rustc": self.rustc,
            "figures": all.collect::<Vec<_>>(),
            "layouts": self.layouts.iter().map(layout).collect::<Vec<_>>(),
            "tokens": self.rows.iter().map(Row::to_json).collect::<Vec<_>>(),
            "targets": TARGETS.iter().map(|target| target.to_json(figures)).collect::<Vec<_>>(),
            "differences": verdict.differences.iter().map(difference).collect::<Vec<_>>(),
            "failures": verdict.failures,
            "host": host,
        })
    }
}

/// One row a machine and model.
fn tokens(rows: &[Row]) -> Table {
    let heads = [
        "<machine", "<model", "least", "mean", "most", "per MAC", "parse", "state", "scratch",
        "stack", "code",
    ];
    let mut table = Table::new(&heads);
    for row in rows {
        let figures = [
            row.insns_min as f64,
            row.insns_mean,
            row.insns_max as f64,
            row.insns_per_mac(),
        ]
        .map(number);
        let sizes = [
            row.parse_insns,
            row.state_bytes,
            row.scratch_bytes,
            row.stack_bytes,
            row.code_bytes,
        ];
        let names = [row.machine.clone(), row.model.clone()];
        table.row(
            names
                .into_iter()
                .chain(figures)
                .chain(sizes.map(|bytes| number(bytes as f64))),
        );
    }
    table
}
