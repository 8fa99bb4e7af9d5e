//! Building a machine's firmware, and reading sizes from the image.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use object::{Object, ObjectSection, SectionFlags, elf};

use super::machine::{Machine, STACK_BYTES};
use crate::models::Model;
use crate::{paths, process, setup};

const BUILD_LIMIT: Duration = Duration::from_secs(1200);

/// What an image is built with.
#[derive(Debug, Clone, Copy, Default)]
pub struct Features<'a> {
    /// defmt frames on standard error.
    pub log: bool,
    /// The session that the `resume` binary goes on from.
    pub snapshot: Option<&'a Path>,
    /// The only backbone, by its feature's name; otherwise all.
    pub backbone: Option<&'static str>,
}

/// A built image, ready to run.
pub struct Image {
    /// The machine it is for.
    pub machine: Machine,
    /// The ELF file.
    pub path: PathBuf,
    /// Its log frames come on standard error.
    pub is_logging: bool,
    /// Its model is loaded beside it.
    pub is_loading: bool,
}

/// Builds `binaries` of `machine` and returns them in this order: with `model` in their flash, or,
/// without one, so that a model can be loaded beside them.
pub fn build(
    machine: &Machine,
    binaries: &[&str],
    model: Option<&Model>,
    features: Features<'_>,
) -> Result<Vec<Image>> {
    let target_dir = paths::target_dir().join("firmware");
    let images = target_dir.join("images");
    fs::create_dir_all(&images)?;
    // Machines of one target share a build folder, where a binary of one replaces that of another:
    // build and copy under one lock.
    let _lock = paths::lock("firmware")?;
    let with = [
        model.map(|model| format!(" with {}", model.name)),
        features
            .backbone
            .map(|backbone| format!(" with {backbone} alone")),
    ];
    let with: String = with.into_iter().flatten().collect();
    eprintln!(
        "{}: building {} for {}{with}",
        machine.name,
        binaries.join(" and "),
        machine.target
    );
    let mut command = setup::device_cargo(&machine.target)
        .with_context(|| format!("no core for {}", machine.target))?;
    command
        .current_dir(&machine.folder)
        .env_remove("SLA_MODEL")
        .env_remove("SLA_SNAPSHOT");
    if let Some(model) = model {
        command.env("SLA_MODEL", &model.path);
    }
    if let Some(path) = features.snapshot {
        command.env("SLA_SNAPSHOT", path);
    }
    command
        .args(["build", "--release", "--locked", "--target-dir"])
        .arg(&target_dir);
    for binary in binaries {
        command.args(["--bin", binary]);
    }
    for feature in [(features.log, "defmt"), (model.is_none(), "external-model")]
        .iter()
        .filter(|(wanted, _)| *wanted)
    {
        command.args(["--features", feature.1]);
    }
    if let Some(backbone) = features.backbone {
        command.args(["--no-default-features", "--features", backbone]);
    }
    let output = process::run(&mut command, BUILD_LIMIT)?;
    if output.status.is_none() {
        bail!("the build took more than {} s", BUILD_LIMIT.as_secs());
    }
    if !output.success() {
        bail!("{}", explain(&String::from_utf8_lossy(&output.stderr)));
    }
    let copy = |binary: &&str| {
        let name = [
            &machine.name,
            *binary,
            &std::process::id().to_string(),
            &serial(),
        ]
        .join("-");
        let path = images.join(name + ".elf");
        let built = target_dir
            .join(&machine.target)
            .join("release")
            .join(binary);
        fs::copy(&built, &path).with_context(|| format!("cannot copy {}", built.display()))?;
        let image = Image {
            machine: machine.clone(),
            path,
            is_logging: features.log,
            is_loading: model.is_none(),
        };
        let stack = image.stack_bytes()?;
        if stack < STACK_BYTES {
            bail!("the image leaves {stack} bytes of RAM for the stack, {STACK_BYTES} are needed");
        }
        Ok(image)
    };
    binaries.iter().map(copy).collect()
}

/// A different text at every call.
fn serial() -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed).to_string()
}

impl Image {
    /// Bytes of .text and .rodata: code and constants of the firmware. The model lies in a section
    /// of its own.
    pub fn code_bytes(&self) -> Result<u64> {
        code_bytes(&self.path)
    }

    /// RAM that the statics leave.
    fn stack_bytes(&self) -> Result<u64> {
        let machine = &self.machine;
        let ram = machine.ram_address..machine.ram_address + machine.ram_bytes;
        let statics = sum_of_sections(&self.path, |name, address, is_loaded| {
            // riscv-rt gives names to what is left.
            is_loaded && ram.contains(&address) && !matches!(name, ".heap" | ".stack")
        })?;
        Ok(machine.ram_bytes.saturating_sub(statics))
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        fs::remove_file(&self.path).ok();
    }
}

/// Bytes of .text and .rodata of an ELF file.
pub fn code_bytes(path: &Path) -> Result<u64> {
    sum_of_sections(path, |name, _, _| {
        name.starts_with(".text") || name.starts_with(".rodata")
    })
}

fn sum_of_sections(path: &Path, counts: impl Fn(&str, u64, bool) -> bool) -> Result<u64> {
    let data = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let file = object::File::parse(&*data)
        .with_context(|| format!("{} is no ELF file", path.display()))?;
    let counted = file.sections().filter(|section| {
        let flags = section.flags();
        let is_loaded = matches!(flags, SectionFlags::Elf { sh_flags } if sh_flags & u64::from(elf::SHF_ALLOC) != 0);
        section.name().is_ok_and(|name| counts(name, section.address(), is_loaded))
    });
    Ok(counted.map(|section| section.size()).sum())
}

/// One line for what a failed build says.
pub fn explain(text: &str) -> String {
    let overflow = text
        .lines()
        .find(|line| line.contains("will not fit in region"));
    if let Some(line) = overflow {
        let message = line.rsplit("error: ").next().unwrap_or(line).trim();
        return format!("the image does not fit this machine: {message}");
    }
    let error = text.lines().find(|line| line.starts_with("error"));
    let place = text
        .lines()
        .map(str::trim)
        .find(|line| line.starts_with("--> "));
    format!(
        "the build failed: {} {}",
        error.unwrap_or("no message"),
        place.unwrap_or_default()
    )
    .trim_end()
    .to_owned()
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
