//! One image in the emulator.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::image::Image;
use crate::models::Model;
use crate::{paths, process};

/// The decoder's time, its first build included.
const DECODE_LIMIT: Duration = Duration::from_secs(600);

/// What a piece of work cost: a line `@case name=... unit=... units=... insns=...`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// Kernel and shape.
    pub name: String,
    /// What its cost is told per.
    pub unit: String,
    /// How many of these it did.
    pub units: u64,
    /// Instructions of them all.
    pub insns: u64,
}

impl Case {
    fn read(line: &str) -> Option<Self> {
        let words = line.strip_prefix("@case ")?;
        let value = |key: &str| {
            words
                .split_whitespace()
                .find_map(|word| word.strip_prefix(key)?.strip_prefix('='))
        };
        let (name, unit) = (value("name")?.to_owned(), value("unit")?.to_owned());
        Some(Self {
            name,
            unit,
            units: value("units")?.parse().ok()?,
            insns: value("insns")?.parse().ok()?,
        })
    }

    /// Instructions per unit.
    pub fn insns_per_unit(&self) -> f64 {
        self.insns as f64 / (self.units.max(1) as f64)
    }
}

/// A run that ended well.
pub struct Finished {
    /// Everything that was printed.
    pub output: String,
    /// The decoded log; empty where the image does not log.
    pub log: Vec<String>,
    /// The words of the result line: `@name key=value ...`; none without such a line.
    values: BTreeMap<String, String>,
}

impl Finished {
    /// What its `@case` lines say.
    pub fn cases(&self) -> Result<Vec<Case>> {
        let lines = self.output.lines().filter(|line| line.starts_with("@case"));
        lines
            .map(|line| Case::read(line).with_context(|| format!("the firmware printed {line}")))
            .collect()
    }

    /// The text behind `key`.
    pub fn text(&self, key: &str) -> Result<&str> {
        self.values
            .get(key)
            .map(String::as_str)
            .with_context(|| format!("the firmware printed no {key}"))
    }

    /// The number behind `key`.
    pub fn number(&self, key: &str) -> Result<u64> {
        let text = self.text(key)?;
        text.parse()
            .with_context(|| format!("the firmware printed {key}={text}"))
    }
}

/// Runs `image` with `arguments` for it; `model` is loaded at its flash address if the image was
/// built so.
pub fn run(image: &Image, model: &Model, arguments: &str, limit: Duration) -> Result<Finished> {
    let machine = &image.machine;
    let mut command = Command::new(machine.emulator());
    command
        .args(machine.runner.iter().skip(1))
        .arg(&image.path)
        .args(["-append", arguments]);
    if image.is_loading {
        // A comma ends an option's value; doubled, it is a comma.
        let file = model.path.display().to_string().replace(',', ",,");
        command.args([
            "-device",
            &format!(
                "loader,file={file},addr={:#x},force-raw=on",
                machine.model_address
            ),
        ]);
    }
    let output = process::run(&mut command, limit)?;
    let log = if image.is_logging {
        decode(image, output.stderr.clone())?
    } else {
        Vec::new()
    };
    let text = output.stdout_text();
    let said = text.lines().find(|line| {
        ["@panic", "@fault", "@error"]
            .iter()
            .any(|mark| line.starts_with(mark))
    });
    let Some(status) = output.status else {
        bail!("stopped after {} s without a result", limit.as_secs());
    };
    if let Some(signal) = status.signal() {
        bail!("the emulator was interrupted by signal {signal}");
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    if let Some(signal) = errors
        .lines()
        .find_map(|line| line.split("terminating on ").nth(1))
    {
        bail!("the emulator was interrupted by {signal}");
    }
    if let Some(line) = said {
        bail!("the firmware stopped: {}", line.trim_start_matches('@'));
    }
    if !status.success() {
        bail!(
            "the emulator ended with exit code {}: {}",
            status.code().unwrap_or(-1),
            output.last_error_line()
        );
    }
    let line = text
        .lines()
        .rev()
        .find(|line| line.starts_with('@'))
        .unwrap_or_default();
    let pairs = line
        .split_whitespace()
        .filter_map(|word| word.split_once('='));
    let values = pairs
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    Ok(Finished {
        output: text,
        log,
        values,
    })
}

/// Decodes defmt frames with the tool in `firmware-examples/decode`, which is built on first use.
fn decode(image: &Image, frames: Vec<u8>) -> Result<Vec<String>> {
    let mut command = Command::new("cargo");
    process::clean_cargo_environment(&mut command);
    command.current_dir(paths::root().join("firmware-examples"));
    command
        .args([
            "run",
            "--quiet",
            "--release",
            "--locked",
            "--package",
            "decode",
            "--target-dir",
        ])
        .arg(paths::target_dir().join("firmware"));
    let output = process::run_with_input(command.arg("--").arg(&image.path), frames, DECODE_LIMIT)?;
    if !output.success() {
        bail!("the log cannot be decoded: {}", output.last_error_line());
    }
    Ok(output.stdout_text().lines().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::Case;

    #[test]
    fn cases_are_read() {
        let case = Case::read("@case name=matvec_i8:64x64/64 unit=MAC units=4096 insns=4167")
            .expect("all words");
        assert_eq!(
            (case.name.as_str(), case.unit.as_str()),
            ("matvec_i8:64x64/64", "MAC")
        );
        assert!((case.insns_per_unit() - 4167.0 / 4096.0).abs() < 1e-12);
        assert_eq!(Case::read("@case name=x unit=y units=1"), None);
        assert_eq!(Case::read("@bench name=x unit=y units=1 insns=1"), None);
    }
}
