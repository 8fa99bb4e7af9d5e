//! `Model::parse` on files made by hand: what docs/format.md asks for holds, at each limit and one beyond it.

#[path = "../format/tests/made/mod.rs"]
mod made;

use made::{Aligned, BACKBONES, ONE, assemble, desc, file};
use sla_format::{
    Backbone, FeatureMap, GLOBAL_ROLES, HEADER_BYTES, InputKind, KeyGate, LAYER_ROLES, MemoryPlan, ModelDesc, NONE,
    RealBits, Role, Section, SectionKind, StateKind, States, TensorDesc, TensorKind, crc32, file_bytes, seal,
};
use sla_runtime::{Model, ParseError, Session};

fn refusal(file: &[u8]) -> Option<ParseError> {
    let mut file = file.to_vec();
    seal(&mut file);
    Model::parse(Aligned::of(&file).bytes()).err()
}

fn put(file: &mut [u8], at: usize, word: u32) {
    file[at..at + 4].copy_from_slice(&word.to_le_bytes());
}

fn sections(file: &[u8]) -> Vec<Section> {
    let count = u32::from_le_bytes(file[16..20].try_into().expect("four bytes")) as usize;
    (0..count).map(|index| Section::read(file, index).expect("an entry")).collect()
}

fn section(file: &[u8], kind: SectionKind) -> Section {
    sections(file).into_iter().find(|section| section.kind == kind as u32).expect("the section")
}

#[test]
fn whole_files_parse_and_run() {
    for backbone in BACKBONES {
        let desc = desc(backbone);
        let more: [(SectionKind, &[u8]); 3] = [
            (SectionKind::Provenance, "key=value\n".as_bytes()),
            (SectionKind::Labels, "one\ntwo\n\nfour\r\nfünf".as_bytes()),
            (SectionKind::States, &[1, 0]),
        ];
        let file = Aligned::of(&file(&desc, &more));
        let model = Model::parse(file.bytes()).expect("a valid file");
        assert_eq!(*model.desc(), desc);
        assert_eq!(model.id(), crc32(file.bytes()));
        assert_eq!(model.provenance(), "key=value\n");
        let labels: Vec<_> = [0, 1, 2, 4, 5, u32::MAX].map(|index| model.label(index)).to_vec();
        assert_eq!(labels, [Some("one"), Some("two"), Some(""), Some("fünf"), None, None]);
        assert_eq!((model.tokenizer_section(), model.tokenizer().is_none()), (&[][..], true));
        let states = States::read(&[1, 0], &desc).expect("two layers");
        assert_eq!((model.states(), *model.plan()), (states, MemoryPlan::of(&desc, states)));
        let plan = model.plan();
        let (mut state, mut scratch) = (vec![0; plan.state_words], vec![0; plan.scratch_words]);
        let mut session = Session::new(&model, &mut state, &mut scratch).expect("buffers of the planned sizes");
        for token in 0..desc.inputs {
            assert!(session.step(token).expect("a token of the vocabulary").argmax() < desc.outputs);
        }
    }
}

#[test]
fn a_label_may_end_with_the_section_and_must_be_text() {
    let of = |labels: &[u8]| Aligned::of(&file(&desc(Backbone::Gla), &[(SectionKind::Labels, labels)]));
    let whole = of(b"a\nb\n");
    let model = Model::parse(whole.bytes()).expect("a valid file");
    assert_eq!([0, 1, 2].map(|index| model.label(index)), [Some("a"), Some("b"), None]);
    let broken = of(b"a\n\xff\nc");
    let model = Model::parse(broken.bytes()).expect("a valid file");
    assert_eq!([0, 1, 2].map(|index| model.label(index)), [Some("a"), None, Some("c")]);
}

#[test]
fn a_file_of_another_length_is_told_apart() {
    let whole = file(&desc(Backbone::RetNet), &[]);
    let need = whole.len();
    let aligned = Aligned::of(&[&whole[..], &[0xff; 4_096]].concat());
    let region = aligned.bytes();
    assert_eq!(Model::parse(region).err(), Some(ParseError::TooLong { need, have: need + 4_096 }));
    assert_eq!(Model::parse(&region[..need + 1]).err(), Some(ParseError::TooLong { need, have: need + 1 }));
    let len = file_bytes(region).expect("a file begins here");
    assert!(Model::parse(&region[..len]).is_ok(), "what `file_bytes` cuts out is the file");
    for have in [HEADER_BYTES, need - 1] {
        assert_eq!(Model::parse(&region[..have]).err(), Some(ParseError::Truncated { need, have }));
    }
    for have in [0, HEADER_BYTES - 1] {
        assert_eq!(Model::parse(&region[..have]).err(), Some(ParseError::Truncated { need: HEADER_BYTES, have }));
    }
    assert_eq!(Model::parse(&region[16..]).err(), Some(ParseError::NotSla));
    for shift in [1, 4, 8] {
        let moved = Aligned::of(&[&vec![0; shift][..], &whole].concat());
        assert_eq!(Model::parse(&moved.bytes()[shift..]).err(), Some(ParseError::Misaligned), "{shift}");
    }
    for bit in (8 * HEADER_BYTES..8 * need).step_by(13) {
        let mut changed = Aligned::of(&whole);
        changed.bytes_mut()[bit / 8] ^= 1 << (bit % 8);
        assert!(matches!(Model::parse(changed.bytes()).err(), Some(ParseError::Checksum { .. })), "bit {bit}");
    }
}

#[test]
fn the_section_table_is_checked() {
    let original = file(&desc(Backbone::RetNet), &[(SectionKind::Labels, b"label")]);
    let entries = sections(&original).len();
    for index in 0..entries {
        let at = HEADER_BYTES + index * Section::BYTES;
        let entry = Section::read(&original, index).expect("an entry");
        let invalid = Some(ParseError::Section { index });
        for (field, value) in [
            (0, 0),
            (0, 99),
            (0, u32::MAX),
            (4, entry.offset + 4),
            (4, entry.offset + 8),
            (4, u32::MAX - 15),
            (4, (original.len() as u32).next_multiple_of(16) + 16),
            (8, 0),
            (8, u32::MAX),
            (8, u32::MAX - entry.offset),
            (8, original.len() as u32 - entry.offset + 1),
        ] {
            let mut forged = original.clone();
            put(&mut forged, at + field, value);
            assert_eq!(refusal(&forged), invalid, "entry {index}: {value:#x} at {field}");
        }
        // The kind of the one before again.
        let mut forged = original.clone();
        let other = if index == 0 { 1 } else { index - 1 };
        put(&mut forged, at, Section::read(&original, other).expect("an entry").kind);
        assert_eq!(refusal(&forged), Some(ParseError::Section { index: index.max(other) }));
        if index < 3 {
            let mut forged = original.clone();
            put(&mut forged, at, SectionKind::Provenance as u32);
            assert_eq!(refusal(&forged), Some(ParseError::Missing { kind: entry.kind }));
        }
    }
    for sections in [100, 1 << 28, u32::MAX] {
        let mut forged = original.clone();
        put(&mut forged, 16, sections);
        assert_eq!(refusal(&forged), Some(ParseError::Section { index: entries }));
    }
}

/// Changes one field.
type Set<T> = fn(&mut ModelDesc, T);

#[test]
fn every_field_of_the_description_has_its_limits() {
    for backbone in BACKBONES {
        let base = desc(backbone);
        let retnet = backbone == Backbone::RetNet;
        let gla = backbone == Backbone::Gla;
        let delta = backbone == Backbone::GatedDeltaNet;
        assert!(base.is_consistent());
        let real = |mantissa, exponent| RealBits { mantissa, exponent };
        let holds = |is_good: bool, desc: ModelDesc, what: &str| {
            assert_eq!(desc.is_consistent(), is_good, "{backbone:?}: {what}: {desc:?}");
            assert_eq!(ModelDesc::read(&desc.emit(), 0), Some(desc), "{what}");
        };
        let limits: [(&str, Set<u32>, u32, u32); 7] = [
            ("hidden", |d, x| d.hidden = x, 1, 1 << 16),
            ("intermediate", |d, x| d.intermediate = x, 1, 1 << 16),
            ("inputs", |d, x| d.inputs = x, 1, 1 << 24),
            ("outputs", |d, x| d.outputs = x, 1, 1 << 24),
            ("layers", |d, x| d.layers = x, 1, 1 << 12),
            ("flags", |d, x| (d.flags, d.outputs) = (x, d.inputs), 0, 3),
            (
                "d_v",
                |d, x| (d.d_v, d.d_k, d.layers, d.heads, d.kv_heads, d.state_heads) = (x, 2, 1, 1, 1, 1),
                1,
                1 << 16,
            ),
        ];
        for (name, set, least, most) in limits {
            let with = |x: u32, is_good: bool| {
                let mut desc = base;
                set(&mut desc, x);
                holds(is_good, desc, name);
            };
            with(least, true);
            with(most, true);
            with(most + 1, false);
            with(least.wrapping_sub(1), false);
            with(u32::MAX, false);
        }
        let features = ModelDesc { input: InputKind::Features, ..base };
        holds(true, ModelDesc { inputs: 1 << 16, ..features }, "features");
        holds(false, ModelDesc { inputs: (1 << 16) + 1, ..features }, "features");
        holds(false, ModelDesc { inputs: 0, ..features }, "features");
        holds(false, ModelDesc { flags: ModelDesc::TIED, outputs: features.inputs, ..features }, "tied features");
        holds(false, ModelDesc { flags: ModelDesc::TIED, ..base }, "tied to another length");
        let fracs: [(&str, Set<i32>, i32, i32); 3] = [
            ("residual_frac", |d, x| d.residual_frac = x, -30, 30),
            ("feature_frac", |d, x| d.feature_frac = x, -30, 30),
            ("unit_frac", |d, x| d.unit_frac = x, 8, 15),
        ];
        for (name, set, least, most) in fracs {
            for (x, is_good) in [
                (least, true),
                (most, true),
                (least - 1, false),
                (most + 1, false),
                (i32::MIN, false),
                (i32::MAX, false),
            ] {
                let mut desc = base;
                set(&mut desc, x);
                holds(is_good, desc, name);
            }
        }
        let reals: [Set<RealBits>; 4] =
            [|d, x| d.norm_eps = x, |d, x| d.head_eps = x, |d, x| d.query_scale = x, |d, x| d.key_scale = x];
        for set in reals {
            for (bits, is_good) in [
                (ONE, true),
                (real(0, 0), true),
                (real(0, 1), false),
                (real(1 << 30, 1_000), true),
                (real(1 << 30, -1_000), true),
                (real(1 << 30, 1_001), false),
                (real(1 << 30, -1_001), false),
                (real(1 << 30, i32::MIN), false),
                (real((1 << 31) - 1, 0), true),
                (real(1 << 31, 0), false),
                (real((1 << 30) - 1, 0), false),
                (real(1, 0), false),
                (real(3 << 30, 0), false),
            ] {
                let mut desc = base;
                set(&mut desc, bits);
                holds(is_good, desc, "a real");
            }
        }
        // Heads: how many, and how they divide each other.
        let heads = |heads, kv_heads, state_heads| ModelDesc { heads, kv_heads, state_heads, d_k: 2, d_v: 2, ..base };
        for (h, kv, state, is_good) in [
            (1, 1, 1, true),
            (256, 256, 256, true),
            (257, 257, 257, false),
            (0, 0, 0, false),
            (4, 0, 4, false),
            (0, 1, 0, false),
            (4, 4, 0, false),
            (4, 2, 4, !delta),
            (4, 3, 4, false),
            (4, 8, 4, false),
            (4, 4, 8, delta),
            (4, 4, 6, false),
            (4, 4, 2, false),
            (128, 128, 256, delta),
            (128, 128, 384, false),
            (1, 257, 1, false),
        ] {
            holds(is_good, heads(h, kv, state), "heads");
        }
        // Widths of all heads together.
        let wide = ModelDesc { layers: 1, heads: 2, kv_heads: 2, state_heads: 2, conv_width: 0, ..base };
        holds(true, ModelDesc { d_k: 1 << 15, d_v: 1, ..wide }, "64 Ki key channels");
        holds(false, ModelDesc { d_k: (1 << 15) + 2, d_v: 1, ..wide }, "more");
        holds(true, ModelDesc { d_v: 1 << 15, d_k: 2, ..wide }, "64 Ki value channels");
        holds(false, ModelDesc { d_v: (1 << 15) + 1, d_k: 2, ..wide }, "more");
        holds(false, ModelDesc { d_k: 0, ..wide }, "no key channels");
        holds(!retnet, ModelDesc { d_k: 5, ..base }, "an odd d_k");
        // The whole state, 2^28 words with the fields beside S: (d_v + 2) · d_k · heads · layers + history.
        let large = ModelDesc { layers: 1 << 12, heads: 1, kv_heads: 1, state_heads: 1, conv_width: 0, ..base };
        holds(true, ModelDesc { d_k: 1 << 8, d_v: 254, ..large }, "2^28 words");
        holds(false, ModelDesc { d_k: 1 << 8, d_v: 255, ..large }, "more");
        if !retnet {
            let history = ModelDesc { conv_width: 64, d_k: 128, ..large };
            // (d_v + 2)·128 + 64·(2·128 + d_v) ≤ 2^16
            holds(true, ModelDesc { d_v: 254, ..history }, "2^28 words with a history");
            holds(false, ModelDesc { d_v: 255, ..history }, "more");
        }
        // Options of some backbones alone.
        holds(!retnet, ModelDesc { conv_width: 64, ..base }, "a short convolution");
        holds(false, ModelDesc { conv_width: 65, ..base }, "a long one");
        holds(false, ModelDesc { conv_width: u32::MAX, ..base }, "a long one");
        holds(gla, ModelDesc { gate_rank: 1, ..base }, "a gate rank");
        holds(!gla, ModelDesc { gate_rank: 0, ..base }, "none");
        holds(gla, ModelDesc { gate_rank: 1 << 16, ..base }, "the largest");
        holds(false, ModelDesc { gate_rank: (1 << 16) + 1, ..base }, "more");
        holds(delta, ModelDesc { key_gate: KeyGate::Beta, ..base }, "a gate on β");
        holds(true, ModelDesc { key_gate: KeyGate::None, ..base }, "no gate");
        holds(!delta, ModelDesc { feature_map: FeatureMap::Silu, ..base }, "a feature map");
        holds(true, ModelDesc { bos: 0, eos: NONE, decay_max: 0, ..base }, "free fields");
    }
}

/// Every enumeration of the description refuses the number after its last.
#[test]
fn unknown_codes_are_refused() {
    let base = desc(Backbone::Gla).emit();
    for (word, codes) in [(0, 3), (1, 2), (2, 3), (3, 3), (4, 3), (5, 4)] {
        for code in [0, codes - 1, codes, codes + 1, u32::MAX] {
            let mut bytes = base;
            put(&mut bytes, 4 * word, code);
            let read = ModelDesc::read(&bytes, 0);
            assert_eq!(read.is_some(), code < codes, "word {word}, code {code}");
            assert!(read.is_none_or(|desc| desc.emit() == bytes), "word {word}, code {code}");
        }
    }
    assert!(ModelDesc::read(&base, 1).is_none());
    assert!(ModelDesc::read(&base, usize::MAX).is_none());
}

/// The entry of every role, with one field changed at a time.
#[test]
fn every_field_of_the_tensor_table_is_checked() {
    for backbone in BACKBONES {
        for input in [InputKind::Tokens, InputKind::Features] {
            let desc = ModelDesc { input, ..desc(backbone) };
            check_table(&desc);
        }
        check_table(&ModelDesc { flags: ModelDesc::TIED, outputs: 11, ..desc(backbone) });
    }
}

fn check_table(desc: &ModelDesc) {
    let original = file(desc, &[]);
    let (table, weights) = (section(&original, SectionKind::Tensors), section(&original, SectionKind::Weights));
    let layers = desc.layers as usize;
    assert_eq!(table.bytes as usize, (layers * LAYER_ROLES + GLOBAL_ROLES) * TensorDesc::BYTES);
    assert_eq!(refusal(&original), None);
    for &role in &Role::ALL {
        let global = role as usize >= LAYER_ROLES;
        for layer in if global { layers..layers + 1 } else { 0..layers } {
            let at = table.offset as usize + role.index(layer, layers) * TensorDesc::BYTES;
            let entry = TensorDesc::read(&original, at).expect("an entry");
            let with = |entry: TensorDesc| {
                let mut forged = original.clone();
                forged[at..at + TensorDesc::BYTES].copy_from_slice(&entry.emit());
                refusal(&forged)
            };
            let refused = |entry: TensorDesc, what: &str| {
                assert_eq!(with(entry), Some(ParseError::Tensor { layer, role }), "{role:?}: {what}");
            };
            let taken = |entry: TensorDesc, what: &str| assert_eq!(with(entry), None, "{role:?}: {what}");
            refused(TensorDesc { rows: entry.rows + 1, ..entry }, "a row more");
            refused(TensorDesc { rows: u32::MAX, ..entry }, "rows");
            refused(TensorDesc { cols: entry.cols + 1, ..entry }, "a column more");
            refused(TensorDesc { cols: entry.cols | 1 << 31, ..entry }, "columns");
            for kind in 0..7 {
                let kind = TensorKind::from_u32(kind).expect("a kind");
                if kind != entry.kind && !(kind.is_matrix() && entry.kind.is_matrix()) {
                    refused(TensorDesc { kind, ..entry }, "another kind");
                }
            }
            taken(TensorDesc { out_frac: 1_000, ..entry }, "the largest out_frac");
            taken(TensorDesc { out_frac: -1_000, ..entry }, "the smallest out_frac");
            for out_frac in [1_001, -1_001, i32::MAX, i32::MIN] {
                refused(TensorDesc { out_frac, ..entry }, "out_frac");
            }
            if entry.kind == TensorKind::Absent {
                continue;
            }
            let bytes = entry.data_bytes().expect("a small tensor") as u32;
            let channels = 4 * entry.channels(role) as u32;
            let last = |bytes: u32| (weights.bytes - bytes) / 16 * 16;
            taken(TensorDesc { data: 0, ..entry }, "other weights");
            taken(TensorDesc { data: last(bytes), ..entry }, "the last weights");
            for data in [4, 8, 1, last(bytes) + 16, u32::MAX - 15, u32::MAX, 1 << 31] {
                refused(TensorDesc { data, ..entry }, "weights outside, or at a multiple of 4 or 8");
            }
            taken(TensorDesc { multiplier: last(channels), ..entry }, "the last multipliers");
            for multiplier in [4, 8, last(channels) + 16 + weights.bytes % 16, u32::MAX - 15] {
                if multiplier % 16 != 0 || channels > 0 {
                    refused(TensorDesc { multiplier, ..entry }, "multipliers outside, or at a multiple of 4 or 8");
                }
            }
            taken(TensorDesc { bias: NONE, ..entry }, "no bias");
            taken(TensorDesc { bias: last(channels), ..entry }, "the last bias");
            for bias in [4, 8, NONE - 1, NONE - 15] {
                refused(TensorDesc { bias, ..entry }, "a bias outside, or at a multiple of 4 or 8");
            }
            let unchecked = TensorDesc {
                block_tiles: 255,
                shift: i8::MIN,
                pre_shift: i8::MAX,
                in_bits: 255,
                acc_bound: u32::MAX,
                ..entry
            };
            taken(unchecked, "what no bound is asked of");
        }
    }
    // A byte or an entry less or more.
    for bytes in [table.bytes - 1, table.bytes - 36, table.bytes + 1, table.bytes + 36, 36] {
        let mut forged = original.clone();
        put(&mut forged, HEADER_BYTES + Section::BYTES + 8, bytes);
        assert_eq!(refusal(&forged), Some(ParseError::Missing { kind: SectionKind::Tensors as u32 }));
    }
}

#[test]
fn what_no_kind_has_is_refused() {
    let original = file(&desc(Backbone::RetNet), &[]);
    let at = section(&original, SectionKind::Tensors).offset as usize;
    for kind in 7..=255 {
        let mut forged = original.clone();
        forged[at] = kind;
        assert_eq!(refusal(&forged), Some(ParseError::Tensor { layer: 0, role: Role::Query }), "kind {kind}");
    }
    let base = desc(Backbone::RetNet);
    for (states, layer) in [(&[2, 0][..], 0), (&[0, 255], 1), (&[0], 1), (&[1, 1, 1], 2)] {
        assert_eq!(refusal(&file(&base, &[(SectionKind::States, states)])), Some(ParseError::State { layer }));
    }
    let wide = ModelDesc { d_k: 1 << 15, d_v: 1, heads: 1, kv_heads: 1, state_heads: 1, layers: 1, ..base };
    let int16 = [StateKind::Int16 as u8];
    assert!(States::read(&int16, &wide).is_ok());
    assert_eq!(States::read(&int16, &ModelDesc { d_k: (1 << 15) + 2, ..wide }), Err(0));
    // Without one of the sections that every file has.
    let sections = [
        (SectionKind::Model, base.emit().to_vec()),
        (SectionKind::Tensors, vec![0; (2 * LAYER_ROLES + GLOBAL_ROLES) * TensorDesc::BYTES]),
        (SectionKind::Weights, vec![0; 16]),
    ];
    for missing in 0..3 {
        let mut some = sections.to_vec();
        let (kind, _) = some.remove(missing);
        assert_eq!(refusal(&assemble(&some)), Some(ParseError::Missing { kind: kind as u32 }));
    }
}

/// A tokenizer section whose counts do not fit 32 bits, or whose number of tokens plus one does not.
#[test]
fn a_forged_tokenizer_section_is_refused_by_its_limits() {
    let base = desc(Backbone::Gla);
    for (word, value) in
        [(6, u32::MAX), (6, 1 << 24), (7, u32::MAX), (8, u32::MAX), (8, 1 << 31), (12, u32::MAX), (13, u32::MAX)]
    {
        for wide in [0, 4] {
            let mut section = vec![0; 4_096];
            put(&mut section, 16, wide);
            put(&mut section, 20, NONE);
            put(&mut section, 24, 1);
            put(&mut section, 4 * word, value);
            let refused = refusal(&file(&base, &[(SectionKind::Tokenizer, &section)]));
            assert!(matches!(refused, Some(ParseError::Tokenizer(_))), "{value:#x} in word {word}: {refused:?}");
        }
    }
}
