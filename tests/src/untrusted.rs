//! Any bytes as a model: whatever the parser lets through is run between sentinels. Mutation tests
//! and fuzz targets share it.

use sla_converter::checkpoint::synth;
use sla_converter::tokenizer;
use sla_converter::{Calibration, ConvertOptions, WeightBits};
use sla_format::{InputKind, LOGIT_TILE, MAX_ENDS, MemoryPlan, NONE, StateKind};
use sla_reference::{Backbone, Config, FeatureMap, Input, KeyGate, QueryGate, Sla};
use sla_runtime::{
    ControlTokens, Decoder, I16F16, Model, Sampler, SamplerConfig, Session, SpecialTokens,
    Template, Tokenizer, encode_words,
};

use crate::{Case, checkpoint, with_state};

const STEPS: usize = 3;
const SENTINEL: u32 = 0xdead_beef;
/// Words behind each buffer that must stay as they are.
const GUARD: usize = 4;

/// What became of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// By the parser.
    Refused,
    /// It parses, and needs more memory than it was given.
    TooLarge,
    /// It ran, within its buffers.
    Ran,
}

/// Small tokenizers, in the manner of GPT-2, Llama 3 and Llama 2.
pub const TOKENIZERS: [&str; 3] = [
    include_str!("../data/tokenizer-gpt2.json"),
    include_str!("../data/tokenizer-llama3.json"),
    include_str!("../data/tokenizer-llama2.json"),
];

/// Files of a few kilobytes that together have every backbone, representation and optional section.
pub fn small_files() -> Vec<(&'static str, Vec<u8>)> {
    let sla = |key_gate| Sla {
        query_gate: Some(QueryGate::Output),
        key_gate: Some(key_gate),
        query_gate_scale: 4.0,
        key_gate_scale: 1.0,
        temperature: 1.0,
        bias: true,
    };
    let small = |backbone| Config {
        layers: 1,
        hidden: 8,
        d_k: 4,
        d_v: 3,
        intermediate: 8,
        ..synth::small(backbone)
    };
    let int16 = || with_state(StateKind::Int16);
    let int4 = ConvertOptions {
        weights: WeightBits::Int4,
        ..int16()
    };
    let reads_text = |json: &str| ConvertOptions {
        tokenizer: Some(
            tokenizer::compile(json, 512).expect("a tokenizer of every supported kind"),
        ),
        ..ConvertOptions::default()
    };
    let large_vocabulary = |backbone| Config {
        input: Input::Tokens { vocab: 512 },
        outputs: 512,
        ..small(backbone)
    };
    let wide = |backbone| Config {
        hidden: 32,
        d_v: 8,
        intermediate: 32,
        ..small(backbone)
    };
    let models = [
        (
            "retnet",
            Config {
                sla: Some(sla(KeyGate::Key)),
                ..small(Backbone::RetNet)
            },
            ConvertOptions::default(),
        ),
        (
            "gla, int16 state",
            Config {
                sla: Some(sla(KeyGate::Key)),
                kv_heads: 2,
                feature_map: Some(FeatureMap::Sigmoid),
                conv: Some(3),
                ..small(Backbone::Gla)
            },
            int16(),
        ),
        (
            "gated-deltanet",
            Config {
                sla: Some(sla(KeyGate::Beta)),
                value_heads: 8,
                tied: true,
                ..small(Backbone::GatedDeltaNet)
            },
            ConvertOptions::default(),
        ),
        (
            "gla, features, int16 state",
            Config {
                input: Input::Features {
                    size: 5,
                    mean: vec![0.5; 5],
                    std: vec![2.0; 5],
                },
                outputs: 40,
                clamp_min: Some(-0.5),
                ..small(Backbone::Gla)
            },
            int16(),
        ),
        (
            "gated-deltanet, int4, int16 state",
            wide(Backbone::GatedDeltaNet),
            int4,
        ),
        (
            "gla, tokenizer",
            large_vocabulary(Backbone::Gla),
            reads_text(TOKENIZERS[0]),
        ),
        (
            "retnet, tokenizer",
            large_vocabulary(Backbone::RetNet),
            reads_text(TOKENIZERS[2]),
        ),
    ];
    let file = |name: &str, config: Config, options| {
        let weights = synth::weights(&config, 1);
        let options = ConvertOptions {
            calibration: little(&config),
            ..options
        };
        let mut checkpoint = checkpoint(config, weights);
        if name == "gla, tokenizer" {
            checkpoint.meta.eos_token_ids = vec![2, 0, 511];
        }
        Case::new(&checkpoint, &options).file.bytes().to_vec()
    };
    models
        .into_iter()
        .map(|(name, config, options)| (name, file(name, config, options)))
        .collect()
}

/// The name of a small file as that of a file, which no shell and no make has to be told of.
pub fn file_name(name: &str) -> String {
    name.replace(", ", "-").replace(' ', "-")
}

/// Calibration data that costs next to nothing.
pub fn little(config: &Config) -> Calibration {
    match &config.input {
        Input::Tokens { .. } => Calibration::Tokens(vec![vec![0; 8]]),
        Input::Features { size, .. } => Calibration::Frames(vec![vec![vec![0.0; *size]; 8]]),
    }
}

/// Parses a file, which begins at a multiple of 16, and runs what is in it: steps, sampling, the
/// self-test.
///
/// # Panics
/// If the runtime does what it must not: panic, write behind its buffers, give an output out of
/// range.
pub fn run(file: &[u8], max_words: usize) -> Outcome {
    let Ok(model) = Model::parse(file) else {
        return Outcome::Refused;
    };
    let plan = model.plan();
    assert_eq!(
        MemoryPlan::of_file(file),
        plan,
        "the plan of the file and of the parsed model"
    );
    if plan.state_words + plan.prompt_scratch_words > max_words {
        return Outcome::TooLarge;
    }
    let mut state = vec![SENTINEL; plan.state_words + GUARD];
    // With and without room for a second token.
    for scratch_words in [plan.scratch_words, plan.prompt_scratch_words] {
        let mut scratch = vec![SENTINEL; scratch_words + GUARD];
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
    }
    let mut scratch = vec![SENTINEL; plan.scratch_words];
    let _ = model.self_test(&mut state, &mut scratch);
    let _ = (model.provenance(), model.label(0), model.macs());
    let ends: Vec<u32> = model.ends_of_text().collect();
    assert!(ends.len() <= MAX_ENDS + 1 && ends.iter().all(|&end| model.is_end_of_text(end)));
    assert!(!model.is_end_of_text(NONE), "no token ends a text");
    if let Some(tokenizer) = model.tokenizer() {
        try_tokenizer(tokenizer, TEXT);
    }
    Outcome::Ran
}

fn steps(model: &Model, state: &mut [u32], scratch: &mut [u32]) {
    let desc = *model.desc();
    let mut session = Session::new(model, state, scratch).expect("buffers of the planned sizes");
    let mut sampler = Sampler::new(SamplerConfig {
        repetition_penalty: 1.3,
        ..SamplerConfig::default()
    });
    let mut token = 0;
    for step in 0..STEPS {
        let frame: Vec<i32> = (0..desc.inputs as i32)
            .map(|i| i * 1_000_003 - step as i32 * 77)
            .collect();
        let prompt = [token % desc.inputs, 0, desc.inputs - 1];
        let mut logits = match desc.input {
            InputKind::Tokens if step == 1 => {
                session.prefill(&prompt).expect("tokens of the vocabulary")
            }
            InputKind::Tokens => session
                .step(token % desc.inputs)
                .expect("a token of the vocabulary"),
            InputKind::Features => session
                .step_features(&frame)
                .expect("a frame of the right length"),
        };
        let mut first_tile = [I16F16::ZERO; LOGIT_TILE];
        logits.write(&mut first_tile);
        let best = logits.argmax();
        assert!(best < desc.outputs);
        assert_eq!(logits.top_k::<3>().first().map(|t| t.0), Some(best));
        token = sampler.sample(&mut logits);
        assert!(token < desc.outputs);
    }
    // Whatever the weights are, the state is one that a snapshot may hold.
    let mut snapshot = vec![0; session.snapshot().bytes()];
    assert_eq!(session.save(&mut snapshot), Ok(snapshot.len()));
    assert_eq!(session.restore(&snapshot), Ok(()));
}

/// Bytes at a multiple of 16.
pub struct Aligned16 {
    buffer: Vec<u8>,
    start: usize,
}

impl Aligned16 {
    /// A copy.
    pub fn of(bytes: &[u8]) -> Self {
        let mut buffer: Vec<u8> = Vec::with_capacity(bytes.len() + 15);
        let start = buffer.as_ptr().addr().wrapping_neg() % 16;
        buffer.resize(start, 0);
        buffer.extend_from_slice(bytes);
        Self { buffer, start }
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..]
    }

    /// The bytes, to be changed.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.buffer[self.start..]
    }
}

/// Text of every class of characters.
const TEXT: &str = "Hello world,  the 123 things\n\nthat I'll see: \u{4e16}\u{754c} \u{1f980}\u{2581} <|endoftext|> </s>\0";

/// Encodes and decodes a text.
///
/// # Panics
/// If an id is not below the number of tokens, or the tokenizer does what it must not.
pub fn try_tokenizer(tokenizer: Tokenizer, text: &str) {
    let mut ids = vec![SENTINEL; encode_words(text.len())];
    let mut len = 0;
    for control in [ControlTokens::AsText, ControlTokens::Parse] {
        let Ok(encoded) = tokenizer.encode(text, Template::Add, control, &mut ids) else {
            return;
        };
        len = encoded;
        assert!(
            ids[..len].iter().all(|&id| id < tokenizer.tokens()),
            "ids outside the vocabulary"
        );
    }
    let mut decoder = Decoder::new(tokenizer, SpecialTokens::Show);
    ids[..len]
        .iter()
        .chain(&[0, 1, 255, SENTINEL])
        .for_each(|&id| decoder.push(id, &mut |_| {}));
    decoder.finish(&mut |_| {});
}
