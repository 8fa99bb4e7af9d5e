//! The `sla` program of this workspace.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail};

use crate::{paths, process};

/// Builds it of the same libraries as this program, so that little is left to do.
pub fn build() -> Result<PathBuf> {
    let arguments = "build --package xtask --package sla-converter --bin sla";
    let mut command = Command::new("cargo");
    command
        .current_dir(paths::root())
        .args(arguments.split(' '));
    if !process::run_visible(&mut command)? {
        bail!("the converter cannot be built");
    }
    let name = format!("sla{}", std::env::consts::EXE_SUFFIX);
    Ok(paths::target_dir().join("debug").join(name))
}
