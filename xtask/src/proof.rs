//! `cargo xtask proof`: nothing that a firmware calls has a panic path or an allocator, and nothing
//! but the sampler a float.
//!
//! `firmware-examples/proof` links what a firmware calls and nothing else. Its panic handler calls
//! a function that does not exist, so a panic path that the compiler could not remove is a linker
//! error; it has no allocator; and on a target without a floating-point unit a float shows as a
//! call of a software routine. That each of the three is caught is shown by planting it.
//!
//! Floats are looked for where they show. Other targets run the same code but for the kernels'
//! instructions of their own, which are integers'.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use object::{Object, ObjectSymbol};

use crate::qemu::image::code_bytes;
use crate::{paths, process, setup};

/// A kind of processor that the project has firmware for.
pub struct Processor {
    /// The target that it is built for.
    pub target: &'static str,
    /// Its name for the compiler; `None` for the target's own.
    name: Option<&'static str>,
}

impl Processor {
    const fn of(target: &'static str, name: Option<&'static str>) -> Self {
        Self { target, name }
    }

    /// Whether floats are calls.
    fn has_soft_floats(&self) -> bool {
        !self.target.ends_with("hf")
    }

    fn flags(&self) -> Option<String> {
        self.name.map(|name| format!("-C target-cpu={name}"))
    }

    fn text(&self) -> String {
        self.name.map_or_else(
            || self.target.to_owned(),
            |name| format!("{} ({name})", self.target),
        )
    }
}

/// All of them: DSP kernels, scalar ones, and Helium; the first one in more detail.
pub const PROCESSORS: [Processor; 8] = [
    Processor::of("thumbv7em-none-eabi", None),
    Processor::of("thumbv6m-none-eabi", None),
    Processor::of("thumbv7m-none-eabi", None),
    Processor::of("riscv32imac-unknown-none-elf", None),
    Processor::of("riscv32imc-unknown-none-elf", None),
    Processor::of("thumbv7em-none-eabihf", Some("cortex-m7")),
    Processor::of("thumbv8m.main-none-eabihf", Some("cortex-m33")),
    Processor::of("thumbv8m.main-none-eabihf", Some("cortex-m55")),
];
/// What must not use a float: the token path, opening a model, snapshots, the tokenizer, the store,
/// and the applications without a sampler.
const INTEGER: [&str; 7] = [
    "digits",
    "parse",
    "rest",
    "sensor",
    "snapshot",
    "store",
    "tokenizer",
];
/// What may: the sampler, and the serial shell, which has one.
const SAMPLING: [&str; 2] = ["sampler", "shell"];
/// What the panic handler calls.
const UNDEFINED: &str = "the_token_path_can_panic";
/// Less code than this cannot hold the token path.
const LEAST_BYTES: u64 = 8 * 1024;
const BUILD_LIMIT: Duration = Duration::from_secs(900);

/// What an image turned out to be.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// Nothing was found in an image of this many bytes.
    Clean(u64),
    /// It does not link for a panic path.
    Panics,
    /// These symbols do software floating point, in an image of this many bytes.
    Floats(Vec<String>, u64),
    /// It needs, or has, an allocator.
    Allocates,
}

/// One line of the proof; `Err` where it does not hold.
pub type Line = Result<String, String>;

/// Runs `cargo xtask proof`.
pub fn command() -> Result<()> {
    setup::require_targets(&PROCESSORS.each_ref().map(|processor| processor.target))?;
    let mut failures = 0;
    prove(&PROCESSORS, |line| match line {
        Ok(text) => println!("{text}"),
        Err(text) => {
            failures += 1;
            println!("NOT PROVEN: {text}");
        }
    })?;
    if failures > 0 {
        bail!("{failures} parts of the proof do not hold");
    }
    Ok(())
}

/// Proves it on those of `processors` whose target is there, and on the first that plants are
/// caught. `say` gets each line at once.
pub fn prove(processors: &[Processor], mut say: impl FnMut(Line)) -> Result<()> {
    let processors = processors
        .iter()
        .filter(|processor| setup::device_cargo(processor.target).is_some());
    for (index, processor) in processors.enumerate() {
        if index == 0 {
            say(expect_clean(processor, &[], "the token path")?);
            say(expect_clean(
                processor,
                &["parse"],
                "the token path and opening a model",
            )?);
            say(expect_caught(processor, "plant-panic", |verdict| {
                *verdict == Verdict::Panics
            })?);
            say(expect_caught(processor, "plant-float", |verdict| {
                matches!(verdict, Verdict::Floats(..))
            })?);
            say(expect_caught(processor, "plant-alloc", |verdict| {
                *verdict == Verdict::Allocates
            })?);
        }
        if processor.has_soft_floats() {
            say(expect_clean(
                processor,
                &INTEGER,
                "everything but the sampler and the serial shell",
            )?);
        }
        say(expect_clean(
            processor,
            &[&INTEGER[..], &SAMPLING].concat(),
            "everything",
        )?);
    }
    Ok(())
}

/// Code bytes of the token path and opening a model, with one backbone or all.
pub fn token_path_bytes(target: &str, backbone: Option<&str>, flags: Option<&str>) -> Result<u64> {
    let features: Vec<&str> = ["parse"].into_iter().chain(backbone).collect();
    match examine(target, &features, backbone.is_none(), flags)? {
        Verdict::Clean(bytes) => Ok(bytes),
        verdict => {
            bail!("{target}: the token path is not clean: {verdict:?}; see `cargo xtask proof`")
        }
    }
}

fn expect_clean(processor: &Processor, features: &[&str], what: &str) -> Result<Line> {
    let name = processor.text();
    let may_use_floats =
        SAMPLING.iter().any(|feature| features.contains(feature)) || !processor.has_soft_floats();
    Ok(
        match examine(
            processor.target,
            features,
            true,
            processor.flags().as_deref(),
        )? {
            Verdict::Clean(bytes) if !may_use_floats => Ok(format!(
                "{name}: {what}: no float, no allocator, no panic path in {bytes} bytes of code"
            )),
            Verdict::Clean(bytes) | Verdict::Floats(_, bytes) if may_use_floats => Ok(format!(
                "{name}: {what}: no allocator, no panic path in {bytes} bytes of code"
            )),
            Verdict::Floats(symbols, _) => {
                Err(format!("{name}: {what} uses floats: {}", symbols.join(" ")))
            }
            Verdict::Panics => Err(format!("{name}: {what} can panic")),
            Verdict::Allocates | Verdict::Clean(_) => Err(format!("{name}: {what} allocates")),
        },
    )
}

fn expect_caught(
    processor: &Processor,
    plant: &str,
    is_caught: impl Fn(&Verdict) -> bool,
) -> Result<Line> {
    let verdict = examine(
        processor.target,
        &[plant],
        true,
        processor.flags().as_deref(),
    )?;
    let name = processor.text();
    Ok(match is_caught(&verdict) {
        true => Ok(format!("{name}: {plant}: caught ({})", verdict.summary())),
        false => Err(format!(
            "{name}: {plant} is not caught: {}",
            verdict.summary()
        )),
    })
}

impl Verdict {
    fn summary(&self) -> String {
        match self {
            Self::Clean(_) => "nothing found".to_owned(),
            Self::Panics => format!("linker: undefined symbol {UNDEFINED}"),
            Self::Floats(symbols, _) => format!("symbols {}", symbols.join(", ")),
            Self::Allocates => "compiler: no global memory allocator".to_owned(),
        }
    }
}

fn examine(
    target: &str,
    features: &[&str],
    all_backbones: bool,
    flags: Option<&str>,
) -> Result<Verdict> {
    let target_dir = paths::target_dir().join("firmware");
    let _lock = paths::lock("firmware")?;
    let mut command =
        setup::device_cargo(target).with_context(|| format!("no core for {target}"))?;
    command.current_dir(paths::root().join("firmware-examples/proof"));
    command
        .args([
            "build",
            "--release",
            "--locked",
            "--target",
            target,
            "--target-dir",
        ])
        .arg(&target_dir);
    if !all_backbones {
        command.arg("--no-default-features");
    }
    if !features.is_empty() {
        command.args(["--features", &features.join(",")]);
    }
    if let Some(flags) = flags {
        command.env("RUSTFLAGS", flags);
    }
    let output = process::run(&mut command, BUILD_LIMIT)?;
    if !output.success() {
        return refused(&String::from_utf8_lossy(&output.stderr));
    }
    found(&target_dir.join(target).join("release/proof"))
}

/// Why an image was not built.
fn refused(text: &str) -> Result<Verdict> {
    let undefined: Vec<&str> = text
        .lines()
        .filter_map(|line| line.split("undefined symbol: ").nth(1))
        .collect();
    if undefined == [UNDEFINED] {
        return Ok(Verdict::Panics);
    }
    if text.contains("no global memory allocator found") {
        return Ok(Verdict::Allocates);
    }
    let error = text
        .lines()
        .find(|line| line.starts_with("error"))
        .unwrap_or("no message");
    bail!("the proof image cannot be built: {error}")
}

/// What is in an image.
fn found(path: &PathBuf) -> Result<Verdict> {
    let data = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let file = object::File::parse(&*data)
        .with_context(|| format!("{} is no ELF file", path.display()))?;
    let names: Vec<&str> = file
        .symbols()
        .filter_map(|symbol| symbol.name().ok())
        .collect();
    let code_bytes = code_bytes(path)?;
    if code_bytes < LEAST_BYTES || !names.contains(&"_start") {
        bail!(
            "the proof image holds no token path: {code_bytes} bytes of code, {} symbols",
            names.len()
        );
    }
    if names.iter().any(|name| {
        name.contains("__rust_alloc") || name.contains("__rdl_") || name.contains("__rg_")
    }) {
        return Ok(Verdict::Allocates);
    }
    if names
        .iter()
        .any(|name| name.contains("panicking") || name.contains("rust_begin_unwind"))
    {
        return Ok(Verdict::Panics);
    }
    let mut floats: Vec<String> = names
        .iter()
        .filter(|name| is_float(name))
        .map(|name| (*name).to_owned())
        .collect();
    floats.sort();
    floats.dedup();
    Ok(if floats.is_empty() {
        Verdict::Clean(code_bytes)
    } else {
        Verdict::Floats(floats, code_bytes)
    })
}

/// Whether a symbol is a routine of software floating point, by Arm's names, by GCC's, or by the
/// Rust path of its body.
fn is_float(name: &str) -> bool {
    if let Some(rest) = name.strip_prefix("__aeabi_") {
        // fadd, dmul, cfcmple, i2f, ul2d, f2iz, d2f, h2f, ...
        let converts = rest
            .split_once('2')
            .is_some_and(|(from, to)| is_float_letter(from) || is_float_letter(to));
        return converts
            || ["f", "d", "cf", "cd"]
                .iter()
                .any(|prefix| rest.strip_prefix(prefix).is_some_and(is_operation));
    }
    if let Some(rest) = name.strip_prefix("__") {
        // addsf3, muldf3, floatsisf, fixdfsi, extendsfdf2, ltsf2, powidf2, ...
        return ["sf", "df", "hf", "tf"]
            .iter()
            .any(|mode| rest.contains(mode));
    }
    name.contains("compiler_builtins5float") || name.contains("compiler_builtins4math")
}

fn is_float_letter(text: &str) -> bool {
    matches!(text.get(..1), Some("f" | "d" | "h"))
}

fn is_operation(text: &str) -> bool {
    [
        "add", "sub", "rsub", "mul", "div", "cmp", "rcmp", "neg", "eq",
    ]
    .iter()
    .any(|operation| text.starts_with(operation))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn float_routines_are_known_by_name() {
        for name in [
            "__aeabi_fadd",
            "__aeabi_dmul",
            "__aeabi_cfcmple",
            "__aeabi_i2f",
            "__aeabi_ul2d",
            "__aeabi_f2iz",
            "__aeabi_d2f",
            "__aeabi_h2f",
            "__addsf3",
            "__muldf3",
            "__floatsisf",
            "__fixunsdfsi",
            "__ltsf2",
            "_ZN17compiler_builtins5float3add6__addsf17h0E",
        ] {
            assert!(is_float(name), "{name}");
        }
        for name in [
            "__aeabi_memcpy4",
            "__aeabi_uldivmod",
            "__aeabi_lmul",
            "__aeabi_uidiv",
            "__aeabi_llsl",
            "__udivmoddi4",
            "__muldi3",
            "memcpy",
            "_ZN11sla_runtime7session7Session7advance17hE",
            "_start",
            "__aeabi_idivmod",
        ] {
            assert!(!is_float(name), "{name}");
        }
    }

    #[test]
    fn refusals_need_the_right_reason() {
        let text = "error: linking with `rust-lld` failed\n  = note: rust-lld: error: undefined symbol: the_token_path_can_panic\n";
        assert_eq!(refused(text).expect("the reason is known"), Verdict::Panics);
        assert!(refused("rust-lld: error: undefined symbol: memcpy\n").is_err());
        assert!(refused("error[E0425]: cannot find value\n").is_err());
    }
}
