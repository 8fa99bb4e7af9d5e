//! Files that appear whole or not at all, and stdout whose reader may leave.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use sla_converter::files::not_written;

use super::failure::{Failure, Outcome, fail};

/// An output file that can be written: its folder exists and it is no folder itself. Made before the work starts.
pub(super) struct OutputFile {
    shown: String,
    path: PathBuf,
    /// A file beside it that is renamed over it; `None` writes straight into a device or pipe.
    temporary: Option<PathBuf>,
}

impl OutputFile {
    /// Checks `path`; nothing is created yet.
    pub(super) fn new(path: &Path) -> Outcome<Self> {
        let shown = path.display().to_string();
        if path.is_dir() {
            return fail(format!("{shown}: is a folder; give the name of the file to write"));
        }
        // A link stays a link, to the new contents.
        let Some(path) = behind_links(path) else {
            return fail(format!("{shown}: a link that leads to itself; remove it, or choose another name"));
        };
        let Some(name) = path.file_name() else {
            return fail(format!("{shown}: not the name of a file"));
        };
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if !folder.is_dir() {
            return fail(format!("{shown}: no such folder {}; create it first", folder.display()));
        }
        let special = fs::metadata(&path).is_ok_and(|m| !m.is_file());
        let temporary = (!special).then(|| {
            let name = format!(".{}.{}.tmp", name.to_string_lossy(), std::process::id());
            folder.join(name)
        });
        Ok(Self { shown, path, temporary })
    }

    /// Refuses to replace what the command reads: one of `files`, or a file of the checkpoint `dir`.
    pub(super) fn spare<'p>(&self, dir: Option<&Path>, files: impl IntoIterator<Item = &'p PathBuf>) -> Outcome {
        let same = |path: &Path| fs::canonicalize(path).is_ok_and(|p| p == self.path);
        let extension = self.path.extension().unwrap_or_default();
        let of_checkpoint = |dir: &Path| {
            let inside = fs::canonicalize(dir).is_ok_and(|d| self.path.parent() == Some(&d));
            inside && (extension == "json" || extension == "safetensors")
        };
        if self.path.exists() && (dir.is_some_and(of_checkpoint) || files.into_iter().any(|f| same(f))) {
            return fail(format!("{}: is read by this command; choose another name for the output", self.shown));
        }
        Ok(())
    }

    /// The path as the user gave it.
    pub(super) fn shown(&self) -> &str {
        &self.shown
    }

    /// Writes the whole file, or leaves what was there.
    pub(super) fn write(&self, bytes: &[u8]) -> Outcome {
        let written = match &self.temporary {
            None => File::options().write(true).open(&self.path).and_then(|mut f| f.write_all(bytes)),
            Some(temporary) => {
                let written = write_new(temporary, bytes).and_then(|()| fs::rename(temporary, &self.path));
                if written.is_err() {
                    let _ = fs::remove_file(temporary);
                }
                written
            }
        };
        written.map_err(|e| Failure::Error(format!("{}: cannot be written: {}", self.shown, not_written(&e))))
    }
}

/// The file behind a path, whether or not it is there yet; `None` where links lead in a circle.
fn behind_links(path: &Path) -> Option<PathBuf> {
    let mut path = path.to_path_buf();
    // As many as Linux follows.
    for _ in 0..40 {
        match fs::read_link(&path) {
            Ok(target) => path = path.parent().unwrap_or(Path::new("")).join(target),
            Err(_) => return Some(fs::canonicalize(&path).unwrap_or(path)),
        }
    }
    None
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // A file that a killed process with the same id left behind must not stop this one.
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Writes to stdout and flushes.
pub(super) fn print(text: &str) -> Outcome {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|e| match e.kind() {
        io::ErrorKind::BrokenPipe => Failure::Closed,
        _ => Failure::Error(format!("stdout cannot be written: {}", not_written(&e))),
    })
}

/// Prints JSON, indented, as the only thing on stdout.
pub(super) fn print_json(value: &serde_json::Value) -> Outcome {
    let mut text = serde_json::to_string_pretty(value)?;
    text.push('\n');
    print(&text)
}
