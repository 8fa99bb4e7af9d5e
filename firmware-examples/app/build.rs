//! Chooses the model that becomes part of the image: `SLA_MODEL`, else the smallest in `models/`, else a stand-in of pseudo-random bytes.

use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-env-changed=SLA_MODEL");
    println!("cargo::rerun-if-changed=build.rs");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let models =
        Path::new(&env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR")).join("../../models");
    println!("cargo::rerun-if-changed={}", models.display());
    let path = match env::var_os("SLA_MODEL") {
        Some(path) => PathBuf::from(path),
        None => smallest(&models).unwrap_or_else(|| stand_in(&out)),
    };
    let path = path.canonicalize().unwrap_or_else(|error| panic!("model {}: {error}", path.display()));
    println!("cargo::rerun-if-changed={}", path.display());
    println!("cargo::rustc-env=SLA_MODEL_PATH={}", path.display());
}

fn smallest(folder: &Path) -> Option<PathBuf> {
    let files = fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path());
    files
        .filter(|path| path.extension().is_some_and(|extension| extension == "sla"))
        .min_by_key(|path| (fs::metadata(path).map_or(u64::MAX, |data| data.len()), path.clone()))
}

fn stand_in(out: &Path) -> PathBuf {
    let path = out.join("stand-in.sla");
    let mut state = 1u32;
    let bytes: Vec<u8> = (0..4096)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_le_bytes()[3]
        })
        .collect();
    fs::write(&path, bytes).expect("OUT_DIR can be written");
    path
}
