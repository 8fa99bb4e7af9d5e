//! The tests on emulated machines.

use anyhow::Result;
use sla_chips::plan::cost::TOLERANCE;

use super::{Extent, Findings};
use crate::bench::Bench;
use crate::costs;
use crate::models::{self, Model};
use crate::qemu::resume::resume;
use crate::qemu::{self, Outcome, Report, Row, Shown};

/// Tokens of every run.
const TOKENS: u32 = 256;
/// Tokens of a run without `--all`.
const FEW_TOKENS: u32 = 32;
/// Tokens of the long run.
const LONG_TOKENS: u32 = 10_000;
/// Peak stack of a token, any machine.
const STACK_BYTES: u64 = 2048;
/// By how much tokens may differ in cost, percent.
pub const SPREAD_PERCENT: f64 = 2.0;
/// The machine of the bounds.
const MACHINE: &str = "m4";

/// One machine of each kind of kernels.
const KINDS: [&str; 5] = ["m0", "m3", "m4", "m55", "rv32"];

/// Runs them all, or the kernels and one or two models on one machine of each kind.
pub fn run(extent: Extent, findings: &mut Findings) {
    if extent == Extent::Once {
        findings.run("emulated machines", one_of_each_kind);
        return;
    }
    findings.step(format_args!(
        "all machines: kernels against the scalar oracle; {TOKENS} tokens of every model that fits, against the host's \
         scalar and {} kernels",
        qemu::host_backend()
    ));
    findings.run("emulated machines", all_machines);
    findings.step(format_args!(
        "{MACHINE}: {LONG_TOKENS} tokens of one stream, the model in the image"
    ));
    findings.run("long stream", long_stream);
    findings.step(format_args!(
        "{MACHINE}: the ledger, as a table and as log frames"
    ));
    findings.run("ledger", ledger);
    findings.step(format_args!("{MACHINE}: generated text against the host's"));
    findings.run("generated text", generated_text);
    findings.step(format_args!(
        "{}: going on from a session of the host",
        KINDS.join(", ")
    ));
    findings.run("warm start", warm_start);
}

/// The kernel battery and the measured models; the digests are the host's.
fn one_of_each_kind(findings: &mut Findings) -> Result<()> {
    let models = models::MEASURED
        .into_iter()
        .map(models::shipped_as)
        .collect::<Result<Vec<_>>>()?;
    let options = qemu::Options {
        machine: KINDS.map(str::to_owned).to_vec(),
        tokens: FEW_TOKENS,
        ..qemu::Options::default()
    };
    let reports = everything(findings, &options, &["conformance", "bench"], &models)?;
    stack(findings, &rows(&reports));
    Ok(())
}

/// [`qemu::everything`]; each result is noted at once.
fn everything(
    findings: &mut Findings,
    options: &qemu::Options,
    binaries: &[&'static str],
    models: &[Model],
) -> Result<Vec<Report<Shown>>> {
    let shown = &*findings;
    let reports = qemu::everything(options, binaries, models, |report| {
        if let Some(text) = line(report) {
            shown.note(text);
        }
    })?;
    for report in &reports {
        match &report.outcome {
            Outcome::Failed(why) => {
                findings.failed(format_args!("{} {}: {why}", report.machine, report.model))
            }
            Outcome::Skipped(why) => findings.skipped(format_args!("{}: {why}", report.machine)),
            Outcome::Done(_) => {}
        }
    }
    Ok(reports)
}

/// The runs of models that ended well.
fn rows(reports: &[Report<Shown>]) -> Vec<&Row> {
    let done = reports.iter().filter_map(|report| report.outcome.done());
    done.filter_map(|shown| match shown {
        Shown::Model(row) => Some(row.as_ref()),
        Shown::Kernels { .. } | Shown::Cases(_) => None,
    })
    .collect()
}

fn stack(findings: &mut Findings, rows: &[&Row]) {
    findings.at_most(
        "largest peak stack of a token, bytes",
        rows.iter().map(|row| row.stack_bytes).max().unwrap_or(0),
        STACK_BYTES,
    );
}

fn all_machines(findings: &mut Findings) -> Result<()> {
    let shipped = models::shipped()?;
    let mut models = shipped.clone();
    models.extend(models::random()?);
    let options = qemu::Options {
        tokens: TOKENS,
        ..qemu::Options::default()
    };
    let reports = everything(findings, &options, &qemu::BINARIES, &models)?;
    let rows = rows(&reports);
    if rows.is_empty() {
        return Ok(());
    }
    instructions(findings, &reports)?;
    estimates(findings, &rows, &shipped)?;
    findings.note(format_args!(
        "{} runs, one digest for each model: the host's",
        rows.len()
    ));
    stack(findings, &rows);
    for model in &shipped {
        for row in rows
            .iter()
            .filter(|row| row.machine == MACHINE && row.model == model.name)
        {
            even(findings, row);
        }
    }
    for model in models
        .iter()
        .filter(|model| model.name.starts_with("recall"))
    {
        if rows.iter().any(|row| row.machine != "m0")
            && !rows
                .iter()
                .any(|row| row.machine == "m0" && row.model == model.name)
        {
            findings.failed(format_args!("m0: {} did not run", model.name));
        }
    }
    Ok(())
}

/// `sla plan` estimates the instructions of every shipped model on every machine.
fn estimates(findings: &mut Findings, rows: &[&Row], shipped: &[Model]) -> Result<()> {
    let mut worst = 0.0f64;
    for row in rows {
        let Some(model) = shipped.iter().find(|model| model.name == row.model) else {
            continue;
        };
        let error = 100.0 * costs::error_of(row, model)?.unwrap_or(f64::INFINITY);
        worst = worst.max(error.abs());
        if error.abs() > 100.0 * TOLERANCE {
            findings.failed(format_args!(
                "{} {}: `sla plan` is {error:+.1} % off the measured instructions; `cargo xtask costs --bless` fits its costs anew",
                row.machine, row.model
            ));
        }
    }
    findings.note(format_args!(
        "`sla plan` is at most {worst:.2} % off the measured instructions of the shipped models"
    ));
    Ok(())
}

/// No kernel and no token is dearer than docs/kernels.md says, and the targets are reached.
fn instructions(findings: &mut Findings, reports: &[Report<Shown>]) -> Result<()> {
    let verdict = Bench::of(reports)?.verdict()?;
    verdict.notes.iter().for_each(|line| findings.note(line));
    verdict
        .skipped
        .iter()
        .for_each(|line| findings.skipped(line));
    verdict
        .failures
        .iter()
        .for_each(|line| findings.failed(line));
    Ok(())
}

/// What a finished run showed.
fn line(report: &Report<Shown>) -> Option<String> {
    Some(match report.outcome.done()? {
        Shown::Kernels { backend, cases } => {
            format!("{}: {backend} kernels: {cases} cases agree", report.machine)
        }
        Shown::Cases(cases) => {
            format!(
                "{}: instructions of {} kernels and shapes counted",
                report.machine,
                cases.len()
            )
        }
        Shown::Model(row) => format!(
            "{}: {}: digest {:08x}, {:.0} instructions per token ({:.3} per MAC), parse {}, stack {}",
            row.machine,
            row.model,
            row.digest,
            row.insns_mean,
            row.insns_per_mac(),
            row.parse_insns,
            row.stack_bytes
        ),
    })
}

/// The dearest token is little dearer than the cheapest.
fn even(findings: &mut Findings, row: &Row) {
    let text = format!(
        "{} {}: instructions from {} to {}, {:.2} % apart over {} tokens",
        row.machine,
        row.model,
        row.insns_min,
        row.insns_max,
        100.0 * row.spread(),
        row.tokens
    );
    match 100.0 * row.spread() <= SPREAD_PERCENT {
        true => findings.note(text),
        false => findings.failed(format_args!("{text}, above {SPREAD_PERCENT} %")),
    }
}

fn long_stream(findings: &mut Findings) -> Result<()> {
    let options = qemu::Options {
        machine: vec![MACHINE.to_owned()],
        tokens: LONG_TOKENS,
        ..qemu::Options::default()
    };
    for report in qemu::bench(&options)? {
        match &report.outcome {
            Outcome::Failed(why) => findings.failed(format_args!("{}: {why}", report.machine)),
            Outcome::Skipped(why) => findings.skipped(format_args!("{}: {why}", report.machine)),
            Outcome::Done(row) => {
                even(findings, row);
                let (early, late) = (row.insns_at_16.unwrap_or(0), row.insns_at_4000.unwrap_or(0));
                let apart = 100.0 * (late as f64 / early.max(1) as f64 - 1.0);
                let text = format!(
                    "instructions at position 16: {early}, at position 4,000: {late} ({apart:+.2} %)"
                );
                match apart.abs() <= SPREAD_PERCENT {
                    true => findings.note(text),
                    false => findings.failed(text),
                }
            }
        }
    }
    Ok(())
}

fn ledger(findings: &mut Findings) -> Result<()> {
    let options = qemu::Options {
        machine: vec![MACHINE.to_owned()],
        tokens: 16,
        log: true,
        ..qemu::Options::default()
    };
    for report in qemu::ledgers(&options)? {
        match &report.outcome {
            Outcome::Failed(why) => findings.failed(format_args!("{}: {why}", report.machine)),
            Outcome::Skipped(why) => findings.skipped(format_args!("{}: {why}", report.machine)),
            Outcome::Done(ledger) => {
                let (lines, frames) = (ledger.table.len().saturating_sub(1), ledger.log.len());
                let column =
                    |line: &String| line.split_whitespace().rev().nth(2)?.parse::<u64>().ok();
                let sum: u64 = ledger.table.iter().filter_map(column).sum();
                let text = format!(
                    "{lines} lines, {frames} frames, {sum} instructions per token, all together {}",
                    ledger.insns_per_token
                );
                match lines > 0 && lines == frames && sum == ledger.insns_per_token {
                    true => findings.note(text),
                    false => findings.failed(text),
                }
            }
        }
    }
    Ok(())
}

fn warm_start(findings: &mut Findings) -> Result<()> {
    let machine = KINDS.map(str::to_owned).to_vec();
    for report in resume(&qemu::Options {
        machine,
        tokens: 16,
        ..qemu::Options::default()
    })? {
        match &report.outcome {
            Outcome::Failed(why) => findings.failed(format_args!("{}: {why}", report.machine)),
            Outcome::Skipped(why) => findings.skipped(format_args!("{}: {why}", report.machine)),
            Outcome::Done(run) => {
                findings.note(format_args!("{}: {}: {run}", report.machine, report.model))
            }
        }
    }
    Ok(())
}

fn generated_text(findings: &mut Findings) -> Result<()> {
    let model = Model::choose(None)?;
    let (prompt, tokens, seed) = ("ROMEO:", 48, 7);
    let host = qemu::host_text(&model, prompt, tokens, seed)?;
    match qemu::generate(MACHINE, &model, prompt, tokens, seed)? {
        Outcome::Done(text) if text.as_bytes() == host => {
            findings.note(format_args!("{prompt}{}", text.escape_debug()));
        }
        Outcome::Done(text) => {
            findings.failed(format_args!(
                "the host's text is {:?}, the machine's {text:?}",
                String::from_utf8_lossy(&host)
            ));
        }
        Outcome::Failed(why) => findings.failed(why),
        Outcome::Skipped(why) => findings.skipped(why),
    }
    Ok(())
}
