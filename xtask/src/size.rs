//! `cargo xtask size`: bytes of code and constants, per machine and backbone.

use std::fs;

use anyhow::{Context, Result};
use clap::Args;

use crate::proof::token_path_bytes;
use crate::qemu::image::{self, Features};
use crate::qemu::machine::Machine;
use crate::setup;
use crate::table::Table;

/// The cargo features of single backbones.
pub const BACKBONES: [&str; 3] = ["retnet", "gla", "gated-deltanet"];

/// Options of `cargo xtask size`.
#[derive(Args)]
pub struct Options {
    /// m0, m3, m4, m7, m33, m55, rv32, or all; can be given several times or with commas
    #[arg(long, default_value = "all", value_delimiter = ',')]
    machine: Vec<String>,
}

/// Bytes of one machine's code.
pub struct Sizes {
    /// The `bench` firmware with all backbones, then with each alone.
    pub firmware: [u64; 4],
    /// The token path and opening a model, likewise.
    pub token_path: [u64; 4],
}

/// Runs `cargo xtask size`.
pub fn command(options: &Options) -> Result<()> {
    let mut table = Table::new(&[
        "<machine",
        "<.text + .rodata, bytes",
        "all",
        "retnet",
        "gla",
        "gated-deltanet",
    ]);
    for machine in Machine::choose(&options.machine)? {
        setup::require_targets(&[&machine.target])?;
        let sizes = measure(&machine)?;
        for (what, bytes) in [
            ("token path and Model::parse", sizes.token_path),
            ("firmware `bench`", sizes.firmware),
        ] {
            let names = [machine.name.clone(), what.to_owned()];
            table.row(names.into_iter().chain(bytes.iter().map(u64::to_string)));
        }
    }
    print!("{}", table.render());
    Ok(())
}

/// Builds everything for `machine` and measures it. The model counts nowhere.
pub fn measure(machine: &Machine) -> Result<Sizes> {
    let flags = processor_flags(machine)?;
    let mut sizes = Sizes {
        firmware: [0; 4],
        token_path: [0; 4],
    };
    for (index, backbone) in [None].into_iter().chain(BACKBONES.map(Some)).enumerate() {
        let features = Features {
            backbone,
            ..Features::default()
        };
        let images = image::build(machine, &["bench"], None, features)?;
        sizes.firmware[index] = images
            .first()
            .context("one binary makes one image")?
            .code_bytes()?;
        sizes.token_path[index] = token_path_bytes(&machine.target, backbone, flags.as_deref())?;
    }
    Ok(sizes)
}

/// The processor that a machine's `.cargo/config.toml` builds for, as flags.
fn processor_flags(machine: &Machine) -> Result<Option<String>> {
    let config = fs::read_to_string(machine.folder.join(".cargo/config.toml"))?;
    let list = config
        .lines()
        .find_map(|line| line.strip_prefix("rustflags = "));
    let flags: Option<Vec<String>> = list
        .map(serde_json::from_str)
        .transpose()
        .context("rustflags is no list")?;
    Ok(flags.map(|flags| flags.join(" ")))
}
