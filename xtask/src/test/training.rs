//! The training recipe: its own tests, and a new user's path from a text to an emulated machine
//! with a tiny budget.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::Findings;
use crate::qemu::{self, Outcome};
use crate::{paths, process, setup, sla};

const LIMIT: Duration = Duration::from_secs(600);
/// Most that perplexity may grow from float to fixed point in a model of a few steps.
const PERPLEXITY: f64 = 1.02;

/// Runs both.
pub fn run(findings: &mut Findings) -> Result<()> {
    let python = match setup::ensure_training() {
        Ok(python) => python,
        Err(missing) => {
            findings.skipped(missing);
            return Ok(());
        }
    };
    let tests = [
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-r",
        "s",
        "training/tests",
    ];
    findings.note(
        stdout_of(Command::new(&python).args(tests))?
            .trim_end()
            .lines()
            .last()
            .unwrap_or_default(),
    );
    from_text_to_machine(findings, &python)
}

fn from_text_to_machine(findings: &mut Findings, python: &Path) -> Result<()> {
    let folder = paths::target_dir().join("trained");
    let (model, file) = (folder.join("tiny"), folder.join("tiny.sla"));
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    let budget = [
        "--size", "tiny", "--steps", "40", "--batch", "4", "--length", "64", "-o",
    ];
    stdout_of(
        Command::new(python)
            .args(["training/train.py", "--text", "docs/kernels.md"])
            .args(budget)
            .arg(&model),
    )?;
    let sla = sla::build()?;
    stdout_of(
        Command::new(&sla)
            .arg("convert")
            .arg(&model)
            .arg("-o")
            .arg(&file),
    )?;
    let evaluated = stdout_of(
        Command::new(&sla)
            .arg("eval")
            .arg(&file)
            .arg("--checkpoint")
            .arg(&model)
            .arg("--json"),
    )?;
    let evaluated: serde_json::Value =
        serde_json::from_str(&evaluated).context("sla eval --json")?;
    let figure = |key: &str| {
        evaluated[key]
            .as_f64()
            .with_context(|| format!("sla eval --json: no {key}"))
    };
    let (ratio, nll) = (figure("ppl_ratio")?, figure("nll_fixed")?);
    findings.note(format_args!(
        "tiny model of 40 steps: {nll:.3} nats a byte, perplexity x {ratio:.5}"
    ));
    // 5.545 nats are a guess.
    if ratio > PERPLEXITY || nll > 4.0 {
        findings.failed(format_args!(
            "trained model: {nll:.3} nats a byte, perplexity x {ratio:.5}"
        ));
    }
    let options = qemu::Options {
        machine: vec!["m4".to_owned()],
        model: Some(file),
        tokens: 32,
        ..qemu::Options::default()
    };
    match qemu::bench(&options)?
        .pop()
        .context("one machine makes one report")?
        .outcome
    {
        Outcome::Done(row) => findings.note(format_args!(
            "the same on the M4: {:.0} instructions a token",
            row.insns_mean
        )),
        Outcome::Skipped(why) => findings.skipped(why),
        Outcome::Failed(why) => findings.failed(format_args!("trained model on the M4: {why}")),
    }
    Ok(())
}

/// Standard output of a command in the root of the repository; an error if it fails.
fn stdout_of(command: &mut Command) -> Result<String> {
    let output = process::run(command.current_dir(paths::root()), LIMIT)?;
    if !output.success() {
        let text = format!(
            "{}{}",
            output.stdout_text(),
            String::from_utf8_lossy(&output.stderr)
        );
        let end: Vec<&str> = text.lines().rev().take(30).collect();
        bail!(
            "{:?} failed:\n{}",
            command.get_args().collect::<Vec<_>>(),
            end.into_iter().rev().collect::<Vec<_>>().join("\n")
        );
    }
    Ok(output.stdout_text())
}
