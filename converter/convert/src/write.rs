//! Laying out the file (format.md F2, F3, F5).

use crate::ConvertError;
use crate::quantize::Lowered;
use sla_format::{
    HEADER_BYTES, Header, MAGIC, ModelDesc, Role, SECTION_ALIGN, Section, SectionKind, StateKind,
    VERSION, seal,
};

/// The sections that are no model: each is left out when it is empty.
#[derive(Default)]
pub struct Extras {
    /// Lines `key=value`.
    pub provenance: String,
    /// See [`self_test`].
    pub self_test: Vec<u8>,
    /// One label a line.
    pub labels: String,
    /// Tokenizer section.
    pub tokenizer: Vec<u8>,
    /// State section (F10): see [`states`].
    pub states: Vec<u8>,
    /// Ends section (F12): see [`ends`].
    pub ends: Vec<u8>,
}

/// The self-test section (F8.1): digest of the logits, number of steps, input words.
pub fn self_test(digest: u32, steps: u32, input: &[i32]) -> Vec<u8> {
    let words = [digest, steps]
        .into_iter()
        .chain(input.iter().map(|&w| w as u32));
    words.flat_map(u32::to_le_bytes).collect()
}

/// The state section (F10.1): empty where all layers are int32.
pub fn states(kinds: &[StateKind]) -> Vec<u8> {
    let any = kinds.iter().any(|&kind| kind != StateKind::Int32);
    if any {
        kinds.iter().map(|&kind| kind as u8).collect()
    } else {
        Vec::new()
    }
}

/// The ends section (F12.1): empty where `eos` of the description says it all.
pub fn ends(ids: &[u32]) -> Vec<u8> {
    if ids.len() > 1 {
        ids.iter().flat_map(|id| id.to_le_bytes()).collect()
    } else {
        Vec::new()
    }
}

/// Builds the file and seals it with its checksum.
///
/// # Errors
/// [`ConvertError::Limit`] when the file would reach 4 GiB.
pub fn write(
    desc: &ModelDesc,
    tensors: &[Lowered],
    extras: &Extras,
) -> Result<Vec<u8>, ConvertError> {
    let mut weights = Vec::new();
    let mut table = Vec::new();
    let mut embedding = None;
    let input = tensors.len() - (Role::ALL.len() - Role::Input as usize);
    for (i, t) in tensors.iter().enumerate() {
        let mut entry = t.desc;
        // A tied head reads the embedding's bytes.
        let shared = embedding.filter(|_| desc.tied() && i == input + 1);
        entry.data = match shared {
            Some(offset) => offset,
            None => append(&mut weights, &t.data)?,
        };
        entry.multiplier = append(&mut weights, bytes_of(&t.multiplier))?;
        if let Some(bias) = &t.bias {
            entry.bias = append(&mut weights, bytes_of(bias))?;
        }
        if i == input {
            embedding = Some(entry.data);
        }
        table.extend_from_slice(&entry.emit());
    }
    align(&mut weights);

    let description = desc.emit();
    let sections: Vec<(SectionKind, &[u8])> = [
        (SectionKind::Model, &description[..]),
        (SectionKind::Tensors, &table),
        (SectionKind::Tokenizer, &extras.tokenizer),
        (SectionKind::Provenance, extras.provenance.as_bytes()),
        (SectionKind::SelfTest, &extras.self_test),
        (SectionKind::Labels, extras.labels.as_bytes()),
        (SectionKind::States, &extras.states),
        (SectionKind::Ends, &extras.ends),
        (SectionKind::Weights, &weights),
    ]
    .into_iter()
    .filter(|(_, bytes)| !bytes.is_empty())
    .collect();

    let mut file = vec![0; HEADER_BYTES + sections.len() * Section::BYTES];
    align(&mut file);
    for (i, (kind, bytes)) in sections.iter().enumerate() {
        let entry = Section {
            kind: *kind as u32,
            offset: offset(file.len())?,
            bytes: offset(bytes.len())?,
        };
        let at = HEADER_BYTES + i * Section::BYTES;
        file[at..at + Section::BYTES].copy_from_slice(&entry.emit());
        file.extend_from_slice(bytes);
        align(&mut file);
    }
    let header = Header {
        magic: MAGIC,
        version: VERSION,
        crc: 0,
        file_bytes: offset(file.len())?,
        sections: sections.len() as u32,
    };
    file[..HEADER_BYTES].copy_from_slice(&header.emit());
    seal(&mut file);
    Ok(file)
}

fn append(weights: &mut Vec<u8>, bytes: &[u8]) -> Result<u32, ConvertError> {
    if bytes.is_empty() {
        return Ok(0);
    }
    align(weights);
    let at = offset(weights.len())?;
    weights.extend_from_slice(bytes);
    Ok(at)
}

fn align(bytes: &mut Vec<u8>) {
    bytes.resize(bytes.len().next_multiple_of(SECTION_ALIGN), 0);
}

fn offset(len: usize) -> Result<u32, ConvertError> {
    u32::try_from(len).map_err(|_| ConvertError::Limit)
}

fn bytes_of(words: &[i32]) -> &[u8] {
    bytemuck::cast_slice(words)
}
