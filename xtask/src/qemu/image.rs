//! Building a machine's firmware, and reading sizes from the image.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use object::{Object, ObjectSection};

use super::machine::Machine;
use super::models::Model;
use crate::{paths, process, setup};

const BUILD_LIMIT: Duration = Duration::from_secs(1200);

/// What an image is built with.
#[derive(Debug, Clone, Copy, Default)]
pub struct Features {
    /// defmt frames on standard error.
    pub log: bool,
    /// The model is loaded apart from the image.
    pub load: bool,
}

/// A built image, ready to run.
pub struct Image {
    /// The machine it is for.
    pub machine: Machine,
    /// The ELF file.
    pub path: PathBuf,
    /// The model in it, or to be loaded beside it.
    pub model: Model,
    /// Why it is not the model that was asked for.
    pub note: Option<String>,
    /// What it was built with.
    pub features: Features,
}

/// Builds `binary` of `machine` with `model` in its flash.
pub fn build(machine: &Machine, binary: &str, model: &Model, features: Features) -> Result<Image> {
    let (model, note) = model.fit(machine.model_bytes)?;
    let target_dir = paths::target_dir().join("firmware");
    let images = target_dir.join("images");
    fs::create_dir_all(&images)?;
    // Machines of one target share a build folder, where a binary of one replaces that of another: build and copy under one lock.
    let _lock = paths::lock("firmware")?;
    eprintln!("{}: building {binary} for {} with {}", machine.name, machine.target, model.name);
    let mut command =
        setup::device_cargo(&machine.target).with_context(|| format!("no core for {}", machine.target))?;
    command.current_dir(&machine.folder).env("SLA_MODEL", &model.path);
    command.args(["build", "--release", "--locked", "--bin", binary, "--target-dir"]).arg(&target_dir);
    for feature in [(features.log, "defmt"), (features.load, "external-model")].iter().filter(|(wanted, _)| *wanted) {
        command.args(["--features", feature.1]);
    }
    let output = process::run(&mut command, BUILD_LIMIT)?;
    if output.status.is_none() {
        bail!("the build took more than {} s", BUILD_LIMIT.as_secs());
    }
    if !output.success() {
        bail!("{}", explain(&String::from_utf8_lossy(&output.stderr)));
    }
    let suffix = [if features.log { "-log" } else { "" }, if features.load { "-load" } else { "" }].concat();
    let path = images.join(format!("{}-{binary}-{}{suffix}-{}.elf", machine.name, model.name, std::process::id()));
    let built = target_dir.join(&machine.target).join("release").join(binary);
    fs::copy(&built, &path).with_context(|| format!("cannot copy {}", built.display()))?;
    Ok(Image { machine: machine.clone(), path, model, note, features })
}

impl Drop for Image {
    fn drop(&mut self) {
        fs::remove_file(&self.path).ok();
    }
}

/// One line for what a failed build says.
fn explain(text: &str) -> String {
    let overflow = text.lines().find(|line| line.contains("will not fit in region"));
    if let Some(line) = overflow {
        let message = line.rsplit("error: ").next().unwrap_or(line).trim();
        return format!("the image does not fit this machine: {message}");
    }
    let error = text.lines().find(|line| line.starts_with("error"));
    let place = text.lines().map(str::trim).find(|line| line.starts_with("--> "));
    format!("the build failed: {} {}", error.unwrap_or("no message"), place.unwrap_or_default()).trim_end().to_owned()
}

/// Bytes of .text and .rodata: code and constants of the firmware. The model lies in a section of its own.
pub fn code_bytes(path: &Path) -> Result<u64> {
    let data = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let file = object::File::parse(&*data).with_context(|| format!("{} is no ELF file", path.display()))?;
    let counted = file
        .sections()
        .filter(|section| section.name().is_ok_and(|name| name.starts_with(".text") || name.starts_with(".rodata")));
    Ok(counted.map(|section| section.size()).sum())
}

#[cfg(test)]
mod tests {
    use super::explain;

    #[test]
    fn an_overflow_is_one_line() {
        let text = "error: linking with `rust-lld` failed: exit status: 1\n  = note: rust-lld: error: section '.bss' will not fit in region 'RAM': overflowed by 12 bytes\n";
        assert_eq!(
            explain(text),
            "the image does not fit this machine: section '.bss' will not fit in region 'RAM': overflowed by 12 bytes"
        );
    }

    #[test]
    fn other_errors_name_their_place() {
        assert_eq!(
            explain("warning: x\nerror[E0425]: cannot find value\n  --> src/lib.rs:1:2\n"),
            "the build failed: error[E0425]: cannot find value --> src/lib.rs:1:2"
        );
    }
}
