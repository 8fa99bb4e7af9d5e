//! Puts the memory map where the linker finds it, and names the model.

use std::path::PathBuf;
use std::{env, fs};

fn main() {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    fs::write(out.join("memory.x"), include_bytes!("memory.x")).expect("OUT_DIR can be written");
    println!("cargo::rerun-if-changed=memory.x");
    println!("cargo::rerun-if-env-changed=SLA_MODEL");
    println!("cargo::rustc-link-search={}", out.display());
    println!("cargo::rustc-link-arg-bins=-Tlink.x");
    let model = env::var("SLA_MODEL").expect("SLA_MODEL=…/shakespeare.sla names the model");
    println!("cargo::rerun-if-changed={model}");
    println!("cargo::rustc-env=DOCUMENTS_MODEL={model}");
}
