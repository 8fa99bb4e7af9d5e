//! Rust targets: rustup installs them.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::Result;

use super::{Missing, say};
use crate::{paths, process};

const LIMIT: Duration = Duration::from_secs(600);

/// Installs those of `targets` that are absent and returns those that cannot be had here.
pub fn ensure_targets(targets: &[&str]) -> Result<Vec<Missing>> {
    if absent(targets).is_empty() {
        return Ok(Vec::new());
    }
    // Another command may be installing: wait for it and look again.
    let _lock = paths::lock("setup")?;
    let wanted = absent(targets);
    if !wanted.is_empty() {
        say(format_args!("rustup target add {}", wanted.join(" ")));
        let mut command = Command::new("rustup");
        // What is missing afterwards says whether it went well.
        process::run(command.args(["target", "add"]).args(&wanted), LIMIT).ok();
    }
    let missing = absent(targets).into_iter().map(|target| Missing {
        what: target.to_owned(),
        why: format!("`rustup target add {target}` does not work here; install it by hand"),
    });
    Ok(missing.collect())
}

/// A cargo that can build for `target`, free of what the outer cargo or the user set for host
/// builds; `None` without a `core` for it.
pub fn device_cargo(target: &str) -> Option<Command> {
    let mut command = Command::new("cargo");
    process::clean_cargo_environment(&mut command);
    has(target).then_some(command)
}

/// Version of the compiler that all builds use, such as `1.95.0`.
pub fn rustc_version() -> String {
    let text = rustc(&["-vV"]);
    let version = text.lines().find_map(|line| line.strip_prefix("release: "));
    version.unwrap_or("unknown").to_owned()
}

fn absent<'a>(targets: &[&'a str]) -> Vec<&'a str> {
    targets
        .iter()
        .copied()
        .filter(|target| !has(target))
        .collect()
}

/// Whether the compiler has a `core` for `target`.
fn has(target: &str) -> bool {
    static SYSROOT: OnceLock<PathBuf> = OnceLock::new();
    let sysroot = SYSROOT.get_or_init(|| rustc(&["--print", "sysroot"]).trim().into());
    let library = sysroot.join("lib/rustlib").join(target).join("lib");
    let files = std::fs::read_dir(library).into_iter().flatten().flatten();
    files
        .into_iter()
        .any(|file| file.file_name().to_string_lossy().starts_with("libcore-"))
}

/// What the compiler prints; nothing if it does not run.
fn rustc(arguments: &[&str]) -> String {
    let limit = Duration::from_secs(20);
    process::run(Command::new("rustc").args(arguments), limit)
        .map_or_else(|_| String::new(), |output| output.stdout_text())
}
