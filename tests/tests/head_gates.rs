//! The softmax over the heads, seen through a probe: it sums to its scale, rises with its logit and
//! reaches both ends, over all logits that its format holds.

use sla_convert::{Calibration, ConvertOptions};
use sla_mapping::real::exponent_above;
use sla_reference::{Backbone, Config, KeyGate, QueryGate, Sla};
use sla_runtime::{Op, Probe, Real};
use sla_test_models::{self as synth, Rng};
use sla_tests::{Case, checkpoint, parallel};

const LAYERS: usize = 40;
const LOG2_E: f64 = std::f64::consts::LOG2_E;

/// Gates of every layer: `[query, key][layer][head]`.
struct Gates([Vec<Vec<Real>>; 2]);

impl Probe for Gates {
    fn real(&mut self, layer: usize, op: Op, _head: usize, value: Real) {
        match op {
            Op::QueryGate => self.0[0][layer].push(value),
            Op::KeyGate => self.0[1][layer].push(value),
            _ => {}
        }
    }
}

fn value(r: Real) -> f64 {
    f64::from(r.mantissa()) * 2f64.powi(r.exponent())
}

/// The gates that a model of `heads` heads computes from `logits[gate][layer]` (natural
/// logarithms), and its scales.
fn gates(logits: &[Vec<Vec<f32>>; 2], heads: usize, temperature: f64) -> Gates {
    let config = Config {
        layers: LAYERS,
        hidden: 4,
        heads,
        kv_heads: heads,
        value_heads: heads,
        d_k: 2,
        d_v: 1,
        intermediate: 1,
        sla: Some(Sla {
            query_gate: QueryGate::Query,
            key_gate: KeyGate::Key,
            query_gate_scale: SCALES[0],
            key_gate_scale: SCALES[1],
            temperature,
            bias: true,
        }),
        ..synth::small(Backbone::RetNet)
    };
    let mut weights = synth::weights(&config, 1);
    for (layer, l) in weights.layers.iter_mut().enumerate() {
        for (gate, matrix, bias) in [
            (0, &mut l.query_gate, &mut l.query_gate_bias),
            (1, &mut l.key_gate, &mut l.key_gate_bias),
        ] {
            matrix.as_mut().expect("a gate").data.fill(0.0);
            *bias = Some(logits[gate][layer].clone());
        }
    }
    let case = Case::new(
        &checkpoint(config, weights),
        &ConvertOptions {
            calibration: Calibration::Tokens(vec![vec![0]]),
            ..ConvertOptions::default()
        },
    );
    let model = case.file.model();
    let mut memory = case.file.memory();
    let mut seen = Gates([vec![Vec::new(); LAYERS], vec![Vec::new(); LAYERS]]);
    let _ = memory
        .session(&model)
        .expect("planned buffers")
        .step_probed(0, &mut seen)
        .expect("token 0");
    seen
}

/// query_gate_scale, key_gate_scale.
const SCALES: [f64; 2] = [8.0, 0.7];

/// Fraction bits of a projection of logits: 16, or what keeps the largest below 2^30.
fn frac(logits: &[f32], temperature: f64) -> i32 {
    let largest = logits
        .iter()
        .fold(f64::MIN_POSITIVE, |m, &l| m.max(f64::from(l).abs()));
    16.min(30 - exponent_above(LOG2_E / temperature * largest))
}

/// The integer that a logit becomes: base 2.
fn integer(logit: f32, temperature: f64, frac: i32) -> i32 {
    (f64::from(logit) * (LOG2_E / temperature) * 2f64.powi(frac)).round() as i32
}

#[test]
fn gates_sum_rise_and_saturate() {
    let head_counts: Vec<usize> = (2..=64).collect();
    let worst = parallel(head_counts.len(), |i| {
        let heads = head_counts[i];
        let mut rng = Rng::new(heads as u64);
        let temperature = rng.pick(&[1.0, 0.01, 30.0]);
        // Spreads from a flat gate to both ends of the format, in natural logarithms.
        let draw = |layer: usize, rng: &mut Rng| -> Vec<f32> {
            let spread = [0.0, 1e-4, 0.3, 3.0, 12.0, 40.0, 20_000.0, 60_000.0][layer / 2 % 8];
            let offset = [0.0, 0.0, 15_000.0, -15_000.0][layer / 2 % 4];
            (0..heads)
                .map(|_| ((offset + spread * (2.0 * rng.uniform() - 1.0)) * temperature) as f32)
                .collect()
        };
        // Layers by twos: the second has one logit raised.
        let mut logits = [Vec::new(), Vec::new()];
        let mut raised = [Vec::new(), Vec::new()];
        for gate in 0..2 {
            for layer in (0..LAYERS).step_by(2) {
                let first = draw(layer, &mut rng);
                let head = rng.below(heads);
                let mut second = first.clone();
                let step = temperature * rng.pick(&[1.1e-5, 1e-3, 0.5, 50.0]);
                second[head] = (f64::from(second[head]) + step) as f32;
                logits[gate].extend([first, second]);
                raised[gate].push(head);
            }
        }
        let seen = gates(&logits, heads, temperature);
        let mut worst = [0.0f64; 2];
        for gate in 0..2 {
            for layer in 0..LAYERS {
                let frac = frac(&logits[gate][layer], temperature);
                let t: Vec<i32> = logits[gate][layer]
                    .iter()
                    .map(|&l| integer(l, temperature, frac))
                    .collect();
                let g: Vec<f64> = seen.0[gate][layer].iter().map(|&r| value(r)).collect();
                assert_eq!(g.len(), heads);
                let sum = g.iter().sum::<f64>() / SCALES[gate] - 1.0;
                worst[0] = worst[0].max(sum.abs());
                let top = f64::from(*t.iter().max().unwrap());
                let exact: Vec<f64> = t
                    .iter()
                    .map(|&t| ((f64::from(t) - top) / 2f64.powi(frac)).exp2())
                    .collect();
                let total: f64 = exact.iter().sum();
                for (h, (&g, &e)) in g.iter().zip(&exact).enumerate() {
                    let want = e / total * SCALES[gate];
                    if e >= 2f64.powi(-47) {
                        worst[1] = worst[1].max((g / want - 1.0).abs());
                    } else if e < 2f64.powi(-49) {
                        assert_eq!(g, 0.0, "{heads} heads: 2^-49 of the best is nothing");
                    }
                    for (other, &t_other) in t.iter().enumerate() {
                        let g_other = value(seen.0[gate][layer][other]);
                        assert!(
                            t[h] <= t_other || g >= g_other,
                            "{heads} heads: not monotone: {h}, {other}"
                        );
                        assert!(
                            t[h] != t_other || g == g_other,
                            "{heads} heads: equal logits, unequal gates"
                        );
                    }
                }
                // Winner takes all: all others 2^-32 or less.
                if exact.iter().filter(|&&e| e > 2f64.powi(-32)).count() == 1 {
                    let winner = g.iter().copied().fold(0.0, f64::max);
                    assert!(
                        (winner / SCALES[gate] - 1.0).abs() < 2f64.powi(-30),
                        "{heads} heads: {winner}"
                    );
                }
                if layer % 2 == 1 {
                    let head = raised[gate][layer / 2];
                    let before = value(seen.0[gate][layer - 1][head]);
                    assert!(
                        g[head] >= before,
                        "{heads} heads: a higher logit, a lower gate: {before} to {}",
                        g[head]
                    );
                }
            }
        }
        worst
    });
    let of = |k: usize| worst.iter().map(|w| w[k]).fold(0.0, f64::max);
    eprintln!(
        "2 to 64 heads, {} gates: sum off its scale by at most 2^{:.1}, a gate by at most {:.1e} (relative)",
        head_counts.len() * 2 * LAYERS,
        of(0).log2(),
        of(1)
    );
    assert!(of(0) < 2f64.powi(-24) && of(1) < 3e-6);
}
