//! Synthetic checkpoints: every layout gives back the model that was written.

use sla_checkpoint::load;
use sla_reference::{Backbone, Config, FeatureMap, Input, KeyGate, OutputGate, Session};
use sla_test_models as synth;

/// Enough seeds for every option below to occur.
const SEEDS: u64 = 400;

#[test]
fn every_layout_loads_as_it_was_written() {
    let mut seen: Vec<&str> = Vec::new();
    for seed in 0..SEEDS {
        let (config, layout) = synth::case(seed);
        let weights = synth::weights(&config, seed);
        let dir = synth::TempDir::new();
        let stored = synth::write(dir.path(), &config, &weights, &layout).unwrap();
        let loaded =
            load(dir.path()).unwrap_or_else(|e| panic!("seed {seed}: {e}\n{config:?}\n{layout:?}"));
        assert_eq!(loaded.config, config, "seed {seed}");
        assert!(loaded.weights == stored, "seed {seed}: weights differ");
        let expected = warnings_expected(&config, &layout);
        assert_eq!(
            loaded.warnings.len(),
            expected,
            "seed {seed}: {:?}",
            loaded.warnings
        );
        seen.extend(options(&config, &layout));
    }
    for option in ALL_OPTIONS {
        assert!(
            seen.contains(option),
            "no seed below {SEEDS} covers {option}"
        );
    }
}

fn warnings_expected(c: &Config, layout: &synth::Layout) -> usize {
    let beta = if c.allow_neg_eigval { 2.0 } else { 1.0 };
    let unbounded = c.backbone == Backbone::GatedDeltaNet
        && c.sla.as_ref().is_some_and(|s| match s.key_gate {
            KeyGate::Key => beta * s.key_gate_scale.powi(2) > 2.0,
            KeyGate::Beta => beta * s.key_gate_scale > 2.0,
            KeyGate::None => false,
        });
    usize::from(unbounded) + usize::from(layout.stale_head)
}

const ALL_OPTIONS: &[&str] = &[
    "retnet",
    "gla",
    "gdn",
    "kv groups",
    "value groups",
    "conv",
    "conv 1",
    "no gate",
    "sigmoid gate",
    "feature map",
    "clamp",
    "neg",
    "tied",
    "features",
    "sla",
    "sla bias",
    "beta",
    "shards",
    "fused mlp",
    "no prefix",
    "stale head",
    "sparse",
    "rank",
    "odd d_k",
    "plain norm name",
    "f16",
    "mixed",
    "old eps",
    "null intermediate",
];

fn options(c: &Config, l: &synth::Layout) -> Vec<&'static str> {
    let mut seen = vec![match c.backbone {
        Backbone::RetNet => "retnet",
        Backbone::Gla => "gla",
        Backbone::GatedDeltaNet => "gdn",
    }];
    let mut note = |when: bool, name: &'static str| seen.extend(when.then_some(name));
    note(c.kv_heads < c.heads, "kv groups");
    note(c.value_heads > c.heads, "value groups");
    note(c.conv.is_some(), "conv");
    note(c.conv == Some(1), "conv 1");
    note(c.output_gate == OutputGate::None, "no gate");
    note(c.output_gate == OutputGate::Sigmoid, "sigmoid gate");
    note(c.feature_map != FeatureMap::None, "feature map");
    note(c.clamp_min.is_some(), "clamp");
    note(c.allow_neg_eigval, "neg");
    note(c.tied, "tied");
    note(matches!(c.input, Input::Features { .. }), "features");
    note(c.sla.is_some(), "sla");
    note(c.sla.as_ref().is_some_and(|s| s.bias), "sla bias");
    note(c.key_gate() == KeyGate::Beta, "beta");
    note(c.backbone == Backbone::Gla && c.gate_rank != 16, "rank");
    note(c.d_k % 2 == 1, "odd d_k");
    note(l.shards > 1, "shards");
    note(l.fused_mlp, "fused mlp");
    note(!l.prefix, "no prefix");
    note(l.stale_head, "stale head");
    note(l.sparse, "sparse");
    note(!l.swish_norm_name, "plain norm name");
    note(l.precision == synth::Precision::F16, "f16");
    note(l.precision == synth::Precision::Mixed, "mixed");
    note(l.old_eps, "old eps");
    note(l.null_intermediate, "null intermediate");
    seen
}

#[test]
fn every_case_runs_and_a_reset_repeats_it() {
    for seed in 0..SEEDS {
        let (config, _) = synth::case(seed);
        let weights = synth::weights(&config, seed);
        let model = sla_reference::Model::new(config, weights).unwrap();
        let mut session = Session::new(&model);
        let first = run(&mut session, seed);
        assert!(first.iter().flatten().all(|v| v.is_finite()), "seed {seed}");
        assert_ne!(first[0], first[1], "seed {seed}: logits do not move");
        session.reset();
        assert_eq!(run(&mut session, seed), first, "seed {seed}");
    }
}

/// Logits of 24 random steps.
fn run(session: &mut Session<'_>, seed: u64) -> Vec<Vec<f64>> {
    let rng = &mut synth::Rng::new(seed);
    let input = session.model().config.input.clone();
    (0..24)
        .map(|_| match &input {
            Input::Tokens { vocab } => {
                let id = rng.below(*vocab) as u32;
                session.step_token(id, &mut ()).unwrap().to_vec()
            }
            Input::Features { mean, std, .. } => {
                let raw: Vec<f64> = mean
                    .iter()
                    .zip(std)
                    .map(|(m, s)| m + s * rng.normal())
                    .collect();
                session.step_features(&raw, &mut ()).unwrap().to_vec()
            }
        })
        .collect()
}
