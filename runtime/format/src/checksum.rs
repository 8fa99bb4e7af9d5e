//! CRC-32 of a file (F2.3), of logits (F8.2) and of snapshots (docs/snapshot.md S1.5).

use core::fmt;

use crc::{CRC_32_ISO_HDLC, Crc, Digest, Table};

static CRC: Crc<u32, Table<1>> = Crc::<u32, Table<1>>::new(&CRC_32_ISO_HDLC);
const CRC_AT: usize = 8;

/// CRC-32 (IEEE) of a whole file: all bytes but the checksum itself at offset 8 (F2.3).
#[must_use]
pub fn crc32(file: &[u8]) -> u32 {
    let mut digest = CRC.digest();
    digest.update(file.get(..CRC_AT).unwrap_or(file));
    digest.update(file.get(CRC_AT + 4..).unwrap_or(&[]));
    digest.finalize()
}

/// Writes the right checksum into a file of at least a header's length.
pub fn seal(file: &mut [u8]) {
    let crc = crc32(file);
    if let Some(field) = file.get_mut(CRC_AT..CRC_AT + 4) {
        field.copy_from_slice(&crc.to_le_bytes());
    }
}

/// A running CRC-32: over bytes, or over logits, each as the four little-endian bytes of its Q16
/// integer (F8.2).
pub struct Checksum(Digest<'static, u32, Table<1>>);

impl fmt::Debug for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checksum").finish_non_exhaustive()
    }
}

impl Default for Checksum {
    fn default() -> Self {
        Self(CRC.digest())
    }
}

impl Checksum {
    /// Adds one logit (Q16).
    pub fn add(&mut self, logit: i32) {
        self.0.update(&logit.to_le_bytes());
    }

    /// Adds bytes.
    pub fn add_bytes(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The checksum of all that was added.
    #[must_use]
    pub fn finish(&self) -> u32 {
        self.0.clone().finalize()
    }
}
