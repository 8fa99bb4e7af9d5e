//! Rows: what one machine's run showed, as a table and as JSON.

use anyhow::{Result, bail};
use serde_json::{Value, json};

use super::image::Image;
use super::run::{Case, Finished};
use crate::models::Model;
use crate::table::Table;

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
    /// Instructions of the longest piece of a token that is cut where a task may yield.
    pub insns_slice_max: u64,
    /// Instructions at position 16, if the run got there.
    pub insns_at_16: Option<u64>,
    /// Instructions at position 4,000, if the run got there.
    pub insns_at_4000: Option<u64>,
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
    pub fn new(
        image: &Image,
        model: &Model,
        run: &Finished,
        host_digest: u32,
        tokens: u32,
    ) -> Result<Self> {
        let digest = u32::from_str_radix(run.text("digest")?, 16)?;
        if digest != host_digest {
            bail!(
                "digest {digest:08x}, but the host's is {host_digest:08x} ({}, {tokens} tokens)",
                model.name
            );
        }
        let done = run.number("tokens")?;
        if done != u64::from(tokens) {
            bail!("the firmware ran {done} tokens instead of {tokens}");
        }
        let at = |key, position| {
            run.number(key)
                .map(|count| (tokens > position).then_some(count))
        };
        Ok(Self {
            machine: image.machine.name.clone(),
            model: model.name.clone(),
            note: None,
            digest,
            host_digest,
            tokens: done,
            insns_min: run.number("insns_per_token_min")?,
            insns_mean: run.number("insns_total")? as f64 / f64::from(tokens),
            insns_max: run.number("insns_per_token_max")?,
            insns_slice_max: run.number("insns_slice_max")?,
            insns_at_16: at("insns_at_16", 16)?,
            insns_at_4000: at("insns_at_4000", 4000)?,
            macs: run.number("macs_per_token")?,
            parse_insns: run.number("parse_insns")?,
            state_bytes: run.number("state_bytes")?,
            scratch_bytes: run.number("scratch_bytes")?,
            stack_bytes: run.number("stack_bytes")?,
            code_bytes: image.code_bytes()?,
        })
    }

    /// Instructions per multiply-accumulate.
    pub fn insns_per_mac(&self) -> f64 {
        self.insns_mean / (self.macs.max(1) as f64)
    }

    /// By how much the dearest token exceeds the cheapest.
    pub fn spread(&self) -> f64 {
        self.insns_max as f64 / (self.insns_min.max(1) as f64) - 1.0
    }

    /// The row as an object.
    pub fn to_json(&self) -> Value {
        json!({
            "machine": self.machine,
            "model": self.model,
            "note": self.note,
            "digest": format!("{:08x}", self.digest),
            "host_digest": format!("{:08x}", self.host_digest),
            "tokens": self.tokens,
            "insns_per_token_min": self.insns_min,
            "insns_per_token_mean": self.insns_mean,
            "insns_per_token_max": self.insns_max,
            "insns_slice_max": self.insns_slice_max,
            "insns_at_16": self.insns_at_16,
            "insns_at_4000": self.insns_at_4000,
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

/// Reads the `@case` lines that come before a `@kernels` line; an error if some are missing.
pub fn cases(run: &Finished) -> Result<Vec<Case>> {
    let (cases, count) = (run.cases()?, run.number("cases")?);
    if cases.len() as u64 != count || count == 0 {
        bail!("{} lines for {count} cases", cases.len());
    }
    Ok(cases)
}

/// Reads a `@prompt` line: the firmware has compared the logits with those of single steps.
pub fn prompt(model: &Model, run: &Finished) -> Result<Case> {
    let (units, insns) = (run.number("tokens")?, run.number("insns")?);
    Ok(Case {
        name: format!("prompt{units}:{}", model.name),
        unit: "token".to_owned(),
        units,
        insns,
    })
}

/// Reads a `@conformance` line: backend and number of cases; an error if a case failed or none ran.
pub fn conformance(run: &Finished) -> Result<(String, u64)> {
    let (cases, failures) = (run.number("cases")?, run.number("failures")?);
    if failures > 0 || cases == 0 {
        bail!(
            "{failures} of {cases} cases differ from the scalar oracle: {}",
            run.text("failed")?
        );
    }
    Ok((run.text("backend")?.to_owned(), cases))
}

/// All rows as one JSON list.
pub fn json(rows: &[&Row]) -> Value {
    rows.iter().map(|row| row.to_json()).collect()
}

/// All rows as a table, with the notes below it.
pub fn table(rows: &[&Row]) -> String {
    let mut table = Table::new(&[
        "<machine",
        "<model",
        "digest",
        "host",
        "tokens",
        "insns/token min",
        "mean",
        "max",
        "slice max",
        "insns/MAC",
        "parse insns",
        "state",
        "scratch",
        "stack",
        "code",
    ]);
    for row in rows {
        table.row([
            row.machine.clone(),
            format!(
                "{}{}",
                row.model,
                if row.note.is_some() { " *" } else { "" }
            ),
            format!("{:08x}", row.digest),
            format!("{:08x}", row.host_digest),
            row.tokens.to_string(),
            row.insns_min.to_string(),
            format!("{:.1}", row.insns_mean),
            row.insns_max.to_string(),
            row.insns_slice_max.to_string(),
            format!("{:.3}", row.insns_per_mac()),
            row.parse_insns.to_string(),
            row.state_bytes.to_string(),
            row.scratch_bytes.to_string(),
            row.stack_bytes.to_string(),
            row.code_bytes.to_string(),
        ]);
    }
    let notes = rows
        .iter()
        .filter_map(|row| Some(format!("* {}: {}\n", row.machine, row.note.as_ref()?)));
    table.render() + &notes.collect::<String>()
}
