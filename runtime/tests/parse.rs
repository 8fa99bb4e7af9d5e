//! `Model::parse` on files made by hand: what docs/format.md asks for holds, at each limit and one
//! beyond it.

#[path = "../format/tests/small_models/mod.rs"]
mod small_models;

use sla_format::{
    Backbone, GLOBAL_ROLES, HEADER_BYTES, InputKind, LAYER_ROLES, MemoryPlan, ModelDesc, NONE,
    Role, Section, SectionKind, StateKind, States, TensorDesc, TensorKind, crc32, file_bytes, seal,
};
use sla_runtime::{Model, ParseError, Session};
use small_models::{Aligned, BACKBONES, assemble, desc, file};

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
    (0..count)
        .map(|index| Section::read(file, index).expect("an entry"))
        .collect()
}

fn section(file: &[u8], kind: SectionKind) -> Section {
    sections(file)
        .into_iter()
        .find(|section| section.kind == kind as u32)
        .expect("the section")
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
        let labels: Vec<_> = [0, 1, 2, 4, 5, u32::MAX]
            .map(|index| model.label(index))
            .to_vec();
        assert_eq!(
            labels,
            [Some("one"), Some("two"), Some(""), Some("fünf"), None, None]
        );
        assert_eq!(
            (model.tokenizer_section(), model.tokenizer().is_none()),
            (&[][..], true)
        );
        let states = States::read(&[1, 0], &desc).expect("two layers");
        assert_eq!(
            (model.states(), model.plan()),
            (states, MemoryPlan::of(&desc, states))
        );
        let plan = model.plan();
        let (mut state, mut scratch) = (vec![0; plan.state_words], vec![0; plan.scratch_words]);
        let mut session =
            Session::new(&model, &mut state, &mut scratch).expect("buffers of the planned sizes");
        for token in 0..desc.inputs {
            assert!(
                session
                    .step(token)
                    .expect("a token of the vocabulary")
                    .argmax()
                    < desc.outputs
            );
        }
    }
}

#[test]
fn a_label_may_end_with_the_section_and_must_be_text() {
    let of = |labels: &[u8]| {
        Aligned::of(&file(
            &desc(Backbone::Gla),
            &[(SectionKind::Labels, labels)],
        ))
    };
    let whole = of(b"a\nb\n");
    let model = Model::parse(whole.bytes()).expect("a valid file");
    assert_eq!(
        [0, 1, 2].map(|index| model.label(index)),
        [Some("a"), Some("b"), None]
    );
    let broken = of(b"a\n\xff\nc");
    let model = Model::parse(broken.bytes()).expect("a valid file");
    assert_eq!(
        [0, 1, 2].map(|index| model.label(index)),
        [Some("a"), None, Some("c")]
    );
}

#[test]
fn a_file_of_another_length_is_told_apart() {
    let whole = file(&desc(Backbone::RetNet), &[]);
    let need = whole.len();
    let aligned = Aligned::of(&[&whole[..], &[0xff; 4_096]].concat());
    let region = aligned.bytes();
    assert_eq!(
        Model::parse(region).err(),
        Some(ParseError::TooLong {
            need,
            have: need + 4_096
        })
    );
    assert_eq!(
        Model::parse(&region[..need + 1]).err(),
        Some(ParseError::TooLong {
            need,
            have: need + 1
        })
    );
    let len = file_bytes(region).expect("a file begins here");
    assert!(
        Model::parse(&region[..len]).is_ok(),
        "what `file_bytes` cuts out is the file"
    );
    for have in [HEADER_BYTES, need - 1] {
        assert_eq!(
            Model::parse(&region[..have]).err(),
            Some(ParseError::Truncated { need, have })
        );
    }
    for have in [0, HEADER_BYTES - 1] {
        assert_eq!(
            Model::parse(&region[..have]).err(),
            Some(ParseError::Truncated {
                need: HEADER_BYTES,
                have
            })
        );
    }
    assert_eq!(Model::parse(&region[16..]).err(), Some(ParseError::NotSla));
    for shift in [1, 4, 8] {
        let moved = Aligned::of(&[&vec![0; shift][..], &whole].concat());
        assert_eq!(
            Model::parse(&moved.bytes()[shift..]).err(),
            Some(ParseError::Misaligned),
            "{shift}"
        );
    }
    for bit in (8 * HEADER_BYTES..8 * need).step_by(13) {
        let mut changed = Aligned::of(&whole);
        changed.bytes_mut()[bit / 8] ^= 1 << (bit % 8);
        assert!(
            matches!(
                Model::parse(changed.bytes()).err(),
                Some(ParseError::Checksum { .. })
            ),
            "bit {bit}"
        );
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
            assert_eq!(
                refusal(&forged),
                invalid,
                "entry {index}: {value:#x} at {field}"
            );
        }
        // The kind of the one before again.
        let mut forged = original.clone();
        let other = if index == 0 { 1 } else { index - 1 };
        put(
            &mut forged,
            at,
            Section::read(&original, other).expect("an entry").kind,
        );
        assert_eq!(
            refusal(&forged),
            Some(ParseError::Section {
                index: index.max(other)
            })
        );
        if index < 3 {
            let mut forged = original.clone();
            put(&mut forged, at, SectionKind::Provenance as u32);
            assert_eq!(
                refusal(&forged),
                Some(ParseError::Missing { kind: entry.kind })
            );
        }
    }
    for sections in [100, 1 << 28, u32::MAX] {
        let mut forged = original.clone();
        put(&mut forged, 16, sections);
        assert_eq!(
            refusal(&forged),
            Some(ParseError::Section { index: entries })
        );
    }
}

/// The entry of every role, with one field changed at a time.
#[test]
fn every_field_of_the_tensor_table_is_checked() {
    for backbone in BACKBONES {
        for input in [InputKind::Tokens, InputKind::Features] {
            let desc = ModelDesc {
                input,
                ..desc(backbone)
            };
            check_table(&desc);
        }
        check_table(&ModelDesc {
            flags: ModelDesc::TIED,
            outputs: 11,
            ..desc(backbone)
        });
    }
}

fn check_table(desc: &ModelDesc) {
    let original = file(desc, &[]);
    let (table, weights) = (
        section(&original, SectionKind::Tensors),
        section(&original, SectionKind::Weights),
    );
    let layers = desc.layers as usize;
    assert_eq!(
        table.bytes as usize,
        (layers * LAYER_ROLES + GLOBAL_ROLES) * TensorDesc::BYTES
    );
    assert_eq!(refusal(&original), None);
    for &role in &Role::ALL {
        let global = role as usize >= LAYER_ROLES;
        for layer in if global {
            layers..layers + 1
        } else {
            0..layers
        } {
            let at = table.offset as usize + role.index(layer, layers) * TensorDesc::BYTES;
            let entry = TensorDesc::read(&original, at).expect("an entry");
            let with = |entry: TensorDesc| {
                let mut forged = original.clone();
                forged[at..at + TensorDesc::BYTES].copy_from_slice(&entry.emit());
                refusal(&forged)
            };
            let refused = |entry: TensorDesc, what: &str| {
                assert_eq!(
                    with(entry),
                    Some(ParseError::Tensor { layer, role }),
                    "{role:?}: {what}"
                );
            };
            let taken =
                |entry: TensorDesc, what: &str| assert_eq!(with(entry), None, "{role:?}: {what}");
            refused(
                TensorDesc {
                    rows: entry.rows + 1,
                    ..entry
                },
                "a row more",
            );
            refused(
                TensorDesc {
                    rows: u32::MAX,
                    ..entry
                },
                "rows",
            );
            refused(
                TensorDesc {
                    cols: entry.cols + 1,
                    ..entry
                },
                "a column more",
            );
            refused(
                TensorDesc {
                    cols: entry.cols | 1 << 31,
                    ..entry
                },
                "columns",
            );
            for kind in 0..7 {
                let kind = TensorKind::from_u32(kind).expect("a kind");
                if kind != entry.kind && !(kind.is_matrix() && entry.kind.is_matrix()) {
                    refused(TensorDesc { kind, ..entry }, "another kind");
                }
            }
            taken(
                TensorDesc {
                    out_frac: 1_000,
                    ..entry
                },
                "the largest out_frac",
            );
            taken(
                TensorDesc {
                    out_frac: -1_000,
                    ..entry
                },
                "the smallest out_frac",
            );
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
            taken(
                TensorDesc {
                    data: last(bytes),
                    ..entry
                },
                "the last weights",
            );
            for data in [4, 8, 1, last(bytes) + 16, u32::MAX - 15, u32::MAX, 1 << 31] {
                refused(
                    TensorDesc { data, ..entry },
                    "weights outside, or at a multiple of 4 or 8",
                );
            }
            taken(
                TensorDesc {
                    multiplier: last(channels),
                    ..entry
                },
                "the last multipliers",
            );
            for multiplier in [
                4,
                8,
                last(channels) + 16 + weights.bytes % 16,
                u32::MAX - 15,
            ] {
                if multiplier % 16 != 0 || channels > 0 {
                    refused(
                        TensorDesc {
                            multiplier,
                            ..entry
                        },
                        "multipliers outside, or at a multiple of 4 or 8",
                    );
                }
            }
            taken(
                TensorDesc {
                    bias: NONE,
                    ..entry
                },
                "no bias",
            );
            taken(
                TensorDesc {
                    bias: last(channels),
                    ..entry
                },
                "the last bias",
            );
            for bias in [4, 8, NONE - 1, NONE - 15] {
                refused(
                    TensorDesc { bias, ..entry },
                    "a bias outside, or at a multiple of 4 or 8",
                );
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
    for bytes in [
        table.bytes - 1,
        table.bytes - 36,
        table.bytes + 1,
        table.bytes + 36,
        36,
    ] {
        let mut forged = original.clone();
        put(&mut forged, HEADER_BYTES + Section::BYTES + 8, bytes);
        assert_eq!(
            refusal(&forged),
            Some(ParseError::Missing {
                kind: SectionKind::Tensors as u32
            })
        );
    }
}

#[test]
fn what_no_kind_has_is_refused() {
    let original = file(&desc(Backbone::RetNet), &[]);
    let at = section(&original, SectionKind::Tensors).offset as usize;
    for kind in 7..=255 {
        let mut forged = original.clone();
        forged[at] = kind;
        assert_eq!(
            refusal(&forged),
            Some(ParseError::Tensor {
                layer: 0,
                role: Role::Query
            }),
            "kind {kind}"
        );
    }
    let base = desc(Backbone::RetNet);
    for (states, layer) in [(&[2, 0][..], 0), (&[0, 255], 1), (&[0], 1), (&[1, 1, 1], 2)] {
        assert_eq!(
            refusal(&file(&base, &[(SectionKind::States, states)])),
            Some(ParseError::State { layer })
        );
    }
    let wide = ModelDesc {
        d_k: 1 << 15,
        d_v: 1,
        heads: 1,
        kv_heads: 1,
        state_heads: 1,
        layers: 1,
        ..base
    };
    let int16 = [StateKind::Int16 as u8];
    assert!(States::read(&int16, &wide).is_ok());
    assert_eq!(
        States::read(
            &int16,
            &ModelDesc {
                d_k: (1 << 15) + 2,
                ..wide
            }
        ),
        Err(0)
    );
    // Without one of the sections that every file has.
    let sections = [
        (SectionKind::Model, base.emit().to_vec()),
        (
            SectionKind::Tensors,
            vec![0; (2 * LAYER_ROLES + GLOBAL_ROLES) * TensorDesc::BYTES],
        ),
        (SectionKind::Weights, vec![0; 16]),
    ];
    for missing in 0..3 {
        let mut some = sections.to_vec();
        let (kind, _) = some.remove(missing);
        assert_eq!(
            refusal(&assemble(&some)),
            Some(ParseError::Missing { kind: kind as u32 })
        );
    }
}

/// A tokenizer section whose counts do not fit 32 bits, or whose number of tokens plus one does
/// not.
#[test]
fn a_forged_tokenizer_section_is_refused_by_its_limits() {
    let base = desc(Backbone::Gla);
    for (word, value) in [
        (6, u32::MAX),
        (6, 1 << 24),
        (7, u32::MAX),
        (8, u32::MAX),
        (8, 1 << 31),
        (12, u32::MAX),
        (13, u32::MAX),
    ] {
        for wide in [0, 4] {
            let mut section = vec![0; 4_096];
            put(&mut section, 16, wide);
            put(&mut section, 20, NONE);
            put(&mut section, 24, 1);
            put(&mut section, 4 * word, value);
            let refused = refusal(&file(&base, &[(SectionKind::Tokenizer, &section)]));
            assert!(
                matches!(refused, Some(ParseError::Tokenizer(_))),
                "{value:#x} in word {word}: {refused:?}"
            );
        }
    }
}
