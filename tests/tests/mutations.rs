//! Damaged files: whatever the parser lets through has to run without a panic and inside its buffers. Each mutation is tried
//! as it is and with the right checksum, so that the checksum is not what saves the parser. The profile has overflow
//! checks.

use std::panic::{AssertUnwindSafe, catch_unwind};

use sla_converter::checkpoint::synth::{self, Rng};
use sla_format::{HEADER_BYTES, InputKind, LOGIT_TILE, MemoryPlan, Section, SectionKind, StateKind, seal};
use sla_reference::{Backbone, Config, FeatureMap, Input, KeyGate, QueryGate, Sla};
use sla_runtime::{I16F16, Model, ParseError, Sampler, SamplerConfig};
use sla_tests::{Case, parallel};

/// Mutations a file; `SLA_MUTATIONS` overrides it.
const MUTATIONS: usize = 10_000;
/// Larger plans parse but are not run.
const MAX_WORDS: usize = 1 << 24;
const STEPS: usize = 3;
const SENTINEL: u32 = 0xdead_beef;

/// One small model of each backbone, and one that reads features.
fn configs() -> [Config; 4] {
    let sla = |key_gate| Sla {
        query_gate: Some(QueryGate::Output),
        key_gate: Some(key_gate),
        query_gate_scale: 4.0,
        key_gate_scale: 1.0,
        temperature: 1.0,
        bias: true,
    };
    let small = |backbone| Config { layers: 1, hidden: 8, d_k: 4, d_v: 3, intermediate: 8, ..synth::small(backbone) };
    [
        Config { sla: Some(sla(KeyGate::Key)), ..small(Backbone::RetNet) },
        Config {
            sla: Some(sla(KeyGate::Key)),
            kv_heads: 2,
            feature_map: Some(FeatureMap::Sigmoid),
            conv: Some(3),
            ..small(Backbone::Gla)
        },
        Config { sla: Some(sla(KeyGate::Beta)), value_heads: 8, tied: true, ..small(Backbone::GatedDeltaNet) },
        Config {
            input: Input::Features { size: 5, mean: vec![0.5; 5], std: vec![2.0; 5] },
            outputs: 40,
            clamp_min: Some(-0.5),
            ..small(Backbone::Gla)
        },
    ]
}

#[test]
fn mutated_files_are_refused_or_run() {
    let n = std::env::var("SLA_MUTATIONS").map_or(MUTATIONS, |n| n.parse().expect("SLA_MUTATIONS is a number"));
    for config in configs() {
        let weights = synth::weights(&config, 1);
        // The GLA models have a state section too.
        let state = if config.backbone == Backbone::Gla { StateKind::Int16 } else { StateKind::Int32 };
        let original = Case::of_state(config.clone(), weights, state).file.bytes().to_vec();
        const PARTS: usize = 16;
        let counts = parallel(PARTS, |part| {
            let mut counts = [0usize; 4];
            for i in (part..n).step_by(PARTS) {
                let mut bytes = mutate(&original, i as u64);
                count(&bytes, &format!("{:?}, mutation {i}", config.backbone), &mut counts[..2]);
                seal(&mut bytes);
                count(&bytes, &format!("{:?}, mutation {i}, sealed", config.backbone), &mut counts[2..]);
            }
            counts
        });
        let sum = |k: usize| counts.iter().map(|c| c[k]).sum::<usize>();
        eprintln!(
            "{:?}, {} bytes, {n} mutations: {} parsed and {} ran as they are, {} and {} sealed",
            config.backbone,
            original.len(),
            sum(0),
            sum(1),
            sum(2),
            sum(3)
        );
        // A mutation may write what was there before; other than that the checksum catches all.
        assert!(sum(0) * 50 < n, "the checksum lets {} of {n} through", sum(0));
        assert!(sum(3) * 4 > n, "only {} of {n} sealed mutations ran: the test does not reach the runtime", sum(3));
    }
}

/// Runs one file and counts [parsed, ran].
fn count(bytes: &[u8], what: &str, counts: &mut [usize]) {
    let aligned = Aligned16::of(bytes);
    let outcome = catch_unwind(AssertUnwindSafe(|| run(aligned.bytes())));
    let Ok(outcome) = outcome else { panic!("{what} panics (see above)") };
    counts[0] += usize::from(outcome.is_some());
    counts[1] += usize::from(outcome == Some(true));
}

/// `None` when the file is refused, false when it needs more memory than this test gives.
fn run(file: &[u8]) -> Option<bool> {
    let model = Model::parse(file).ok()?;
    let plan = *model.plan();
    assert_eq!(MemoryPlan::of_file(file), plan, "the plan of the file and of the parsed model");
    if plan.state_words + plan.scratch_words > MAX_WORDS {
        return Some(false);
    }
    // Words beyond the plan must stay as they are.
    let (mut state, mut scratch) = (vec![SENTINEL; plan.state_words + 4], vec![SENTINEL; plan.scratch_words + 4]);
    let desc = *model.desc();
    let mut session = model_session(&model, &mut state, &mut scratch);
    let mut sampler = Sampler::new(SamplerConfig { repetition_penalty: 1.3, ..SamplerConfig::default() });
    let mut token = 0;
    for step in 0..STEPS {
        let frame: Vec<i32> = (0..desc.inputs as i32).map(|i| i * 1_000_003 - step as i32 * 77).collect();
        let mut logits = match desc.input {
            InputKind::Tokens => session.step(token % desc.inputs).expect("a token of the vocabulary"),
            InputKind::Features => session.step_features(&frame).expect("a frame of the right length"),
        };
        let mut first_tile = [I16F16::ZERO; LOGIT_TILE];
        logits.write(&mut first_tile);
        let best = logits.argmax();
        assert!(best < desc.outputs);
        assert_eq!(logits.top_k::<3>().first().map(|t| t.0), Some(best));
        token = sampler.sample(&mut logits);
        assert!(token < desc.outputs);
    }
    let _ = model.self_test(&mut state, &mut scratch);
    let _ = (model.provenance(), model.label(0), model.tokenizer(), model.macs());
    assert!(state[plan.state_words..].iter().chain(&scratch[plan.scratch_words..]).all(|&w| w == SENTINEL));
    Some(true)
}

fn model_session<'s, 'm>(
    model: &'s Model<'m>,
    state: &'s mut [u32],
    scratch: &'s mut [u32],
) -> sla_runtime::Session<'s, 'm> {
    sla_runtime::Session::new(model, state, scratch).expect("buffers of the planned sizes")
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
        // Half of the damages go to what steers the parser: header, section table, description and tensor table.
        let steering = (HEADER_BYTES + (sections + 8) * Section::BYTES + 1_000).min(bytes.len());
        let within = if rng.chance(50) { steering } else { bytes.len() };
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

/// Bytes at a multiple of 16.
struct Aligned16 {
    buffer: Vec<u8>,
    start: usize,
}

impl Aligned16 {
    fn of(bytes: &[u8]) -> Self {
        let mut buffer: Vec<u8> = Vec::with_capacity(bytes.len() + 15);
        let start = buffer.as_ptr().addr().wrapping_neg() % 16;
        buffer.resize(start, 0);
        buffer.extend_from_slice(bytes);
        Self { buffer, start }
    }

    fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..]
    }
}

/// Every single flipped bit of a small file is caught by the checksum, and every truncation by the length.
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
    let file = Case::of(config.clone(), synth::weights(&config, 1)).file.bytes().to_vec();
    let mut aligned = Aligned16::of(&file);
    let start = aligned.start;
    for bit in 0..8 * file.len() {
        aligned.buffer[start + bit / 8] ^= 1 << (bit % 8);
        assert!(Model::parse(aligned.bytes()).is_err(), "bit {bit}");
        aligned.buffer[start + bit / 8] ^= 1 << (bit % 8);
    }
    assert!(Model::parse(aligned.bytes()).is_ok());
    for len in 0..file.len() {
        assert!(Model::parse(&aligned.bytes()[..len]).is_err(), "{len} bytes");
    }
    aligned.buffer.push(0);
    assert!(Model::parse(aligned.bytes()).is_err(), "a byte too many");
}

/// A state section of the wrong length, or with a number that no representation has, is refused by the layer's number.
#[test]
fn a_wrong_state_section_is_refused_by_name() {
    let config = Config { layers: 3, ..synth::small(Backbone::Gla) };
    let file = Case::of_state(config.clone(), synth::weights(&config, 1), StateKind::Int16).file.bytes().to_vec();
    let entry = (0..8)
        .map(|i| HEADER_BYTES + i * Section::BYTES)
        .find(|&at| file[at] == SectionKind::States as u8)
        .expect("a file with int16 states has the section");
    let offset = u32::from_le_bytes(file[entry + 4..entry + 8].try_into().expect("four bytes")) as usize;
    assert_eq!(&file[offset..offset + 3], [1, 1, 1]);
    let refusal = |change: &dyn Fn(&mut [u8])| {
        let mut bytes = file.clone();
        change(&mut bytes);
        seal(&mut bytes);
        Model::parse(Aligned16::of(&bytes).bytes()).err()
    };
    for (layer, bad) in [(0, 2), (1, 255), (2, 16)] {
        assert_eq!(refusal(&|bytes| bytes[offset + layer] = bad), Some(ParseError::State { layer }));
    }
    assert_eq!(refusal(&|bytes| bytes[entry + 8] = 2), Some(ParseError::State { layer: 2 }), "a byte too few");
    assert_eq!(refusal(&|bytes| bytes[entry + 8] = 4), Some(ParseError::State { layer: 3 }), "a byte too many");
    assert_eq!(refusal(&|bytes| bytes[offset + 1] = 0), None, "int32 in one layer: a smaller model of the same file");
    assert!(ParseError::State { layer: 2 }.to_string().contains("layer 2"));
}
