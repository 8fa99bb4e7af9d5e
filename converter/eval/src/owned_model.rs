//! A `.sla` file in memory, and the buffers that a session needs: what a host has to own around the
//! runtime.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use sla_format::SECTION_ALIGN;
use sla_runtime::{Model, ParseError, Session, StepError};

use sla_checkpoint::files::FileError;
use sla_checkpoint::foreign;
use sla_checkpoint::memory::{self, MemoryError};

/// A checked `.sla` file at the alignment that the runtime needs.
#[derive(Debug)]
pub struct OwnedModel {
    /// The file, from `start` on; never grows, so its address is fixed.
    buffer: Vec<u8>,
    start: usize,
}

/// Why a file is not a model; every display is one line, which lacks the path.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelFileError {
    /// The file could not be read.
    #[error("{0}")]
    Io(#[from] FileError),
    /// The path is a directory, perhaps the checkpoint.
    #[error("not a file; give the .sla file that `sla convert` wrote")]
    NotAFile,
    /// The bytes are something else.
    #[error("not a .sla file but {0}")]
    Foreign(String),
    /// More than a model, as a region that was read from a flash.
    #[error(
        "{have} bytes, and the model is the first {need} of them; `head -c {need}` keeps those"
    )]
    Longer {
        /// Bytes of the model.
        need: usize,
        /// Bytes there.
        have: usize,
    },
    /// The bytes are not a model that this runtime can run.
    #[error("{0}{hint}", hint = way_out(.0))]
    Parse(#[from] ParseError),
    /// Neither the file nor what it needs fits the memory.
    #[error(transparent)]
    Memory(#[from] MemoryError),
}

fn way_out(error: &ParseError) -> &'static str {
    match error {
        ParseError::NotSla => "; `sla convert <DIR> -o <FILE.sla>` makes one from a checkpoint",
        // Says so itself.
        ParseError::Version { .. } => "",
        _ => "; fetch the file again, or convert the checkpoint again",
    }
}

impl OwnedModel {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// [`ModelFileError`]
    pub fn read(path: &Path) -> Result<Self, ModelFileError> {
        let failed = |source| FileError::new(path, source);
        let mut file = File::open(path).map_err(failed)?;
        if file.metadata().map_err(failed)?.is_dir() {
            return Err(ModelFileError::NotAFile);
        }
        // The format's lengths are 32-bit; whatever is longer is cut and then refused.
        let mut bytes = Vec::new();
        (&mut file)
            .take(u64::from(u32::MAX) + 1)
            .read_to_end(&mut bytes)
            .map_err(failed)?;
        let head = bytes[..bytes.len().min(foreign::HEAD_BYTES)].to_vec();
        let owned = Self::align(bytes).map_err(|e| match e {
            ModelFileError::Parse(
                ParseError::NotSla | ParseError::Truncated { have: 1..32, .. },
            ) => foreign::what(&head).map_or(e, ModelFileError::Foreign),
            _ => e,
        })?;
        // A session's buffers are as large as the description wants.
        let plan = owned.model().plan();
        memory::reserve::<u32>(plan.state_words + plan.prompt_scratch_words)?;
        Ok(owned)
    }

    /// Checks the bytes of a file.
    ///
    /// # Errors
    /// [`ModelFileError::Parse`] or [`ModelFileError::Longer`]
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ModelFileError> {
        Self::align(bytes.to_vec())
    }

    /// Moves the bytes within their buffer to where they are aligned, and checks them.
    fn align(mut buffer: Vec<u8>) -> Result<Self, ModelFileError> {
        let len = buffer.len();
        let bytes = len as u64 + SECTION_ALIGN as u64;
        buffer
            .try_reserve_exact(SECTION_ALIGN - 1)
            .map_err(|_| MemoryError::Refused { bytes })?;
        let start = buffer.as_ptr().addr().wrapping_neg() % SECTION_ALIGN;
        buffer.resize(start + len, 0);
        buffer.copy_within(..len, start);
        let owned = Self { buffer, start };
        match Model::parse(owned.bytes()) {
            Ok(_) => Ok(owned),
            Err(ParseError::TooLong { need, have })
                if Model::parse(&owned.bytes()[..need]).is_ok() =>
            {
                Err(ModelFileError::Longer { need, have })
            }
            Err(refusal) => Err(refusal.into()),
        }
    }

    /// The file.
    pub fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..]
    }

    /// The model in it. Costs one pass over the bytes; the result is `Copy`.
    pub fn model(&self) -> Model<'_> {
        Model::parse(self.bytes()).expect("checked on construction, unchanged since")
    }

    /// Buffers for one session.
    pub fn memory(&self) -> Memory {
        Memory::of(&self.model())
    }
}

/// State and scratch of a session, on the heap.
#[derive(Clone, Debug)]
pub struct Memory {
    state: Vec<u32>,
    scratch: Vec<u32>,
}

impl Memory {
    /// Buffers of exactly the sizes that `model` plans.
    pub fn of(model: &Model) -> Self {
        let plan = model.plan();
        Self {
            state: vec![0; plan.state_words],
            scratch: vec![0; plan.scratch_words],
        }
    }

    /// The same with scratch for two tokens of a prompt at once.
    pub fn for_prompts(model: &Model) -> Self {
        Self {
            scratch: vec![0; model.plan().prompt_scratch_words],
            ..Self::of(model)
        }
    }

    /// A session at the start of a stream.
    ///
    /// # Errors
    /// [`StepError`] when the buffers were made for a smaller model.
    pub fn session<'s, 'm>(
        &'s mut self,
        model: &'s Model<'m>,
    ) -> Result<Session<'s, 'm>, StepError> {
        Session::new(model, &mut self.state, &mut self.scratch)
    }

    /// State and scratch.
    pub fn buffers(&mut self) -> (&mut [u32], &mut [u32]) {
        (&mut self.state, &mut self.scratch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_one_line_with_a_way_out() {
        for (bytes, expect) in [
            (
                &b""[..],
                "cut off: 32 bytes needed, 0 there; fetch the file again",
            ),
            (&[7; 64][..], "not a .sla file; `sla convert"),
            (
                &b"SLA\x7f\x09\0\0\0........................"[..],
                "format version 9",
            ),
        ] {
            let message = OwnedModel::from_bytes(bytes).unwrap_err().to_string();
            assert!(
                message.starts_with(expect) && !message.contains('\n'),
                "{message}"
            );
        }
        let dir = OwnedModel::read(&std::env::temp_dir())
            .unwrap_err()
            .to_string();
        assert!(dir.starts_with("not a file"), "{dir}");
    }
}
