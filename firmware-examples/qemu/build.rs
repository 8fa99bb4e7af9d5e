//! Chooses the machine: `SLA_MACHINE`; the model that becomes part of the image: `SLA_MODEL`, else
//! the smallest that `cargo xtask` converted; and the snapshot beside it: `SLA_SNAPSHOT`, else
//! none.

use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-env-changed=SLA_MODEL");
    println!("cargo::rerun-if-env-changed=SLA_ARENA_BYTES");
    println!("cargo::rerun-if-env-changed=SLA_SNAPSHOT");
    println!("cargo::rerun-if-changed=build.rs");
    let here =
        PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR"));
    machine(&here);
    snapshot();
    if env::var_os("CARGO_FEATURE_EXTERNAL_MODEL").is_some() {
        return;
    }
    let converted = here.join("../../target/models");
    let path = match env::var_os("SLA_MODEL") {
        Some(path) => PathBuf::from(path),
        None => smallest(&converted).unwrap_or_else(|| {
            panic!("no model: set SLA_MODEL=FILE.sla, or run `cargo xtask models` to convert those of models/")
        }),
    };
    let path = path
        .canonicalize()
        .unwrap_or_else(|error| panic!("model {}: {error}", path.display()));
    println!("cargo::rerun-if-changed={}", path.display());
    println!("cargo::rustc-env=SLA_MODEL_PATH={}", path.display());
}

/// Tells the code which machine it is for, and the linker where its memory is.
fn machine(here: &Path) {
    println!("cargo::rerun-if-env-changed=SLA_MACHINE");
    println!("cargo::rustc-check-cfg=cfg(machine, values(any()))");
    let machine = env::var("SLA_MACHINE")
        .unwrap_or_else(|_| panic!("no machine: run cargo in the folder of one, such as m4"));
    println!("cargo::rustc-cfg=machine=\"{machine}\"");
    let map = [here.join(&machine).join("memory.x"), here.join("model.x")].map(|part| {
        println!("cargo::rerun-if-changed={}", part.display());
        fs::read_to_string(&part).unwrap_or_else(|error| panic!("{}: {error}", part.display()))
    });
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    fs::write(out.join("memory.x"), map.join("\n")).expect("OUT_DIR can be written");
    // For the binaries here alone: a package that uses the library has a memory map of its own.
    println!("cargo::rustc-link-arg-bins=-L{}", out.display());
    println!("cargo::rustc-link-arg-bins=-Tlink.x");
    if env::var_os("CARGO_FEATURE_DEFMT").is_some() {
        println!("cargo::rustc-link-arg-bins=-Tdefmt.x");
    }
}

/// An image without a snapshot embeds an empty file.
fn snapshot() {
    let path = match env::var_os("SLA_SNAPSHOT") {
        Some(path) => PathBuf::from(path),
        None => {
            let none = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"))
                .join("none.slas");
            fs::write(&none, []).expect("OUT_DIR can be written");
            none
        }
    };
    let path = path
        .canonicalize()
        .unwrap_or_else(|error| panic!("snapshot {}: {error}", path.display()));
    println!("cargo::rerun-if-changed={}", path.display());
    println!("cargo::rustc-env=SLA_SNAPSHOT_PATH={}", path.display());
}

fn smallest(folder: &Path) -> Option<PathBuf> {
    let files = fs::read_dir(folder)
        .ok()?
        .flatten()
        .map(|entry| entry.path());
    files
        .filter(|path| path.extension().is_some_and(|extension| extension == "sla"))
        .min_by_key(|path| {
            (
                fs::metadata(path).map_or(u64::MAX, |data| data.len()),
                path.clone(),
            )
        })
}
