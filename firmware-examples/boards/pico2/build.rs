//! Puts the memory map of the chosen cores where the linker finds it.

use std::path::PathBuf;
use std::{env, fs};

fn main() {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let is_arm = env::var("CARGO_CFG_TARGET_ARCH").is_ok_and(|arch| arch == "arm");
    let map = if is_arm {
        include_bytes!("memory.x").as_slice()
    } else {
        include_bytes!("memory-riscv.x")
    };
    fs::write(out.join("memory.x"), map).expect("OUT_DIR can be written");
    println!("cargo::rerun-if-changed=memory.x");
    println!("cargo::rerun-if-changed=memory-riscv.x");
    println!("cargo::rustc-link-search={}", out.display());
    if is_arm {
        println!("cargo::rustc-link-arg-bins=--nmagic");
    } else {
        // riscv-rt takes neither a map nor the names of the chip's interrupts by itself.
        println!("cargo::rustc-link-arg-bins=-Tmemory.x");
        println!("cargo::rustc-link-arg-bins=-Tdevice.x");
    }
    println!("cargo::rustc-link-arg-bins=-Tlink.x");
    println!("cargo::rustc-link-arg-bins=-Tdefmt.x");
}
