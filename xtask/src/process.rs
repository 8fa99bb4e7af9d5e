//! Running other programs: a time limit, captured output, and an environment that does not leak
//! from one cargo into another.

use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use duct::Expression;

/// What a finished, or stopped, program left behind.
pub struct Output {
    /// Exit status; `None` when the program was stopped because its time was up.
    pub status: Option<ExitStatus>,
    /// Everything it wrote to standard output.
    pub stdout: Vec<u8>,
    /// Everything it wrote to standard error.
    pub stderr: Vec<u8>,
}

impl Output {
    /// Whether the program ended by itself with exit code 0.
    pub fn success(&self) -> bool {
        self.status.is_some_and(|status| status.success())
    }

    /// Standard output as text.
    pub fn stdout_text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// The last non-empty line of standard error: what a program says when it gives up.
    pub fn last_error_line(&self) -> String {
        let text = String::from_utf8_lossy(&self.stderr);
        text.lines()
            .rev()
            .map(str::trim)
            .find(|line| !line.is_empty())
            .unwrap_or("no message")
            .to_owned()
    }
}

/// Runs `command` to its end, or stops it after `limit`. Fails only when the program cannot be
/// started.
pub fn run(command: &mut Command, limit: Duration) -> Result<Output> {
    run_with_input(command, Vec::new(), limit)
}

/// As [`run`], with `input` on standard input.
pub fn run_with_input(command: &Command, input: Vec<u8>, limit: Duration) -> Result<Output> {
    let name = command.get_program().to_string_lossy();
    let handle = expression(command)
        .stdin_bytes(input)
        .stdout_capture()
        .stderr_capture()
        .unchecked()
        .start()
        .with_context(|| format!("cannot start {name}"))?;
    let has_ended = handle.wait_timeout(limit)?.is_some();
    if !has_ended {
        handle.kill()?;
    }
    let output = handle.into_output()?;
    Ok(Output {
        status: has_ended.then_some(output.status),
        stdout: output.stdout,
        stderr: output.stderr,
    })
}

/// `command` as duct takes it.
fn expression(command: &Command) -> Expression {
    let mut expression = duct::cmd(command.get_program(), command.get_args());
    if let Some(folder) = command.get_current_dir() {
        expression = expression.dir(folder);
    }
    for (name, value) in command.get_envs() {
        expression = match value {
            Some(value) => expression.env(name, value),
            None => expression.env_remove(name),
        };
    }
    expression
}

/// Runs `command` without a limit, its output passed on to standard error, and reports whether it
/// succeeded.
pub fn run_visible(command: &mut Command) -> Result<bool> {
    let name = command.get_program().to_string_lossy().into_owned();
    let status = command
        .stdin(Stdio::null())
        .stdout(std::io::stderr())
        .status()
        .with_context(|| format!("cannot start {name}"))?;
    Ok(status.success())
}

/// Finds a program on the search path.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let mut extra = vec![PathBuf::from("/usr/bin"), PathBuf::from("/usr/sbin")];
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    folders.append(&mut extra);
    folders
        .into_iter()
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}

/// Removes from `command` the variables that an outer cargo sets, or a user sets for host builds,
/// and that change what an inner cargo builds. `CARGO_HOME`, `RUSTUP_*` and the network settings
/// stay.
pub fn clean_cargo_environment(command: &mut Command) -> &mut Command {
    for (name, _) in std::env::vars_os() {
        let Some(name) = name.to_str() else { continue };
        let exact = matches!(
            name,
            "CARGO"
                | "RUSTC"
                | "RUSTDOC"
                | "RUSTFLAGS"
                | "RUSTDOCFLAGS"
                | "CARGO_ENCODED_RUSTFLAGS"
        );
        let family = [
            "CARGO_PKG_",
            "CARGO_MANIFEST_",
            "CARGO_BIN_",
            "CARGO_CRATE_",
            "CARGO_CFG_",
            "CARGO_FEATURE_",
            "CARGO_TARGET_",
            "CARGO_PROFILE_",
            "CARGO_PRIMARY_",
            "CARGO_LLVM_",
            "CARGO_UNSTABLE_",
        ]
        .iter()
        .any(|prefix| name.starts_with(prefix))
            || (name.starts_with("CARGO_BUILD_") && name != "CARGO_BUILD_JOBS");
        if exact || family {
            command.env_remove(name);
        }
    }
    command
}
