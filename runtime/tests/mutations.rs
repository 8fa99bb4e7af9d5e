//! Damaged files: whatever the parser lets through runs without a panic, with the overflow checks
//! of this profile, inside its buffers. Nothing but the device crates is needed, so that this runs
//! for 32-bit targets too (`cargo xtask fuzz` and `cargo xtask test` do it). Besides files made
//! by hand the committed inputs of the fuzz targets are tried.

#[path = "../format/tests/small_models/mod.rs"]
mod small_models;

use std::path::Path;

use sla_format::{InputKind, MemoryPlan, ModelDesc, SectionKind, seal};
use sla_runtime::{Decoder, Model, Sampler, SamplerConfig, Session, SpecialTokens, Tokenizer};
use small_models::{Aligned, BACKBONES, Random, desc, file};

/// Mutations a file; `SLA_MUTATIONS` overrides it.
const MUTATIONS: usize = 1_500;
/// Words of memory beyond which a model is not run.
const MAX_WORDS: usize = 1 << 18;
const SENTINEL: u32 = 0xdead_beef;

fn mutations() -> usize {
    std::env::var("SLA_MUTATIONS")
        .map_or(MUTATIONS, |n| n.parse().expect("SLA_MUTATIONS is a number"))
}

/// Whether a file parses.
fn run(file: &[u8]) -> bool {
    let file = Aligned::of(file);
    let Ok(model) = Model::parse(file.bytes()) else {
        return false;
    };
    let plan = model.plan();
    assert_eq!(MemoryPlan::of_file(file.bytes()), plan);
    if plan.state_words + plan.prompt_scratch_words > MAX_WORDS {
        return true;
    }
    for scratch_words in [plan.scratch_words, plan.prompt_scratch_words] {
        let (mut state, mut scratch) = (
            vec![SENTINEL; plan.state_words + 4],
            vec![SENTINEL; scratch_words + 4],
        );
        steps(
            &model,
            &mut state[..plan.state_words],
            &mut scratch[..scratch_words],
        );
        let guards = state[plan.state_words..]
            .iter()
            .chain(&scratch[scratch_words..]);
        assert!(
            guards.into_iter().all(|&word| word == SENTINEL),
            "a write behind a buffer"
        );
        let _ = model.self_test(&mut state, &mut scratch);
    }
    let _ = (
        model.provenance(),
        model.label(0),
        model.label(9),
        model.macs(),
    );
    if let Some(tokenizer) = model.tokenizer() {
        decode(tokenizer);
    }
    true
}

fn steps(model: &Model, state: &mut [u32], scratch: &mut [u32]) {
    let desc = *model.desc();
    let mut session = Session::new(model, state, scratch).expect("buffers of the planned sizes");
    let mut sampler = Sampler::new(SamplerConfig {
        repetition_penalty: 1.3,
        ..SamplerConfig::default()
    });
    let mut token = 0;
    for step in 0..3 {
        let frame: Vec<i32> = (0..desc.inputs as i32)
            .map(|i| i.wrapping_mul(1_000_003) - step * 77)
            .collect();
        let mut logits = match desc.input {
            InputKind::Tokens if step == 1 => session.prefill(&[token, 0, desc.inputs - 1]),
            InputKind::Tokens => session.step(token),
            InputKind::Features => session.step_features(&frame),
        }
        .expect("an input of the model's kind");
        assert!(logits.argmax() < desc.outputs);
        token = sampler.sample(&mut logits) % desc.inputs;
    }
    let mut snapshot = vec![0; session.snapshot().bytes()];
    assert_eq!(session.save(&mut snapshot), Ok(snapshot.len()));
    assert_eq!(
        session.restore(&snapshot),
        Ok(()),
        "a session's own snapshot is refused"
    );
}

fn decode(tokenizer: Tokenizer) {
    let mut decoder = Decoder::new(tokenizer, SpecialTokens::Skip);
    (0..tokenizer.tokens().min(600))
        .chain([u32::MAX])
        .for_each(|id| decoder.push(id, &mut |_| {}));
    decoder.finish(&mut |_| {});
}

/// As the bytes are, and with the right length and checksum.
fn try_both(bytes: &[u8]) -> bool {
    run(bytes);
    let mut sealed = bytes.to_vec();
    let len = sealed.len() as u32;
    if let Some(field) = sealed.get_mut(12..16) {
        field.copy_from_slice(&len.to_le_bytes());
    }
    seal(&mut sealed);
    run(&sealed)
}

/// One to three random damages, half of them to what steers the parser.
fn mutate(original: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = original.to_vec();
    for _ in 0..1 + random.below(3) {
        let within = if random.below(2) == 0 {
            bytes.len().min(2_000)
        } else {
            bytes.len()
        };
        let at = random.below(within.max(1));
        match random.below(6) {
            0 => bytes[at] ^= 1 << random.below(8),
            1 => bytes[at] = random.next() as u8,
            2 if random.below(5) == 0 => bytes.truncate(at.max(64)),
            2 => {
                let (from, len) = (random.below(bytes.len()), 1 + random.below(64));
                let block = bytes[from..(from + len).min(bytes.len())].to_vec();
                let end = (at + block.len()).min(bytes.len());
                bytes[at..end].copy_from_slice(&block[..end - at]);
            }
            _ => {
                let extremes = [
                    0,
                    1,
                    2,
                    3,
                    16,
                    255,
                    256,
                    4_096,
                    65_535,
                    65_536,
                    1 << 24,
                    1 << 28,
                    i32::MAX as u32,
                    1 << 31,
                    u32::MAX - 15,
                    u32::MAX - 1,
                    u32::MAX,
                    bytes.len() as u32,
                ];
                let word = extremes[random.below(extremes.len())].to_le_bytes();
                bytes[at / 4 * 4..]
                    .iter_mut()
                    .zip(word)
                    .for_each(|(to, byte)| *to = byte);
            }
        }
    }
    bytes
}

#[test]
fn mutated_files_are_refused_or_run() {
    let more: [(SectionKind, &[u8]); 3] = [
        (SectionKind::Labels, b"one\ntwo"),
        (SectionKind::SelfTest, &[0, 0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0]),
        (SectionKind::States, &[1, 0]),
    ];
    for backbone in BACKBONES {
        let base = desc(backbone);
        let descs = [
            base,
            ModelDesc {
                input: InputKind::Features,
                ..base
            },
            ModelDesc {
                flags: 3,
                outputs: 11,
                ..base
            },
        ];
        for (index, desc) in descs.iter().enumerate() {
            let original = file(desc, &more);
            let (mut random, mut parsed) = (Random(index as u64), 0);
            assert!(run(&original));
            let n = mutations();
            for _ in 0..n {
                parsed += usize::from(try_both(&mutate(&original, &mut random)));
            }
            assert!(
                parsed * 5 > n,
                "{backbone:?}: only {parsed} of {n} parse: the test does not reach the runtime"
            );
        }
    }
}

/// Those of the parser and of the tokenizer section, each with a few mutations of its own.
#[test]
fn the_committed_inputs_of_the_fuzz_targets_are_refused_or_run() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fuzz/corpus");
    let inputs = |name: &str| {
        let entries = std::fs::read_dir(corpus.join(name)).expect("a folder of the repository");
        let mut paths: Vec<_> = entries
            .map(|entry| entry.expect("a readable entry").path())
            .collect();
        paths.sort();
        assert!(paths.len() > 20, "{name}: {} inputs", paths.len());
        paths
            .into_iter()
            .map(|path| std::fs::read(path).expect("a readable file"))
    };
    let (mut random, mut parsed) = (Random(5), 0);
    for input in inputs("model") {
        parsed += usize::from(try_both(&input));
        for _ in 0..if input.len() > 64 {
            mutations() / 50
        } else {
            0
        } {
            try_both(&mutate(&input, &mut random));
        }
    }
    assert!(parsed > 10, "{parsed} inputs parse");
    let section = |input: &[u8]| {
        let aligned = Aligned::of(input);
        let tokenizer = Tokenizer::read(aligned.bytes());
        tokenizer.map(decode).is_ok()
    };
    let mut read = 0;
    for input in inputs("tokenizer") {
        let Some((len, rest)) = input.split_first_chunk() else {
            continue;
        };
        let end = rest
            .len()
            .saturating_sub(usize::from(u16::from_le_bytes(*len)));
        read += usize::from(section(&rest[..end]));
        for _ in 0..if end > 64 { mutations() / 50 } else { 0 } {
            section(&mutate(&rest[..end], &mut random));
        }
    }
    assert!(read > 5, "{read} sections are valid");
}
