//! `cargo xtask setup`: what the other tasks need beyond a Rust toolchain and a C linker.
//!
//! Every step first looks whether its result is there already, so a second call does nothing and
//! needs no network. A step that cannot be done is reported, not fatal: the caller decides what it
//! skips.

mod emulator;
mod miri;
mod python;
mod targets;

use std::fmt;
use std::time::Duration;

use anyhow::{Result, bail};

pub use emulator::{ensure_aarch64, ensure_browser, ensure_c, ensure_qemu};
pub use miri::{MIRI_TOOLCHAIN, ensure_miri};
pub use python::ensure_training;
pub use targets::{device_cargo, ensure_targets, rustc_version};

/// The targets of all firmware and of the device crates' build test.
pub const TARGETS: [&str; 8] = [
    "thumbv6m-none-eabi",
    "thumbv7m-none-eabi",
    "thumbv7em-none-eabi",
    "thumbv7em-none-eabihf",
    "thumbv8m.main-none-eabihf",
    "riscv32imac-unknown-none-elf",
    "riscv32imc-unknown-none-elf",
    "wasm32-unknown-unknown",
];

/// The target of the tests under user-mode emulation, which needs a standard library, a linker and
/// an emulator.
pub const AARCH64: &str = "aarch64-unknown-linux-gnu";
/// A target with 32-bit sizes whose programs run on x86-64 Linux as they are, and which the
/// compiler's own linker links.
pub const NARROW: &str = "i686-unknown-linux-musl";
/// Its linker.
pub const AARCH64_LINKER: &str = "aarch64-linux-gnu-gcc";
/// Its emulator.
pub const AARCH64_EMULATOR: &str = "qemu-aarch64";
/// Most that a build and a run under emulation may take.
pub const BUILD_AND_RUN_LIMIT: Duration = Duration::from_secs(1_800);

/// Something that could not be installed.
#[derive(Debug, Clone)]
pub struct Missing {
    /// The target or program.
    pub what: String,
    /// One line: why, and what a person can do about it.
    pub why: String,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.why)
    }
}

/// One line of progress. Standard output belongs to results, so it goes to standard error.
fn say(text: impl fmt::Display) {
    eprintln!("setup: {text}");
}

/// As [`ensure_targets`]; an error for the first that cannot be had.
pub fn require_targets(targets: &[&str]) -> Result<()> {
    match ensure_targets(targets)?.first() {
        Some(missing) => bail!("{missing}"),
        None => Ok(()),
    }
}

/// Runs `cargo xtask setup`.
pub fn command() -> Result<()> {
    let mut missing = ensure_targets(&TARGETS)?;
    let (qemu, browser) = (ensure_qemu(), ensure_browser());
    missing.extend(qemu.missing.iter().chain(&browser.missing).cloned());
    missing.extend(ensure_aarch64());
    missing.extend(ensure_c());
    missing.extend(ensure_targets(&[NARROW])?);
    match ensure_training() {
        Ok(python) => println!("{:32} ready: {}", "Python with PyTorch", python.display()),
        Err(entry) => missing.push(entry),
    }
    for target in TARGETS
        .into_iter()
        .chain([AARCH64, AARCH64_LINKER, AARCH64_EMULATOR, NARROW])
    {
        if !missing.iter().any(|entry| entry.what == target) {
            println!("{target:32} ready");
        }
    }
    for (program, version) in qemu.found.iter().chain(&browser.found) {
        println!("{program:32} ready: {version}");
    }
    for entry in &missing {
        println!("{:32} missing: {}", entry.what, entry.why);
    }
    if missing.is_empty() {
        return Ok(());
    }
    bail!(
        "{} of {} parts are missing; what needs them will be skipped",
        missing.len(),
        TARGETS.len() + emulator::PROGRAMS.len() + 8
    )
}
