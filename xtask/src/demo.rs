//! `cargo xtask demo`: the main job from checkpoint to text.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::models::{self, Model};
use crate::qemu::{self, Outcome};
use crate::{paths, process, sla};

/// Options of `cargo xtask demo`.
#[derive(Args)]
pub struct Options {
    /// Text to continue
    #[arg(long, default_value = "ROMEO:")]
    prompt: String,
    /// Bytes to generate
    #[arg(short = 'n', long, default_value_t = 200)]
    tokens: u32,
    /// The same seed gives the same text on every machine
    #[arg(long, default_value_t = 1)]
    seed: u32,
}

const LIMIT: Duration = Duration::from_secs(600);
/// The emulated machine.
const MACHINE: &str = "m4";
/// Text that no training saw.
const TEXT: &str = "models/demo.txt";

/// Runs the demo.
pub fn command(options: &Options) -> Result<()> {
    eprintln!("demo: building the converter");
    let sla = Sla(sla::build()?);
    let checkpoint = format!("models/{}", models::DEFAULT);
    let file = paths::target_dir()
        .join("demo")
        .join(format!("{}.sla", models::DEFAULT));
    fs::create_dir_all(file.parent().context("a path with a folder")?)?;
    let shown = shown(&file);

    println!(
        "A trained checkpoint becomes one file that a microcontroller runs in place, int8 weights, fixed point:\n"
    );
    print!(
        "{}",
        indented(
            &sla.run(&["convert", &checkpoint, "-o", &shown])?,
            usize::MAX
        )
    );

    println!("\nWhat is in it, and what it proves (the first line and the last ones):\n");
    let inspected = sla.run(&["inspect", &shown])?;
    print!("{}", indented(&inspected, 1));
    let proven = inspected
        .lines()
        .filter(|line| line.contains("accumulator is proven") || line.contains("self-test:"));
    proven.for_each(|line| println!("{line}"));

    println!(
        "\nHow close it is to the float model, on 2 KB of text that no training saw: in all, by the arithmetic alone, by"
    );
    println!("the int8 weights alone:\n");
    let evaluated = sla.run(&["eval", &shown, "--checkpoint", &checkpoint, "--text", TEXT])?;
    let upto = evaluated
        .lines()
        .position(|line| line.contains("signal-to-noise"))
        .unwrap_or(usize::MAX);
    print!("{}", indented(evaluated.trim_end(), upto.saturating_sub(1)));

    println!(
        "\nText by the integer runtime on this machine ({} kernels):\n",
        qemu::host_backend()
    );
    let (tokens, seed) = (options.tokens.to_string(), options.seed.to_string());
    let text = sla.run(&[
        "run",
        &shown,
        "--prompt",
        &options.prompt,
        "-n",
        &tokens,
        "--seed",
        &seed,
    ])?;
    println!(
        "{}",
        indented(&format!("{}{text}", options.prompt), usize::MAX).trim_end()
    );

    println!("\nThe same file, prompt and seed on an emulated Cortex-M4:\n");
    match qemu::generate(
        MACHINE,
        &Model::open(&file)?,
        &options.prompt,
        options.tokens,
        options.seed,
    )? {
        Outcome::Done(emulated) if emulated == text => println!("  the same {} bytes", text.len()),
        Outcome::Done(emulated) => {
            bail!("the emulated Cortex-M4 generated another text: {emulated:?}")
        }
        Outcome::Skipped(why) => {
            println!("  skipped: {why}");
            return Ok(());
        }
        Outcome::Failed(why) => bail!("emulated Cortex-M4: {why}"),
    }
    let bench = qemu::Options {
        machine: vec![MACHINE.to_owned()],
        model: Some(file),
        tokens: 64,
        ..qemu::Options::default()
    };
    match qemu::bench(&bench)?
        .pop()
        .context("one machine makes one report")?
        .outcome
    {
        Outcome::Done(row) => println!(
            "  {:.0} instructions per token ({:.2} per multiply-accumulate), peak stack {} bytes, {} bytes of code",
            row.insns_mean,
            row.insns_per_mac(),
            row.stack_bytes,
            row.code_bytes
        ),
        Outcome::Skipped(why) | Outcome::Failed(why) => bail!("emulated Cortex-M4: {why}"),
    }
    Ok(())
}

/// The path as one would type it in the root of the repository.
fn shown(file: &Path) -> String {
    file.strip_prefix(paths::root())
        .unwrap_or(file)
        .display()
        .to_string()
}

/// The first `lines` lines, set off from the demo's own.
fn indented(text: &str, lines: usize) -> String {
    text.lines()
        .take(lines)
        .fold(String::new(), |all, line| all + "  " + line + "\n")
        .replace("  \n", "\n")
}

/// The `sla` program.
struct Sla(PathBuf);

impl Sla {
    /// Shows the command, runs it in the root of the repository, and returns what it prints.
    fn run(&self, arguments: &[&str]) -> Result<String> {
        let quoted = arguments.iter().map(|word| {
            match word.contains(|c: char| c.is_whitespace() || c == ':') {
                true => format!("\"{word}\""),
                false => (*word).to_owned(),
            }
        });
        println!("  $ sla {}", quoted.collect::<Vec<_>>().join(" "));
        let output = process::run(
            Command::new(&self.0)
                .current_dir(paths::root())
                .args(arguments),
            LIMIT,
        )?;
        if output.status.is_none() {
            bail!("sla {}: stopped after {} s", arguments[0], LIMIT.as_secs());
        }
        if !output.success() {
            bail!(
                "sla {}: {}",
                arguments[0],
                output.last_error_line().trim_start_matches("error: ")
            );
        }
        Ok(output.stdout_text())
    }
}

#[cfg(test)]
mod tests {
    use super::indented;

    #[test]
    fn lines_are_set_off() {
        assert_eq!(indented("a\n\nb\nc", 3), "  a\n\n  b\n");
    }
}
