//! The Python that trains: one with PyTorch, in an environment of this workspace's own.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::emulator::apt;
use super::{Missing, say};
use crate::{paths, process};

/// What training and its tests import.
const IMPORTS: &str = "import numpy, pytest, safetensors.torch, soundfile, tokenizers, torch, tqdm";
/// Everything of training/requirements.txt but PyTorch and numpy, which come as Debian packages.
const PACKAGES: [&str; 5] = [
    "safetensors>=0.4",
    "tokenizers>=0.15",
    "tqdm>=4.60",
    "soundfile>=0.12",
    "pytest>=7",
];
const INSTALL_LIMIT: Duration = Duration::from_secs(600);

/// A Python that can train: `python3` if it has all it takes, else an environment in the build
/// folder, which is made from Debian's PyTorch for CPUs (the wheel is many times larger).
pub fn ensure_training() -> Result<PathBuf, Missing> {
    let own = paths::target_dir().join("training-python");
    let inside = own.join("bin/python");
    if let Some(ready) = [PathBuf::from("python3"), inside.clone()]
        .into_iter()
        .find(|python| trains(python))
    {
        return Ok(ready);
    }
    let _lock = paths::lock("setup");
    install(&own, &inside).map_err(|reason| Missing {
        what: "Python with PyTorch".to_owned(),
        why: format!("{reason}; install it by hand: pip install -r training/requirements.txt"),
    })
}

fn trains(python: &Path) -> bool {
    process::run(
        Command::new(python).args(["-c", IMPORTS]),
        Duration::from_secs(120),
    )
    .is_ok_and(|output| output.success())
}

fn install(own: &Path, inside: &Path) -> Result<PathBuf, String> {
    let system = Path::new("/usr/bin/python3");
    say("apt-get install python3-torch python3-venv");
    // The lists may be fresh enough even if their update fails.
    let _ = apt(&["update"])?;
    if !apt(&[
        "install",
        "-y",
        "--no-install-recommends",
        "python3-torch",
        "python3-venv",
    ])? {
        return Err("apt-get install python3-torch failed".to_owned());
    }
    run(Command::new(system)
        .args(["-m", "venv", "--system-site-packages"])
        .arg(own))?;
    say(format_args!("pip install {}", PACKAGES.join(" ")));
    run(Command::new(inside)
        .args(["-m", "pip", "install", "--quiet"])
        .args(PACKAGES))?;
    if trains(inside) {
        Ok(inside.to_owned())
    } else {
        Err("the packages do not import".to_owned())
    }
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = process::run(command, INSTALL_LIMIT).map_err(|error| format!("{error:#}"))?;
    if output.success() {
        Ok(())
    } else {
        Err(output.last_error_line())
    }
}
