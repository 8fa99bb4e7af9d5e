//! Models that no training would give: a state without a bound, a head that sleeps for a million
//! tokens, weights at the ends of `f32`. The runtime owes them no accuracy where float itself gives
//! up, but the same bits twice, logits that mean something afterwards, and no panic.

use sla_reference::{
    Backbone, Config, Input, InputWeights, KeyGate, Matrix, QueryGate, Sla, Weights,
};
use sla_test_models as synth;
use sla_tests::{Case, STATES, Stream, matrices, relative_rms};

fn gates(key_gate: KeyGate, key_gate_scale: f64) -> Option<Sla> {
    Some(Sla {
        query_gate: QueryGate::Query,
        key_gate,
        query_gate_scale: 4.0,
        key_gate_scale,
        temperature: 0.5,
        bias: true,
    })
}

fn scale(weights: &mut Weights, gain: f32) {
    matrices(weights, |m| m.data.iter_mut().for_each(|x| *x *= gain));
}

/// ‖I - β·k·kᵀ‖ reaches 127 here: the state grows without bound in float (to infinity and NaN), and
/// in fixed point its exponent follows until r saturates.
#[test]
fn a_delta_rule_without_a_bound_does_no_harm() {
    let gates_and_gains = [
        (KeyGate::Key, 1.0),
        (KeyGate::Key, 10.0),
        (KeyGate::Beta, 1.0),
        (KeyGate::Beta, 10.0),
    ];
    for (state, (key_gate, gain)) in STATES
        .into_iter()
        .flat_map(|state| gates_and_gains.map(|both| (state, both)))
    {
        let config = Config {
            sla: gates(key_gate, 8.0),
            allow_neg_eigval: true,
            ..synth::small(Backbone::GatedDeltaNet)
        };
        let mut weights = synth::weights(&config, 1);
        scale(&mut weights, gain);
        for l in &mut weights.layers {
            // Hardly any decay.
            l.a_log.iter_mut().flatten().for_each(|a| *a = -12.0);
        }
        let case = Case::of_state(config.clone(), weights, state);
        let stream = Stream::random(&config, 3_000, 1);
        let (first, second) = (case.fixed(&stream), case.fixed(&stream));
        assert_eq!(first, second);
        let float = stream.float(&case.dequantized);
        let lost = float
            .iter()
            .position(|logits| logits.iter().any(|l| !l.is_finite()));
        eprintln!(
            "{state:?}, key_gate {key_gate:?}, weights * {gain}: float is lost from step {lost:?} on"
        );
        // The residual stream still sees the token: the model does not go dead.
        let last = &first[2_900..];
        assert!(
            last.windows(2).any(|pair| pair[0] != pair[1])
                && last.iter().flatten().any(|&l| l != 0.0)
        );
        // As long as the state is small, float and fixed agree.
        let early = relative_rms(&float[..3], &first[..3]);
        assert!(early < 0.05, "{early}");
    }
}

#[test]
fn weights_at_the_ends_of_f32_do_no_harm() {
    for backbone in [Backbone::RetNet, Backbone::Gla, Backbone::GatedDeltaNet] {
        for gain in [1e-30, 1e-20, 1e-6, 1e6, 1e20, 1e30] {
            let config = Config {
                sla: gates(KeyGate::Key, 1.0),
                ..synth::small(backbone)
            };
            let mut weights = synth::weights(&config, 1);
            scale(&mut weights, gain);
            for state in STATES {
                let case = Case::of_state(config.clone(), weights.clone(), state);
                let stream = Stream::random(&config, 100, 1);
                assert_eq!(
                    case.fixed(&stream),
                    case.fixed(&stream),
                    "{backbone:?}, {state:?}, weights * {gain}"
                );
            }
        }
    }
}

#[test]
fn one_matrix_at_the_ends_of_f32_does_no_harm() {
    for backbone in [Backbone::RetNet, Backbone::Gla, Backbone::GatedDeltaNet] {
        for which in 0.. {
            let config = Config {
                sla: gates(KeyGate::Key, 1.0),
                layers: 1,
                ..synth::small(backbone)
            };
            let mut found = false;
            for gain in [1e-25, 1e25] {
                let mut weights = synth::weights(&config, 1);
                let mut i = 0;
                matrices(&mut weights, |m| {
                    if i == which {
                        found = true;
                        m.data.iter_mut().for_each(|x| *x *= gain);
                    }
                    i += 1;
                });
                let case = Case::of(config.clone(), weights);
                let stream = Stream::random(&config, 30, 1);
                assert_eq!(
                    case.fixed(&stream),
                    case.fixed(&stream),
                    "{backbone:?}, matrix {which} * {gain}"
                );
            }
            if !found {
                break;
            }
        }
    }
}

/// A head that writes nothing while it decays by 31 bits at each of 700,000 tokens: its exponent
/// runs against its limit. The next write has to be as good as the first one of a stream.
#[test]
fn a_head_awakes_from_a_long_sleep() {
    let config = Config {
        hidden: 4,
        layers: 1,
        heads: 1,
        kv_heads: 1,
        value_heads: 1,
        d_k: 2,
        d_v: 2,
        intermediate: 1,
        outputs: 3,
        input: Input::Tokens { vocab: 3 },
        conv: None,
        ..synth::small(Backbone::GatedDeltaNet)
    };
    let mut weights = synth::weights(&config, 2);
    // Token 0 is silent: x = 0, so q, k and v are 0 and dt_bias alone decays.
    embedding(&mut weights).data[..4].fill(0.0);
    for l in &mut weights.layers {
        l.a_log.iter_mut().flatten().for_each(|a| *a = 3.0);
        l.dt_bias.iter_mut().flatten().for_each(|d| *d = 10.0);
    }
    for case in STATES.map(|state| Case::of_state(config.clone(), weights.clone(), state)) {
        awakes(&case);
    }
}

fn awakes(case: &Case) {
    let model = case.file.model();
    let fresh = case.fixed(&Stream::Tokens(vec![1, 2, 1, 2]));
    let mut memory = case.file.memory();
    let mut session = memory.session(&model).unwrap();
    session.step(1).unwrap();
    for _ in 0..700_000 {
        session.step(0).unwrap();
    }
    let stream = Stream::Tokens(vec![1, 2, 1, 2]);
    let awake: Vec<_> = (0..4).map(|t| stream.step_fixed(t, &mut session)).collect();
    let error = relative_rms(&fresh, &awake);
    eprintln!("after 700,000 silent tokens: {error:.1e} from a fresh stream");
    assert!(error < 1e-3, "{error}: {awake:?} instead of {fresh:?}");
}

fn embedding(w: &mut Weights) -> &mut Matrix {
    match &mut w.input {
        InputWeights::Embedding(m) | InputWeights::Projection { weight: m, .. } => m,
    }
}

/// Deep models are ordinary ones: the published sizes have 21 and 24 layers.
#[test]
fn a_deep_model_is_within_the_format() {
    for backbone in [Backbone::RetNet, Backbone::Gla, Backbone::GatedDeltaNet] {
        let config = Config {
            layers: 24,
            hidden: 16,
            intermediate: 8,
            ..synth::small(backbone)
        };
        let case = Case::of(config.clone(), synth::weights(&config, 1));
        let stream = Stream::random(&config, 30, 1);
        let error = relative_rms(&stream.float(&case.dequantized), &case.fixed(&stream));
        eprintln!("{backbone:?}, 24 layers: relative RMS {error:.1e}");
        assert!(error < 0.05, "{error}");
    }
}
