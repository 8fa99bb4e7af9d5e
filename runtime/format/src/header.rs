//! Header and section table (F2, F3).

use crate::record::words_at;

/// The first four bytes of a file (F2.1).
pub const MAGIC: [u8; 4] = *b"SLA\x7f";
/// The version this crate reads and writes (F2.2).
pub const VERSION: u32 = 1;
/// Size of the header; the section table follows it.
pub const HEADER_BYTES: usize = 32;
/// Every section starts at a multiple of this (F3.2), counted from the file's start.
pub const SECTION_ALIGN: usize = 16;

/// The file's first bytes (F2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Must equal [`MAGIC`].
    pub magic: [u8; 4],
    /// Format version.
    pub version: u32,
    /// CRC-32 over all bytes but these four.
    pub crc: u32,
    /// Length of the whole file.
    pub file_bytes: u32,
    /// Entries in the section table.
    pub sections: u32,
}

impl Header {
    /// Reads the header; `None` when there are not enough bytes for one.
    #[must_use]
    pub const fn read(bytes: &[u8]) -> Option<Header> {
        match words_at::<8>(bytes, 0) {
            Some([magic, version, crc, file_bytes, sections, ..]) => Some(Header {
                magic: magic.to_le_bytes(),
                version,
                crc,
                file_bytes,
                sections,
            }),
            None => None,
        }
    }

    /// The header's bytes; the reserved words are 0.
    #[must_use]
    pub fn emit(&self) -> [u8; HEADER_BYTES] {
        let mut out = [0; HEADER_BYTES];
        let words = [
            u32::from_le_bytes(self.magic),
            self.version,
            self.crc,
            self.file_bytes,
            self.sections,
        ];
        for (field, word) in out.chunks_exact_mut(4).zip(words) {
            field.copy_from_slice(&word.to_le_bytes());
        }
        out
    }
}

/// Length of the file that begins with these bytes, by its header: what of a longer region is the
/// file. `None` where no file begins, or where there are fewer than [`HEADER_BYTES`].
#[must_use]
pub const fn file_bytes(start: &[u8]) -> Option<usize> {
    match Header::read(start) {
        Some(header) if matches!(header.magic, MAGIC) => Some(header.file_bytes as usize),
        _ => None,
    }
}

/// What a section holds (F3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum SectionKind {
    /// One [`crate::ModelDesc`].
    Model = 1,
    /// The table of [`crate::TensorDesc`]s.
    Tensors = 2,
    /// Weights, multipliers and biases that the table points into.
    Weights = 3,
    /// Tokenizer; absent for byte-level models and feature models.
    Tokenizer = 4,
    /// UTF-8 lines `key=value`: source, converter, calibration, measured quality, bounds.
    Provenance = 5,
    /// A short input and the digest of its logits.
    SelfTest = 6,
    /// Names of the labels, UTF-8, one a line.
    Labels = 7,
    /// Representation of each layer's state ([`crate::States`]); absent when all are int32.
    States = 8,
    /// Tokens that end a text ([`crate::Ends`]); absent for one or none.
    Ends = 9,
}

impl SectionKind {
    /// All kinds, in file order.
    pub const ALL: [SectionKind; 9] = [
        SectionKind::Model,
        SectionKind::Tensors,
        SectionKind::Weights,
        SectionKind::Tokenizer,
        SectionKind::Provenance,
        SectionKind::SelfTest,
        SectionKind::Labels,
        SectionKind::States,
        SectionKind::Ends,
    ];

    /// The kind with this number.
    #[must_use]
    pub const fn from_u32(value: u32) -> Option<SectionKind> {
        let mut i = 0;
        while i < Self::ALL.len() {
            if Self::ALL[i] as u32 == value {
                return Some(Self::ALL[i]);
            }
            i += 1;
        }
        None
    }
}

/// One entry of the section table (F3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Section {
    /// A [`SectionKind`] as a number.
    pub kind: u32,
    /// Byte offset from the file's start.
    pub offset: u32,
    /// Length in bytes.
    pub bytes: u32,
}

impl Section {
    /// Size of an entry.
    pub const BYTES: usize = 16;

    /// Entry `index` of the table of `file`.
    #[must_use]
    pub const fn read(file: &[u8], index: usize) -> Option<Section> {
        match words_at::<4>(
            file,
            HEADER_BYTES.saturating_add(index.saturating_mul(Self::BYTES)),
        ) {
            Some([kind, offset, bytes, _]) => Some(Section {
                kind,
                offset,
                bytes,
            }),
            None => None,
        }
    }

    /// The bytes of the section of a kind, empty without one (no section is, F3.2); `None` when it
    /// lies outside the file, or the table does. A table of more entries than there are kinds
    /// is none.
    #[must_use]
    pub const fn find(file: &[u8], kind: SectionKind) -> Option<&[u8]> {
        let Some(header) = Header::read(file) else {
            return None;
        };
        if header.sections as usize > SectionKind::ALL.len() {
            return None;
        }
        let mut index = 0;
        while index < header.sections as usize {
            let Some(section) = Section::read(file, index) else {
                return None;
            };
            if section.kind == kind as u32 {
                let Some((_, rest)) = file.split_at_checked(section.offset as usize) else {
                    return None;
                };
                let Some((bytes, _)) = rest.split_at_checked(section.bytes as usize) else {
                    return None;
                };
                return Some(bytes);
            }
            index += 1;
        }
        Some(&[])
    }

    /// The entry's bytes; the reserved word is 0.
    #[must_use]
    pub fn emit(&self) -> [u8; Self::BYTES] {
        let mut out = [0; Self::BYTES];
        for (field, word) in out
            .chunks_exact_mut(4)
            .zip([self.kind, self.offset, self.bytes])
        {
            field.copy_from_slice(&word.to_le_bytes());
        }
        out
    }
}
