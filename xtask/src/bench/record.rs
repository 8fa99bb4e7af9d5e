//! The recorded figures: the generated part of docs/kernels.md, which is their only place.

use std::path::PathBuf;

use anyhow::{Context, Result};

use super::figures::Figures;
use crate::generated::Generated;

const GENERATED: Generated = Generated {
    document: "docs/kernels.md",
    command: "cargo xtask bench --bless",
};
/// In front of the version of the compiler that the figures are of.
const COMPILER: &str = "rustc ";

/// What is recorded.
pub struct Record {
    /// Version of the compiler.
    pub rustc: String,
    /// The figures.
    pub figures: Figures,
}

impl Record {
    /// Reads docs/kernels.md.
    pub fn read() -> Result<Self> {
        Self::parse(&GENERATED.read()?)
    }

    fn parse(made: &str) -> Result<Self> {
        let rustc = made
            .split_once(COMPILER)
            .and_then(|(_, rest)| rest.split_whitespace().next());
        let first = made.find("| case |").context("no figures")?;
        let table = made[first..].split("\n\n").next().unwrap_or_default();
        Ok(Self {
            rustc: rustc.context("no compiler version")?.to_owned(),
            figures: Figures::read(table)?,
        })
    }
}

/// Replaces the generated part of docs/kernels.md by `made`, of figures that `rustc` compiled.
pub fn write(rustc: &str, made: &str) -> Result<PathBuf> {
    GENERATED.write(&whole(rustc, made))
}

fn whole(rustc: &str, made: &str) -> String {
    format!("Compiled by {COMPILER}{rustc}\n\n{made}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let table = "| case | per | m4 |\n|---|---|---|\n| a | MAC | 1.000 |\n";
        let made = whole("1.2.3", &format!("{table}\nmore\n\n| case | x |\n"));
        let record = Record::parse(&made).expect("just written");
        assert_eq!(
            (record.rustc.as_str(), record.figures.get("a", "m4")),
            ("1.2.3", Some(1.0))
        );
        assert!(
            Record::parse("").is_err() && Record::parse(&whole("1.2.3", "no figures")).is_err()
        );
    }

    #[test]
    fn the_document_is_whole() {
        let record = Record::read().expect("docs/kernels.md");
        assert!(record.figures.cases.len() > 10 && record.figures.machines.len() == 7);
    }
}
