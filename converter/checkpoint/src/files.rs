//! Opening files: what the system says about one, with a way out. The path `-` is stdin or stdout.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::Path;

/// Why a file cannot be read; the display is one line, which lacks the path.
#[derive(Debug)]
pub struct FileError {
    source: io::Error,
    /// The path is a link to something that is not there.
    dangling: bool,
}

impl FileError {
    /// What the system said about `path`.
    pub fn new(path: &Path, source: io::Error) -> Self {
        let dangling = source.kind() == ErrorKind::NotFound && path.is_symlink();
        Self { source, dangling }
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.source.kind() {
            ErrorKind::NotFound if self.dangling => {
                "a link to a file that is not there; restore that file, or remove the link"
            }
            ErrorKind::NotFound => "no such file; check the path",
            ErrorKind::IsADirectory => "is a folder, and a file is needed",
            ErrorKind::NotADirectory => "a part of this path is no folder; check the path",
            ErrorKind::OutOfMemory => {
                "is larger than the memory that is left; free some, or use a machine with more"
            }
            ErrorKind::PermissionDenied => {
                "it may not be read; change its permissions, or run as its owner"
            }
            _ => return write!(f, "{}; check the path, and the disk behind it", self.source),
        })
    }
}

impl std::error::Error for FileError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

/// Whether the path names something, be it a link that leads nowhere.
pub fn is_named(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

/// Opens a file, pipe or device.
///
/// # Errors
/// [`FileError`], also for a folder.
pub fn open(path: &Path) -> Result<File, FileError> {
    let failed = |source| FileError::new(path, source);
    let file = File::open(path).map_err(failed)?;
    let is_folder = file.metadata().map_err(failed)?.is_dir();
    if is_folder {
        Err(failed(ErrorKind::IsADirectory.into()))
    } else {
        Ok(file)
    }
}

/// Whether the path is `-`: stdin of what reads, stdout of what writes.
pub fn is_dash(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// The name of what is read, for messages.
pub fn shown(path: &Path) -> String {
    if is_dash(path) {
        "stdin".into()
    } else {
        path.display().to_string()
    }
}

/// All of a file, or of stdin.
///
/// # Errors
/// [`FileError`]
pub fn read(path: &Path) -> Result<Vec<u8>, FileError> {
    let mut bytes = Vec::new();
    let read = if is_dash(path) {
        io::stdin().lock().read_to_end(&mut bytes)
    } else {
        open(path)?.read_to_end(&mut bytes)
    };
    read.map_err(|source| FileError::new(path, source))?;
    Ok(bytes)
}

/// All of a regular file of at most `most` bytes; what grows meanwhile is cut there and one byte
/// behind.
///
/// # Errors
/// [`FileError`], also for what is no regular file, whose reading may never end.
pub fn read_regular(path: &Path, most: u64) -> Result<Vec<u8>, FileError> {
    let failed = |source| FileError::new(path, source);
    // Opening a pipe would wait for its writer.
    if fs::metadata(path).is_ok_and(|m| !m.is_file() && !m.is_dir()) {
        return Err(failed(io::Error::other(
            "a pipe or a device where a file belongs",
        )));
    }
    let mut bytes = Vec::new();
    open(path)?
        .take(most + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    Ok(bytes)
}

/// What the system said about an output, with a way out.
pub fn not_written(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            "the disk is full; make room, or write elsewhere".into()
        }
        ErrorKind::PermissionDenied => {
            "no permission to write there; write elsewhere, or change the permissions".into()
        }
        ErrorKind::ReadOnlyFilesystem => "the disk is read-only; write elsewhere".into(),
        ErrorKind::InvalidFilename => {
            "the name is too long for this disk; choose a shorter one".into()
        }
        ErrorKind::NotADirectory => "a part of this path is no folder; check the path".into(),
        _ => format!("{error}; choose another name or folder"),
    }
}
