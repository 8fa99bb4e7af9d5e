//! The parts of documents that a task makes: between two marks, everything else by hand.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::paths;

const END: &str = "<!-- End of the made part. -->";

/// A made part.
#[derive(Debug, Clone, Copy)]
pub struct Generated {
    /// The document, from the root of the repository.
    pub document: &'static str,
    /// What makes it.
    pub command: &'static str,
}

impl Generated {
    /// What it holds.
    pub fn read(self) -> Result<String> {
        let text = read(&self.path())?;
        self.of(&text)
            .map(str::to_owned)
            .with_context(|| format!("{}: `{}` makes it anew", self.document, self.command))
    }

    /// Replaces it.
    pub fn write(self, made: &str) -> Result<PathBuf> {
        let path = self.path();
        let new = self.replaced(&read(&path)?, made)?;
        let unfinished = path.with_extension(format!("{}.tmp", std::process::id()));
        fs::write(&unfinished, new)
            .and_then(|()| fs::rename(&unfinished, &path))
            .with_context(|| {
                fs::remove_file(&unfinished).ok();
                format!("cannot write {}", path.display())
            })?;
        Ok(path)
    }

    fn path(self) -> PathBuf {
        paths::root().join(self.document)
    }

    fn begin(self) -> String {
        format!(
            "<!-- Made by `{}`; what is written here by hand is lost. -->",
            self.command
        )
    }

    /// What is before, between and after the marks.
    fn parts(self, text: &str) -> Result<(&str, &str, &str)> {
        let found = text.split_once(&self.begin()).and_then(|(before, rest)| {
            let (made, after) = rest.split_once(END)?;
            Some((before, made, after))
        });
        match found {
            Some(parts) => Ok(parts),
            None => bail!("its made part has lost its marks"),
        }
    }

    /// The made part of the document `text`.
    pub fn of(self, text: &str) -> Result<&str> {
        Ok(self.parts(text)?.1)
    }

    /// The document `text` with another made part.
    pub fn replaced(self, text: &str, made: &str) -> Result<String> {
        let (before, _, after) = self.parts(text)?;
        Ok(format!(
            "{before}{}\n\n{}\n\n{END}{after}",
            self.begin(),
            made.trim()
        ))
    }
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GENERATED: Generated = Generated {
        document: "docs/x.md",
        command: "make x",
    };

    #[test]
    fn only_what_is_between_the_marks_changes() {
        let old = format!("before\n{}\nold\n{END}\nafter\n", GENERATED.begin());
        let new = GENERATED
            .replaced(&old, "\nnew\n")
            .expect("the marks are there");
        assert!(
            new.starts_with("before\n") && new.ends_with("\nafter\n"),
            "{new}"
        );
        assert_eq!(GENERATED.of(&new).expect("just written").trim(), "new");
        assert_eq!(GENERATED.replaced(&new, "new").expect("again"), new);
    }

    #[test]
    fn lost_marks_are_named() {
        let error = GENERATED.replaced("no marks", "x").expect_err("no marks");
        assert!(error.to_string().contains("lost its marks"), "{error}");
        let turned = format!("{END}\n{}", GENERATED.begin());
        assert!(GENERATED.of(&turned).is_err());
    }
}
