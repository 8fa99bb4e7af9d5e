//! `cargo xtask test`: set-up, then each kind of check once, or with `--all` every test. A step
//! that cannot be done here says "skipped" and why; a step that fails fails the task.

pub mod aarch64;
pub mod emulated;
mod training;

use std::fmt::Display;
use std::process::Command;
use std::time::Instant;

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};

use crate::qemu::machine::Machine;
use crate::{boards, c_api, fuzz, msrv, paths, process, proof, setup, size};

/// Options of `cargo xtask test`.
#[derive(Args)]
pub struct Options {
    /// Everything, which takes an hour; without this each kind of check once, in ten minutes
    #[arg(long)]
    all: bool,
    /// All of these parts alone, by name or with commas
    #[arg(long, value_enum, value_delimiter = ',', conflicts_with = "all")]
    only: Vec<Part>,
}

/// How much of a part runs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// Its kind of check once.
    Once,
    /// All of it.
    All,
}

/// A part of the tests, in the order in which they run.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// The workspace's tests on this machine
    Workspace,
    /// Device crates without a standard library
    Device,
    /// The device crates with the oldest compiler
    Msrv,
    /// No float, no allocator, no panic
    Proof,
    /// Code size
    Size,
    /// Images of all boards
    Boards,
    /// A short look at every fuzz target
    Fuzz,
    /// The training recipe
    Training,
    /// The C API
    C,
    /// Emulated machines
    Machines,
    /// AArch64 under user-mode emulation
    Aarch64,
}

impl Part {
    /// Whether it runs without `--all`.
    fn is_short(self) -> bool {
        match self {
            Self::Workspace | Self::Device | Self::Proof | Self::Boards | Self::Machines => true,
            Self::Msrv | Self::Size | Self::Fuzz | Self::Training | Self::C | Self::Aarch64 => {
                false
            }
        }
    }

    /// What it does, in words.
    fn text(self) -> String {
        match self {
            Self::Workspace => "workspace tests: cargo test --workspace".into(),
            Self::Device => format!("device crates: {}", DEVICE_CRATES.join(", ")),
            Self::Msrv => "oldest compiler: the device crates and the C library".into(),
            Self::Proof => {
                "proof: no allocator and no panic path in what a firmware calls, no float but in the sampler".into()
            }
            Self::Size => "code size on the M4".into(),
            Self::Boards => {
                "boards: their images, memory maps, and docs/boards.md; a conversation with one in QEMU".into()
            }
            Self::Fuzz => {
                format!("fuzz targets: {FUZZ_SECONDS} seconds each, and a canary that has to be found; 32-bit sizes")
            }
            Self::Training => {
                "training: its tests; from a text to a trained, converted, evaluated, running model".into()
            }
            Self::C => "C: the library for one target of each architecture; the example in C on host and M4".into(),
            Self::Machines => "emulated machines".into(),
            Self::Aarch64 => "AArch64: kernels and runtime under user-mode emulation".into(),
        }
    }

    fn run(self, extent: Extent, findings: &mut Findings) -> Result<()> {
        match self {
            Self::Workspace => workspace_tests(extent, findings)?,
            Self::Device => device_crates(extent, findings)?,
            Self::Msrv => msrv::run(findings)?,
            Self::Proof => proofs(extent, findings)?,
            Self::Size => code_size(findings)?,
            Self::Boards => all_boards(extent, findings)?,
            Self::Fuzz => fuzzing(findings)?,
            Self::Training => training::run(findings)?,
            Self::C => c_api::check_some()?
                .into_iter()
                .for_each(|note| findings.note(note)),
            Self::Machines => emulated::run(extent, findings),
            Self::Aarch64 => aarch64::run(findings),
        }
        Ok(())
    }
}

/// Crates that must build without a standard library.
pub const DEVICE_CRATES: [&str; 8] = [
    "sla-digits",
    "sla-format",
    "sla-kernels",
    "sla-runtime",
    "sla-sensor",
    "sla-serial",
    "sla-store",
    "sla-tokenizer",
];
/// Targets that they are built for; of each architecture the smallest first.
pub const DEVICE_TARGETS: [&str; 4] = [
    "thumbv6m-none-eabi",
    "riscv32imac-unknown-none-elf",
    "thumbv7em-none-eabihf",
    "wasm32-unknown-unknown",
];
/// The integration tests that run without `--all`, as `cargo test` takes them: none takes long.
const SHORT_TESTS: [&str; 14] = [
    "checkpoint*",
    "clips",
    "description",
    "documents",
    "format_versions",
    "goldens",
    "of_file",
    "other_kernels",
    "parse",
    "power_loss",
    "properties",
    "refusals",
    "sensor",
    "session",
];
/// Code and constants of the M4 firmware with all backbones.
const FIRMWARE_BYTES: u64 = 48 * 1024;
/// A look at every fuzz target; `cargo xtask fuzz` takes longer ones.
const FUZZ_SECONDS: u64 = 10;
/// Token path and `Model::parse` on the M4 with one backbone.
const ONE_BACKBONE_BYTES: u64 = 24 * 1024;

/// What was found so far.
pub struct Findings {
    start: Instant,
    failures: Vec<String>,
}

impl Findings {
    /// Begins a step.
    pub fn step(&self, text: impl Display) {
        let seconds = self.start.elapsed().as_secs();
        eprintln!("test: [{}:{:02}] {text}", seconds / 60, seconds % 60);
    }

    /// A figure or result.
    pub fn note(&self, text: impl Display) {
        eprintln!("test:   {text}");
    }

    /// Something that cannot be done here.
    pub fn skipped(&self, text: impl Display) {
        eprintln!("test:   skipped: {text}");
    }

    /// Something that is wrong.
    pub fn failed(&mut self, text: impl Display) {
        eprintln!("test:   FAILED: {text}");
        self.failures.push(text.to_string());
    }

    /// A figure with a bound, which it must not exceed.
    pub fn at_most(&mut self, what: impl Display, figure: u64, bound: u64) {
        match figure <= bound {
            true => self.note(format_args!("{what}: {figure} (at most {bound})")),
            false => self.failed(format_args!("{what}: {figure}, above {bound}")),
        }
    }

    /// The work of a step, which may break off.
    fn run(&mut self, what: &str, work: impl FnOnce(&mut Self) -> Result<()>) {
        if let Err(error) = work(self) {
            self.failed(format_args!("{what}: {error:#}"));
        }
    }
}

/// Runs all tests.
pub fn command(options: &Options) -> Result<()> {
    let mut findings = Findings {
        start: Instant::now(),
        failures: Vec::new(),
    };
    let wanted = |part: &&Part| match options.only.as_slice() {
        [] => options.all || part.is_short(),
        only => only.contains(part),
    };
    let extent = match options.all || !options.only.is_empty() {
        true => Extent::All,
        false => Extent::Once,
    };
    findings.step("set-up");
    let mut missing = setup::ensure_targets(&setup::TARGETS)?;
    missing.extend(setup::ensure_qemu().missing);
    if extent == Extent::All {
        missing.extend(setup::ensure_browser().missing);
    }
    for missing in missing {
        findings.skipped(missing);
    }
    for part in Part::value_variants().iter().filter(wanted) {
        let text = part.text();
        findings.step(&text);
        findings.run(text.split(':').next().unwrap_or_default(), |findings| {
            part.run(extent, findings)
        });
    }

    findings.step(match findings.failures.len() {
        0 if extent == Extent::Once => "each kind of check passed; --all makes all".to_owned(),
        0 => "all passed".to_owned(),
        count => format!("{count} failed"),
    });
    match findings.failures.is_empty() {
        true => Ok(()),
        false => bail!("failed: {}", findings.failures.join("; ")),
    }
}

fn workspace_tests(extent: Extent, findings: &mut Findings) -> Result<()> {
    let mut command = Command::new("cargo");
    command.current_dir(paths::root());
    command.args(["test", "--workspace", "--no-fail-fast"]);
    if extent == Extent::Once {
        // The C library takes a parser of Rust to test its header.
        command.args(["--exclude", "sla-c", "--lib", "--bins"]);
        SHORT_TESTS.iter().for_each(|test| {
            command.args(["--test", test]);
        });
    }
    if !process::run_visible(&mut command)? {
        findings.failed("workspace tests");
    }
    Ok(())
}

fn device_crates(extent: Extent, findings: &mut Findings) -> Result<()> {
    let targets = match extent {
        Extent::Once => &DEVICE_TARGETS[..2],
        Extent::All => &DEVICE_TARGETS,
    };
    for target in targets {
        let Some(mut command) = setup::device_cargo(target) else {
            findings.skipped(format_args!("no core for {target}"));
            continue;
        };
        // In the profile of the tests, whose macros and build scripts are there.
        command
            .current_dir(paths::root())
            .args(["build", "--target", target, "--target-dir"])
            .arg(paths::target_dir());
        for package in DEVICE_CRATES {
            command.args(["--package", package]);
        }
        match process::run_visible(&mut command)? {
            true => findings.note(format_args!("{target}: built")),
            false => findings.failed(format_args!("device crates for {target}")),
        }
    }
    Ok(())
}

fn proofs(extent: Extent, findings: &mut Findings) -> Result<()> {
    let processors = match extent {
        Extent::Once => &proof::PROCESSORS[..1],
        Extent::All => &proof::PROCESSORS,
    };
    let targets = processors.iter().map(|processor| processor.target);
    for target in targets.filter(|target| setup::device_cargo(target).is_none()) {
        findings.skipped(format_args!("no core for {target}"));
    }
    proof::prove(processors, |line| match line {
        Ok(text) => findings.note(text),
        Err(text) => findings.failed(text),
    })
}

fn fuzzing(findings: &mut Findings) -> Result<()> {
    match fuzz::narrow(None)? {
        None => findings.note(format_args!(
            "{}: the device crates' tests pass",
            setup::NARROW
        )),
        Some(why) => findings.skipped(why),
    }
    if let Some(missing) = fuzz::missing() {
        findings.skipped(missing);
        return Ok(());
    }
    fuzz::build()?;
    fuzz::canary()?;
    for report in fuzz::run(&fuzz::all(), FUZZ_SECONDS) {
        match report {
            Ok(report) => findings.note(report),
            Err(error) => findings.failed(format_args!("{error:#}")),
        }
    }
    Ok(())
}

fn all_boards(extent: Extent, findings: &mut Findings) -> Result<()> {
    if extent == Extent::All {
        if !boards::shared_tests()? {
            findings.failed("what the boards share");
        }
        let differences = boards::check(&mut |note| findings.note(note))?;
        differences
            .into_iter()
            .for_each(|difference| findings.failed(difference));
    }
    match boards::converse()? {
        boards::Outcome::Right { stack_bytes } => findings.note(format_args!(
            "stm32f405 in QEMU: peak stack {stack_bytes} bytes"
        )),
        boards::Outcome::Skipped(why) => findings.skipped(why),
    }
    Ok(())
}

fn code_size(findings: &mut Findings) -> Result<()> {
    let machine = Machine::choose(&["m4".to_owned()])?.remove(0);
    if setup::device_cargo(&machine.target).is_none() {
        findings.skipped(format_args!("no core for {}", machine.target));
        return Ok(());
    }
    let sizes = size::measure(&machine)?;
    findings.at_most(
        "firmware `bench` with all backbones, bytes",
        sizes.firmware[0],
        FIRMWARE_BYTES,
    );
    for (backbone, bytes) in size::BACKBONES.iter().zip(&sizes.token_path[1..]) {
        findings.at_most(
            format_args!("token path and Model::parse with {backbone} alone, bytes"),
            *bytes,
            ONE_BACKBONE_BYTES,
        );
    }
    Ok(())
}
