//! `cargo xtask test`: set-up, then every test. A step that cannot be done here says "skipped" and why; a step that fails fails the task.

use std::process::Command;

use anyhow::{Result, bail};
use clap::Args;

use crate::qemu::{self, Outcome};
use crate::{paths, process, setup};

/// Options of `cargo xtask test`.
#[derive(Args)]
pub struct Options {
    /// Leave out the emulated machines
    #[arg(long)]
    no_qemu: bool,
}

/// Crates that must build for every microcontroller.
const DEVICE_CRATES: [&str; 3] = ["sla-format", "sla-kernels", "sla-runtime"];
/// Targets that they are built for.
const DEVICE_TARGETS: [&str; 3] = ["thumbv7em-none-eabihf", "thumbv6m-none-eabi", "riscv32imac-unknown-none-elf"];

/// Runs all tests.
pub fn command(options: &Options) -> Result<()> {
    let mut failures = Vec::new();
    step("set-up: targets and emulators");
    for missing in setup::ensure_targets(&setup::TARGETS)? {
        skipped(missing);
    }
    for missing in setup::ensure_qemu().missing {
        skipped(missing);
    }

    step("workspace tests: cargo test --workspace");
    if !process::run_visible(Command::new("cargo").current_dir(paths::root()).args(["test", "--workspace"]))? {
        failures.push("workspace tests".to_owned());
    }

    for target in DEVICE_TARGETS {
        step(format_args!("device crates for {target}: {}", DEVICE_CRATES.join(", ")));
        match build_device_crates(target)? {
            None => skipped(format_args!("no core for {target}")),
            Some(true) => {}
            Some(false) => failures.push(format!("device crates for {target}")),
        }
    }

    if options.no_qemu {
        skipped("emulated machines: --no-qemu");
    } else {
        let chosen = qemu::Options::default();
        step("kernels on all emulated machines against the scalar oracle");
        emulated(qemu::conformance(&chosen)?, "conformance", &mut failures);
        step("the model on all emulated machines against the host's digest");
        emulated(qemu::bench(&chosen)?, "qemu", &mut failures);
    }

    match failures.is_empty() {
        true => {
            step("all passed");
            Ok(())
        }
        false => bail!("failed: {}", failures.join("; ")),
    }
}

fn step(text: impl std::fmt::Display) {
    eprintln!("test: {text}");
}

fn skipped(text: impl std::fmt::Display) {
    eprintln!("test: skipped: {text}");
}

/// Builds the device crates; `None` if there is no `core` for `target`.
fn build_device_crates(target: &str) -> Result<Option<bool>> {
    let Some(mut command) = setup::device_cargo(target) else { return Ok(None) };
    command
        .current_dir(paths::root())
        .args(["build", "--release", "--target", target, "--target-dir"])
        .arg(paths::target_dir());
    for package in DEVICE_CRATES {
        command.args(["--package", package]);
    }
    process::run_visible(&mut command).map(Some)
}

fn emulated(outcomes: Vec<(String, Outcome)>, what: &str, failures: &mut Vec<String>) {
    for (name, outcome) in outcomes {
        match outcome {
            Outcome::Row(row) => match what {
                "conformance" => step(format_args!("{name}: {} cases agree", row.tokens)),
                _ => step(format_args!(
                    "{name}: {} tokens of {}, digest {:08x}, {:.0} instructions per token",
                    row.tokens, row.model, row.digest, row.insns_mean
                )),
            },
            Outcome::Skipped(why) => skipped(format_args!("{name}: {why}")),
            Outcome::Failed(why) => {
                step(format_args!("{name}: FAILED: {why}"));
                failures.push(format!("{what} on {name}"));
            }
        }
    }
}
