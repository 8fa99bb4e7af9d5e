//! Damaged files: whatever the parser lets through has to run without a panic and inside its
//! buffers. Each mutation is tried as it is and with the right checksum, so that the checksum is
//! not what saves the parser. The profile has overflow checks.

use std::panic::{AssertUnwindSafe, catch_unwind};

use sla_convert::ConvertOptions;
use sla_format::{HEADER_BYTES, Section, SectionKind, StateKind, seal};
use sla_reference::{Backbone, Config, Input};
use sla_runtime::{Model, ParseError};
use sla_test_models::{self as synth, Rng};
use sla_tests::untrusted::{Aligned16, Outcome, run, small_files};
use sla_tests::{Case, checkpoint, parallel};

/// Mutations a file; `SLA_MUTATIONS` overrides it.
const MUTATIONS: usize = 10_000;
/// Words of memory beyond which a model parses but is not run.
const MAX_WORDS: usize = 1 << 24;

#[test]
fn mutated_files_are_refused_or_run() {
    let n = std::env::var("SLA_MUTATIONS")
        .map_or(MUTATIONS, |n| n.parse().expect("SLA_MUTATIONS is a number"));
    for (name, original) in small_files() {
        const PARTS: usize = 16;
        let counts = parallel(PARTS, |part| {
            let mut counts = [0usize; 4];
            for i in (part..n).step_by(PARTS) {
                let mut bytes = mutate(&original, i as u64);
                count(&bytes, &format!("{name}, mutation {i}"), &mut counts[..2]);
                seal(&mut bytes);
                count(
                    &bytes,
                    &format!("{name}, mutation {i}, sealed"),
                    &mut counts[2..],
                );
            }
            counts
        });
        let sum = |k: usize| counts.iter().map(|c| c[k]).sum::<usize>();
        eprintln!(
            "{name}, {} bytes, {n} mutations: {} parsed and {} ran as they are, {} and {} sealed",
            original.len(),
            sum(0),
            sum(1),
            sum(2),
            sum(3)
        );
        // A mutation may write what was there before; other than that the checksum catches all.
        assert!(
            sum(0) * 50 < n,
            "the checksum lets {} of {n} through",
            sum(0)
        );
        assert!(
            sum(3) * 4 > n,
            "only {} of {n} sealed mutations ran: the test does not reach the runtime",
            sum(3)
        );
    }
}

/// Runs one file and counts [parsed, ran].
fn count(bytes: &[u8], what: &str, counts: &mut [usize]) {
    let aligned = Aligned16::of(bytes);
    let outcome = catch_unwind(AssertUnwindSafe(|| run(aligned.bytes(), MAX_WORDS)));
    let Ok(outcome) = outcome else {
        panic!("{what} panics (see above)")
    };
    counts[0] += usize::from(outcome != Outcome::Refused);
    counts[1] += usize::from(outcome == Outcome::Ran);
}

/// One to three random damages.
fn mutate(original: &[u8], seed: u64) -> Vec<u8> {
    let mut rng = Rng::new(seed);
    let mut bytes = original.to_vec();
    let sections = original[16] as usize;
    for _ in 0..1 + rng.below(3) {
        if bytes.len() < 8 {
            break;
        }
        // Half of the damages go to what steers the parser: header, section table, description and
        // tensor table.
        let steering = (HEADER_BYTES + (sections + 8) * Section::BYTES + 1_000).min(bytes.len());
        let within = if rng.chance(50) {
            steering
        } else {
            bytes.len()
        };
        let at = rng.below(within);
        match rng.below(8) {
            0 => bytes[at] ^= 1 << rng.below(8),
            1 => bytes[at] = rng.pick(&[0, 1, 0x7f, 0x80, 0xff]),
            2 => bytes[at] = rng.next_u64() as u8,
            3 if rng.chance(20) => bytes.truncate(at),
            3 => {
                // A truncated file that says so.
                bytes.truncate(at.max(HEADER_BYTES).next_multiple_of(16).min(bytes.len()));
                let len = bytes.len() as u32;
                if let Some(field) = bytes.get_mut(12..16) {
                    field.copy_from_slice(&len.to_le_bytes());
                }
            }
            4 => {
                let (from, len) = (rng.below(bytes.len()), 1 + rng.below(64));
                let block = bytes[from..(from + len).min(bytes.len())].to_vec();
                let end = (at + block.len()).min(bytes.len());
                bytes[at..end].copy_from_slice(&block[..end - at]);
            }
            _ => {
                let words = [
                    0,
                    1,
                    2,
                    3,
                    7,
                    16,
                    255,
                    256,
                    4_096,
                    65_535,
                    65_536,
                    1 << 24,
                    1 << 28,
                    0x7fff_ffff,
                    0x8000_0000,
                    0xffff_fff0,
                    0xffff_ffff,
                    bytes.len() as u32,
                    (bytes.len() as u32).wrapping_sub(16),
                ];
                let at = at / 4 * 4;
                if let Some(word) = bytes.get_mut(at..at + 4) {
                    word.copy_from_slice(&rng.pick(&words).to_le_bytes());
                }
            }
        }
    }
    bytes
}

/// Every single flipped bit of a small file is caught by the checksum, and every truncation by the
/// length.
#[test]
fn one_flipped_bit_or_a_missing_byte_is_always_refused() {
    let config = Config {
        layers: 1,
        hidden: 4,
        intermediate: 4,
        outputs: 4,
        input: Input::Tokens { vocab: 4 },
        ..synth::small(Backbone::Gla)
    };
    let file = Case::of(config.clone(), synth::weights(&config, 1))
        .file
        .bytes()
        .to_vec();
    let mut aligned = Aligned16::of(&file);
    for bit in 0..8 * file.len() {
        aligned.bytes_mut()[bit / 8] ^= 1 << (bit % 8);
        assert!(Model::parse(aligned.bytes()).is_err(), "bit {bit}");
        aligned.bytes_mut()[bit / 8] ^= 1 << (bit % 8);
    }
    assert!(Model::parse(aligned.bytes()).is_ok());
    for len in 0..file.len() {
        assert!(
            Model::parse(&aligned.bytes()[..len]).is_err(),
            "{len} bytes"
        );
    }
    let longer = Aligned16::of(&[file.as_slice(), &[0]].concat());
    assert!(Model::parse(longer.bytes()).is_err(), "a byte too many");
}

/// Ends of text outside the vocabulary, too many of them, or half of one are refused; what is right
/// is read.
#[test]
fn a_wrong_ends_section_is_refused() {
    let config = synth::small(Backbone::Gla);
    let vocab = config.outputs as u32;
    let of = |ids: &[u32]| {
        let mut checkpoint = checkpoint(config.clone(), synth::weights(&config, 1));
        checkpoint.meta.eos_token_ids = ids.to_vec();
        Case::new(&checkpoint, &ConvertOptions::default())
            .file
            .bytes()
            .to_vec()
    };
    let entry = |file: &[u8]| {
        let kind = |at: &usize| file[*at] == SectionKind::Ends as u8;
        (0..file[16] as usize)
            .map(|i| HEADER_BYTES + i * Section::BYTES)
            .find(kind)
    };
    for one in [&[][..], &[3]] {
        assert_eq!(entry(&of(one)), None, "one end needs no section");
    }
    let file = of(&[7, 3, vocab - 1]);
    let at = entry(&file).expect("several ends are in a section");
    let offset = u32::from_le_bytes(file[at + 4..at + 8].try_into().expect("four bytes")) as usize;
    let parsed = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = file.clone();
        change(&mut bytes);
        let len = (bytes.len() as u32).to_le_bytes();
        bytes[12..16].copy_from_slice(&len);
        seal(&mut bytes);
        Model::parse(Aligned16::of(&bytes).bytes())
            .map(|model| model.ends_of_text().collect::<Vec<u32>>())
    };
    assert_eq!(parsed(&|_| ()), Ok(vec![7, 3, vocab - 1]));
    assert_eq!(
        parsed(&|bytes| bytes[at + 8] = 8),
        Ok(vec![7, 3]),
        "a shorter list is one too"
    );
    // Both orders of the two places that name the first.
    assert_eq!(
        parsed(&|bytes| bytes[offset] = 5),
        Ok(vec![7, 5, 3, vocab - 1])
    );
    for bad in [vocab, u32::MAX] {
        for place in 0..3 {
            let change = |bytes: &mut Vec<u8>| {
                bytes[offset + 4 * place..][..4].copy_from_slice(&bad.to_le_bytes())
            };
            assert_eq!(parsed(&change), Err(ParseError::Ends), "{bad} at {place}");
        }
    }
    for half in [1, 2, 3, 5, 11] {
        assert_eq!(
            parsed(&|bytes| bytes[at + 8] = half),
            Err(ParseError::Ends),
            "{half} bytes"
        );
    }
    // A section of its own behind everything else.
    let many = |n: usize| {
        move |bytes: &mut Vec<u8>| {
            let from = bytes.len();
            bytes[at + 4..at + 8].copy_from_slice(&(from as u32).to_le_bytes());
            bytes[at + 8..at + 12].copy_from_slice(&(4 * n as u32).to_le_bytes());
            bytes.resize((from + 4 * n).next_multiple_of(16), 0);
        }
    };
    assert_eq!(
        parsed(&many(64)).map(|ends| ends.len()),
        Ok(65),
        "eos and 64 times token 0"
    );
    assert_eq!(parsed(&many(65)), Err(ParseError::Ends));
    assert_eq!(parsed(&many(1 << 12)), Err(ParseError::Ends));
}

/// A state section of the wrong length, or with a number that no representation has, is refused by
/// the layer's number.
#[test]
fn a_wrong_state_section_is_refused_by_name() {
    let config = Config {
        layers: 3,
        ..synth::small(Backbone::Gla)
    };
    let file = Case::of_state(config.clone(), synth::weights(&config, 1), StateKind::Int16)
        .file
        .bytes()
        .to_vec();
    let entry = (0..8)
        .map(|i| HEADER_BYTES + i * Section::BYTES)
        .find(|&at| file[at] == SectionKind::States as u8)
        .expect("a file with int16 states has the section");
    let offset =
        u32::from_le_bytes(file[entry + 4..entry + 8].try_into().expect("four bytes")) as usize;
    assert_eq!(&file[offset..offset + 3], [1, 1, 1]);
    let refusal = |change: &dyn Fn(&mut [u8])| {
        let mut bytes = file.clone();
        change(&mut bytes);
        seal(&mut bytes);
        Model::parse(Aligned16::of(&bytes).bytes()).err()
    };
    for (layer, bad) in [(0, 2), (1, 255), (2, 16)] {
        assert_eq!(
            refusal(&|bytes| bytes[offset + layer] = bad),
            Some(ParseError::State { layer })
        );
    }
    assert_eq!(
        refusal(&|bytes| bytes[entry + 8] = 2),
        Some(ParseError::State { layer: 2 }),
        "a byte too few"
    );
    assert_eq!(
        refusal(&|bytes| bytes[entry + 8] = 4),
        Some(ParseError::State { layer: 3 }),
        "a byte too many"
    );
    assert_eq!(
        refusal(&|bytes| bytes[offset + 1] = 0),
        None,
        "int32 in one layer: a smaller model of the same file"
    );
    assert!(
        ParseError::State { layer: 2 }
            .to_string()
            .contains("layer 2")
    );
}
