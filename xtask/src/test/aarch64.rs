//! The tests on AArch64, by user-mode emulation: once with the dot product, once without.

use std::process::Command;

use anyhow::{Context, Result, bail};

use super::Findings;
use crate::models::{self, Model};
use crate::{paths, process, qemu, setup};

/// Processors, and the backend that each has to choose.
const PROCESSORS: [(&str, &str); 2] = [("max", "neon-dotprod"), ("cortex-a53", "neon")];
/// Tokens of every run.
const TOKENS: u32 = 64;

/// Runs them all.
pub fn run(findings: &mut Findings) {
    findings.step(format_args!(
        "{}: tests of the kernels; {TOKENS} tokens of every shipped model, against the host's kernels",
        setup::AARCH64
    ));
    if let Some(missing) = setup::ensure_aarch64().first() {
        return findings.skipped(missing);
    }
    for (processor, backend) in PROCESSORS {
        findings.run(processor, |findings| kernel_tests(findings, processor));
        findings.run(processor, |findings| digests(findings, processor, backend));
    }
}

/// `cargo` for AArch64, what it builds run by the emulator.
fn cargo(processor: &str) -> Result<Command> {
    let mut command = setup::device_cargo(setup::AARCH64).context("no standard library")?;
    let variable = |name: &str| {
        format!(
            "CARGO_TARGET_{}_{name}",
            setup::AARCH64.to_uppercase().replace('-', "_")
        )
    };
    command.current_dir(paths::root());
    command
        .env(variable("LINKER"), setup::AARCH64_LINKER)
        .env(variable("RUNNER"), setup::AARCH64_EMULATOR);
    // Without shared libraries the emulator needs no root file system of the target.
    command
        .env(variable("RUSTFLAGS"), "-C target-feature=+crt-static")
        .env("QEMU_CPU", processor);
    Ok(command)
}

fn kernel_tests(findings: &mut Findings, processor: &str) -> Result<()> {
    let mut command = cargo(processor)?;
    command.args([
        "test",
        "--package",
        "sla-kernels",
        "--features",
        "std",
        "--target",
        setup::AARCH64,
    ]);
    command
        .arg("--target-dir")
        .arg(paths::target_dir())
        .args(["--lib", "--tests"]);
    match process::run_visible(&mut command)? {
        true => findings.note(format_args!("{processor}: the kernels' own tests pass")),
        false => findings.failed(format_args!("{processor}: the kernels' own tests")),
    }
    Ok(())
}

fn digests(findings: &mut Findings, processor: &str, backend: &str) -> Result<()> {
    let models = models::shipped()?;
    let mut command = cargo(processor)?;
    command.args([
        "run",
        "--quiet",
        "--package",
        "sla-runtime",
        "--features",
        "std",
        "--example",
        "digest",
    ]);
    command
        .args(["--target", setup::AARCH64, "--target-dir"])
        .arg(paths::target_dir());
    command
        .args(["--", &TOKENS.to_string()])
        .args(models.iter().map(|model| &model.path));
    let output = process::run(&mut command, setup::BUILD_AND_RUN_LIMIT)?;
    if !output.success() {
        bail!("{}", output.last_error_line());
    }
    let text = output.stdout_text();
    let mut lines = text.lines();
    let kernels = lines.next().context("no output")?;
    match kernels.split(' ').collect::<Vec<_>>()[..] {
        ["kernels", name, cases, "0"] if name == backend => {
            findings.note(format_args!(
                "{processor}: {name} kernels: {cases} cases agree"
            ));
        }
        _ => findings.failed(format_args!(
            "{processor}: expected {backend} kernels without failures, got: {kernels}"
        )),
    }
    for model in &models {
        digest(findings, processor, model, lines.next())?;
    }
    Ok(())
}

fn digest(
    findings: &mut Findings,
    processor: &str,
    model: &Model,
    line: Option<&str>,
) -> Result<()> {
    let host = format!("{:08x}", qemu::host_digest(model, TOKENS)?);
    match line.and_then(|line| line.rsplit_once(' ')) {
        Some((_, digest)) if digest == host => {
            findings.note(format_args!("{processor}: {}: digest {host}", model.name))
        }
        other => findings.failed(format_args!(
            "{processor}: {}: digest {}, on the host {host}",
            model.name,
            other.map_or("missing", |(_, digest)| digest)
        )),
    }
    Ok(())
}
