//! Chooses the backend of the target. Which Arm or RISC-V architecture it is, and whether it has DSP
//! or Helium, stable Rust does not tell.

use std::env::var;

fn main() {
    let target = var("TARGET").unwrap_or_default();
    let is = |start: &str| target.starts_with(start);
    let has_feature = |name: &str| {
        let features = var("CARGO_CFG_TARGET_FEATURE").unwrap_or_default();
        features.split(',').any(|feature| feature == name)
    };
    // Flags are separated by the unit separator; `-C target-cpu=x` may be one or two of them.
    let flags = var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    let cpu = flags
        .split(['\u{1f}', ' '])
        .filter_map(|f| f.split_once("target-cpu="))
        .map(|(_, cpu)| cpu)
        .next_back();
    let cpu_is = |names: &[&str]| cpu.is_some_and(|cpu| names.contains(&cpu));

    // On Armv8-M the extensions are options that only the processor's name, or a feature, tells.
    // Armv7E-M always has DSP.
    let v8m = is("thumbv8m.main");
    let helium = v8m && (cpu_is(&["cortex-m55", "cortex-m85"]) || flags.contains("+mve"));
    let dsp = v8m && (cpu_is(&["cortex-m33", "cortex-m35p"]) || flags.contains("+dsp"));

    // The first one that the target has. A line here, and its folder in src/arch.rs.
    let backends = [
        ("helium", helium),
        ("arm-dsp", is("thumbv7em") || dsp),
        ("armv7-m", is("thumbv7m")),
        ("armv6-m", is("thumbv6m")),
        ("rv32m", is("riscv32im") || is("riscv32gc")),
        ("avx2", is("x86_64") && var("CARGO_FEATURE_STD").is_ok()),
        ("neon", is("aarch64") && has_feature("neon")),
        ("scalar", true),
    ];
    let names = backends.map(|(name, _)| format!("\"{name}\"")).join(", ");
    println!("cargo::rustc-check-cfg=cfg(sla_backend, values({names}))");
    if let Some((name, _)) = backends.iter().find(|(_, has)| *has) {
        println!("cargo::rustc-cfg=sla_backend=\"{name}\"");
    }
    println!("cargo::rustc-check-cfg=cfg(sla_arm_v8m)");
    if is("thumbv8m") {
        println!("cargo::rustc-cfg=sla_arm_v8m");
    }
    println!("cargo::rerun-if-changed=build.rs");
}
