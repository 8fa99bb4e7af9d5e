//! One Rust compiler with its cargo: what it is, and which targets it has a `core` for.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail};

use crate::process::{self, clean_cargo_environment};

/// A compiler and its cargo.
#[derive(Debug, Clone)]
pub struct Toolchain {
    /// The cargo to call.
    pub cargo: PathBuf,
    /// The compiler to call; `None` for the one that cargo finds itself.
    pub rustc: Option<PathBuf>,
    /// Where the compiler keeps its libraries.
    pub sysroot: PathBuf,
    /// The full text of `rustc -vV`.
    pub identity: String,
    /// Linker for bare-metal targets, where the compiler has none of its own.
    pub linker: Option<String>,
}

/// The name of the file that says which compiler built a target's libraries; rustup's own
/// installations have none.
const MARK: &str = "built-by-xtask-setup";

impl Toolchain {
    /// The toolchain that runs this task.
    pub fn active() -> Result<Self> {
        Self::query(PathBuf::from("cargo"), None, None)
    }

    /// Debian's packaged toolchain, if it is installed apart from the active one.
    pub fn debian() -> Option<Self> {
        let (cargo, rustc) = (
            PathBuf::from("/usr/bin/cargo"),
            PathBuf::from("/usr/bin/rustc"),
        );
        if !cargo.is_file() || !rustc.is_file() {
            return None;
        }
        let linker = process::find("ld.lld").map(|_| "ld.lld".to_owned());
        Self::query(cargo, Some(rustc), linker).ok()
    }

    fn query(cargo: PathBuf, rustc: Option<PathBuf>, linker: Option<String>) -> Result<Self> {
        let program = rustc.clone().unwrap_or_else(|| PathBuf::from("rustc"));
        let limit = Duration::from_secs(20);
        let identity = process::run(Command::new(&program).arg("-vV"), limit)?;
        let sysroot = process::run(Command::new(&program).args(["--print", "sysroot"]), limit)?;
        if !identity.success() || !sysroot.success() {
            bail!(
                "{} does not run: {}",
                program.display(),
                identity.last_error_line()
            );
        }
        Ok(Self {
            cargo,
            rustc,
            sysroot: PathBuf::from(sysroot.stdout_text().trim()),
            identity: identity.stdout_text(),
            linker,
        })
    }

    /// Whether bare-metal images can be linked: rustup's compilers bring a linker, Debian's needs
    /// `ld.lld`.
    pub fn can_link(&self) -> bool {
        self.rustc.is_none() || self.linker.is_some()
    }

    /// The compiler's version, such as `1.95.0`.
    pub fn version(&self) -> &str {
        self.identity
            .lines()
            .find_map(|line| line.strip_prefix("release: "))
            .unwrap_or("unknown")
            .trim()
    }

    /// The library folder of `target`.
    pub fn library_folder(&self, target: &str) -> PathBuf {
        self.sysroot.join("lib/rustlib").join(target).join("lib")
    }

    /// Whether `core`, `alloc` and `compiler_builtins` of `target` (and what else [`parts`] names)
    /// are in place, once each, and of this very compiler.
    pub fn has(&self, target: &str) -> bool {
        let folder = self.library_folder(target);
        let parts = parts(target).split(',').chain(["compiler_builtins"]);
        let complete = parts
            .map(|part| format!("lib{part}-"))
            .all(|prefix| library_count(&folder, &prefix) == 1);
        let mark = fs::read_to_string(folder.join(MARK));
        complete && mark.map_or(true, |identity| identity == self.identity)
    }

    /// Writes the mark of libraries that were built here into `folder`.
    pub fn mark(&self, folder: &Path) -> std::io::Result<()> {
        fs::write(folder.join(MARK), &self.identity)
    }

    /// A call of this toolchain's cargo, free of what the outer cargo or the user set for host
    /// builds.
    pub fn cargo_command(&self, target: &str) -> Command {
        let mut command = Command::new(&self.cargo);
        clean_cargo_environment(&mut command);
        if let Some(rustc) = &self.rustc {
            command.env("RUSTC", rustc);
        }
        if let Some(linker) = &self.linker {
            command.env(
                format!(
                    "CARGO_TARGET_{}_LINKER",
                    target.to_uppercase().replace(['-', '.'], "_")
                ),
                linker,
            );
        }
        command
    }
}

/// The libraries that are used on `target`, as `-Zbuild-std` takes them: all where there is an
/// operating system.
pub fn parts(target: &str) -> &'static str {
    if target.contains("linux") {
        "core,alloc,std,panic_unwind,test"
    } else {
        "core,alloc"
    }
}

fn library_count(folder: &Path, prefix: &str) -> usize {
    let Ok(entries) = fs::read_dir(folder) else {
        return 0;
    };
    let names = entries
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned());
    names
        .filter(|name| name.starts_with(prefix) && name.ends_with(".rlib"))
        .count()
}
