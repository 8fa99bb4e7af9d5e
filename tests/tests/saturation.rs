//! Every saturation is counted where it happens, `convert` says what has no bound, and well-behaved
//! models have none (numerics.md N1.8).

use sla_convert::{Calibration, ConvertOptions};
use sla_eval::{Rows, Source, TokenRow, compare, stream};
use sla_reference::{
    Backbone, Config, FeatureMap, Input, InputWeights, KeyGate, OutputGate, QueryGate, Sla, Weights,
};
use sla_runtime::{Op, Probe};
use sla_test_models as synth;
use sla_tests::{Case, Stream, checkpoint};

/// Saturated values of each operation.
struct Counts([u32; Op::ALL.len()]);

impl Probe for Counts {
    fn saturated(&mut self, _layer: usize, op: Op, count: u32) {
        self.0[op as usize] += count;
    }
}

/// The operations in which a stream saturates.
fn saturating(case: &Case, stream: &Stream) -> Vec<Op> {
    let model = case.file.model();
    let mut memory = case.file.memory();
    let mut session = memory.session(&model).expect("planned buffers");
    let mut counts = Counts(Default::default());
    let mut integers = Vec::new();
    for t in 0..stream.len() {
        match stream {
            Stream::Tokens(ids) => session.step_probed(ids[t], &mut counts).expect("a token"),
            Stream::Frames(frames) => {
                sla_eval::fixed_features(&frames[t], model.desc().feature_frac, &mut integers);
                session
                    .step_features_probed(&integers, &mut counts)
                    .expect("a frame")
            }
        };
    }
    Op::ALL
        .into_iter()
        .filter(|&op| counts.0[op as usize] > 0)
        .collect()
}

fn config(backbone: Backbone) -> Config {
    let sla = Sla {
        query_gate: QueryGate::Output,
        key_gate: KeyGate::Key,
        query_gate_scale: 2.0,
        key_gate_scale: 1.0,
        temperature: 1.0,
        bias: true,
    };
    Config {
        sla: Some(sla),
        output_gate: OutputGate::Silu,
        layers: 2,
        ..synth::small(backbone)
    }
}

/// A model of `config` with a change to its weights, and where 64 random steps saturate.
fn changed(config: Config, change: impl Fn(&mut Weights)) -> (Case, Vec<Op>) {
    let mut weights = synth::weights(&config, 3);
    change(&mut weights);
    let stream = Stream::random(&config, 64, 5);
    let case = Case::of(config, weights);
    let at = saturating(&case, &stream);
    (case, at)
}

fn warns(case: &Case, of: &str) -> bool {
    case.warnings.iter().any(|w| w.contains(of))
}

const BACKBONES: [Backbone; 3] = [Backbone::RetNet, Backbone::Gla, Backbone::GatedDeltaNet];

#[test]
fn ordinary_models_saturate_nowhere() {
    for backbone in BACKBONES {
        let (case, at) = changed(config(backbone), |_| ());
        assert_eq!(at, [], "{backbone:?}");
        assert!(!warns(&case, "saturate"), "{:?}", case.warnings);
        let model = case.file.model();
        let long = stream(
            &case.float,
            &case.dequantized,
            &model,
            Source::Own,
            1000,
            &mut |_| {},
        )
        .expect("a fitting model");
        assert_eq!(long.all.saturated, 0);
        let provenance = model.provenance();
        assert!(
            provenance.lines().any(|line| line == "saturated=0"),
            "{provenance}"
        );
    }
}

/// A matrix whose results leave their format is named, and counted in its operation.
#[test]
fn arguments_without_room_are_counted_and_named() {
    let huge = |m: &mut sla_reference::Matrix| m.data.iter_mut().for_each(|w| *w *= 1e7);
    let (case, at) = changed(config(Backbone::Gla), |w| huge(&mut w.layers[1].gate));
    assert!(
        at.contains(&Op::Hidden) && warns(&case, "(layers.1."),
        "{at:?} {:?}",
        case.warnings
    );
    let (case, at) = changed(config(Backbone::RetNet), |w| {
        huge(w.layers[0].g.as_mut().expect("an output gate"))
    });
    assert!(
        at.contains(&Op::Project) && warns(&case, "(layers.0."),
        "{at:?} {:?}",
        case.warnings
    );
    let (case, at) = changed(config(Backbone::GatedDeltaNet), |w| {
        huge(w.layers[0].a.as_mut().expect("a decay"))
    });
    assert!(
        at.contains(&Op::Project) && warns(&case, "(layers.0."),
        "{at:?} {:?}",
        case.warnings
    );
    // z of GLA is behind a vector with its own exponent.
    let (_, at) = changed(config(Backbone::Gla), |w| {
        huge(w.layers[0].gk1.as_mut().expect("a decay"))
    });
    assert!(at.contains(&Op::Project), "{at:?}");
    // A feature map reads Q16.
    let map = Config {
        feature_map: FeatureMap::Silu,
        conv: None,
        ..config(Backbone::Gla)
    };
    let (case, at) = changed(map, |w| huge(&mut w.layers[0].q));
    assert!(
        at.contains(&Op::Project) && warns(&case, "(layers.0."),
        "{at:?} {:?}",
        case.warnings
    );
    // Convolution.
    let conv = Config {
        conv: Some(4),
        ..config(Backbone::GatedDeltaNet)
    };
    let (case, at) = changed(conv, |w| {
        huge(&mut w.layers[0].v_conv.as_mut().expect("a convolution").weight)
    });
    assert!(
        at.contains(&Op::Project) && warns(&case, "(layers.0."),
        "{at:?} {:?}",
        case.warnings
    );
}

#[test]
fn logits_without_room_are_counted_and_named() {
    let config = Config {
        tied: false,
        ..config(Backbone::Gla)
    };
    let (case, _) = changed(config, |w| {
        w.head
            .weight
            .iter_mut()
            .flat_map(|m| &mut m.data)
            .for_each(|w| *w *= 1e7);
    });
    let rows = Rows::Tokens(vec![TokenRow {
        ids: (0..20).collect(),
        targets: None,
    }]);
    let report = compare(&case.float, &case.file.model(), &rows, &mut |_| {}).expect("tokens");
    assert!(
        report.saturated > 0 && warns(&case, "(head"),
        "{:?}",
        case.warnings
    );
}

#[test]
fn a_residual_stream_beyond_its_calibration_is_counted() {
    let config = config(Backbone::Gla);
    let mut weights = synth::weights(&config, 3);
    let InputWeights::Embedding(embedding) = &mut weights.input else {
        panic!("tokens")
    };
    let width = embedding.cols;
    embedding.data[width..2 * width]
        .iter_mut()
        .for_each(|x| *x *= 1e9);
    let case = Case::new(
        &checkpoint(config, weights),
        &ConvertOptions {
            calibration: Calibration::Tokens(vec![vec![0, 2, 3]]),
            ..ConvertOptions::default()
        },
    );
    assert!(
        warns(&case, "residual stream saturated"),
        "{:?}",
        case.warnings
    );
    assert_eq!(saturating(&case, &Stream::Tokens(vec![0, 2, 3])), []);
    let at = saturating(&case, &Stream::Tokens(vec![0, 1]));
    assert!(at.contains(&Op::Residual), "{at:?}");
}

#[test]
fn features_out_of_reach_are_counted() {
    let size = 3;
    let input = Input::Features {
        size,
        mean: vec![0.0; size],
        std: vec![1.0, 1e-6, 1.0],
    };
    let config = Config {
        input,
        tied: false,
        ..config(Backbone::Gla)
    };
    let case = Case::of(config.clone(), synth::weights(&config, 3));
    assert_eq!(saturating(&case, &Stream::random(&config, 64, 1)), []);
    let at = saturating(&case, &Stream::Frames(vec![vec![0.0, 30.0, 0.0]]));
    assert_eq!(at, [Op::Residual]);
}

/// No bound exists where a key gate leaves the region of contraction, which loading a checkpoint
/// warns of.
#[test]
fn a_delta_rule_without_contraction_is_counted() {
    let mut config = Config {
        allow_neg_eigval: true,
        ..config(Backbone::GatedDeltaNet)
    };
    config.sla.as_mut().expect("gates").key_gate_scale = 8.0;
    let mut weights = synth::weights(&config, 1);
    weights
        .layers
        .iter_mut()
        .flat_map(|l| l.a_log.iter_mut().flatten())
        .for_each(|a| *a = -12.0);
    let stream = Stream::random(&config, 3_000, 1);
    let case = Case::of(config, weights);
    assert!(saturating(&case, &stream).contains(&Op::Heads));
}
