//! `cargo xtask c-api`: the C library for every target, and the example in C on the host and on the
//! emulated Cortex-M4, which also measures the stack of every function.

mod stack;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use object::read::archive::ArchiveFile;
use object::{Object, ObjectSymbol};

use crate::models::{self, Model};
use crate::{paths, process, qemu, setup};

/// The target that stands for this computer.
const HOST: &str = "host";
/// One of each architecture, and what the example needs.
const TESTED: [&str; 4] = [
    HOST,
    "thumbv6m-none-eabi",
    "thumbv7em-none-eabihf",
    "riscv32imac-unknown-none-elf",
];
/// Steps whose digest the example prints.
const STEPS: u32 = 64;
const LIMIT: Duration = Duration::from_secs(600);

/// Options of `cargo xtask c-api`.
#[derive(Args)]
pub struct Options {
    /// `host` or a bare-metal target, with commas or several times; all without this
    #[arg(long, value_delimiter = ',', value_parser = clap::builder::PossibleValuesParser::new(targets()))]
    target: Vec<String>,
    /// Build all, run the example in C on the host and in the emulator, compare, and measure the
    /// stack that sla.h bounds
    #[arg(long, conflicts_with = "target")]
    check: bool,
}

fn targets() -> impl Iterator<Item = &'static str> {
    std::iter::once(HOST).chain(
        setup::TARGETS
            .into_iter()
            .filter(|target| target.ends_with("-none-eabi") || target.contains("-none-")),
    )
}

/// Where the library of a target is put.
fn library(target: &str) -> PathBuf {
    paths::target_dir()
        .join("c-api")
        .join(target)
        .join("libsla.a")
}

/// The command.
pub fn command(options: &Options) -> Result<()> {
    if options.check {
        return check_all();
    }
    let chosen: Vec<&str> = match options.target.is_empty() {
        true => targets().collect(),
        false => options.target.iter().map(String::as_str).collect(),
    };
    let device: Vec<&str> = chosen
        .iter()
        .copied()
        .filter(|target| *target != HOST)
        .collect();
    setup::require_targets(&device)?;
    for target in chosen {
        println!("{}", build(target)?.display());
    }
    println!("{}", paths::root().join("c-api/include/sla.h").display());
    Ok(())
}

/// Builds the library of one target.
fn build(target: &str) -> Result<PathBuf> {
    let mut command = match target {
        HOST => Command::new("cargo"),
        device => setup::device_cargo(device).with_context(|| format!("no core for {device}"))?,
    };
    if target == HOST {
        process::clean_cargo_environment(&mut command);
    }
    // As a static library alone it is optimised as a whole, so it holds what its functions reach
    // and nothing else.
    command.current_dir(paths::root()).args([
        "rustc",
        "--quiet",
        "--locked",
        "--package",
        "sla-c",
        "--lib",
    ]);
    command
        .args(["--crate-type", "staticlib", "--target-dir"])
        .arg(paths::target_dir());
    let folder = match target {
        HOST => {
            command.arg("--release");
            paths::target_dir().join("release")
        }
        device => {
            let features =
                "feature-vectors,gated-deltanet,gla,int4,prompt-pairs,retnet,state-int16,tokenizer";
            command.args([
                "--profile",
                "firmware",
                "--no-default-features",
                "--features",
                features,
                "--target",
                device,
            ]);
            paths::target_dir().join(device).join("firmware")
        }
    };
    let output = process::run(&mut command, setup::BUILD_AND_RUN_LIMIT)?;
    if !output.success() {
        bail!("the C library for {target}: {}", output.last_error_line());
    }
    if target != HOST && has_panic_path(&folder.join("libsla.a"))? {
        bail!("the C library for {target} can panic");
    }
    let library = library(target);
    std::fs::create_dir_all(library.parent().unwrap_or(&library))?;
    std::fs::copy(folder.join("libsla.a"), &library)
        .with_context(|| format!("cannot copy to {}", library.display()))?;
    Ok(library)
}

/// Whether anything that panics is in a library.
fn has_panic_path(library: &Path) -> Result<bool> {
    let data =
        std::fs::read(library).with_context(|| format!("cannot read {}", library.display()))?;
    let (mut symbols, mut panics) = (0, false);
    for member in ArchiveFile::parse(&*data)?.members() {
        // A copy, since members lie at any even address.
        let member = member?.data(&*data)?.to_vec();
        let file = object::File::parse(&*member)?;
        for symbol in file.symbols() {
            symbols += 1;
            panics |= symbol
                .name()
                .is_ok_and(|name| name.contains("panicking") || name.contains("rust_begin_unwind"));
        }
    }
    if symbols < 100 {
        bail!(
            "{} holds {symbols} symbols: it is not the library",
            library.display()
        );
    }
    Ok(panics)
}

/// Builds the library of every target, runs the example and compares.
pub fn check_all() -> Result<()> {
    check(targets())?.iter().for_each(|note| println!("{note}"));
    Ok(())
}

/// The same with one target of each architecture; returns what to report.
pub fn check_some() -> Result<Vec<String>> {
    check(TESTED.into_iter())
}

fn check(targets: impl Iterator<Item = &'static str>) -> Result<Vec<String>> {
    let mut notes = Vec::new();
    for target in targets {
        if target != HOST && setup::device_cargo(target).is_none() {
            notes.push(format!("skipped: no core for {target}"));
            continue;
        }
        let bytes = std::fs::metadata(build(target)?)?.len();
        notes.push(format!("{target}: libsla.a, {bytes} bytes before linking"));
    }
    if let Some(missing) = setup::ensure_c().first() {
        notes.push(format!("skipped: the example in C: {missing}"));
        return Ok(notes);
    }
    for model in ["shakespeare-sla-gla", "digits-sla-gla"].map(models::shipped_as) {
        let model = model?;
        let (host, machine) = (example(&model, "host")?, example(&model, "run")?);
        if host != machine {
            bail!(
                "{}: the example in C writes on the host\n{host}\nand on the M4\n{machine}",
                model.name
            );
        }
        let digest = host
            .lines()
            .find_map(|line| line.strip_prefix("digest of 64 steps "));
        let digest = digest
            .with_context(|| format!("{}: no digest in {host:?}", model.name))?
            .to_owned();
        let language = host.contains("ROMEO:");
        let expected = format!("{:08x}", qemu::host::reference(&model, STEPS)?);
        if language && digest != expected {
            bail!("{}: digest {digest} in C, {expected} in Rust", model.name);
        }
        notes.push(format!(
            "{}: the same {} bytes from C on host and M4, digest {digest}",
            model.name,
            host.len()
        ));
    }
    // Labels and a language model of a usual size, and everything else that a file can have.
    let mut measured = vec![
        models::shipped_as("zoo/digits-sla-gdn")?,
        models::shipped_as(models::DEFAULT)?,
    ];
    measured.extend(models::small()?);
    let outputs = measured
        .iter()
        .map(|model| example(model, "stack"))
        .collect::<Result<Vec<_>>>()?;
    let header = std::fs::read_to_string(paths::root().join("c-api/include/sla.h"))?;
    notes.extend(stack::check(&header, &outputs)?);
    Ok(notes)
}

/// Output of a goal of the example with a model.
fn example(model: &Model, goal: &str) -> Result<String> {
    let mut command = Command::new("make");
    command
        .current_dir(paths::root().join("firmware-examples/c-m4"))
        .args(["--silent", goal]);
    command.arg(format!("MODEL={}", model.path.display()));
    command.arg(format!(
        "LIBRARIES={}",
        paths::target_dir().join("c-api").display()
    ));
    command.arg(format!(
        "OUT={}",
        paths::target_dir().join("c-m4").join(&model.name).display()
    ));
    let output = process::run(&mut command, LIMIT)?;
    if !output.success() {
        bail!(
            "{}: make {goal}: {} {}",
            model.name,
            output.stdout_text().trim(),
            output.last_error_line()
        );
    }
    Ok(output.stdout_text())
}
