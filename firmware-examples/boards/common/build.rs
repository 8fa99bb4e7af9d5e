//! Chooses the model that becomes part of the image: `SLA_MODEL`, else the smallest that `cargo
//! xtask models` converted.

use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-env-changed=SLA_MODEL");
    println!("cargo::rerun-if-changed=build.rs");
    // A core without a cycle counter, and a chip that reads one segment of flash: the ESP32-C3 is
    // the one board without atomics.
    for (cfg, target) in [
        ("sla_armv6m", "thumbv6m-none-eabi"),
        ("sla_one_segment", "riscv32imc-unknown-none-elf"),
    ] {
        println!("cargo::rustc-check-cfg=cfg({cfg})");
        if env::var("TARGET").is_ok_and(|this| this == target) {
            println!("cargo::rustc-cfg={cfg}");
        }
    }
    let here =
        PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR"));
    let path = match env::var_os("SLA_MODEL") {
        Some(path) => PathBuf::from(path),
        None => smallest(&here.join("../../../target/models")).unwrap_or_else(|| {
            panic!("no model: set SLA_MODEL=FILE.sla, or run `cargo xtask models` to convert those of models/")
        }),
    };
    let path = path
        .canonicalize()
        .unwrap_or_else(|error| panic!("model {}: {error}", path.display()));
    println!("cargo::rerun-if-changed={}", path.display());
    println!("cargo::rustc-env=SLA_MODEL_PATH={}", path.display());
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
