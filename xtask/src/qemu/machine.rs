//! The machines: one folder of `firmware-examples/qemu` each. What is in its `.cargo/config.toml`
//! and `memory.x` is read, not repeated here.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::models::Room;
use crate::paths;

/// RAM that the stack has at least.
pub const STACK_BYTES: u64 = 2048;
/// RAM that the firmware itself needs: the stack, and its statics, which are a few dozen bytes.
const RESERVE_BYTES: u64 = STACK_BYTES + 256;

/// The machines in the order of their size, as reports show them.
const ORDER: [&str; 7] = ["m0", "m3", "m4", "m7", "m33", "m55", "rv32"];

/// One emulated machine.
#[derive(Debug, Clone)]
pub struct Machine {
    /// Short name, such as `m4`.
    pub name: String,
    /// Its folder.
    pub folder: PathBuf,
    /// Rust target.
    pub target: String,
    /// Emulator and arguments; the image's path comes next.
    pub runner: Vec<String>,
    /// Address of the MODEL region.
    pub model_address: u64,
    /// Bytes of the MODEL region.
    pub model_bytes: u64,
    /// Address of the RAM.
    pub ram_address: u64,
    /// Bytes of RAM.
    pub ram_bytes: u64,
    /// Bytes for state, scratch and a feature vector where the model is loaded apart from the
    /// firmware.
    pub arena_bytes: u64,
}

impl Machine {
    /// The machines that `names` choose.
    pub fn choose(names: &[String]) -> Result<Vec<Self>> {
        if let Some(unknown) = names
            .iter()
            .find(|name| *name != "all" && !ORDER.contains(&name.as_str()))
        {
            bail!("no machine {unknown}: choose {} or all", ORDER.join(", "));
        }
        let all = names.iter().any(|name| name == "all");
        let chosen = ORDER
            .iter()
            .filter(|name| all || names.iter().any(|wanted| wanted == *name));
        chosen.map(|name| Self::read(name)).collect()
    }

    /// The emulator program.
    pub fn emulator(&self) -> &str {
        self.runner.first().map_or("", String::as_str)
    }

    /// What there is for a model: all RAM but a reserve where the model is known to the image, else
    /// its arena.
    pub fn room(&self, is_loaded: bool) -> Room {
        let ram_bytes = if is_loaded {
            self.arena_bytes
        } else {
            self.ram_bytes.saturating_sub(RESERVE_BYTES)
        };
        Room {
            flash_bytes: self.model_bytes,
            ram_bytes,
        }
    }

    fn read(name: &str) -> Result<Self> {
        let folder = paths::root().join("firmware-examples/qemu").join(name);
        let (config, map) = (folder.join(".cargo/config.toml"), folder.join("memory.x"));
        let config_text = read_text(&config)?;
        let target = value(&config_text, "target").and_then(|text| serde_json::from_str(text).ok());
        let runner = value(&config_text, "runner").and_then(|text| serde_json::from_str(text).ok());
        let map_text = read_text(&map)?;
        let region_of = |name| {
            region(&map_text, name)
                .with_context(|| format!("no {name} region in {}", map.display()))
        };
        let (model_address, model_bytes) = region_of("MODEL")?;
        let (ram_address, ram_bytes) = region_of("RAM")?;
        let arena = value(&config_text, "SLA_ARENA_BYTES")
            .and_then(|text| text.trim_matches('"').parse().ok());
        Ok(Self {
            name: name.to_owned(),
            target: target.with_context(|| format!("no target in {}", config.display()))?,
            runner: runner.with_context(|| format!("no runner list in {}", config.display()))?,
            model_address,
            model_bytes,
            ram_address,
            ram_bytes,
            arena_bytes: arena
                .with_context(|| format!("no SLA_ARENA_BYTES in {}", config.display()))?,
            folder,
        })
    }
}

fn read_text(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// The right side of `key = ...`; strings and lists of strings on one line read the same in TOML
/// and JSON.
fn value<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    text.lines().find_map(|line| {
        line.trim()
            .strip_prefix(key)?
            .trim_start()
            .strip_prefix('=')
            .map(str::trim)
    })
}

/// Origin and length of a region in a linker script's MEMORY block.
pub fn region(text: &str, name: &str) -> Option<(u64, u64)> {
    let line = text.lines().find_map(|line| {
        line.trim()
            .strip_prefix(name)?
            .trim_start()
            .strip_prefix(':')
    })?;
    let mut parts = line.split(',').filter_map(|part| part.split('=').nth(1));
    Some((number(parts.next()?)?, number(parts.next()?)?))
}

fn number(text: &str) -> Option<u64> {
    let text = text.trim();
    if let Some(digits) = text.strip_prefix("0x") {
        return u64::from_str_radix(digits, 16).ok();
    }
    let (digits, unit) = match text.as_bytes().last()? {
        b'K' => (text.get(..text.len() - 1)?, 1 << 10),
        b'M' => (text.get(..text.len() - 1)?, 1 << 20),
        _ => (text, 1),
    };
    Some(digits.parse::<u64>().ok()? * unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_machine_folder_reads() {
        let machines =
            Machine::choose(&["all".to_owned()]).expect("the folders are in the repository");
        assert_eq!(machines.len(), ORDER.len());
        for machine in machines {
            assert!(
                machine.emulator().starts_with("qemu-system-"),
                "{}",
                machine.name
            );
            assert_eq!(
                machine.runner.last().map(String::as_str),
                Some("-kernel"),
                "{}",
                machine.name
            );
            assert!(setup_knows(&machine.target), "{}", machine.target);
            assert!(machine.model_bytes >= 192 << 10, "{}", machine.name);
            assert!(
                machine.room(true).ram_bytes <= machine.room(false).ram_bytes,
                "{}",
                machine.name
            );
        }
    }

    fn setup_knows(target: &str) -> bool {
        crate::setup::TARGETS.contains(&target)
    }

    #[test]
    fn regions_with_units() {
        let text = "MEMORY\n{\n  FLASH : ORIGIN = 0x10, LENGTH = 64K\n  MODEL : ORIGIN = 0x28000000, LENGTH = 8M\n}\n";
        assert_eq!(region(text, "FLASH"), Some((16, 65536)));
        assert_eq!(region(text, "MODEL"), Some((0x2800_0000, 8 << 20)));
        assert_eq!(region(text, "RAM"), None);
        assert_eq!(number("12"), Some(12));
    }

    #[test]
    fn unknown_machine_is_named() {
        let error = Machine::choose(&["m9".to_owned()]).expect_err("there is no m9");
        assert!(error.to_string().contains("m9"));
    }
}
