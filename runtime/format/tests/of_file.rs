//! `MemoryPlan::of_file` and its kin are evaluated at compile time, where a failed assertion is a
//! compiler's message: whatever the bytes are, it is one of these sentences and never that of an
//! index or of arithmetic. Called at run time they panic with the same.

mod small_models;

use sla_format::{
    HEADER_BYTES, Header, MemoryPlan, ModelDesc, Section, SectionKind, StateKind, States,
    file_bytes,
};
use small_models::{BACKBONES, Random, desc, file, panic_of};

const SENTENCES: [&str; 9] = [
    "not a .sla file: shorter than its header",
    "not a .sla file",
    "a .sla file of another version: convert the checkpoint again",
    "a .sla file that is cut off: copy or convert it again",
    "a .sla file with something appended: see `file_bytes`",
    "a .sla file whose section table is wrong",
    "a .sla file without a model description that this version knows",
    "a .sla file whose model description contradicts itself",
    "a .sla file whose state section does not fit its description",
];

/// The sentence that every constant of a file is refused with; `None` when all take it.
fn refusal(file: &[u8]) -> Option<String> {
    let plan = panic_of(|| MemoryPlan::of_file(file));
    if let Some(sentence) = &plan {
        assert!(SENTENCES.contains(&sentence.as_str()), "{sentence}");
    }
    assert_eq!(panic_of(|| MemoryPlan::snapshot_bytes_of_file(file)), plan);
    plan
}

/// A header, whose reserved words nobody reads (F1).
const FILE: &[u8; 32] = b"SLA\x7f\x01\0\0\0____\x20\0\0\0\0\0\0\0____________";
const BYTES: Option<usize> = file_bytes(FILE);

/// Writes a word, or what of it is in the file.
fn put(file: &mut [u8], at: usize, word: u32) {
    file[at..]
        .iter_mut()
        .zip(word.to_le_bytes())
        .for_each(|(to, byte)| *to = byte);
}

/// Offset of a section.
fn section(file: &[u8], kind: SectionKind) -> usize {
    let index = (0..8)
        .find(|&i| Section::read(file, i).is_some_and(|s| s.kind == kind as u32))
        .expect("in the table");
    Section::read(file, index).expect("just read").offset as usize
}

#[test]
fn a_valid_file_is_planned() {
    for backbone in BACKBONES {
        let desc = desc(backbone);
        let int16 = [StateKind::Int16 as u8, StateKind::Int32 as u8];
        for states in [&[][..], &int16] {
            let more: &[_] = if states.is_empty() {
                &[]
            } else {
                &[(SectionKind::States, states)]
            };
            let file = file(&desc, more);
            assert_eq!(ModelDesc::of_file(&file), desc);
            let states = States::read(states, &desc).expect("a valid section");
            assert_eq!(States::of_file(&file, &desc), states);
            let plan = MemoryPlan::of(&desc, states);
            assert_eq!(MemoryPlan::of_file(&file), plan);
            assert_eq!(
                MemoryPlan::snapshot_bytes_of_file(&file),
                plan.snapshot_bytes(&desc)
            );
        }
    }
}

#[test]
fn every_prefix_is_refused_with_a_sentence() {
    let file = file(&desc(BACKBONES[1]), &[(SectionKind::States, &[1, 0])]);
    assert_eq!(refusal(&file), None);
    for len in 0..file.len() {
        let want = if len < HEADER_BYTES {
            SENTENCES[0]
        } else {
            SENTENCES[3]
        };
        assert_eq!(
            refusal(&file[..len]).as_deref(),
            Some(want),
            "{len} of {}",
            file.len()
        );
    }
    assert_eq!(
        refusal(&[&file[..], &[0]].concat()).as_deref(),
        Some(SENTENCES[4])
    );
    assert_eq!(
        refusal(b"version https://git-lfs.github.com/spec/v1").as_deref(),
        Some(SENTENCES[1])
    );
    // The same, where the header says that the rest was never there.
    for len in HEADER_BYTES..file.len() {
        let mut cut = file[..len].to_vec();
        put(&mut cut, 12, len as u32);
        if let Some(sentence) = refusal(&cut) {
            assert!(
                SENTENCES[5..7].contains(&sentence.as_str()),
                "{len}: {sentence}"
            );
        } else {
            let ends = [SectionKind::Model, SectionKind::States].map(|kind| section(&file, kind));
            assert!(len > ends[0] && len > ends[1], "{len} bytes suffice");
        }
    }
}

#[test]
fn every_forged_word_is_refused_with_a_sentence_or_planned() {
    let extremes = [
        0,
        1,
        2,
        3,
        7,
        255,
        256,
        257,
        4_095,
        4_096,
        4_097,
        65_535,
        65_536,
        65_537,
        1 << 24,
        1 << 28,
        1 << 31,
        (1 << 31) - 1,
        u32::MAX,
        u32::MAX - 1,
        u32::MAX - 15,
        u32::MAX / 16,
        u32::MAX / 16 + 1,
    ];
    let mut random = Random(1);
    for backbone in BACKBONES {
        let original = file(&desc(backbone), &[(SectionKind::States, &[0, 1])]);
        let model = section(&original, SectionKind::Model);
        let end = model + ModelDesc::BYTES;
        let states = section(&original, SectionKind::States) / 4 * 4;
        let words = || (0..end / 4).chain([states / 4]);
        let mut refused = 0;
        for word in words() {
            for value in extremes {
                let mut forged = original.clone();
                put(&mut forged, 4 * word, value);
                refused += usize::from(refusal(&forged).is_some());
            }
        }
        assert!(refused > 500, "{refused}");
        // Several at once: limits that hold one by one do not hide each other.
        for _ in 0..20_000 {
            let mut forged = original.clone();
            for _ in 0..2 + random.below(4) {
                let word = words().nth(random.below(end / 4 + 1)).expect("in range");
                put(
                    &mut forged,
                    4 * word,
                    extremes[random.below(extremes.len())],
                );
            }
            refusal(&forged);
        }
    }
}

#[test]
fn a_description_beyond_its_limits_is_refused_before_it_is_computed_with() {
    for backbone in BACKBONES {
        let base = desc(backbone);
        for layers in [0, 4_097, 1 << 16, 1 << 31, u32::MAX] {
            assert!(
                !ModelDesc { layers, ..base }.is_consistent(),
                "{layers} layers"
            );
        }
        assert!(
            ModelDesc {
                layers: 4_096,
                ..base
            }
            .is_consistent()
        );
        // The largest of everything at once.
        let largest = ModelDesc {
            layers: u32::MAX,
            hidden: 1 << 16,
            heads: 1,
            kv_heads: 1,
            state_heads: 1,
            d_k: 1 << 16,
            d_v: 1 << 16,
            conv_width: u32::MAX,
            ..base
        };
        assert!(!largest.is_consistent());
        assert!(
            !ModelDesc {
                layers: 4_096,
                ..largest
            }
            .is_consistent()
        );
        assert!(
            !ModelDesc {
                conv_width: 64,
                layers: 1,
                ..largest
            }
            .is_consistent(),
            "2^32 words of state"
        );
    }
}

#[test]
fn the_section_table_has_limits_of_its_own() {
    let original = file(&desc(BACKBONES[0]), &[]);
    assert!(
        Section::find(&original, SectionKind::Model)
            .is_some_and(|bytes| bytes.len() == ModelDesc::BYTES)
    );
    assert_eq!(Section::find(&original, SectionKind::States), Some(&[][..]));
    for index in [
        3,
        1 << 27,
        1 << 28,
        (1 << 28) - 2,
        usize::MAX / 16,
        usize::MAX / 16 + 1,
        usize::MAX,
    ] {
        assert!(
            Section::read(&original[..HEADER_BYTES + 48], index).is_none(),
            "entry {index}"
        );
    }
    for sections in [SectionKind::ALL.len() as u32 + 1, 1 << 28, u32::MAX] {
        let mut forged = original.clone();
        put(&mut forged, 16, sections);
        assert_eq!(Section::find(&forged, SectionKind::States), None);
        assert_eq!(refusal(&forged).as_deref(), Some(SENTENCES[5]));
    }
    for (field, value) in [
        (4, u32::MAX),
        (4, original.len() as u32 + 16),
        (8, u32::MAX),
        (8, original.len() as u32),
    ] {
        let mut forged = original.clone();
        put(&mut forged, HEADER_BYTES + field, value);
        assert_eq!(Section::find(&forged, SectionKind::Model), None);
        assert_eq!(refusal(&forged).as_deref(), Some(SENTENCES[5]));
    }
}

#[test]
fn the_length_of_a_file_is_in_its_first_bytes() {
    let file = file(&desc(BACKBONES[2]), &[]);
    let mut region = file.clone();
    region.resize(2 * file.len(), 0xff);
    assert_eq!(file_bytes(&region), Some(file.len()));
    assert_eq!(file_bytes(&file[..HEADER_BYTES]), Some(file.len()));
    assert_eq!(file_bytes(&file[..HEADER_BYTES - 1]), None);
    assert_eq!(file_bytes(&[0xff; 64]), None, "erased flash");
    assert_eq!(file_bytes(&[]), None);
    assert_eq!(BYTES, Some(32), "also in a constant");
    let header = Header::read(&file).expect("a header");
    assert_eq!(Header::read(&header.emit()), Some(header));
}
