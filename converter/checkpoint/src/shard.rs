//! One safetensors file: its header in memory, its tensors read when they are asked for.
//!
//! Nothing is mapped: a file that another process cuts or rewrites meanwhile is an error, not a
//! signal.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use half::{bf16, f16};
use safetensors::Dtype;
use safetensors::tensor::Metadata;
use sha2::{Digest, Sha256};

use super::CheckpointError;
use crate::files::{self, FileError};
use crate::{foreign, memory};

/// The longest header that safetensors itself accepts.
const MAX_HEADER_BYTES: u64 = 100_000_000;
/// What is read at once: a multiple of every element's size.
const CHUNK: usize = 1 << 18;
const AGAIN: &str = "the file is truncated or damaged; fetch it again";

/// An open file.
pub(super) struct Shard {
    pub(super) name: String,
    path: PathBuf,
    file: File,
    /// Length and time of the last change when it was opened.
    stamp: (u64, Option<SystemTime>),
    /// Start of the tensor data.
    data_off: u64,
}

impl Shard {
    /// Opens a file and reads its header; the data reaches exactly to the end of the file.
    pub(super) fn open(dir: &Path, name: &str) -> Result<(Self, Metadata), CheckpointError> {
        let path = dir.join(name);
        let bad = |reason: String| CheckpointError::Safetensors {
            file: name.into(),
            reason,
        };
        let failed = |source| CheckpointError::Io {
            path: path.clone(),
            source,
        };
        let io = |source| failed(FileError::new(&path, source));
        // Opening a pipe would wait for its writer.
        if fs::metadata(&path).is_ok_and(|m| !m.is_file() && !m.is_dir()) {
            return Err(bad(
                "not a file but a pipe or a device; weights are read in any order".into(),
            ));
        }
        let mut file = files::open(&path).map_err(failed)?;
        let stamp = stamp(&file).map_err(io)?;
        let mut head = Vec::new();
        file.by_ref()
            .take(foreign::HEAD_BYTES as u64)
            .read_to_end(&mut head)
            .map_err(io)?;
        let instead = |reason: String| match foreign::what(&head) {
            Some(what) => bad(format!("not safetensors but {what}")),
            None => bad(reason),
        };
        let len = header_bytes(&head, stamp.0).map_err(&instead)?;
        let mut json = memory::reserve(len)?;
        file.seek(SeekFrom::Start(8)).map_err(io)?;
        file.by_ref()
            .take(len as u64)
            .read_to_end(&mut json)
            .map_err(io)?;
        let metadata: Metadata = serde_json::from_slice(&json).map_err(|e| {
            instead(format!("bad header: {e}; {AGAIN}").replace(char::is_control, " "))
        })?;
        let (need, have) = (
            metadata.data_len() as u64,
            stamp.0.saturating_sub(8 + len as u64),
        );
        if need != have {
            return Err(bad(format!(
                "the header describes {need} bytes of tensors, the file holds {have}; {AGAIN}"
            )));
        }
        let data_off = 8 + len as u64;
        Ok((
            Self {
                name: name.into(),
                path,
                file,
                stamp,
                data_off,
            },
            metadata,
        ))
    }

    /// The elements of tensor `raw`, which lies at `range` of the data, as `f32`.
    pub(super) fn read(
        &self,
        raw: &str,
        dtype: Dtype,
        range: (usize, usize),
    ) -> Result<Vec<f32>, CheckpointError> {
        let decode: fn(&[u8], &mut Vec<f32>) = match dtype {
            Dtype::F32 => |bytes, out| out.extend(elements(bytes, f32::from_le_bytes)),
            Dtype::F16 => {
                |bytes, out| out.extend(elements(bytes, |b| f16::from_le_bytes(b).to_f32()))
            }
            Dtype::BF16 => {
                |bytes, out| out.extend(elements(bytes, |b| bf16::from_le_bytes(b).to_f32()))
            }
            _ => {
                return Err(CheckpointError::Dtype {
                    name: raw.into(),
                    dtype: format!("{dtype:?}"),
                });
            }
        };
        let bytes = range.1 - range.0;
        let mut values = memory::reserve(bytes / (dtype.bitsize() / 8))?;
        let cut = |e: io::Error| match e.kind() {
            ErrorKind::UnexpectedEof => self.changed(&format!(
                "ends within tensor {raw}, which its header announces"
            )),
            _ => self.failed(e),
        };
        let mut file = &self.file;
        file.seek(SeekFrom::Start(self.data_off + range.0 as u64))
            .map_err(cut)?;
        let (mut chunk, mut left) = (vec![0; CHUNK.min(bytes)], bytes);
        while left > 0 {
            let now = &mut chunk[..CHUNK.min(left)];
            file.read_exact(now).map_err(cut)?;
            decode(now, &mut values);
            left -= now.len();
        }
        Ok(values)
    }

    /// Adds the whole file to `hash`, and makes sure that it is still the one that was opened.
    pub(super) fn hash(&self, hash: &mut Sha256) -> Result<(), CheckpointError> {
        let (mut file, mut chunk, mut len) = (&self.file, vec![0; CHUNK], 0);
        file.seek(SeekFrom::Start(0)).map_err(|e| self.failed(e))?;
        loop {
            match file.read(&mut chunk) {
                Ok(0) => break,
                Ok(n) => {
                    hash.update(&chunk[..n]);
                    len += n as u64;
                }
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(self.failed(e)),
            }
        }
        let now = stamp(&self.file).map_err(|e| self.failed(e))?;
        if len == self.stamp.0 && now == self.stamp {
            Ok(())
        } else {
            Err(self.changed("has changed"))
        }
    }

    fn changed(&self, what: &str) -> CheckpointError {
        let reason = format!(
            "{what}: another program wrote it while it was read; convert when nothing writes it"
        );
        CheckpointError::Safetensors {
            file: self.name.clone(),
            reason,
        }
    }

    fn failed(&self, source: io::Error) -> CheckpointError {
        CheckpointError::Io {
            path: self.path.clone(),
            source: FileError::new(&self.path, source),
        }
    }
}

fn stamp(file: &File) -> io::Result<(u64, Option<SystemTime>)> {
    let metadata = file.metadata()?;
    Ok((metadata.len(), metadata.modified().ok()))
}

/// Length of the header, of a file of `file_bytes` that begins with `head`.
fn header_bytes(head: &[u8], file_bytes: u64) -> Result<usize, String> {
    let Some((len, _)) = head.split_first_chunk::<8>() else {
        return Err(format!("{} bytes; {AGAIN}", head.len()));
    };
    let len = u64::from_le_bytes(*len);
    if len > MAX_HEADER_BYTES {
        return Err(format!(
            "a header of {len} bytes is longer than {MAX_HEADER_BYTES}: not a safetensors file; fetch it again"
        ));
    }
    let whole = usize::try_from(len)
        .ok()
        .filter(|_| len <= file_bytes.saturating_sub(8));
    whole.ok_or_else(|| format!("a header of {len} bytes in a file of {file_bytes} bytes; {AGAIN}"))
}

/// Little-endian elements.
fn elements<const N: usize>(
    bytes: &[u8],
    read: impl Fn([u8; N]) -> f32,
) -> impl Iterator<Item = f32> {
    bytes.as_chunks().0.iter().map(move |b| read(*b))
}
