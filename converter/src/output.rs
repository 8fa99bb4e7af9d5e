//! Files that appear whole or not at all, outputs into pipes and stdout, and stdout whose reader
//! may leave.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use sla_checkpoint::files::{is_dash, not_written};
use tempfile::NamedTempFile;

use super::failure::{Failure, Outcome, fail};
use super::terminal::is_quiet;

/// An output that can be written: its folder exists and takes files. Made before the work starts;
/// nothing is left until the end.
pub(super) struct OutputFile {
    shown: String,
    target: Target,
}

enum Target {
    /// `-`, or another name of what stdout is.
    Stdout,
    /// A pipe, a device or an open file such as /dev/fd/3: written into.
    Stream(PathBuf),
    /// A regular file, there or not: replaced by a whole one.
    File(PathBuf),
}

impl OutputFile {
    /// Checks `path`; nothing is there yet.
    pub(super) fn new(path: &Path) -> Outcome<Self> {
        if is_dash(path) || is_stdout(path) {
            return Ok(Self {
                shown: "stdout".into(),
                target: Target::Stdout,
            });
        }
        let shown = path.display().to_string();
        let refused = |reason: &str| fail(format!("{shown}: {reason}"));
        // A link stays a link, to the new contents.
        let Some(behind) = behind_links(path) else {
            return refused("a link that leads to itself; remove it, or choose another name");
        };
        let existing = match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => {
                return refused("is a folder; give the name of the file to write");
            }
            Ok(metadata) => Some(metadata),
            Err(_) if is_descriptor(&behind) => {
                return refused("no such open file; check the redirection");
            }
            Err(e) if e.kind() == ErrorKind::NotFound => None,
            Err(e) => return refused(&format!("cannot be written: {}", not_written(&e))),
        };
        if existing
            .as_ref()
            .is_some_and(|metadata| !metadata.is_file())
            || is_descriptor(&behind)
        {
            return Ok(Self {
                shown,
                target: Target::Stream(path.into()),
            });
        }
        if let Some(metadata) = existing {
            // A folder lets a file be replaced that may not be written.
            if metadata.permissions().readonly() {
                return refused("is read-only; make it writable, or choose another name");
            }
            if let Err(e) = File::options().write(true).open(&behind) {
                return refused(&format!("cannot be written: {}", not_written(&e)));
            }
        }
        if path
            .as_os_str()
            .to_string_lossy()
            .ends_with(std::path::is_separator)
        {
            return refused("no such folder; give the name of the file to write");
        }
        let Some((folder, name)) = parts(&behind) else {
            return refused("not the name of a file");
        };
        if !folder.is_dir() {
            return fail(format!(
                "{shown}: no such folder {}; create it first",
                folder.display()
            ));
        }
        match temporary(folder, name) {
            Ok(_) => Ok(Self {
                shown,
                target: Target::File(behind),
            }),
            Err(e) => refused(&format!("cannot be written: {}", not_written(&e))),
        }
    }

    /// Refuses to replace what the command reads: one of `files`, or a file of the checkpoint
    /// `dir`.
    pub(super) fn spare<'p>(
        &self,
        dir: Option<&Path>,
        files: impl IntoIterator<Item = &'p PathBuf>,
    ) -> Outcome {
        let Target::File(path) = &self.target else {
            return Ok(());
        };
        let same = |file: &Path| fs::canonicalize(file).is_ok_and(|file| file == *path);
        let extension = path.extension().unwrap_or_default();
        let of_checkpoint = |dir: &Path| {
            let inside = fs::canonicalize(dir).is_ok_and(|d| path.parent() == Some(&d));
            inside && (extension == "json" || extension == "safetensors")
        };
        if path.exists() && (dir.is_some_and(of_checkpoint) || files.into_iter().any(|f| same(f))) {
            return fail(format!(
                "{}: is read by this command; choose another name for the output",
                self.shown
            ));
        }
        Ok(())
    }

    /// The path as the user gave it.
    pub(super) fn shown(&self) -> &str {
        &self.shown
    }

    /// Whether it goes to stdout, where nothing else may be printed then.
    pub(super) fn is_stdout(&self) -> bool {
        matches!(self.target, Target::Stdout)
    }

    /// Writes the whole file, or leaves what was there.
    pub(super) fn write(&self, bytes: &[u8]) -> Outcome {
        let written = match &self.target {
            Target::Stdout => whole(&mut io::stdout().lock(), bytes),
            Target::Stream(path) => {
                let stream = File::options().write(true).truncate(true).open(path);
                stream.and_then(|mut stream| whole(&mut stream, bytes))
            }
            Target::File(path) => replace(path, bytes),
        };
        written.map_err(|e| not_taken(&self.shown, &e))
    }
}

/// Prints what a command has to say beside its output: where that has stdout, on stderr.
pub(super) fn tell(output: Option<&OutputFile>, text: &str) -> Outcome {
    if !output.is_some_and(OutputFile::is_stdout) {
        return print(text);
    }
    if !is_quiet() {
        // A closed stderr leaves nobody to tell.
        let _ = io::stderr().write_all(text.as_bytes());
    }
    Ok(())
}

/// The file behind a path, whether or not it is there yet; `None` where links lead in a circle.
fn behind_links(path: &Path) -> Option<PathBuf> {
    let mut path = path.to_path_buf();
    // As many as Linux follows.
    for _ in 0..40 {
        if is_descriptor(&path) {
            return Some(path);
        }
        match fs::read_link(&path) {
            Ok(target) => path = path.parent().unwrap_or(Path::new("")).join(target),
            Err(_) => return Some(fs::canonicalize(&path).unwrap_or(path)),
        }
    }
    None
}

/// Whether the path is a name of an open file: what such a link holds is for people, and need be no
/// path.
fn is_descriptor(path: &Path) -> bool {
    let folder = path
        .parent()
        .and_then(|folder| fs::canonicalize(folder).ok());
    folder.is_some_and(|folder| folder == Path::new("/dev/fd") || folder.starts_with("/proc"))
}

/// Whether the path is another name of what stdout is.
#[cfg(unix)]
fn is_stdout(path: &Path) -> bool {
    use std::os::{fd::AsFd, unix::fs::MetadataExt};
    let stdout = io::stdout()
        .as_fd()
        .try_clone_to_owned()
        .and_then(|stdout| File::from(stdout).metadata());
    let identity = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    let named = fs::metadata(path).map(identity);
    named.is_ok_and(|named| stdout.map(identity).is_ok_and(|stdout| stdout == named))
}

#[cfg(not(unix))]
fn is_stdout(_: &Path) -> bool {
    false
}

/// Folder and name of a file.
fn parts(path: &Path) -> Option<(&Path, &OsStr)> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    Some((folder, path.file_name()?))
}

/// A new file beside the one called `name`, which goes unless it is kept.
fn temporary(folder: &Path, name: &OsStr) -> io::Result<NamedTempFile> {
    // No longer than the target's name, which may be the longest that the disk or a path takes.
    let bytes = name.len().min(12);
    let dot = if bytes > 1 { "." } else { "" };
    let mut builder = tempfile::Builder::new();
    builder.prefix(dot).rand_bytes(bytes - dot.len());
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder)
}

/// Replaces a file by a whole one, which keeps the permissions of the old.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let (folder, name) = parts(path).ok_or(ErrorKind::InvalidFilename)?;
    let mut file = temporary(folder, name)?;
    whole(&mut file, bytes)?;
    if let Ok(old) = fs::metadata(path) {
        file.as_file().set_permissions(old.permissions())?;
    }
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

fn whole(to: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    to.write_all(bytes)?;
    to.flush()
}

/// Why an output did not take what was written. A reader that left has what it wanted.
fn not_taken(shown: &str, error: &io::Error) -> Failure {
    match error.kind() {
        ErrorKind::BrokenPipe => Failure::Closed,
        _ => Failure::Error(format!(
            "{shown}: cannot be written: {}",
            not_written(error)
        )),
    }
}

/// Writes to stdout and flushes.
pub(super) fn print(text: &str) -> Outcome {
    whole(&mut io::stdout().lock(), text.as_bytes()).map_err(|e| not_taken("stdout", &e))
}

/// Prints JSON, indented, as the only thing on stdout.
pub(super) fn print_json(value: &serde_json::Value) -> Outcome {
    let mut text = serde_json::to_string_pretty(value)?;
    text.push('\n');
    print(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn temporary_names_differ_and_are_no_longer_than_the_target() {
        let folder = tempfile::tempdir().unwrap();
        for len in [1, 2, 5, 12, 13, 255] {
            let name = "n".repeat(len);
            let kept = [(); 3].map(|()| temporary(folder.path(), OsStr::new(&name)).unwrap());
            let names = kept
                .each_ref()
                .map(|file| file.path().file_name().unwrap().len());
            assert!(
                names.iter().all(|&bytes| bytes == len.min(12)),
                "{len}: {names:?}"
            );
            assert!(kept[0].path() != kept[1].path() && kept[1].path() != kept[2].path());
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    /// As processes of several containers do, which have the same process id.
    #[test]
    fn writers_with_one_process_id_never_mix() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.sla");
        let contents: Vec<Vec<u8>> = (0..8).map(|n| vec![n; 1 << 18 >> (n % 4)]).collect();
        std::thread::scope(|scope| {
            for bytes in &contents {
                scope.spawn(|| {
                    for _ in 0..10 {
                        assert!(OutputFile::new(&path).unwrap().write(bytes).is_ok());
                        assert!(contents.contains(&fs::read(&path).unwrap()));
                    }
                });
            }
        });
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
