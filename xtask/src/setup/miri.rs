//! Miri, which rustup has for nightly compilers only.

use std::process::Command;
use std::time::Duration;

use super::{Missing, say};
use crate::process;

/// The toolchain that has it.
pub const MIRI_TOOLCHAIN: &str = "nightly";
const LIMIT: Duration = Duration::from_secs(600);

/// Finds Miri or installs it; why it cannot be had, if so.
pub fn ensure_miri() -> Option<Missing> {
    let rustup = |arguments: &[&str]| {
        process::run(Command::new("rustup").args(arguments), LIMIT).is_ok_and(|run| run.success())
    };
    let is_there = || rustup(&["run", MIRI_TOOLCHAIN, "cargo", "miri", "--version"]);
    if is_there() {
        return None;
    }
    say("rustup component add miri rust-src, for nightly");
    let parts = [
        "component",
        "add",
        "--toolchain",
        MIRI_TOOLCHAIN,
        "miri",
        "rust-src",
    ];
    if !rustup(&parts) {
        rustup(&[
            "toolchain",
            "install",
            MIRI_TOOLCHAIN,
            "--profile",
            "minimal",
            "--component",
            "miri,rust-src",
        ]);
    }
    let why = "`rustup toolchain install nightly --component miri,rust-src` does not work here; try it by hand";
    (!is_there()).then(|| Missing {
        what: "Miri".into(),
        why: why.into(),
    })
}
