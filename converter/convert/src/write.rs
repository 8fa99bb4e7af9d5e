//! Laying out the file (format.md F2, F3, F5).

use crate::ConvertError;
use crate::quantize::Lowered;
use sla_checkpoint::Meta;
use sla_format::{
    HEADER_BYTES, Header, MAGIC, ModelDesc, Role, SECTION_ALIGN, Section, SectionKind, StateKind,
    TensorDesc, VERSION, seal,
};
use sla_mapping::entries;

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

impl Extras {
    /// Those that a checkpoint and the layers' states decide.
    pub fn new(meta: &Meta, states: &[StateKind]) -> Self {
        let label = |label: &String| label.replace(['\n', '\r'], " ");
        Self {
            labels: meta
                .id2label
                .iter()
                .map(label)
                .collect::<Vec<_>>()
                .join("\n"),
            states: self::states(states),
            ends: ends(&meta.eos_token_ids),
            ..Self::default()
        }
    }

    /// In the order of the file.
    fn sections(&self) -> [(SectionKind, &[u8]); 6] {
        [
            (SectionKind::Tokenizer, &self.tokenizer[..]),
            (SectionKind::Provenance, self.provenance.as_bytes()),
            (SectionKind::SelfTest, &self.self_test),
            (SectionKind::Labels, self.labels.as_bytes()),
            (SectionKind::States, &self.states),
            (SectionKind::Ends, &self.ends),
        ]
    }
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
    let model = [
        (SectionKind::Model, &description[..]),
        (SectionKind::Tensors, &table),
    ];
    let sections: Vec<(SectionKind, &[u8])> = model
        .into_iter()
        .chain(extras.sections())
        .chain([(SectionKind::Weights, &weights[..])])
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

/// The size of the file with every matrix as int8, by what [`write`] does. It follows from the
/// description and from which entries of the table have biases.
///
/// # Errors
/// [`ConvertError::Limit`] when it would reach 4 GiB.
pub fn int8_bytes(
    desc: &ModelDesc,
    has_bias: &dyn Fn(usize, Role) -> bool,
    extras: &Extras,
) -> Result<usize, ConvertError> {
    let (mut weights, mut table) = (0usize, 0);
    for (layer, role) in entries(desc.layers as usize) {
        let expected = role.expected(desc);
        let entry = TensorDesc {
            kind: expected.kind,
            rows: expected.rows as u32,
            cols: expected.cols as u32,
            ..TensorDesc::ABSENT
        };
        let data = match role == Role::Head && desc.tied() {
            true => 0,
            false => entry.data_bytes().ok_or(ConvertError::Limit)?,
        };
        let multipliers = 4 * entry.channels(role);
        let biases = if has_bias(layer, role) {
            multipliers
        } else {
            0
        };
        for bytes in [data, multipliers, biases] {
            weights = weights.next_multiple_of(SECTION_ALIGN) + bytes;
        }
        table += TensorDesc::BYTES;
    }
    let sections: Vec<usize> = [ModelDesc::BYTES, table, weights]
        .into_iter()
        .chain(extras.sections().map(|(_, bytes)| bytes.len()))
        .filter(|&bytes| bytes > 0)
        .collect();
    let head = HEADER_BYTES + sections.len() * Section::BYTES;
    let bytes = std::iter::once(&head).chain(&sections);
    let file = bytes.map(|b| b.next_multiple_of(SECTION_ALIGN)).sum();
    offset(file).map(|_| file)
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
