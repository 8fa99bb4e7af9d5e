//! The source of the standard library, of exactly one compiler's version.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::say;
use super::toolchain::Toolchain;
use crate::{paths, process};

/// Debian suites that hold recent compilers, each with the source package of its library.
const SUITES: [&str; 4] = ["trixie-backports", "sid", "forky", "bookworm-backports"];
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";
const LIMIT: Duration = Duration::from_secs(300);

/// Library source where cargo looks for it, in the sysroot; a link that was made for the build is
/// removed on drop.
pub struct Source {
    /// Where it came from, for people.
    pub origin: String,
    link: Option<PathBuf>,
}

impl Source {
    /// Finds or fetches the library source of `toolchain`.
    pub fn open(toolchain: &Toolchain) -> Result<Self> {
        let place = toolchain.sysroot.join("lib/rustlib/src/rust");
        if place.join("library/core/Cargo.toml").is_file() {
            return Ok(Self {
                origin: place.display().to_string(),
                link: None,
            });
        }
        let version = toolchain.version();
        let system = PathBuf::from(format!("/usr/src/rustc-{version}"));
        let (tree, origin) = if system.join("library/core/Cargo.toml").is_file() {
            (system.clone(), system.display().to_string())
        } else {
            (fetch(version)?, format!("Debian's rust-src {version}"))
        };
        if let Some(parent) = place.parent() {
            fs::create_dir_all(parent)?;
        }
        // A link to a folder that has gone.
        if place.is_symlink() {
            fs::remove_file(&place)?;
        }
        symlink(&tree, &place).with_context(|| format!("cannot link {}", place.display()))?;
        Ok(Self {
            origin,
            link: Some(place),
        })
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        if let Some(link) = &self.link {
            fs::remove_file(link).ok();
            if let Some(parent) = link.parent() {
                // Only if it is empty: a folder that was there before stays.
                fs::remove_dir(parent).ok();
            }
        }
    }
}

/// Downloads Debian's `rust-src` of `version` with an apt list of its own, and unpacks its library.
/// Changes nothing in the system.
fn fetch(version: &str) -> Result<PathBuf> {
    let work = paths::target_dir().join("setup").join("rust-src");
    let tree = work.join("tree");
    let unpacked = tree.join(format!("usr/src/rustc-{version}"));
    if unpacked.join("library/core/Cargo.toml").is_file() {
        return Ok(unpacked);
    }
    for program in ["apt-get", "apt-cache", "dpkg-deb", "tar"] {
        if process::find(program).is_none() {
            bail!("no {program} here to fetch the library source {version} with");
        }
    }
    if !Path::new(KEYRING).is_file() {
        bail!("no Debian archive keyring ({KEYRING}) to check the library source with");
    }
    fs::remove_dir_all(&work).ok();
    fs::create_dir_all(work.join("lists/partial"))?;
    fs::create_dir_all(work.join("cache/archives/partial"))?;
    for suite in SUITES {
        say(format_args!(
            "looking for rust-src {version} in Debian {suite}"
        ));
        let Some(package) = find_package(&work, suite, version)? else {
            continue;
        };
        say(format_args!("fetching rust-src {package} (45 MB)"));
        let output = process::run(
            apt(&work, "apt-get")
                .current_dir(&work)
                .args(["download", &format!("rust-src={package}")]),
            LIMIT,
        )?;
        if !output.success() {
            bail!(
                "rust-src {package} cannot be fetched: {}",
                output.last_error_line()
            );
        }
        unpack(&work, &tree, version)?;
        if !unpacked.join("library/core/Cargo.toml").is_file() {
            bail!("rust-src {package} holds no library");
        }
        return Ok(unpacked);
    }
    bail!(
        "no library source of version {version} in Debian ({})",
        SUITES.join(", ")
    )
}

fn apt(work: &Path, program: &str) -> Command {
    let mut command = Command::new(program);
    let option = |name: &str, value: &str| format!("{name}={value}");
    let inside = |name: &str| work.join(name).display().to_string();
    for setting in [
        option("Dir::State::Lists", &inside("lists")),
        option("Dir::Cache", &inside("cache")),
        option("Dir::Etc::SourceList", &inside("source.list")),
        option("Dir::Etc::SourceParts", "/dev/null"),
        option("Acquire::Languages", "none"),
        option(
            "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled",
            "false",
        ),
        option("Acquire::Retries", "1"),
        option("Acquire::http::Timeout", "15"),
    ] {
        command.args(["-o", &setting]);
    }
    command.env("LC_ALL", "C");
    command
}

/// The full package version that carries `version` in `suite`, if there is one.
fn find_package(work: &Path, suite: &str, version: &str) -> Result<Option<String>> {
    fs::write(
        work.join("source.list"),
        format!("deb [signed-by={KEYRING}] http://deb.debian.org/debian {suite} main\n"),
    )?;
    let update = process::run(apt(work, "apt-get").args(["-q", "update"]), LIMIT)?;
    if !update.success() {
        return Ok(None);
    }
    let listed = process::run(apt(work, "apt-cache").args(["madison", "rust-src"]), LIMIT)?;
    let text = listed.stdout_text();
    let mut versions = text
        .lines()
        .filter_map(|line| line.split('|').nth(1))
        .map(str::trim);
    Ok(versions
        .find(|candidate| candidate.split(['+', '-', '~']).next() == Some(version))
        .map(str::to_owned))
}

/// Unpacks the library part of the package: a sixth of it.
fn unpack(work: &Path, tree: &Path, version: &str) -> Result<()> {
    let package = fs::read_dir(work)?
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|extension| extension == "deb"))
        .context("apt-get left no package file")?;
    fs::create_dir_all(tree)?;
    let mut contents = Command::new("dpkg-deb")
        .arg("--fsys-tarfile")
        .arg(&package)
        .stdout(Stdio::piped())
        .spawn()?;
    let pipe = contents.stdout.take().context("no output of dpkg-deb")?;
    let status = Command::new("tar")
        .arg("-x")
        .arg("-C")
        .arg(tree)
        .arg(format!("./usr/src/rustc-{version}/library"))
        .stdin(pipe)
        .status()?;
    if !contents.wait()?.success() || !status.success() {
        bail!("{} cannot be unpacked", package.display());
    }
    fs::remove_file(&package)?;
    Ok(())
}
