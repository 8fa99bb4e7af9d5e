//! The recorded figures: the generated part of docs/kernels.md, which is their only place.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use super::figures::Figures;
use crate::paths;

const BEGIN: &str = "<!-- Made by `cargo xtask bench --bless`; what is written here by hand is lost. -->";
const END: &str = "<!-- End of the made part. -->";
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
        let text = fs::read_to_string(path()).with_context(|| format!("cannot read {}", path().display()))?;
        Self::parse(&text).with_context(|| format!("{}: `cargo xtask bench --bless` makes it anew", path().display()))
    }

    fn parse(text: &str) -> Result<Self> {
        let (_, made, _) = parts(text)?;
        let rustc = made.split_once(COMPILER).and_then(|(_, rest)| rest.split_whitespace().next());
        let first = made.find("| case |").context("no figures")?;
        let table = made[first..].split("\n\n").next().unwrap_or_default();
        Ok(Self { rustc: rustc.context("no compiler version")?.to_owned(), figures: Figures::read(table)? })
    }
}

/// Replaces the generated part of docs/kernels.md by `made`, of figures that `rustc` compiled.
pub fn write(rustc: &str, made: &str) -> Result<PathBuf> {
    let path = path();
    let old = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let new = replaced(&old, &format!("Compiled by {COMPILER}{rustc}\n\n{made}"))?;
    let unfinished = path.with_extension(format!("{}.tmp", std::process::id()));
    fs::write(&unfinished, new).and_then(|()| fs::rename(&unfinished, &path)).with_context(|| {
        fs::remove_file(&unfinished).ok();
        format!("cannot write {}", path.display())
    })?;
    Ok(path)
}

fn path() -> PathBuf {
    paths::root().join("docs/kernels.md")
}

/// What is before, between and after the marks.
fn parts(text: &str) -> Result<(&str, &str, &str)> {
    let found = text.split_once(BEGIN).and_then(|(before, rest)| {
        let (made, after) = rest.split_once(END)?;
        Some((before, made, after))
    });
    match found {
        Some(parts) => Ok(parts),
        None => bail!("its generated part has lost its marks"),
    }
}

fn replaced(text: &str, made: &str) -> Result<String> {
    let (before, _, after) = parts(text)?;
    Ok(format!("{before}{BEGIN}\n\n{}\n\n{END}{after}", made.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let table = "| case | per | m4 |\n|---|---|---|\n| a | MAC | 1.000 |\n";
        let old = format!("before\n{BEGIN}\nold\n{END}\nafter\n");
        let made = format!("Compiled by {COMPILER}1.2.3\n\n{table}\nmore\n\n| case | x |\n");
        let new = replaced(&old, &made).expect("the marks are there");
        assert!(new.starts_with("before\n") && new.ends_with("\nafter\n") && !new.contains("old"));
        let record = Record::parse(&new).expect("just written");
        assert_eq!((record.rustc.as_str(), record.figures.get("a", "m4")), ("1.2.3", Some(1.0)));
        assert_eq!(replaced(&new, &made).expect("again"), new);
    }

    #[test]
    fn lost_marks_are_named() {
        assert!(replaced("no marks", "x").is_err() && Record::parse("").is_err());
        assert!(Record::parse(&format!("{BEGIN}{END}")).is_err());
    }

    #[test]
    fn the_document_is_whole() {
        let record = Record::read().expect("docs/kernels.md");
        assert!(record.figures.cases.len() > 10 && record.figures.machines.len() == 7);
    }
}
