//! `cargo xtask costs`: the constants of `sla plan`'s cost model, fitted to instructions that are
//! counted on the emulated machines.

mod designs;
mod solve;

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result, bail};
use clap::Args;
use sla_chips::plan::cost::TOLERANCE;
use sla_chips::plan::{CostTable, Costs, Unit, Work};
use sla_eval::owned_model::OwnedModel;
use sla_format::TensorKind;

use crate::bench::layout;
use crate::models::{self, Model};
use crate::qemu::{self, Case, Row};
use crate::table::Table;
use crate::{paths, setup};
use solve::{Equation, nonnegative_least_squares};

/// Tokens of each run of a design.
const TOKENS: u32 = 16;
/// Significant digits of a fitted figure.
const DIGITS: i32 = 5;

/// Instructions of a unit below which it costs nothing: what the solver leaves of a zero.
const NOTHING: f64 = 1e-6;

/// Options of `cargo xtask costs`.
#[derive(Args)]
pub struct Options {
    /// m0, m3, m4, m7, m33, m55, rv32, or all; can be given several times or with commas
    #[arg(long, alias = "machine", default_value = "all", value_delimiter = ',')]
    machines: Vec<String>,
    /// Record the constants in converter/chips/src/plan/costs.toml
    #[arg(long)]
    bless: bool,
}

/// Runs `cargo xtask costs`.
pub fn command(options: &Options) -> Result<()> {
    let designs = designs::all()?;
    let shipped = models::shipped_variants()?;
    let emulated = qemu::Options {
        machine: options.machines.clone(),
        tokens: TOKENS,
        ..qemu::Options::default()
    };
    let all: Vec<Model> = designs.iter().chain(&shipped).cloned().collect();
    let measured = qemu::costs(&emulated, &all)?;
    let works: BTreeMap<&str, Work> = all
        .iter()
        .map(|m| Ok((m.name.as_str(), work_of(m)?)))
        .collect::<Result<_>>()?;
    let is_shipped = |row: &Row| shipped.iter().any(|model| model.name == row.model);

    let mut table = CostTable::builtin().clone();
    let mut shown = Table::new(&[
        "<machine",
        "equations",
        "fit, %",
        "shipped, %",
        "<the worst",
    ]);
    for (machine, rows, cases) in &measured {
        let mut equations: Vec<Equation> = cases
            .iter()
            .filter_map(|case| kernel(case).transpose())
            .collect::<Result<_>>()?;
        for row in rows.iter().filter(|row| !is_shipped(row)) {
            equations.push(equation(&works[row.model.as_str()], row.insns_mean));
        }
        let figures = nonnegative_least_squares(&equations, Unit::ALL.len());
        let named = Unit::ALL
            .iter()
            .zip(figures)
            .filter(|(_, figure)| *figure > NOTHING);
        let mut costs = Costs {
            code_bytes: rows
                .iter()
                .map(|row| row.code_bytes)
                .max()
                .context("no run")?,
            stack_bytes: rows
                .iter()
                .map(|row| row.stack_bytes)
                .max()
                .context("no run")?,
            shipped_error: 0.0,
            unit: named
                .map(|(unit, figure)| (unit.name().to_owned(), rounded(figure)))
                .collect(),
        };
        let error = |row: &Row| {
            (costs.instructions(&works[row.model.as_str()]) / row.insns_mean - 1.0).abs()
        };
        let worst = |wanted: bool| {
            let rows = rows.iter().filter(|row| is_shipped(row) == wanted);
            rows.map(|row| (error(row), row.model.as_str()))
                .max_by(|a, b| a.0.total_cmp(&b.0))
                .unwrap_or((0.0, "none"))
        };
        let ((fit, design), (error, model)) = (worst(false), worst(true));
        let percent = |error: f64| format!("{:.2}", 100.0 * error);
        shown.row([
            machine.clone(),
            equations.len().to_string(),
            percent(fit),
            percent(error),
            format!("{design}, {model}"),
        ]);
        costs.shipped_error = rounded(error);
        table.machine.insert(machine.clone(), costs);
    }
    print!("{}", shown.render());
    table.rustc = setup::rustc_version();
    if let Some((name, costs)) = table
        .machine
        .iter()
        .find(|(_, costs)| costs.shipped_error > TOLERANCE)
    {
        bail!(
            "{name}: a shipped model is {:.1} % off; {:.0} % is the bound",
            100.0 * costs.shipped_error,
            100.0 * TOLERANCE
        );
    }
    if options.bless {
        let path = paths::root().join("converter/chips/src/plan/costs.toml");
        let text = format!(
            "# Made by `cargo xtask costs --bless`.\n\n{}",
            toml::to_string(&table)?
        );
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        eprintln!("recorded in {}", path.display());
    }
    Ok(())
}

/// How far the cost model is from a measured token of `row`, if it has costs of that machine.
pub fn error_of(row: &Row, model: &Model) -> Result<Option<f64>> {
    let Some(costs) = CostTable::builtin().machine.get(&row.machine) else {
        return Ok(None);
    };
    Ok(Some(
        costs.instructions(&work_of(model)?) / row.insns_mean - 1.0,
    ))
}

fn work_of(model: &Model) -> Result<Work> {
    let file = OwnedModel::read(&model.path).with_context(|| model.path.display().to_string())?;
    Ok(Work::of_token(&file.model()))
}

/// One that weighs relative errors.
fn equation(work: &Work, instructions: f64) -> Equation {
    Equation {
        terms: work
            .present()
            .map(|(unit, amount)| (unit as usize, amount / instructions))
            .collect(),
    }
}

/// What a matrix kernel alone says; nothing for other kernels, whose parts a token mixes.
fn kernel(case: &Case) -> Result<Option<Equation>> {
    let (name, block) = layout::split(&case.name);
    let Some((kernel, shape)) = name.split_once(':') else {
        return Ok(None);
    };
    let kind = match kernel {
        "matvec_i8" => TensorKind::I8,
        "matvec_i4" => TensorKind::I4,
        _ => return Ok(None),
    };
    let (rows, cols) = shape
        .split_once('x')
        .with_context(|| format!("{name} has no ROWSxCOLS"))?;
    let work = Work::of_matrix(kind, rows.parse()?, cols.parse()?, block.unwrap_or(0));
    Ok(Some(equation(&work, case.insns as f64)))
}

fn rounded(figure: f64) -> f64 {
    let scale = 10f64.powi(DIGITS - 1 - figure.abs().max(1e-12).log10().floor() as i32);
    (figure * scale).round() / scale
}
