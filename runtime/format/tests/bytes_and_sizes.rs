//! Bytes and sizes as docs/format.md has them, written out by hand.

mod small_models;

use sla_format::{
    ANCHOR_EVERY, AddedToken, Backbone, Checksum, Expected, GLOBAL_ROLES, GROUP, HEADER_BYTES,
    IndexWidth, InputKind, KeyGate, LAYER_ROLES, LOGIT_TILE, MemoryPlan, ModelDesc, NONE,
    OutputGate, Prefix, QueryGate, Role, Section, SectionKind, SnapshotHeader, Split, StateKind,
    States, Strip, Symbols, TensorDesc, TensorKind, TokenizerDesc, TokenizerTable, crc32, index_at,
    pad_cols, pad_input, pad_rows, seal, word_at, words_at,
};
use small_models::{BACKBONES, desc};

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// F7.1 and F7.3.
#[test]
fn sizes_are_those_of_f7() {
    let pad = |n: u32, to: u32| n.div_ceil(to) * to;
    for backbone in BACKBONES {
        for (query_gate, key_gate, conv_width, input) in [
            (QueryGate::None, KeyGate::None, 0, InputKind::Tokens),
            (QueryGate::Query, KeyGate::None, 1, InputKind::Features),
            (QueryGate::None, KeyGate::Key, 4, InputKind::Tokens),
            (QueryGate::Output, KeyGate::Key, 5, InputKind::Features),
        ] {
            for (hidden, d_k, d_v, intermediate, inputs) in [
                (6, 4, 3, 5, 11),
                (64, 16, 10, 7, 3),
                (5, 2, 1, 100, 200),
                (33, 6, 40, 2, 500),
                (40, 2, 2, 2, 33),
            ] {
                let base = desc(backbone);
                let conv_width = if backbone == Backbone::RetNet {
                    0
                } else {
                    conv_width
                };
                let m = ModelDesc {
                    query_gate,
                    key_gate,
                    conv_width,
                    input,
                    hidden,
                    d_k,
                    d_v,
                    intermediate,
                    inputs,
                    ..base
                };
                assert!(m.is_consistent());
                let (h, delta) = (m.state_heads, backbone == Backbone::GatedDeltaNet);
                let (q, k) = (m.heads * d_k, m.kv_heads * d_k);
                let v = if delta { h * d_v } else { m.kv_heads * d_v };
                let channels = if conv_width > 0 { q + k + v } else { 0 };
                let carries = if backbone == Backbone::Gla {
                    h * d_k
                } else {
                    h
                };
                let layer = |s: u32| {
                    h * s + carries + 2 * h + (conv_width.saturating_sub(1) * channels).div_ceil(2)
                };
                let (int32, int16) = (layer(d_k * d_v), layer(d_k.div_ceil(2) * d_v));
                let mixed = States::read(&[0, 1], &m).expect("two layers");
                let plan = MemoryPlan::of(&m, mixed);
                assert_eq!(plan.state_words, (4 + int32 + int16) as usize);
                assert_eq!(
                    MemoryPlan::of(&m, States::default()).state_words,
                    (4 + 2 * int32) as usize
                );
                assert_eq!(plan.state_bytes(), 4 * plan.state_words);
                // What lies in the scratch buffer.
                let is_features = input == InputKind::Features;
                let y = h * d_v;
                let longest = [
                    hidden,
                    y,
                    intermediate,
                    m.gate_rank,
                    if is_features { inputs } else { 0 },
                ];
                let act = longest.map(|n| pad(n, 32)).into_iter().max().expect("some") / 2;
                let gates = match backbone {
                    Backbone::RetNet => 0,
                    Backbone::Gla => pad(k, 4) + pad(m.gate_rank, 4),
                    Backbone::GatedDeltaNet => 2 * pad(h, 4),
                };
                let used =
                    u32::from(query_gate != QueryGate::None) + u32::from(key_gate != KeyGate::None);
                let mixer =
                    pad(q, 4) + pad(k, 4) + pad(v, 4) + pad(y, 4) + gates + used * pad(m.heads, 4);
                let mixer = mixer + 3 * d_k + 2 * d_v;
                let mut work = mixer
                    .max(2 * pad(intermediate, 4))
                    .max(pad(hidden, 4))
                    .max(32);
                if is_features {
                    work = work.max(inputs);
                }
                let rotary = if backbone == Backbone::RetNet { d_k } else { 0 };
                let scratch = pad(hidden, 4) + rotary + act + work;
                assert_eq!(
                    (plan.act_words, plan.work_words),
                    (act as usize, work as usize),
                    "{m:?}"
                );
                assert_eq!(plan.scratch_words, scratch as usize);
                assert_eq!(plan.scratch_bytes(), 4 * scratch as usize);
                assert_eq!(plan.prompt_scratch_words, (2 * scratch + 2 * act) as usize);
                assert_eq!(plan.prompt_scratch_bytes(), 4 * plan.prompt_scratch_words);
                let snapshot = 4 * (5 + plan.state_words as u32 + pad(hidden, 32) / 2 + 1);
                assert_eq!(plan.snapshot_bytes(&m), snapshot as usize);
            }
        }
    }
}

/// F5.2, role by role.
#[test]
fn shapes_are_those_of_f5() {
    use TensorKind::{Absent, I8, I16, I32, Real, U64};
    for backbone in BACKBONES {
        for input in [InputKind::Tokens, InputKind::Features] {
            let m = ModelDesc {
                input,
                ..desc(backbone)
            };
            let (retnet, gla, delta) = (
                backbone == Backbone::RetNet,
                backbone == Backbone::Gla,
                backbone == Backbone::GatedDeltaNet,
            );
            let features = input == InputKind::Features;
            let kv = if gla { 1 } else { 2 };
            let (y, v) = if delta { (12, 12) } else { (6, 3 * kv) };
            let conv = |channels| {
                if retnet {
                    (Absent, 0, 0)
                } else {
                    (I16, 3, channels)
                }
            };
            let some = |is_there: bool, shape| if is_there { shape } else { (Absent, 0, 0) };
            let want = [
                (I8, 8, 6),
                (I8, 4 * kv, 6),
                (I8, v, 6),
                (I8, y, 6),
                some(gla, (I8, 3, 6)),
                some(gla, (I8, 4, 3)),
                some(delta, (I8, 4, 6)),
                some(delta, (I8, 4, 6)),
                (I8, 2, 6),
                (I8, 2, 6),
                (I8, 6, y),
                (I8, 5, 6),
                (I8, 5, 6),
                (I8, 6, 5),
                conv(8),
                conv(4 * kv),
                conv(v),
                if delta {
                    (Real, 1, 4)
                } else {
                    some(retnet, (I32, 1, 2))
                },
                if features { (I8, 6, 11) } else { (I8, 11, 6) },
                (I8, 37, 6),
                (Absent, 0, 0),
                some(features, (I32, 1, 11)),
                some(retnet, (U64, 1, 2)),
            ];
            for (role, (kind, rows, cols)) in Role::ALL.into_iter().zip(want) {
                assert_eq!(
                    role.expected(&m),
                    Expected { kind, rows, cols },
                    "{backbone:?} {role:?}"
                );
            }
            let without = ModelDesc {
                output_gate: OutputGate::None,
                query_gate: QueryGate::None,
                key_gate: KeyGate::None,
                ..m
            };
            for role in [Role::OutputGate, Role::QueryHeadGate, Role::KeyHeadGate] {
                assert_eq!(role.expected(&without).kind, Absent);
            }
            let tied = ModelDesc {
                flags: ModelDesc::TIED | ModelDesc::NEG_EIGVAL,
                ..m
            };
            assert_eq!(
                Role::FinalNorm.expected(&tied),
                Expected {
                    kind: I16,
                    rows: 1,
                    cols: 6
                }
            );
            assert!(tied.tied() && tied.neg_eigval() && !m.tied() && !m.neg_eigval());
        }
    }
    let mut names: Vec<_> = Role::ALL.map(Role::name).to_vec();
    names.sort_unstable();
    names.dedup();
    assert_eq!(
        (names.len(), Role::Query.name(), Role::DecayUp.name()),
        (23, "attn.q_proj", "attn.gk_proj.1")
    );
    assert_eq!(
        [
            (Role::Query, 0),
            (Role::DecayScale, 1),
            (Role::Input, 0),
            (Role::Rotary, 7)
        ]
        .map(|(r, l)| r.index(l, 2)),
        [0, 35, 36, 40]
    );
}

/// F5.4 and F6.
#[test]
fn tensor_entries_are_those_of_f5() {
    let entry = TensorDesc {
        kind: TensorKind::I4,
        block_tiles: 7,
        shift: -3,
        pre_shift: 5,
        out_frac: -9,
        rows: 6,
        cols: 33,
        data: 0x10,
        multiplier: 0x20,
        bias: NONE,
        in_bits: 14,
        acc_bound: 0x0102_0304,
    };
    let bytes = entry.emit();
    let want = [
        &[6, 7, 0xfd, 5][..],
        &words(&[-9i32 as u32, 6, 33, 0x10, 0x20, NONE, 0x0102_0304]),
        &[14, 0, 0, 0],
    ];
    assert_eq!(bytes[..], want.concat());
    assert_eq!(TensorDesc::read(&bytes, 0), Some(entry));
    assert_eq!(
        (
            TensorDesc::read(&bytes, 1),
            TensorDesc::read(&bytes, usize::MAX)
        ),
        (None, None)
    );
    let of = |kind, rows, cols| TensorDesc {
        kind,
        rows,
        cols,
        ..entry
    };
    for (kind, rows, cols, want) in [
        (TensorKind::Absent, 6, 33, 0),
        (TensorKind::I8, 6, 33, 8 * 48),
        (TensorKind::I8, 4, 16, 64),
        (TensorKind::I4, 6, 33, 2 * 2 * 17 * 4),
        (TensorKind::I4, 4, 32, 17 * 4),
        (TensorKind::I16, 3, 5, 30),
        (TensorKind::I32, 3, 5, 60),
        (TensorKind::Real, 3, 5, 120),
        (TensorKind::U64, 3, 5, 120),
    ] {
        assert_eq!(of(kind, rows, cols).data_bytes(), Some(want), "{kind:?}");
        assert_eq!(
            kind.is_matrix(),
            matches!(kind, TensorKind::I8 | TensorKind::I4)
        );
        let number = kind as u32;
        assert_eq!(TensorKind::from_u32(number), Some(kind));
    }
    assert_eq!(TensorKind::from_u32(7), None);
    for role in Role::ALL {
        for kind in [TensorKind::I8, TensorKind::I4] {
            assert_eq!(of(kind, 6, 33).channels(role), 8);
        }
        let conv = matches!(role, Role::QueryConv | Role::KeyConv | Role::ValueConv);
        assert_eq!(
            of(TensorKind::I16, 3, 5).channels(role),
            if conv { 5 } else { 0 },
            "{role:?}"
        );
        assert_eq!(
            of(TensorKind::I32, 1, 5).channels(role),
            if role == Role::FeatureMean { 5 } else { 0 }
        );
        assert_eq!(of(TensorKind::U64, 1, 5).channels(role), 0);
    }
    let matrix = Expected {
        kind: TensorKind::I8,
        rows: 6,
        cols: 33,
    };
    for (kind, fits) in [
        (TensorKind::I8, true),
        (TensorKind::I4, true),
        (TensorKind::I16, false),
        (TensorKind::Absent, false),
    ] {
        assert_eq!(matrix.fits(&of(kind, 6, 33)), fits);
        assert!(!matrix.fits(&of(kind, 5, 33)) && !matrix.fits(&of(kind, 6, 32)));
    }
    assert!(
        Expected {
            kind: TensorKind::Real,
            ..matrix
        }
        .fits(&of(TensorKind::Real, 6, 33))
    );
    assert!(
        !Expected {
            kind: TensorKind::Real,
            ..matrix
        }
        .fits(&of(TensorKind::I8, 6, 33))
    );
    // Sizes that no memory has: an answer on every target, and none where it is more than the
    // target can count.
    for rows in [u32::MAX, u32::MAX - 2, 1 << 31] {
        for kind in [
            TensorKind::I8,
            TensorKind::I4,
            TensorKind::I16,
            TensorKind::U64,
        ] {
            let bytes = of(kind, rows, u32::MAX).data_bytes();
            assert!(
                bytes.is_none_or(|bytes| bytes as u64 > 1 << 40),
                "{kind:?}: {bytes:?}"
            );
        }
    }
}

#[test]
fn checksums_are_ieee() {
    let mut sum = Checksum::default();
    sum.add_bytes(b"123456789");
    assert_eq!(sum.finish(), 0xcbf4_3926);
    let (mut logits, mut bytes) = (Checksum::default(), Checksum::default());
    [1, -2].into_iter().for_each(|logit| logits.add(logit));
    bytes.add_bytes(&words(&[1, -2i32 as u32]));
    assert_eq!(logits.finish(), bytes.finish());
    let file = b"12345678____9";
    assert_eq!(crc32(file), 0xcbf4_3926, "but for the checksum itself");
    assert_eq!(
        crc32(b"1234567"),
        crc32(b"1234567"),
        "shorter than a header"
    );
    let mut sealed = *file;
    seal(&mut sealed);
    assert_eq!(sealed, *b"12345678\x26\x39\xf4\xcb9");
    let mut short = *b"12345678901";
    seal(&mut short);
    assert_eq!(short, *b"12345678901");
    assert_eq!(
        crc32(b"12345678901"),
        crc32(b"12345678"),
        "a cut header is not read twice"
    );
}

#[test]
fn records_have_the_documented_lengths() {
    let lengths = [
        HEADER_BYTES,
        Section::BYTES,
        ModelDesc::BYTES,
        TensorDesc::BYTES,
        SnapshotHeader::BYTES,
        TokenizerDesc::BYTES,
        AddedToken::BYTES,
    ];
    assert_eq!(lengths, [32, 16, 132, 36, 20, 64, 8]);
    assert_eq!(
        (LAYER_ROLES, GLOBAL_ROLES, LOGIT_TILE, GROUP, ANCHOR_EVERY),
        (18, 5, 32, 32, 16)
    );
    assert_eq!([1, 4, 5].map(pad_rows), [4, 4, 8]);
    assert_eq!(
        ([1, 16, 17].map(pad_cols), [1, 32, 33].map(pad_input)),
        ([16, 16, 32], [32, 32, 64])
    );
}

#[test]
fn records_are_little_endian_and_end_where_the_bytes_do() {
    let bytes = words(&[1, 0x0102_0304, 3]);
    assert_eq!(
        (word_at(&bytes, 4), word_at(&bytes, 9)),
        (Some(0x0102_0304), None)
    );
    assert_eq!(
        (words_at(&bytes, 4), words_at::<2>(&bytes, 8)),
        (Some([0x0102_0304, 3]), None)
    );
    assert_eq!(
        (
            word_at(&bytes, usize::MAX),
            words_at::<3>(&bytes, usize::MAX - 3)
        ),
        (None, None)
    );
    let section = Section {
        kind: 3,
        offset: 64,
        bytes: 5,
    };
    assert_eq!(section.emit()[..], words(&[3, 64, 5, 0]));
    for (number, kind) in (1..).zip(SectionKind::ALL) {
        assert_eq!(
            (kind as u32, SectionKind::from_u32(number)),
            (number, Some(kind))
        );
    }
    assert_eq!(
        (
            SectionKind::from_u32(0),
            SectionKind::from_u32(SectionKind::ALL.len() as u32 + 1)
        ),
        (None, None)
    );
    let header = SnapshotHeader {
        magic: *b"SLS\x7f",
        version: 1,
        bytes: 99,
        model_crc: 7,
        model_digest: 8,
    };
    assert_eq!(header.words(), [0x7f53_4c53, 1, 99, 7, 8]);
    assert_eq!(SnapshotHeader::read(&words(&header.words())), Some(header));
    assert_eq!(SnapshotHeader::read(&[0; 19]), None);
    for (kind, name) in [(StateKind::Int32, "int32"), (StateKind::Int16, "int16")] {
        assert_eq!(
            (StateKind::from_u8(kind as u8), kind.name()),
            (Some(kind), name)
        );
    }
    assert_eq!(StateKind::from_u8(2), None);
    let m = desc(Backbone::Gla);
    let states = States::read(&[1, 0], &m).expect("two layers");
    assert_eq!(
        [0, 1, 2].map(|layer| states.of(layer)),
        [StateKind::Int16, StateKind::Int32, StateKind::Int32]
    );
}

fn tokenizer() -> TokenizerDesc {
    TokenizerDesc {
        symbols: Symbols::Characters,
        split: Split::Words,
        prefix: Prefix::Always,
        strip: Strip::FirstToken,
        fuse_unknown: true,
        byte_fallback: false,
        wide: false,
        unknown: 2,
        tokens: 33,
        text_bytes: 101,
        merges: 5,
        characters: 7,
        words: 3,
        added: 2,
        added_bytes: 9,
        before: 1,
        after: 2,
    }
}

/// F11.1: the header, and the numbers of its codes.
#[test]
fn a_tokenizer_header_is_that_of_f11() {
    let d = tokenizer();
    let bytes = d.emit();
    assert_eq!(
        bytes[..],
        words(&[1, 6, 3, 2, 1, 2, 33, 101, 5, 7, 3, 2, 9, 1, 2, 0])
    );
    assert_eq!(TokenizerDesc::read(&bytes), Some(d));
    assert_eq!(TokenizerDesc::read(&bytes[..63]), None);
    for (flags, want) in [
        (0, [false; 3]),
        (1, [true, false, false]),
        (2, [false, true, false]),
        (4, [false, false, true]),
    ] {
        let mut other = bytes;
        other[16] = flags;
        let read = TokenizerDesc::read(&other).expect("known flags");
        assert_eq!([read.fuse_unknown, read.byte_fallback, read.wide], want);
        assert_eq!(read.emit(), other);
    }
    for (word, codes) in [(0, 2), (1, 7), (2, 4), (3, 3), (4, 8)] {
        for code in [0, codes - 1, codes, codes + 1, 255] {
            let mut other = bytes;
            other[4 * word] = code;
            assert_eq!(
                TokenizerDesc::read(&other).is_some(),
                code < codes,
                "word {word}, code {code}"
            );
        }
    }
}

/// F11.4: one table after the other, each padded to four bytes.
#[test]
fn a_tokenizer_s_tables_are_those_of_f11() {
    for wide in [false, true] {
        let d = TokenizerDesc {
            wide,
            ..tokenizer()
        };
        let index = if wide { 4 } else { 2 };
        let sizes = [
            256 * index,
            34 * index,
            5 * index,
            5 * index,
            5 * index,
            33usize.div_ceil(ANCHOR_EVERY) * 4,
            101,
            28,
            7 * index,
            3 * index,
            16,
            9,
            12,
        ];
        let mut at = 64;
        for (table, size) in TokenizerTable::ALL.into_iter().zip(sizes) {
            assert_eq!(
                (table.bytes(&d), table.range(&d)),
                (Some(size), Some(at..at + size)),
                "{table:?}"
            );
            at += size.next_multiple_of(4);
        }
        assert_eq!(TokenizerTable::section_bytes(&d), Some(at));
    }
    // Counts that no memory has: none, or more than there is, but no overflow, also where a size
    // has 32 bits.
    let huge = TokenizerDesc {
        tokens: u32::MAX,
        merges: u32::MAX,
        before: u32::MAX,
        after: u32::MAX,
        ..tokenizer()
    };
    for table in TokenizerTable::ALL {
        let _ = (table.bytes(&huge), table.range(&huge));
    }
    assert!(TokenizerTable::section_bytes(&huge).is_none_or(|bytes| bytes as u64 > 1 << 34));
    let first = TokenizerTable::First.bytes(&TokenizerDesc { wide: true, ..huge });
    assert!(
        first.is_none_or(|bytes| bytes as u64 == 1 << 34),
        "{first:?}"
    );
}

#[test]
fn indices_and_added_tokens_are_those_of_f11() {
    let table = [1, 2, 3, 4, 0xff, 0xff, 0xff, 0xff];
    assert_eq!(
        (0..5)
            .map(|at| index_at(&table, IndexWidth::Narrow, at))
            .collect::<Vec<_>>(),
        [Some(0x0201), Some(0x0403), Some(NONE), Some(NONE), None]
    );
    assert_eq!(
        (0..3)
            .map(|at| index_at(&table, IndexWidth::Wide, at))
            .collect::<Vec<_>>(),
        [Some(0x0403_0201), Some(u32::MAX), None]
    );
    assert_eq!(
        (
            index_at(&table, IndexWidth::Wide, usize::MAX),
            index_at(&table, IndexWidth::Narrow, usize::MAX)
        ),
        (None, None)
    );
    for bits in 0..16u32 {
        let flag = |bit: u32| bits & (1 << bit) != 0;
        let token = AddedToken {
            id: 0x00ab_cdef,
            special: flag(0),
            normalized: flag(1),
            lstrip: flag(2),
            rstrip: flag(3),
            end: 77,
        };
        let bytes = token.emit();
        assert_eq!(bytes[..], words(&[0x00ab_cdef | bits << 24, 77]));
        let table = [[9; 8], bytes].concat();
        assert_eq!(AddedToken::read(&table, 1), Some(token));
        assert_eq!(
            (
                AddedToken::read(&table, 2),
                AddedToken::read(&table, usize::MAX)
            ),
            (None, None)
        );
    }
    for bit in 28..32 {
        assert_eq!(
            AddedToken::read(&words(&[1 << bit, 0]), 0),
            None,
            "a reserved bit"
        );
    }
}
