//! The sampler on the logits of a session: what it takes is in the tiles that the session computes.

#[path = "../format/tests/small_models/mod.rs"]
mod small_models;

use sla_runtime::{Model, Sampler, SamplerConfig, Session};
use small_models::{Aligned, BACKBONES, desc, file};

const GREEDY: SamplerConfig = SamplerConfig {
    temperature: 0.0,
    top_k: 0,
    top_p: 1.0,
    repetition_penalty: 1.0,
    seed: 1,
};

/// Runs `tokens` steps, each over the choice of the one before (modulo the vocabulary, which is
/// smaller than the outputs), and gives the sampler's choice and all logits of each.
fn run(config: SamplerConfig, model: &Model, tokens: usize) -> Vec<(u32, Vec<i32>)> {
    let plan = model.plan();
    let (mut state, mut scratch) = (vec![0; plan.state_words], vec![0; plan.scratch_words]);
    let mut session =
        Session::new(model, &mut state, &mut scratch).expect("buffers of the planned sizes");
    let (mut sampler, mut token) = (Sampler::new(config), 1);
    let mut step = || {
        let input = token % model.desc().inputs;
        let mut logits = session.step(input).expect("a token of the vocabulary");
        let mut all = Vec::new();
        logits.for_each_tile(|first, tile| {
            assert_eq!(first as usize, all.len());
            all.extend_from_slice(tile);
        });
        token = sampler.sample(&mut logits);
        (token, all)
    };
    (0..tokens).map(|_| step()).collect()
}

/// The first of the largest.
fn best(logits: impl Iterator<Item = f64>) -> u32 {
    let largest = |best: (u32, f64), next: (u32, f64)| if next.1 > best.1 { next } else { best };
    (0..).zip(logits).fold((0, f64::NEG_INFINITY), largest).0
}

#[test]
fn greedy_samples_are_the_largest_logits() {
    let mut taken = std::collections::BTreeSet::new();
    for backbone in BACKBONES {
        let file = Aligned::of(&file(&desc(backbone), &[]));
        let model = Model::parse(file.bytes()).expect("a good file");
        for (token, logits) in run(GREEDY, &model, 12) {
            assert_eq!(token, best(logits.iter().map(|&x| f64::from(x))));
            taken.insert(token);
        }
    }
    assert!(taken.len() > 2, "one token says little: {taken:?}");
}

/// What was sampled is penalised from the next step on.
#[test]
fn what_was_sampled_is_penalised() {
    let file = Aligned::of(&file(&desc(BACKBONES[0]), &[]));
    let model = Model::parse(file.bytes()).expect("a good file");
    let penalty = 4.0;
    let config = SamplerConfig {
        repetition_penalty: penalty as f32,
        ..GREEDY
    };
    let mut seen = Vec::new();
    let mut gave_way = 0;
    for (token, logits) in run(config, &model, 12) {
        let penalised = (0u32..).zip(&logits).map(|(token, &x)| {
            let x = f64::from(x);
            match (seen.contains(&token), x > 0.0) {
                (false, _) => x,
                (true, true) => x / penalty,
                (true, false) => x * penalty,
            }
        });
        assert_eq!(token, best(penalised));
        gave_way += usize::from(token != best(logits.iter().map(|&x| f64::from(x))));
        seen.push(token);
    }
    assert!(gave_way > 0, "the penalty changed nothing");
}
