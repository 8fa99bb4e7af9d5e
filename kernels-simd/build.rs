//! Tells the kernels what stable Rust does not: which Arm or RISC-V architecture, and whether it
//! has DSP or Helium.

fn main() {
    let target = std::env::var("TARGET").unwrap_or_default();
    println!("cargo::rustc-check-cfg=cfg(sla_arm_dsp)");
    println!("cargo::rustc-check-cfg=cfg(sla_helium)");
    println!("cargo::rustc-check-cfg=cfg(sla_arm_v8m)");
    if target.starts_with("thumbv8m") {
        println!("cargo::rustc-cfg=sla_arm_v8m");
    }
    for (prefixes, cfg) in [
        (&["thumbv6m"][..], "sla_armv6m"),
        (&["thumbv7m"], "sla_armv7m"),
        (&["riscv32im", "riscv32gc"], "sla_rv32m"),
    ] {
        println!("cargo::rustc-check-cfg=cfg({cfg})");
        if prefixes.iter().any(|prefix| target.starts_with(prefix)) {
            println!("cargo::rustc-cfg={cfg}");
        }
    }
    println!("cargo::rerun-if-changed=build.rs");
    // Flags are separated by the unit separator; `-C target-cpu=x` may be one or two of them.
    let flags = std::env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    let cpu = flags
        .split(['\u{1f}', ' '])
        .filter_map(|f| f.split_once("target-cpu="))
        .map(|(_, cpu)| cpu)
        .next_back();
    // Armv7E-M always has it. On Armv8-M it is an option that only the processor's name (or a
    // feature) tells.
    let v8m = target.starts_with("thumbv8m.main");
    let named = matches!(
        cpu,
        Some("cortex-m33" | "cortex-m35p" | "cortex-m55" | "cortex-m85")
    );
    if target.starts_with("thumbv7em") || v8m && (named || flags.contains("+dsp")) {
        println!("cargo::rustc-cfg=sla_arm_dsp");
    }
    if v8m && (matches!(cpu, Some("cortex-m55" | "cortex-m85")) || flags.contains("+mve")) {
        println!("cargo::rustc-cfg=sla_helium");
    }
}
