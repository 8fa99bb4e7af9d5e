//! The oldest compiler that builds the device crates and the C library: what their manifests
//! promise as `rust-version`, tried with that compiler.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::test::{DEVICE_CRATES, DEVICE_TARGETS, Findings};
use crate::{paths, process};

/// The compiler.
const TOOLCHAIN: &str = "1.88.0";
/// The C library, which hosts build as well.
const C_LIBRARY: &str = "sla-c";
/// What a package of edition 2021 may depend on, and where it is; the others come with them.
const DEPENDENCIES: [(&str, &str); 4] = [
    ("sla-runtime", "runtime"),
    ("sla-digits", "applications/digits"),
    ("sla-sensor", "applications/sensor"),
    ("sla-serial", "applications/serial"),
];
const LIMIT: Duration = Duration::from_secs(600);

/// Checks the device crates with it: for devices without a feature, on this machine with all, and
/// as dependencies of a package of edition 2021, for which cargo chooses the newest versions.
pub fn run(findings: &mut Findings) -> Result<()> {
    let install = ["toolchain", "install", TOOLCHAIN, "--profile", "minimal"];
    if !rustup(&install) {
        let command = install.join(" ");
        findings.skipped(format_args!(
            "`rustup {command}` does not work here; try it by hand"
        ));
        return Ok(());
    }
    let crates: Vec<&str> = DEVICE_CRATES
        .iter()
        .flat_map(|name| ["--package", name])
        .collect();
    let all = [&["--package", C_LIBRARY], &crates[..]].concat();
    for target in DEVICE_TARGETS {
        if !rustup(&["target", "add", "--toolchain", TOOLCHAIN, target]) {
            findings.skipped(format_args!("no core of {TOOLCHAIN} for {target}"));
            continue;
        }
        let features = ["--no-default-features", "--target", target];
        // The C library is for hosts and for what has no operating system.
        let packages = match target.contains("-none-") {
            true => &all,
            false => &crates,
        };
        check(
            findings,
            target,
            &paths::root(),
            &[&features, &packages[..]].concat(),
        )?;
    }
    check(
        findings,
        "this machine",
        &paths::root(),
        &[&["--all-features"], &all[..]].concat(),
    )?;

    let newest = consumer()?;
    let update = process::run(&mut cargo(&newest, &["update", "--quiet"]), LIMIT)?;
    match update.success() {
        true => check(findings, "the newest dependencies", &newest, &[]),
        false => {
            findings.skipped(format_args!(
                "newest dependencies: {}",
                update.last_error_line()
            ));
            Ok(())
        }
    }
}

/// Checks what `arguments` say of the workspace in `folder`, as its lock file has it.
fn check(findings: &mut Findings, what: &str, folder: &Path, arguments: &[&str]) -> Result<()> {
    match process::run_visible(cargo(folder, &["check", "--quiet", "--locked"]).args(arguments))? {
        true => findings.note(format_args!("{TOOLCHAIN}: {what}: compiles")),
        false => findings.failed(format_args!("{TOOLCHAIN}: {what}")),
    }
    Ok(())
}

/// Writes a package that depends on them and uses nothing.
fn consumer() -> Result<PathBuf> {
    let (folder, root) = (paths::target_dir().join("msrv/consumer"), paths::root());
    let dependencies: String = DEPENDENCIES
        .iter()
        .map(|(name, path)| format!("{name} = {{ path = {:?} }}\n", root.join(path)))
        .collect();
    fs::create_dir_all(folder.join("src"))
        .with_context(|| format!("cannot create {}", folder.display()))?;
    fs::write(
        folder.join("Cargo.toml"),
        format!(
            "[package]\nname = \"consumer\"\nedition = \"2021\"\n\n[workspace]\n\n[dependencies]\n{dependencies}"
        ),
    )?;
    fs::write(folder.join("src/lib.rs"), "")?;
    Ok(folder)
}

fn rustup(arguments: &[&str]) -> bool {
    process::run(Command::new("rustup").args(arguments), LIMIT).is_ok_and(|run| run.success())
}

/// A call of its cargo in `folder`.
fn cargo(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("rustup");
    process::clean_cargo_environment(&mut command);
    command.current_dir(folder);
    command.args(["run", TOOLCHAIN, "cargo"]).args(arguments);
    command.env("CARGO_TARGET_DIR", paths::target_dir().join("msrv"));
    command
}
