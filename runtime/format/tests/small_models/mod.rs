//! Small models made by hand: everything that docs/format.md asks for, around random weights. No
//! converter is needed.
#![allow(dead_code, reason = "each test uses what it needs")]

use std::cell::Cell;
use std::panic;
use std::sync::Once;

use sla_format::{
    Backbone, Expected, FeatureMap, GLOBAL_ROLES, HEADER_BYTES, Header, InputKind, KeyGate,
    LAYER_ROLES, MAGIC, ModelDesc, NONE, OutputGate, QueryGate, RealBits, Role, SECTION_ALIGN,
    Section, SectionKind, TensorDesc, TensorKind, VERSION, seal,
};

/// A generator of test data.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u32 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as u32
    }

    pub fn below(&mut self, limit: usize) -> usize {
        self.next() as usize % limit
    }
}

pub const ONE: RealBits = RealBits {
    mantissa: 1 << 30,
    exponent: -30,
};

/// A small model of each kind.
pub fn desc(backbone: Backbone) -> ModelDesc {
    let gla = backbone == Backbone::Gla;
    let delta = backbone == Backbone::GatedDeltaNet;
    ModelDesc {
        backbone,
        input: InputKind::Tokens,
        output_gate: OutputGate::Silu,
        query_gate: QueryGate::Output,
        key_gate: if delta { KeyGate::Beta } else { KeyGate::Key },
        feature_map: if delta {
            FeatureMap::None
        } else {
            FeatureMap::Relu
        },
        layers: 2,
        hidden: 6,
        inputs: 11,
        outputs: 37,
        heads: 2,
        kv_heads: if gla { 1 } else { 2 },
        state_heads: if delta { 4 } else { 2 },
        d_k: 4,
        d_v: 3,
        intermediate: 5,
        gate_rank: if gla { 3 } else { 0 },
        conv_width: if backbone == Backbone::RetNet { 0 } else { 3 },
        flags: 0,
        residual_frac: 16,
        unit_frac: 13,
        feature_frac: 12,
        decay_max: u32::MAX,
        norm_eps: RealBits {
            mantissa: 1 << 30,
            exponent: -50,
        },
        head_eps: RealBits {
            mantissa: 1 << 30,
            exponent: -50,
        },
        query_scale: ONE,
        key_scale: ONE,
        bos: NONE,
        eos: 0,
    }
}

pub const BACKBONES: [Backbone; 3] = [Backbone::RetNet, Backbone::Gla, Backbone::GatedDeltaNet];

/// A file of that description with random weights, and these sections besides.
pub fn file(desc: &ModelDesc, more: &[(SectionKind, &[u8])]) -> Vec<u8> {
    let (tensors, weights) = tensors(desc);
    let mut sections = vec![
        (SectionKind::Model, desc.emit().to_vec()),
        (SectionKind::Tensors, tensors),
        (SectionKind::Weights, weights),
    ];
    sections.extend(more.iter().map(|(kind, bytes)| (*kind, bytes.to_vec())));
    assemble(&sections)
}

/// A file of these sections.
pub fn assemble(sections: &[(SectionKind, Vec<u8>)]) -> Vec<u8> {
    let mut file = vec![0; HEADER_BYTES + Section::BYTES * sections.len()];
    for (index, (kind, bytes)) in sections.iter().enumerate() {
        file.resize(file.len().next_multiple_of(SECTION_ALIGN), 0);
        let entry = Section {
            kind: *kind as u32,
            offset: file.len() as u32,
            bytes: bytes.len() as u32,
        };
        let at = HEADER_BYTES + Section::BYTES * index;
        file[at..at + Section::BYTES].copy_from_slice(&entry.emit());
        file.extend(bytes);
    }
    let header = Header {
        magic: MAGIC,
        version: VERSION,
        crc: 0,
        file_bytes: file.len() as u32,
        sections: sections.len() as u32,
    };
    file[..HEADER_BYTES].copy_from_slice(&header.emit());
    seal(&mut file);
    file
}

/// The tensor table and the weights.
fn tensors(desc: &ModelDesc) -> (Vec<u8>, Vec<u8>) {
    let layers = desc.layers as usize;
    let mut table = vec![0; (layers * LAYER_ROLES + GLOBAL_ROLES) * TensorDesc::BYTES];
    let (mut weights, mut random) = (Vec::new(), Random(7));
    for &role in &Role::ALL {
        let global = role as usize >= LAYER_ROLES;
        for layer in 0..if global { 1 } else { layers } {
            let entry = tensor(desc, role, &mut weights, &mut random);
            let at = role.index(layer, layers) * TensorDesc::BYTES;
            table[at..at + TensorDesc::BYTES].copy_from_slice(&entry.emit());
        }
    }
    (table, weights)
}

fn tensor(desc: &ModelDesc, role: Role, weights: &mut Vec<u8>, random: &mut Random) -> TensorDesc {
    let Expected { kind, rows, cols } = role.expected(desc);
    if kind == TensorKind::Absent {
        return TensorDesc::ABSENT;
    }
    let mut entry = TensorDesc {
        kind,
        shift: if role == Role::Input { -8 } else { 4 },
        out_frac: 20,
        rows: rows as u32,
        cols: cols as u32,
        in_bits: 14,
        ..TensorDesc::ABSENT
    };
    let bytes = entry.data_bytes().expect("a small tensor");
    let elements: Vec<u8> = match kind {
        TensorKind::Real => [1 << 30, (-31_i32) as u32]
            .map(u32::to_le_bytes)
            .concat()
            .repeat(bytes / 8),
        // RetNet's decays are below 2^27 (F6.5).
        TensorKind::I32 => words(bytes / 4, &mut || random.next() >> 6),
        _ => words(bytes / 2, &mut || random.next() ^ random.next() << 16)[..bytes].to_vec(),
    };
    entry.data = place(weights, &elements);
    let channels = entry.channels(role);
    if channels > 0 {
        entry.multiplier = place(
            weights,
            &words(channels, &mut || 1 << 30 | random.next() >> 2),
        );
    }
    if matches!(
        role,
        Role::QueryHeadGate | Role::DeltaDecay | Role::QueryConv
    ) {
        entry.bias = place(weights, &words(channels, &mut || random.next() >> 12));
    }
    entry
}

fn words(count: usize, f: &mut dyn FnMut() -> u32) -> Vec<u8> {
    (0..count).flat_map(|_| f().to_le_bytes()).collect()
}

fn place(weights: &mut Vec<u8>, bytes: &[u8]) -> u32 {
    weights.resize(weights.len().next_multiple_of(SECTION_ALIGN), 0);
    let at = weights.len() as u32;
    weights.extend(bytes);
    at
}

/// Bytes at a multiple of 16.
pub struct Aligned {
    buffer: Vec<u8>,
    start: usize,
}

impl Aligned {
    pub fn of(bytes: &[u8]) -> Self {
        let mut buffer: Vec<u8> = Vec::with_capacity(bytes.len() + SECTION_ALIGN);
        let start = buffer.as_ptr().addr().wrapping_neg() % SECTION_ALIGN;
        buffer.resize(start, 0);
        buffer.extend(bytes);
        Self { buffer, start }
    }

    pub fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..]
    }

    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.buffer[self.start..]
    }
}

thread_local!(static IS_EXPECTED: Cell<bool> = const { Cell::new(false) });

/// What a call panics with, unseen; `None` when it does not.
pub fn panic_of<T>(call: impl FnOnce() -> T) -> Option<String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !IS_EXPECTED.get() {
                usual(info)
            }
        }));
    });
    IS_EXPECTED.set(true);
    let outcome = panic::catch_unwind(panic::AssertUnwindSafe(call));
    IS_EXPECTED.set(false);
    let panic = outcome.err()?;
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
}
