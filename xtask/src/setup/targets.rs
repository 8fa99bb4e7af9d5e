//! Rust targets: rustup's prebuilt `core` first, else `core` built once and put into the sysroot,
//! so that a plain `cargo build --target` works.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::library::Source;
use super::toolchain::{Toolchain, parts};
use super::{Missing, emulator, say};
use crate::{paths, process};

const RUSTUP_FIRST_LIMIT: Duration = Duration::from_secs(60);
const RUSTUP_NEXT_LIMIT: Duration = Duration::from_secs(180);
const BUILD_LIMIT: Duration = Duration::from_secs(900);

/// Makes `targets` usable and returns those that cannot be had here. Nothing to do takes two calls
/// of rustc.
pub fn ensure_targets(targets: &[&str]) -> Result<Vec<Missing>> {
    let active = Toolchain::active()?;
    if absent(&active, targets).is_empty() {
        return Ok(Vec::new());
    }
    let _lock = paths::lock("setup")?;
    // What an earlier call settled for stays settled: no network is asked again.
    if Toolchain::debian().is_some_and(|debian| {
        debian.can_link() && absent(&debian, &absent(&active, targets)).is_empty()
    }) {
        return Ok(Vec::new());
    }
    let wanted = by_rustup(&active, &absent(&active, targets));
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    // Route A: the active compiler with the library source of its very version.
    let why_not_active = match by_source(&active, &wanted) {
        Ok(()) => return Ok(Vec::new()),
        Err(error) => format!("{error:#}"),
    };
    say(format_args!(
        "core for the active compiler cannot be built: {why_not_active}"
    ));
    // Route B: Debian's compiler and source, always of one version.
    let wanted = absent(&active, targets);
    let why_not_debian = match by_debian(&wanted) {
        Ok(()) => return Ok(Vec::new()),
        Err(error) => format!("{error:#}"),
    };
    let why = format!(
        "rustup's server gave no target; {why_not_active}; {why_not_debian}; `rustup target add` it by hand"
    );
    let debian = Toolchain::debian();
    let still = wanted.iter().filter(|target| {
        !debian
            .as_ref()
            .is_some_and(|toolchain| toolchain.has(target))
    });
    Ok(still
        .map(|target| Missing {
            what: (*target).to_owned(),
            why: why.clone(),
        })
        .collect())
}

/// A cargo that can build for `target`: the active one, or Debian's where only that has the target.
/// `None` if neither has.
pub fn device_cargo(target: &str) -> Option<Command> {
    Some(device_toolchain(target)?.cargo_command(target))
}

/// Version of the compiler that [`device_cargo`] builds with.
pub fn device_rustc(target: &str) -> Option<String> {
    Some(device_toolchain(target)?.version().to_owned())
}

fn device_toolchain(target: &str) -> Option<Toolchain> {
    let active = Toolchain::active()
        .ok()
        .filter(|toolchain| toolchain.has(target));
    active.or_else(|| Toolchain::debian().filter(|toolchain| toolchain.has(target)))
}

fn absent<'a>(toolchain: &Toolchain, targets: &[&'a str]) -> Vec<&'a str> {
    targets
        .iter()
        .copied()
        .filter(|target| !toolchain.has(target))
        .collect()
}

/// Asks rustup for each target; stops at the first that fails, since the others come from the same
/// server. Returns what is still absent.
fn by_rustup<'a>(toolchain: &Toolchain, targets: &[&'a str]) -> Vec<&'a str> {
    if process::find("rustup").is_none() {
        say("no rustup here");
        return targets.to_vec();
    }
    let mut limit = RUSTUP_FIRST_LIMIT;
    for target in targets {
        say(format_args!("rustup target add {target}"));
        // What an earlier call built for another compiler version, or beside rustup's own, would be
        // in the way.
        let folder = toolchain.library_folder(target);
        if folder.is_dir() {
            process::run(
                Command::new("rustup").args(["target", "remove", target]),
                RUSTUP_FIRST_LIMIT,
            )
            .ok();
            fs::remove_dir_all(&folder).ok();
        }
        let mut command = Command::new("rustup");
        command
            .env("RUSTUP_MAX_RETRIES", "1")
            .args(["target", "add", target]);
        let added = process::run(&mut command, limit).is_ok_and(|output| output.success());
        if !added || !toolchain.has(target) {
            say("rustup's server cannot be reached, or has no such target");
            break;
        }
        limit = RUSTUP_NEXT_LIMIT;
    }
    absent(toolchain, targets)
}

/// Builds the libraries of `targets` with `toolchain` and puts them into its sysroot.
fn by_source(toolchain: &Toolchain, targets: &[&str]) -> Result<()> {
    let rustlib = toolchain.sysroot.join("lib/rustlib");
    let probe = rustlib.join(".xtask-probe");
    fs::write(&probe, b"").with_context(|| format!("{} cannot be written", rustlib.display()))?;
    fs::remove_file(&probe)?;
    let source = Source::open(toolchain)?;
    let work = paths::target_dir().join("setup").join("core");
    write_empty_crate(&work)?;
    for target in targets {
        say(format_args!(
            "building {} {} for {target} from {}",
            parts(target),
            toolchain.version(),
            source.origin
        ));
        build(toolchain, target, &work).with_context(|| format!("core for {target}"))?;
    }
    fs::remove_dir_all(&work).ok();
    Ok(())
}

fn write_empty_crate(work: &Path) -> Result<()> {
    fs::create_dir_all(work.join("src"))?;
    fs::write(
        work.join("Cargo.toml"),
        "[package]\nname = \"empty\"\nversion = \"0.0.0\"\nedition = \"2021\"\n[workspace]\n",
    )?;
    fs::write(work.join("src/lib.rs"), "#![no_std]\n")?;
    Ok(())
}

fn build(toolchain: &Toolchain, target: &str, work: &Path) -> Result<()> {
    let mut command = toolchain.cargo_command(target);
    command
        .current_dir(work)
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTFLAGS", "-C embed-bitcode=yes")
        .args([
            "build",
            "--release",
            &format!("-Zbuild-std={}", parts(target)),
            "--target",
            target,
            "--target-dir",
            "target",
        ]);
    let output = process::run(&mut command, BUILD_LIMIT)?;
    if !output.success() {
        bail!("the build failed: {}", output.last_error_line());
    }
    // Filled beside its final place and renamed, so that an interrupted copy is never taken for a
    // library.
    let folder = toolchain.library_folder(target);
    let fresh = folder.with_file_name("lib.fresh");
    fs::remove_dir_all(&fresh).ok();
    fs::create_dir_all(&fresh)?;
    for entry in fs::read_dir(work.join("target").join(target).join("release/deps"))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        // Everything but the empty crate: a standard library has parts of its own.
        if name.ends_with(".rlib") && !name.starts_with("libempty") {
            fs::copy(entry.path(), fresh.join(&name))?;
        }
    }
    toolchain.mark(&fresh)?;
    fs::remove_dir_all(&folder).ok();
    fs::rename(&fresh, &folder)?;
    if !toolchain.has(target) {
        bail!("the build left no complete library");
    }
    Ok(())
}

fn by_debian(targets: &[&str]) -> Result<()> {
    say("apt-get install rustc-web cargo-web rust-web-src lld");
    let packages = [
        "install",
        "-y",
        "--no-install-recommends",
        "rustc-web",
        "cargo-web",
        "rust-web-src",
        "lld",
    ];
    let installed = emulator::apt(&["update"]).and_then(|_| emulator::apt(&packages));
    match installed {
        Ok(true) => {}
        Ok(false) => {
            bail!("apt-get has no such packages (rustc-web, cargo-web, rust-web-src, lld)")
        }
        Err(why) => bail!("{why}"),
    }
    let toolchain = Toolchain::debian().context("Debian's compiler does not run")?;
    by_source(&toolchain, &absent(&toolchain, targets))
}
