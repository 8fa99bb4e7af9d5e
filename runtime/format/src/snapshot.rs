//! A session as bytes: header and sizes (docs/snapshot.md S1).

use crate::model::ModelDesc;
use crate::plan::{MemoryPlan, pad_input};
use crate::record::words_at;
use crate::state::States;

/// The first four bytes of a snapshot (S1.2).
pub const SNAPSHOT_MAGIC: [u8; 4] = *b"SLS\x7f";
/// The version of the layout that this crate describes (S1.2).
pub const SNAPSHOT_VERSION: u32 = 1;

/// The first words of a snapshot (S1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotHeader {
    /// Must equal [`SNAPSHOT_MAGIC`].
    pub magic: [u8; 4],
    /// Version of the layout.
    pub version: u32,
    /// Length of the whole snapshot.
    pub bytes: u32,
    /// Checksum of the model's file (F2.3).
    pub model_crc: u32,
    /// Digest of the model's self-test (F8.1); 0 without one.
    pub model_digest: u32,
}

impl SnapshotHeader {
    /// Words of the header.
    pub const WORDS: usize = 5;
    /// Bytes of the header.
    pub const BYTES: usize = 4 * Self::WORDS;

    /// Reads the header; `None` when there are not enough bytes for one.
    #[must_use]
    pub const fn read(bytes: &[u8]) -> Option<Self> {
        match words_at::<{ Self::WORDS }>(bytes, 0) {
            Some([magic, version, bytes, model_crc, model_digest]) => Some(Self {
                magic: magic.to_le_bytes(),
                version,
                bytes,
                model_crc,
                model_digest,
            }),
            None => None,
        }
    }

    /// The header as words.
    #[must_use]
    pub const fn words(&self) -> [u32; Self::WORDS] {
        [
            u32::from_le_bytes(self.magic),
            self.version,
            self.bytes,
            self.model_crc,
            self.model_digest,
        ]
    }
}

impl MemoryPlan {
    /// Words of the last step's normed activations in a snapshot (S1.4).
    #[must_use]
    pub const fn snapshot_act_words(m: &ModelDesc) -> usize {
        pad_input(m.hidden as usize) / 2
    }

    /// Bytes of a snapshot of a session with this plan, whose model is described by `m` (S1.1).
    #[must_use]
    pub const fn snapshot_bytes(&self, m: &ModelDesc) -> usize {
        4 * (SnapshotHeader::WORDS + self.state_words + Self::snapshot_act_words(m) + 1)
    }

    /// [`MemoryPlan::snapshot_bytes`] of a file, in `const` evaluation: the length of a static
    /// buffer.
    ///
    /// # Panics
    /// As [`ModelDesc::of_file`], with a sentence.
    #[must_use]
    pub const fn snapshot_bytes_of_file(file: &[u8]) -> usize {
        let desc = ModelDesc::of_file(file);
        Self::of(&desc, States::of_file(file, &desc)).snapshot_bytes(&desc)
    }
}
