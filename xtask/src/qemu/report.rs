//! Rows: what one machine's run showed, as a table and as JSON.

use std::fmt::Write;

use anyhow::{Result, bail};
use serde_json::{Value, json};

use super::image::{Image, code_bytes};
use super::run::Finished;

/// One machine's result.
#[derive(Debug, Clone, Default)]
pub struct Row {
    /// Machine name.
    pub machine: String,
    /// Model name.
    pub model: String,
    /// Why it is not the model that was asked for.
    pub note: Option<String>,
    /// Digest of the machine's logits.
    pub digest: u32,
    /// Digest of the host's.
    pub host_digest: u32,
    /// Tokens run.
    pub tokens: u64,
    /// Instructions of the cheapest token.
    pub insns_min: u64,
    /// Mean instructions per token.
    pub insns_mean: f64,
    /// Instructions of the dearest token.
    pub insns_max: u64,
    /// Matrix weights used once per token.
    pub macs: u64,
    /// Instructions to validate and open the model.
    pub parse_insns: u64,
    /// State bytes.
    pub state_bytes: u64,
    /// Scratch bytes.
    pub scratch_bytes: u64,
    /// Peak stack of a token, measured.
    pub stack_bytes: u64,
    /// Code and constants, without the model.
    pub code_bytes: u64,
}

impl Row {
    /// Reads a `@bench` line; an error if the digests differ.
    pub fn new(image: &Image, run: &Finished, host_digest: u32, tokens: u32) -> Result<Self> {
        let digest = u32::from_str_radix(run.text("digest")?, 16)?;
        if digest != host_digest {
            bail!("digest {digest:08x}, but the host's is {host_digest:08x} ({}, {tokens} tokens)", image.model.name);
        }
        let done = run.number("tokens")?;
        if done != u64::from(tokens) {
            bail!("the firmware ran {done} tokens instead of {tokens}");
        }
        Ok(Self {
            machine: image.machine.name.clone(),
            model: image.model.name.clone(),
            note: image.note.clone(),
            digest,
            host_digest,
            tokens: done,
            insns_min: run.number("insns_per_token_min")?,
            insns_mean: run.number("insns_total")? as f64 / f64::from(tokens),
            insns_max: run.number("insns_per_token_max")?,
            macs: run.number("macs_per_token")?,
            parse_insns: run.number("parse_insns")?,
            state_bytes: run.number("state_bytes")?,
            scratch_bytes: run.number("scratch_bytes")?,
            stack_bytes: run.number("stack_bytes")?,
            code_bytes: code_bytes(&image.path)?,
        })
    }

    /// Reads a `@conformance` line; an error if a case failed or none ran.
    pub fn of_conformance(image: &Image, run: &Finished) -> Result<Self> {
        let (cases, failures) = (run.number("cases")?, run.number("failures")?);
        if failures > 0 || cases == 0 {
            bail!("{failures} of {cases} cases differ from the scalar oracle");
        }
        Ok(Self { machine: image.machine.name.clone(), tokens: cases, ..Self::default() })
    }

    fn insns_per_mac(&self) -> f64 {
        self.insns_mean / (self.macs.max(1) as f64)
    }

    fn to_json(&self) -> Value {
        json!({
            "machine": self.machine,
            "model": self.model,
            "digest": format!("{:08x}", self.digest),
            "host_digest": format!("{:08x}", self.host_digest),
            "tokens": self.tokens,
            "insns_per_token_min": self.insns_min,
            "insns_per_token_mean": self.insns_mean,
            "insns_per_token_max": self.insns_max,
            "macs_per_token": self.macs,
            "insns_per_mac": self.insns_per_mac(),
            "parse_insns": self.parse_insns,
            "state_bytes": self.state_bytes,
            "scratch_bytes": self.scratch_bytes,
            "stack_bytes": self.stack_bytes,
            "code_bytes": self.code_bytes,
        })
    }
}

/// All rows as one JSON list.
pub fn json(rows: &[&Row]) -> Value {
    rows.iter().map(|row| row.to_json()).collect()
}

/// All rows as a table.
pub fn table(rows: &[&Row]) -> String {
    let heads = [
        "machine",
        "model",
        "digest",
        "host",
        "tokens",
        "insns/token min",
        "mean",
        "max",
        "insns/MAC",
        "parse insns",
        "state",
        "scratch",
        "stack",
        "code",
    ];
    let cells = rows.iter().map(|row| {
        [
            row.machine.clone(),
            row.model.clone(),
            format!("{:08x}", row.digest),
            format!("{:08x}", row.host_digest),
            row.tokens.to_string(),
            row.insns_min.to_string(),
            format!("{:.1}", row.insns_mean),
            row.insns_max.to_string(),
            format!("{:.3}", row.insns_per_mac()),
            row.parse_insns.to_string(),
            row.state_bytes.to_string(),
            row.scratch_bytes.to_string(),
            row.stack_bytes.to_string(),
            row.code_bytes.to_string(),
        ]
    });
    let lines: Vec<[String; 14]> = std::iter::once(heads.map(str::to_owned)).chain(cells).collect();
    let widths: [usize; 14] =
        std::array::from_fn(|column| lines.iter().map(|line| line[column].len()).max().unwrap_or(0));
    let mut text = String::new();
    for line in &lines {
        for (column, cell) in line.iter().enumerate() {
            // Names to the left, numbers to the right. Writing to a string cannot fail.
            let _ = if column < 2 {
                write!(text, "{cell:<width$}  ", width = widths[column])
            } else {
                write!(text, "{cell:>width$}  ", width = widths[column])
            };
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    text
}
