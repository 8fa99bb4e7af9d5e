//! Fenced code in documents, and the regions of source files that they show.

use std::fs;
use std::path::{Path, PathBuf};

/// Folders of other people's files and of builds.
const SKIPPED: [&str; 6] = ["target", ".git", "corpus", "node_modules", ".venv", "out"];

/// A piece of code, without its common indentation.
pub struct Block {
    /// File and line.
    pub place: String,
    /// Documents that show it; empty for a block of a document.
    pub documents: Vec<String>,
    pub text: String,
}

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("a folder in the repository")
}

/// A document's name: its path from the root.
pub fn documented(path: &Path) -> String {
    path.strip_prefix(root())
        .unwrap_or(path)
        .display()
        .to_string()
        .replace('\\', "/")
}

/// All files below a folder with one of these endings, by name.
pub fn files(folder: &Path, endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
        for path in entries.map(|entry| entry.expect("a readable entry").path()) {
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            if path.is_dir() && !path.is_symlink() && !SKIPPED.contains(&name.as_str()) {
                folders.push(path);
            } else if path
                .extension()
                .is_some_and(|ending| endings.iter().any(|e| ending == *e))
            {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn block(path: &Path, line: usize, documents: Vec<String>, lines: &[&str]) -> Block {
    let indent = |line: &&str| line.len() - line.trim_start().len();
    let least = lines
        .iter()
        .filter(|line| !line.trim().is_empty())
        .map(indent)
        .min()
        .unwrap_or(0);
    let text = lines
        .iter()
        .map(|line| format!("{}\n", line.get(least..).unwrap_or_default()))
        .collect();
    Block {
        place: format!("{}:{}", documented(path), line + 1),
        documents,
        text,
    }
}

/// Whether a fence's words are those of code that has to be compiled.
fn is_code(words: &str) -> bool {
    matches!(
        words.split([',', ' ']).next(),
        Some("rust" | "rs" | "c" | "h" | "cpp" | "c++")
    )
}

/// The Rust, C and C++ of a document.
pub fn blocks(path: &Path) -> Vec<Block> {
    let text = read(path);
    let lines: Vec<&str> = text.lines().collect();
    let (mut found, mut open) = (Vec::new(), None);
    for (at, line) in lines.iter().enumerate() {
        let Some(words) = line.trim_start().strip_prefix("```") else {
            continue;
        };
        match open.take() {
            None => open = Some((at, words.trim())),
            Some((start, words)) if is_code(words) => {
                found.push(block(path, start, Vec::new(), &lines[start + 1..at]));
            }
            Some(_) => {}
        }
    }
    assert!(open.is_none(), "{}: a fence is not closed", path.display());
    found
}

/// The examples of a source file: between `// [README.md, docs/format.md]` and `// [end]`.
pub fn regions(path: &Path) -> Vec<Block> {
    let text = read(path);
    let lines: Vec<&str> = text.lines().collect();
    let marker = |line: &str| {
        Some(
            line.trim()
                .strip_prefix("// [")?
                .strip_suffix(']')?
                .to_owned(),
        )
    };
    let (mut found, mut open) = (Vec::new(), None);
    for (at, line) in lines.iter().enumerate() {
        let Some(names) = marker(line) else { continue };
        match open.take() {
            Some((start, names)) => found.push(block(path, start, names, &lines[start + 1..at])),
            None if names == "end" => panic!("{}:{}: nothing ends here", path.display(), at + 1),
            None if names.ends_with(".md") => {
                open = Some((at, names.split(", ").map(String::from).collect()))
            }
            None => {}
        }
    }
    assert!(open.is_none(), "{}: an example has no end", path.display());
    found
}

/// Places of fences in doc comments that rustdoc would not compile.
pub fn ignored(path: &Path) -> Vec<String> {
    let text = read(path);
    let (mut found, mut is_open) = (Vec::new(), false);
    for (at, line) in text.lines().enumerate() {
        let line = line.trim_start();
        let Some(comment) = line
            .strip_prefix("///")
            .or_else(|| line.strip_prefix("//!"))
        else {
            is_open = false;
            continue;
        };
        let Some(words) = comment.trim_start().strip_prefix("```") else {
            continue;
        };
        if !is_open
            && words
                .split([',', ' '])
                .any(|word| word.starts_with("ignore"))
        {
            found.push(format!("{}:{}", documented(path), at + 1));
        }
        is_open = !is_open;
    }
    found
}
