//! `cargo xtask soak`: the long versions of what the tests do: streams of a million tokens and a
//! large conversion on the host, the feature `flash`, the C library of every target and its tests
//! under Miri, and 10,000 tokens of every shipped model on every emulated machine, whose digest is
//! the host's.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::qemu::{self, Outcome, Report, Shown};
use crate::test::emulated::SPREAD_PERCENT;
use crate::{c_api, models, paths, process, setup};

/// Options of `cargo xtask soak`.
#[derive(Args)]
pub struct Options {
    /// Tokens of the host's streams
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(20_000..))]
    tokens: u32,
    /// m0, m3, m4, m7, m33, m55, rv32, or all; can be given several times or with commas
    #[arg(long, default_value = "all", value_delimiter = ',')]
    machine: Vec<String>,
}

const HOST_LIMIT: Duration = Duration::from_secs(6 * 3600);
const EMULATED_TOKENS: u32 = 10_000;
/// Strings of the soak, over all tokenizers.
const STRINGS: u32 = 300_000;
/// Cut clips of spoken digits on the emulated M4: all of the test split.
const CLIPS: u32 = 300;

/// Runs the tests that `arguments` name, package first.
fn host(arguments: &[&str], tokens: u32) -> Result<()> {
    let mut command = Command::new("cargo");
    command
        .current_dir(paths::root())
        .env("SLA_STREAM", tokens.to_string());
    command
        .env("SLA_STRINGS", STRINGS.to_string())
        .env("SLA_CLIPS", CLIPS.to_string());
    command
        .args(["test", "--release", "--package"])
        .args(arguments);
    let output = process::run(&mut command, HOST_LIMIT)?;
    let text = output.stdout_text();
    print!("{text}");
    if !output.success() {
        bail!(
            "{}: failed: {}",
            arguments.join(" "),
            output.last_error_line().trim_start_matches("error: ")
        );
    }
    if tests_passed(&text) == 0 {
        bail!("{}: nothing was tested", arguments.join(" "));
    }
    Ok(())
}

/// Models of aliasing that the C interface is checked against, by Miri's flags.
const BORROWS: [&str; 2] = ["", "-Zmiri-tree-borrows"];

/// Runs the C tests under Miri, which sees undefined behaviour that no sanitizer does.
fn interpreted(borrows: &str) -> Result<()> {
    println!(
        "C: its tests under Miri {}",
        if borrows.is_empty() {
            "with stacked borrows"
        } else {
            borrows
        }
    );
    if let Some(missing) = setup::ensure_miri() {
        println!("skipped: {missing}");
        return Ok(());
    }
    let files = models::small()?;
    let folder = files
        .first()
        .and_then(|file| file.path.parent())
        .context("no small files")?;
    let mut command = Command::new("rustup");
    process::clean_cargo_environment(&mut command);
    // Conversion takes Miri hours.
    command
        .current_dir(paths::root())
        .env("SLA_SMALL_FILES", folder);
    command.env("MIRIFLAGS", format!("-Zmiri-disable-isolation {borrows}"));
    command.args([
        "run",
        setup::MIRI_TOOLCHAIN,
        "cargo",
        "miri",
        "test",
        "--package",
        "sla-c",
    ]);
    let output = process::run(
        command.args(["--test", "calls", "--test", "sharing"]),
        HOST_LIMIT,
    )?;
    let text = output.stdout_text();
    print!("{text}");
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    if !output.success() {
        let what = errors
            .lines()
            .find(|line| line.starts_with("error: Undefined Behavior"));
        bail!(
            "the C tests under Miri: {}",
            what.unwrap_or(&output.last_error_line())
        );
    }
    if tests_passed(&text) == 0 {
        bail!("the C tests under Miri: nothing was tested");
    }
    Ok(())
}

/// Runs everything.
pub fn command(options: &Options) -> Result<()> {
    println!("host: streams of {} tokens", options.tokens);
    host(
        &["sla-tests", "--test", "streams", "--", "--nocapture"],
        options.tokens,
    )?;
    println!("host: {STRINGS} strings through the tokenizers");
    host(
        &[
            "sla-tests",
            "--test",
            "tokenizer",
            "random_strings",
            "--",
            "--nocapture",
        ],
        options.tokens,
    )?;
    host(
        &[
            "sla-tests",
            "--test",
            "tokenizer",
            "the_m4",
            "--",
            "--nocapture",
        ],
        options.tokens,
    )?;
    println!("host: {CLIPS} spoken digits, also on the emulated M4");
    host(
        &["sla-digits", "--test", "emulated", "--", "--nocapture"],
        options.tokens,
    )?;
    println!("host: a model of 100 million parameters with int4 weights");
    host(
        &[
            "sla-converter",
            "--test",
            "large",
            "--",
            "--ignored",
            "--nocapture",
        ],
        options.tokens,
    )?;

    println!("host: debug probes, up to the probe");
    host(
        &[
            "sla-converter",
            "--features",
            "flash",
            "--bin",
            "sla",
            "--test",
            "cli",
            "flash",
        ],
        options.tokens,
    )?;
    println!("C: the library for every target; the example on host and M4");
    c_api::check_all()?;
    for model in BORROWS {
        interpreted(model)?;
    }

    println!("emulated machines: {EMULATED_TOKENS} tokens of every shipped model");
    let emulated = qemu::Options {
        machine: options.machine.clone(),
        tokens: EMULATED_TOKENS,
        ..qemu::Options::default()
    };
    let reports = qemu::everything(&emulated, &qemu::BINARIES, &models::shipped()?, |report| {
        match &report.outcome {
            Outcome::Done(Shown::Model(row)) => println!(
                "{}: {}: digest {:08x}, instructions at 16 {}, at 4,000 {}, dearest over cheapest {:.2} %",
                report.machine,
                report.model,
                row.digest,
                row.insns_at_16.unwrap_or(0),
                row.insns_at_4000.unwrap_or(0),
                100.0 * row.spread()
            ),
            Outcome::Done(Shown::Kernels { .. } | Shown::Cases(_)) => {}
            Outcome::Skipped(why) => println!("{}: skipped: {why}", report.machine),
            Outcome::Failed(why) => println!("{}: {}: FAILED: {why}", report.machine, report.model),
        }
    })?;
    let is_good = |report: &&Report<Shown>| match &report.outcome {
        Outcome::Done(Shown::Model(row)) => 100.0 * row.spread() <= SPREAD_PERCENT,
        Outcome::Done(Shown::Kernels { .. } | Shown::Cases(_)) => true,
        Outcome::Skipped(_) | Outcome::Failed(_) => false,
    };
    match reports.len() - reports.iter().filter(is_good).count() {
        0 => Ok(()),
        bad => bail!(
            "{bad} runs failed, were skipped, or had tokens more than {SPREAD_PERCENT} % apart"
        ),
    }
}

/// The sum over the closing lines of `cargo test`.
fn tests_passed(text: &str) -> u32 {
    let passed = |line: &str| {
        line.strip_prefix("test result: ok. ")?
            .split(' ')
            .next()?
            .parse::<u32>()
            .ok()
    };
    text.lines().filter_map(passed).sum()
}

#[cfg(test)]
mod tests {
    #[test]
    fn closing_lines_are_summed() {
        let text = "test result: ok. 2 passed; 0 failed\nx\ntest result: ok. 3 passed; 1 failed\n";
        assert_eq!(super::tests_passed(text), 5);
    }
}
