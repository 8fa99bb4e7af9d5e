//! `cargo xtask fuzz`: the targets of tests/fuzz under libFuzzer, with coverage guidance, overflow
//! checks and the address sanitizer, the mutation tests under the same sanitizer, and the device
//! crates' tests where sizes have 32 bits.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use sla_tests::fuzz::{TARGETS, Target, corpus};

use crate::{paths, process, setup};

/// Options of `cargo xtask fuzz`.
#[derive(Args)]
pub struct Options {
    /// Which targets, by name or with commas; all without this
    #[arg(long, value_delimiter = ',', value_parser = clap::builder::PossibleValuesParser::new(TARGETS.iter().map(|t| t.name)))]
    target: Vec<String>,
    /// Seconds a target
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// Replace the committed corpus by the fewest inputs, of it and of what earlier runs found,
    /// that reach everything they reach together
    #[arg(long, conflicts_with = "mutations")]
    minimize: bool,
    /// Instead: so many random mutations of valid files, as they are and with the right checksum
    #[arg(long, value_name = "N")]
    mutations: Option<u64>,
}

/// Instrumentation as `cargo fuzz` sets it.
const COVERAGE: [&str; 6] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Cllvm-args=-simplifycfg-branch-fold-threshold=0",
];
/// The only part that a stable compiler hides.
const SANITIZER: &str = "-Zsanitizer=address";
const BUILD_LIMIT: Duration = Duration::from_secs(30 * 60);
const SECONDS_AN_INPUT: u64 = 20;
const LONGEST_INPUT: usize = 32 * 1024;
const MEMORY_MIB: u64 = 2_048;
/// Seconds in which the canary must be found.
const CANARY_SECONDS: u64 = 120;

/// What is tested on 32 bits: crates whose tests need no C compiler.
const NARROW_CRATES: [&str; 3] = ["sla-format", "sla-runtime", "sla-store"];
/// Mutations a file that a second is worth, roughly.
const NARROW_MUTATIONS_A_SECOND: u64 = 200;

/// What a run did.
pub struct Report {
    /// The target's name.
    pub name: &'static str,
    /// Inputs run.
    pub executions: u64,
    /// Edges reached.
    pub edges: u64,
    /// Inputs that each reach something new.
    pub corpus: u64,
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            name,
            executions,
            edges,
            corpus,
        } = self;
        write!(
            f,
            "{name}: nothing found in {executions} executions; {edges} edges, {corpus} inputs"
        )
    }
}

/// All targets.
pub fn all() -> Vec<&'static Target> {
    TARGETS.iter().collect()
}

/// The command.
pub fn command(options: &Options) -> Result<()> {
    if let Some(count) = options.mutations {
        return mutations(count);
    }
    build()?;
    canary()?;
    println!("canary: found, so a finding would be seen");
    let chosen = |target: &&Target| {
        options.target.is_empty() || options.target.iter().any(|name| name == target.name)
    };
    let chosen: Vec<&Target> = TARGETS.iter().filter(chosen).collect();
    if options.minimize {
        return chosen.into_iter().try_for_each(minimize);
    }
    let reports = run(&chosen, options.seconds);
    let mut failed = 0;
    for report in &reports {
        match report {
            Ok(r) => println!(
                "{}: nothing found in {} executions; {} edges, {} inputs",
                r.name, r.executions, r.edges, r.corpus
            ),
            Err(error) => {
                failed += 1;
                println!("{error:#}");
            }
        }
    }
    if failed > 0 {
        bail!("{failed} of {} targets have findings", reports.len())
    }
    match narrow(Some(NARROW_MUTATIONS_A_SECOND * options.seconds))? {
        None => println!("{}: nothing found", setup::NARROW),
        Some(why) => println!("{}: skipped: {why}", setup::NARROW),
    }
    Ok(())
}

/// The tests of the device crates, random mutations and the committed corpus among them, with
/// overflow checks on a target whose sizes have 32 bits; so many mutations a file, or the tests'
/// own number. Returns why it cannot be done here.
pub fn narrow(mutations: Option<u64>) -> Result<Option<String>> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return Ok(Some("programs of 32 bits are run on x86-64 Linux".into()));
    }
    if let Some(missing) = setup::ensure_targets(&[setup::NARROW])?.first() {
        return Ok(Some(missing.to_string()));
    }
    let mut command = setup::device_cargo(setup::NARROW).context("no standard library")?;
    let linker = format!(
        "CARGO_TARGET_{}_LINKER",
        setup::NARROW.to_uppercase().replace('-', "_")
    );
    command.current_dir(paths::root()).env(linker, "rust-lld");
    if let Some(mutations) = mutations {
        command.env("SLA_MUTATIONS", mutations.to_string());
    }
    command.args([
        "test",
        "--locked",
        "--target",
        setup::NARROW,
        "--lib",
        "--tests",
        "--target-dir",
    ]);
    command.arg(paths::target_dir());
    for package in NARROW_CRATES {
        command.args(["--package", package]);
    }
    match process::run_visible(&mut command)? {
        true => Ok(None),
        false => bail!("the device crates' tests fail on {}", setup::NARROW),
    }
}

/// What is missing for fuzzing on this machine.
pub fn missing() -> Option<&'static str> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return Some("fuzzing is set up for x86-64 Linux");
    }
    process::find("c++")
        .is_none()
        .then_some("no C++ compiler for libFuzzer")
}

/// The folder of the instrumented builds.
fn build_dir() -> PathBuf {
    paths::target_dir().join("fuzz")
}

const HOST: &str = "x86_64-unknown-linux-gnu";

fn cargo(flags: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    process::clean_cargo_environment(&mut command);
    command
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"))
        .env("RUSTC_BOOTSTRAP", "1");
    command
}

/// Builds all targets.
pub fn build() -> Result<()> {
    if let Some(missing) = missing() {
        bail!("{missing}");
    }
    let flags = [&COVERAGE[..], &[SANITIZER, "--cfg", "fuzzing"]].concat();
    let mut command = cargo(&flags);
    command.current_dir(paths::root().join("tests/fuzz"));
    command
        .args([
            "build",
            "--release",
            "--locked",
            "--bins",
            "--target",
            HOST,
            "--target-dir",
        ])
        .arg(build_dir());
    let output = process::run(&mut command, BUILD_LIMIT)?;
    if !output.success() {
        bail!(
            "the fuzz targets do not build: {}",
            output.last_error_line()
        );
    }
    Ok(())
}

/// A fuzzer that stops itself.
fn fuzzer(name: &str, seconds: u64) -> Command {
    let mut command = Command::new(build_dir().join(HOST).join("release").join(name));
    command.arg(format!("-max_total_time={seconds}"));
    command.arg(format!("-timeout={SECONDS_AN_INPUT}"));
    command.arg(format!("-max_len={LONGEST_INPUT}"));
    command.arg(format!("-rss_limit_mb={MEMORY_MIB}"));
    command.args(["-print_final_stats=1", "-close_fd_mask=1"]);
    command
}

/// Shows that a read behind a buffer, three compared bytes deep, is found.
pub fn canary() -> Result<()> {
    let folder = fresh(&build_dir().join("canary"))?;
    let mut command = fuzzer("canary", CANARY_SECONDS);
    command.arg(format!("-artifact_prefix={}/", folder.display()));
    let output = process::run(&mut command, Duration::from_secs(CANARY_SECONDS + 60))?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.success() || !text.contains("AddressSanitizer: heap-buffer-overflow") {
        bail!(
            "the canary was not found, so no finding would be: {}",
            output.last_error_line()
        );
    }
    Ok(())
}

/// Fuzzes targets, two at a time.
pub fn run(targets: &[&Target], seconds: u64) -> Vec<Result<Report>> {
    let next = Mutex::new(targets.iter());
    let worker = || {
        let mut reports = Vec::new();
        while let Some(target) = next.lock().expect("no panic while it is held").next() {
            reports.push(fuzz(target, seconds));
        }
        reports
    };
    std::thread::scope(|scope| {
        let workers = [scope.spawn(worker), scope.spawn(worker)];
        workers
            .into_iter()
            .flat_map(|w| w.join().expect("a worker that does not panic"))
            .collect()
    })
}

fn fuzz(target: &Target, seconds: u64) -> Result<Report> {
    let folder = build_dir().join(target.name);
    let found = folder.join("corpus");
    std::fs::create_dir_all(&found)
        .with_context(|| format!("cannot create {}", found.display()))?;
    for (index, seed) in (target.seeds)().into_iter().enumerate() {
        std::fs::write(found.join(format!("seed-{index}")), seed)?;
    }
    // The inputs that were there are run first.
    let given =
        std::fs::read_dir(&found)?.count() + std::fs::read_dir(corpus(target.name))?.count();
    let findings = fresh(&folder.join("findings"))?;
    let mut command = fuzzer(target.name, seconds);
    command
        .arg(format!("-artifact_prefix={}/", findings.display()))
        .arg(&found)
        .arg(corpus(target.name));
    let output = process::run(&mut command, Duration::from_secs(seconds + 600))?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let executions = statistic(&text, "stat::number_of_executed_units:");
    if !output.success() {
        let input = std::fs::read_dir(&findings)?.flatten().next();
        let log = folder.join("log");
        std::fs::write(&log, &text)?;
        let what = text
            .lines()
            .find(|line| line.contains("panicked at") || line.contains("ERROR:"))
            .unwrap_or("stopped");
        let input = input.map_or_else(
            || "no input".into(),
            |entry| entry.path().display().to_string(),
        );
        bail!(
            "{}: FOUND: {}; input {input}, log {}",
            target.name,
            what.trim(),
            log.display()
        );
    }
    let Some(executions) = executions.filter(|&n| n > given as u64) else {
        bail!(
            "{}: no time was left for new inputs: give more --seconds",
            target.name
        )
    };
    let word = |key| {
        text.lines().rev().find_map(|line| {
            line.split_once(key)?
                .1
                .split_whitespace()
                .next()?
                .split('/')
                .next()?
                .parse()
                .ok()
        })
    };
    Ok(Report {
        name: target.name,
        executions,
        edges: word(" cov: ").unwrap_or(0),
        corpus: word(" corp: ").unwrap_or(0),
    })
}

fn statistic(text: &str, key: &str) -> Option<u64> {
    text.lines()
        .find_map(|line| line.strip_prefix(key)?.trim().parse().ok())
}

/// An empty folder.
fn fresh(folder: &Path) -> Result<PathBuf> {
    if folder.exists() {
        std::fs::remove_dir_all(folder)
            .with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot create {}", folder.display()))?;
    Ok(folder.into())
}

fn minimize(target: &Target) -> Result<()> {
    let found = build_dir().join(target.name).join("corpus");
    let least = fresh(&build_dir().join(target.name).join("least"))?;
    let mut command = fuzzer(target.name, 0);
    command
        .arg("-merge=1")
        .arg(&least)
        .arg(corpus(target.name))
        .arg(&found);
    let output = process::run(&mut command, BUILD_LIMIT)?;
    if !output.success() {
        bail!("{}: {}", target.name, output.last_error_line());
    }
    let committed = fresh(&corpus(target.name))?;
    let mut count = 0;
    for entry in std::fs::read_dir(&least)?.flatten() {
        std::fs::copy(entry.path(), committed.join(entry.file_name()))?;
        count += 1;
    }
    println!("{}: {count} inputs in {}", target.name, committed.display());
    Ok(())
}

/// The mutation tests under the address sanitizer.
pub fn mutations(count: u64) -> Result<()> {
    if let Some(missing) = missing() {
        bail!("{missing}");
    }
    let mut command = cargo(&[SANITIZER]);
    command
        .current_dir(paths::root())
        .env("SLA_MUTATIONS", count.to_string());
    command.args([
        "test",
        "--locked",
        "--package",
        "sla-tests",
        "--test",
        "mutations",
        "--target",
        HOST,
        "--target-dir",
    ]);
    command.arg(build_dir()).args(["--", "--nocapture"]);
    match process::run_visible(&mut command)? {
        true => Ok(()),
        false => bail!("the mutation tests fail under the address sanitizer"),
    }
}
