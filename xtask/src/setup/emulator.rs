//! QEMU, the linker for AArch64 and a browser: found on the search path, or installed by apt.

use std::process::Command;
use std::time::Duration;

use super::{AARCH64, AARCH64_EMULATOR, AARCH64_LINKER, Missing, ensure_targets, say};
use crate::{paths, process};

/// Emulator programs and the Debian packages that hold them.
pub const PROGRAMS: [(&str, &str); 2] = [
    ("qemu-system-arm", "qemu-system-arm"),
    ("qemu-system-riscv32", "qemu-system-misc"),
];

/// What AArch64 needs beside a standard library, and the packages; the C library is for the linker.
const AARCH64_PROGRAMS: [(&str, &str); 2] = [
    (
        AARCH64_LINKER,
        "gcc-aarch64-linux-gnu libc6-dev-arm64-cross",
    ),
    (AARCH64_EMULATOR, "qemu-user"),
];

/// What the firmware in C needs.
const C_PROGRAMS: [(&str, &str); 4] = [
    ("arm-none-eabi-gcc", "gcc-arm-none-eabi"),
    ("c++", "g++"),
    ("make", "make"),
    ("qemu-system-arm", "qemu-system-arm"),
];

/// The browser that `sla eval --report` is tested in, with fonts, and others that will do.
const BROWSER: [(&str, &str); 1] = [("chromium", "chromium fonts-liberation fonts-dejavu-core")];
const OTHER_BROWSERS: [(&str, &str); 2] = [
    ("google-chrome", "google-chrome-stable"),
    ("chromium-browser", "chromium-browser"),
];

const INSTALL_LIMIT: Duration = Duration::from_secs(600);

/// Which emulators can be used.
#[derive(Debug, Default)]
pub struct Availability {
    /// Programs that run, with their version line.
    pub found: Vec<(&'static str, String)>,
    /// Programs that are not there, and why.
    pub missing: Vec<Missing>,
}

impl Availability {
    /// Why `program` cannot be used; `None` if it can.
    pub fn why_missing(&self, program: &str) -> Option<&Missing> {
        self.missing.iter().find(|entry| entry.what == program)
    }
}

/// Makes it possible to build and run programs for [`AARCH64`] and returns what cannot be had here.
pub fn ensure_aarch64() -> Vec<Missing> {
    let mut missing = ensure_targets(&[AARCH64]).unwrap_or_else(|error| {
        vec![Missing {
            what: AARCH64.to_owned(),
            why: format!("{error:#}"),
        }]
    });
    missing.extend(ensure(&AARCH64_PROGRAMS).missing);
    missing
}

/// Finds the emulators of microcontrollers and installs what is missing.
pub fn ensure_qemu() -> Availability {
    ensure(&PROGRAMS)
}

/// Makes it possible to build and run the firmware in C and returns what cannot be had here.
pub fn ensure_c() -> Vec<Missing> {
    ensure(&C_PROGRAMS).missing
}

/// Finds a browser, or installs one.
pub fn ensure_browser() -> Availability {
    match look(&OTHER_BROWSERS).0 {
        found if !found.is_empty() => Availability {
            found,
            missing: Vec::new(),
        },
        _ => ensure(&BROWSER),
    }
}

/// Finds programs and installs what is missing where apt and the right to use it exist.
fn ensure(programs: &[(&'static str, &'static str)]) -> Availability {
    let (found, absent) = look(programs);
    if absent.is_empty() {
        return Availability {
            found,
            missing: Vec::new(),
        };
    }
    // Another command may be installing: wait for it and look again.
    let _lock = paths::lock("setup");
    let (_, absent) = look(programs);
    let reason = match absent.is_empty() {
        true => String::new(),
        false => install(&absent)
            .err()
            .unwrap_or_else(|| "apt-get installed it outside the search path".to_owned()),
    };
    let (found, absent) = look(programs);
    let missing = absent
        .into_iter()
        .map(|(program, package)| Missing {
            what: program.to_owned(),
            why: format!(
                "{reason}; install it by hand (Debian, Ubuntu: {package}; elsewhere the package that holds {program})"
            ),
        })
        .collect();
    Availability { found, missing }
}

type Found = Vec<(&'static str, String)>;
type Absent = Vec<(&'static str, &'static str)>;

fn look(programs: &[(&'static str, &'static str)]) -> (Found, Absent) {
    let (mut found, mut absent) = (Vec::new(), Vec::new());
    for &(program, package) in programs {
        let output = process::run(
            Command::new(program).arg("--version"),
            Duration::from_secs(10),
        );
        match output {
            Ok(output) if output.success() => {
                let text = output.stdout_text();
                found.push((
                    program,
                    text.lines()
                        .next()
                        .unwrap_or_default()
                        .trim_start_matches("QEMU emulator ")
                        .to_owned(),
                ));
            }
            _ => absent.push((program, package)),
        }
    }
    (found, absent)
}

fn install(absent: &[(&str, &str)]) -> Result<(), String> {
    let packages: Vec<&str> = absent
        .iter()
        .flat_map(|(_, packages)| packages.split(' '))
        .collect();
    let update = apt(&["update"])?;
    say(format_args!("apt-get install {}", packages.join(" ")));
    let mut arguments = vec!["install", "-y", "--no-install-recommends"];
    arguments.extend(packages);
    // The lists may be fresh enough even if their update failed, and a second try gets past a
    // download that a cleaning hook of another apt removed.
    for _ in 0..2 {
        if apt(&arguments)? {
            return Ok(());
        }
    }
    Err(if update {
        "apt-get install failed"
    } else {
        "apt-get found no package server"
    }
    .to_owned())
}

/// Runs apt-get as root. `Err` if that is impossible here, `Ok(false)` if it fails.
pub fn apt(arguments: &[&str]) -> Result<bool, String> {
    let apt = process::find("apt-get").ok_or("no apt-get here")?;
    let mut command = if is_root() {
        Command::new(apt)
    } else {
        let sudo = process::find("sudo").ok_or("not root and no sudo")?;
        let mut command = Command::new(sudo);
        command.arg("-n").arg(apt);
        command
    };
    command.env("DEBIAN_FRONTEND", "noninteractive").args([
        "-q",
        "-o",
        "Acquire::Retries=1",
        "-o",
        "Acquire::http::Timeout=15",
        "-o",
        "DPkg::Lock::Timeout=300",
    ]);
    let output =
        process::run(command.args(arguments), INSTALL_LIMIT).map_err(|error| error.to_string())?;
    if !output.success() && output.last_error_line().contains("password is required") {
        return Err("not root, and sudo asks for a password".to_owned());
    }
    Ok(output.success())
}

fn is_root() -> bool {
    process::run(Command::new("id").arg("-u"), Duration::from_secs(5))
        .is_ok_and(|output| output.stdout_text().trim() == "0")
}
