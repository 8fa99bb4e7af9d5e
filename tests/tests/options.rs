//! Random models of every option combination: the integer runtime against the float reference over
//! the weights that the file means.
//!
//! A bound on the relative error alone would say nothing: a head of width 1 turns its output into a
//! sign, which no precision decides near 0. So each model is measured by its own conditioning
//! ([`Drift`]): how far the float model moves when its weights move by what rounding the
//! activations amounts to. `SLA_SHOW=40` prints more of the worst.

use sla_format::StateKind;
use sla_reference::{
    Backbone, Config, FeatureMap, Input, InputWeights, KeyGate, LayerWeights, Matrix, QueryGate,
    Sla, Weights,
};
use sla_test_models::{self as synth, Rng};
use sla_tests::{Case, Drift, Stream, matrices, parallel};

/// Largest error in units of the model's conditioning, without the worst sixteenth of the steps.
const LIMIT: f64 = 3.0;
/// The same over all steps: four draws do not meet every near-zero that the runtime meets.
const LIMIT_ALL: f64 = 10.0;
/// Share of the error that is allowed however well a model is conditioned.
const FLOOR: f64 = 1e-4;
const STEPS: usize = 64;

struct Measured {
    name: String,
    config: Config,
    drift: Drift,
}

impl Measured {
    fn new(name: String, config: Config, weights: Weights, seed: u64) -> Self {
        Self::of_state(name, config, weights, seed, StateKind::Int32)
    }

    fn of_state(
        name: String,
        config: Config,
        weights: Weights,
        seed: u64,
        state: StateKind,
    ) -> Self {
        let stream = Stream::random(&config, STEPS, seed);
        let drift = Case::of_state(config.clone(), weights, state).drift(&stream);
        Self {
            name,
            config,
            drift,
        }
    }

    fn ratio(&self) -> f64 {
        self.drift.usual / (self.drift.usual_sensitivity + self.drift.resolution + FLOOR)
    }

    fn ratio_of_all(&self) -> f64 {
        self.drift.arithmetic / (self.drift.sensitivity + self.drift.resolution + FLOOR)
    }
}

/// Prints the worst and checks all.
fn judge(what: &str, mut models: Vec<Measured>) {
    models.sort_by(|a, b| b.ratio().total_cmp(&a.ratio()));
    let show: usize =
        std::env::var("SLA_SHOW").map_or(3, |n| n.parse().expect("SLA_SHOW is a number"));
    for m in models.iter().take(show) {
        eprintln!(
            "{}: {:.2} times its conditioning, {:.2} over all steps: {:.5?} {:?}",
            m.name,
            m.ratio(),
            m.ratio_of_all(),
            m.drift,
            m.config
        );
    }
    let mut errors: Vec<f64> = models.iter().map(|m| m.drift.arithmetic).collect();
    errors.sort_by(f64::total_cmp);
    let all = models
        .iter()
        .map(Measured::ratio_of_all)
        .fold(0.0, f64::max);
    let n = models.len();
    eprintln!(
        "{what}: {n} models; relative RMS error median {:.2e}, worst {:.2e}; times their conditioning: at most {:.2}, over all steps {all:.2}",
        errors[n / 2],
        errors[n - 1],
        models[0].ratio(),
    );
    for m in &models {
        assert!(
            m.ratio() <= LIMIT,
            "{} is off by {:.2} times its conditioning: {:?}",
            m.name,
            m.ratio(),
            m.config
        );
        assert!(
            m.ratio_of_all() <= LIMIT_ALL,
            "{}, all steps: {:.2} times: {:?}",
            m.name,
            m.ratio_of_all(),
            m.config
        );
    }
}

/// `SLA_CASES` overrides the number of models.
fn cases(default: usize) -> usize {
    std::env::var("SLA_CASES").map_or(default, |n| n.parse().expect("SLA_CASES is a number"))
}

#[test]
fn random_models_follow_the_float_reference() {
    let models = parallel(cases(320), |i| {
        let seed = i as u64;
        let (config, _) = synth::case(seed);
        let weights = synth::weights(&config, seed);
        Measured::new(format!("case {seed}"), config, weights, seed)
    });
    judge("random", models);
}

/// An int16 state has fewer bits than the arithmetic around it, so it is measured by what int8
/// weights cost the same model: it has to stay below them.
#[test]
fn int16_states_cost_less_than_int8_weights() {
    let models = parallel(cases(160), |i| {
        let seed = i as u64;
        let (config, _) = synth::case(seed);
        let weights = synth::weights(&config, seed);
        Measured::of_state(
            format!("case {seed}"),
            config,
            weights,
            seed,
            StateKind::Int16,
        )
    });
    let share = |m: &Measured| m.drift.arithmetic / (m.drift.total + m.drift.resolution + FLOOR);
    let mut shares: Vec<f64> = models.iter().map(share).collect();
    shares.sort_by(f64::total_cmp);
    let worst = shares.last().expect("models");
    eprintln!(
        "int16 states: share of the total error: median {:.3}, worst {worst:.3}",
        shares[shares.len() / 2]
    );
    for m in &models {
        assert!(
            share(m) <= std::f64::consts::FRAC_1_SQRT_2,
            "{}: {:.5?}, {:?}",
            m.name,
            m.drift,
            m.config
        );
    }
}

/// Many heads, odd sizes, sharp and flat gates, every matrix at a scale of its own.
#[test]
fn wild_models_follow_the_float_reference() {
    let models = parallel(cases(120), |i| {
        let seed = i as u64;
        let (config, weights) = wild(seed);
        Measured::new(format!("wild {seed}"), config, weights, seed)
    });
    judge("wild", models);
}

fn wild(seed: u64) -> (Config, Weights) {
    let (mut c, _) = synth::case(seed + 5_000);
    let rng = &mut Rng::new(seed ^ 0x0771_1d00);
    if rng.chance(60) {
        c.heads = rng.pick(&[12, 16, 24, 32, 64]);
        c.kv_heads = match c.backbone {
            Backbone::GatedDeltaNet => c.heads,
            _ => c.heads / rng.pick(&[1, 2, 4]),
        };
        c.value_heads = c.heads
            * if c.backbone == Backbone::GatedDeltaNet {
                rng.pick(&[1, 2])
            } else {
                1
            };
        c.d_k = rng.pick(&[2, 4]);
        c.d_v = rng.pick(&[2, 3, 4]);
    }
    c.hidden = rng.pick(&[c.hidden, 7, 33, 70]);
    c.intermediate = rng.pick(&[c.intermediate, 7, 90]);
    c.norm_eps = rng.pick(&[c.norm_eps, 1e-6, 1e-2]);
    c.layers = c.layers.min(2);
    if let Some(sla) = &mut c.sla {
        sla.temperature = rng.pick(&[1.0, 0.2, 10.0]);
        sla.query_gate_scale = rng.pick(&[1.0, 0.1, 64.0]);
        if c.backbone != Backbone::GatedDeltaNet {
            sla.key_gate_scale = rng.pick(&[1.0, 0.1, 64.0]);
        }
    }
    if let Input::Features { mean, std, .. } = &mut c.input {
        let scale = rng.pick(&[1.0, 1e-3, 300.0]);
        mean.iter_mut().chain(std).for_each(|x| *x *= scale);
    }
    // SiLU has absolute units (2^-15). What is all tails of it has few bits left, and the norms
    // behind it show them: likely in the narrowest heads, and where a map applies it twice.
    let silu = c.conv.is_some()
        || c.backbone == Backbone::GatedDeltaNet
        || c.feature_map == FeatureMap::Silu;
    let spread = if silu { 2.0 } else { 6.0 };
    if c.backbone == Backbone::GatedDeltaNet {
        c.d_k = c.d_k.max(4);
    }
    let mut w = synth::weights(&c, seed);
    matrices(&mut w, |m| {
        let gain = (spread * (rng.uniform() - 0.5)).exp2() as f32;
        m.data.iter_mut().for_each(|x| *x *= gain);
    });
    (c, w)
}

/// One option or one part of the weights at its end, on every backbone that has it.
#[test]
fn extremes_follow_the_float_reference() {
    let mut list = Vec::new();
    for backbone in [Backbone::RetNet, Backbone::Gla, Backbone::GatedDeltaNet] {
        for (name, change) in EXTREMES {
            let mut config = Config {
                sla: Some(gates(backbone)),
                ..synth::small(backbone)
            };
            let mut weights = synth::weights(&config, 3);
            if change(&mut config, &mut weights) {
                list.push((format!("{backbone:?}, {name}"), config, weights));
            }
        }
    }
    let models = parallel(list.len(), |i| {
        let (name, config, weights) = list[i].clone();
        Measured::new(name, config, weights, i as u64)
    });
    judge("extremes", models);
}

fn gates(backbone: Backbone) -> Sla {
    Sla {
        query_gate: QueryGate::Output,
        key_gate: if backbone == Backbone::GatedDeltaNet {
            KeyGate::Beta
        } else {
            KeyGate::Key
        },
        query_gate_scale: 4.0,
        key_gate_scale: 1.0,
        temperature: 1.0,
        bias: false,
    }
}

/// Changes a small model of four heads; false where the backbone has no such thing.
type Change = fn(&mut Config, &mut Weights) -> bool;

/// Draws the weights anew after a change of sizes.
fn redraw(c: &Config, w: &mut Weights) -> bool {
    *w = synth::weights(c, 3);
    true
}

fn scale(w: &mut Weights, gain: f32) -> bool {
    matrices(w, |m| m.data.iter_mut().for_each(|x| *x *= gain));
    true
}

fn sla(c: &mut Config) -> &mut Sla {
    c.sla.as_mut().expect("the small model has gates")
}

/// Sets whole tensors of every layer to 0.
fn zero<'w>(w: &'w mut Weights, pick: fn(&'w mut LayerWeights) -> Option<&'w mut Matrix>) -> bool {
    let mut any = false;
    for m in w.layers.iter_mut().filter_map(pick) {
        m.data.fill(0.0);
        any = true;
    }
    any
}

const EXTREMES: &[(&str, Change)] = &[
    ("nothing", |_, _| true),
    ("temperature 0.01", |c, _| {
        sla(c).temperature = 0.01;
        true
    }),
    ("temperature 100", |c, _| {
        sla(c).temperature = 100.0;
        true
    }),
    ("gate scales 0.1", |c, _| {
        (sla(c).query_gate_scale, sla(c).key_gate_scale) = (0.1, 0.1);
        true
    }),
    ("gate scales 64", |c, _| {
        (sla(c).query_gate_scale, sla(c).key_gate_scale) = (64.0, 64.0);
        c.backbone != Backbone::GatedDeltaNet
    }),
    ("gate on q, scale 64", |c, _| {
        (sla(c).query_gate_scale, sla(c).query_gate) = (64.0, QueryGate::Query);
        true
    }),
    ("gate on q, temperature 0.01", |c, _| {
        (sla(c).temperature, sla(c).query_gate) = (0.01, QueryGate::Query);
        true
    }),
    (
        "gate on q among 32 heads, scale 64, temperature 0.1",
        |c, w| {
            (c.heads, c.kv_heads, c.value_heads, c.d_k) = (32, 32, 32, 4);
            redraw(c, w);
            (
                sla(c).temperature,
                sla(c).query_gate_scale,
                sla(c).query_gate,
            ) = (0.1, 64.0, QueryGate::Query);
            true
        },
    ),
    ("weights / 1000", |_, w| scale(w, 1e-3)),
    ("weights / 30", |_, w| scale(w, 1.0 / 30.0)),
    ("weights * 10", |_, w| scale(w, 10.0)),
    ("weights * 30", |_, w| scale(w, 30.0)),
    // Heads forget nearly all in a token in which another head takes the whole write.
    ("sharp gates and decays", |c, w| {
        sla(c).temperature = 0.05;
        for m in w
            .layers
            .iter_mut()
            .flat_map(|l| [l.gk0.as_mut(), l.gk1.as_mut()])
            .flatten()
        {
            m.data.iter_mut().for_each(|x| *x *= 12.0);
        }
        c.backbone == Backbone::Gla
    }),
    ("embedding / 1000", |_, w| {
        embedding(w).data.iter_mut().for_each(|x| *x *= 1e-3);
        true
    }),
    ("embedding * 1000", |_, w| {
        embedding(w).data.iter_mut().for_each(|x| *x *= 1e3);
        true
    }),
    ("norm_eps 0.01", |c, _| {
        c.norm_eps = 1e-2;
        true
    }),
    ("norm_eps 1e-12", |c, _| {
        c.norm_eps = 1e-12;
        true
    }),
    ("a zero row in every matrix", |_, w| {
        matrices(w, |m| {
            let row = m.rows / 2;
            m.data[row * m.cols..(row + 1) * m.cols].fill(0.0);
        });
        true
    }),
    ("rows from 1 to 2^-6", |_, w| {
        matrices(w, |m| {
            for (r, row) in m.data.chunks_exact_mut(m.cols).enumerate() {
                row.iter_mut()
                    .for_each(|x| *x *= (-(r as f32 % 7.0)).exp2());
            }
        });
        true
    }),
    ("all embeddings but one 0", |_, w| {
        let m = embedding(w);
        let cols = m.cols;
        m.data[cols..].fill(0.0);
        true
    }),
    ("all embeddings 0", |_, w| {
        embedding(w).data.fill(0.0);
        true
    }),
    ("head 0", |_, w| {
        w.head.weight.iter_mut().for_each(|m| m.data.fill(0.0));
        true
    }),
    ("q 0", |_, w| zero(w, |l| Some(&mut l.q))),
    ("k 0", |_, w| zero(w, |l| Some(&mut l.k))),
    ("v 0", |_, w| zero(w, |l| Some(&mut l.v))),
    ("g 0", |_, w| zero(w, |l| l.g.as_mut())),
    ("o 0", |_, w| zero(w, |l| Some(&mut l.o))),
    ("gk0 0", |_, w| zero(w, |l| l.gk0.as_mut())),
    ("gk1 0", |_, w| zero(w, |l| l.gk1.as_mut())),
    ("a 0", |_, w| zero(w, |l| l.a.as_mut())),
    ("b 0", |_, w| zero(w, |l| l.b.as_mut())),
    ("query gate 0", |_, w| zero(w, |l| l.query_gate.as_mut())),
    ("key gate 0", |_, w| zero(w, |l| l.key_gate.as_mut())),
    ("MLP gate 0", |_, w| zero(w, |l| Some(&mut l.gate))),
    ("MLP up 0", |_, w| zero(w, |l| Some(&mut l.up))),
    ("MLP down 0", |_, w| zero(w, |l| Some(&mut l.down))),
    ("zeros and signs in norms", |_, w| {
        let norms = w.layers.iter_mut().flat_map(|l| {
            [
                Some(&mut l.attn_norm),
                Some(&mut l.mlp_norm),
                l.o_norm.as_mut(),
            ]
        });
        for norm in norms.flatten().chain([&mut w.norm]) {
            norm[0] = 0.0;
            norm[1] *= -1.0;
            norm[2] *= 5.0;
        }
        true
    }),
    ("final norm 0", |_, w| {
        w.norm.fill(0.0);
        true
    }),
    ("tied, final norm uneven", |c, w| {
        c.tied = true;
        redraw(c, w);
        w.norm[0] = 0.0;
        w.norm[1] = -30.0;
        true
    }),
    ("decay biases 100", |_, w| decay_bias(w, 100.0, 100.0)),
    ("decay biases -100", |_, w| decay_bias(w, -100.0, -100.0)),
    ("decay biases -100 and 100", |_, w| {
        decay_bias(w, -100.0, 100.0)
    }),
    ("decay biases 3 and 20", |_, w| decay_bias(w, 3.0, 20.0)),
    ("A_log 12", |_, w| a_log(w, 12.0)),
    ("A_log -12", |_, w| a_log(w, -12.0)),
    ("clamp_min 0", |c, _| {
        c.clamp_min = Some(0.0);
        c.backbone == Backbone::Gla
    }),
    ("clamp_min -1e-9", |c, _| {
        c.clamp_min = Some(-1e-9);
        c.backbone == Backbone::Gla
    }),
    ("relu, all k negative", |c, w| {
        c.feature_map = FeatureMap::Relu;
        c.layers = 1;
        redraw(c, w);
        // Every embedding, and so every normed input, is positive.
        embedding(w)
            .data
            .iter_mut()
            .for_each(|x| *x = x.abs() + 0.1);
        w.layers[0].attn_norm.iter_mut().for_each(|x| *x = 1.0);
        w.layers[0].k.data.iter_mut().for_each(|x| *x = -x.abs());
        c.backbone != Backbone::GatedDeltaNet
    }),
    ("64 heads of 2 and 1", |c, w| {
        (c.heads, c.kv_heads, c.value_heads, c.d_k, c.d_v) = (64, 64, 64, 2, 1);
        redraw(c, w)
    }),
    ("64 heads, temperature 0.05", |c, w| {
        (c.heads, c.kv_heads, c.value_heads, c.d_k, c.d_v) = (64, 64, 64, 2, 4);
        sla(c).temperature = 0.05;
        redraw(c, w)
    }),
    ("heads of 1 and 1", |c, w| {
        (c.d_k, c.d_v, c.layers) = (1, 1, 1);
        if c.backbone == Backbone::RetNet {
            c.d_k = 2;
        }
        redraw(c, w)
    }),
    ("one of everything", |c, w| {
        (
            c.hidden,
            c.heads,
            c.kv_heads,
            c.value_heads,
            c.d_v,
            c.intermediate,
        ) = (2, 1, 1, 1, 1, 1);
        (c.outputs, c.input) = (2, Input::Tokens { vocab: 2 });
        redraw(c, w)
    }),
    ("convolution of 64 taps", |c, w| {
        c.conv = Some(64);
        c.backbone != Backbone::RetNet && redraw(c, w)
    }),
    ("convolution of 1 tap", |c, w| {
        c.conv = Some(1);
        c.backbone != Backbone::RetNet && redraw(c, w)
    }),
    ("convolution 0", |c, w| {
        c.conv = Some(4);
        let has = c.backbone != Backbone::RetNet && redraw(c, w);
        for l in w.layers.iter_mut() {
            l.k_conv
                .iter_mut()
                .for_each(|conv| conv.weight.data.fill(0.0));
        }
        has
    }),
    ("features from 0.1 to 100", |c, w| {
        c.input = Input::Features {
            size: 3,
            mean: vec![1.0, 5.0, -300.0],
            std: vec![0.1, 1.0, 100.0],
        };
        redraw(c, w)
    }),
];

fn embedding(w: &mut Weights) -> &mut Matrix {
    match &mut w.input {
        InputWeights::Embedding(m) | InputWeights::Projection { weight: m, .. } => m,
    }
}

/// Biases of the decay projection by turns.
fn decay_bias(w: &mut Weights, even: f32, odd: f32) -> bool {
    let mut any = false;
    for bias in w
        .layers
        .iter_mut()
        .flat_map(|l| [l.gk1_bias.as_mut(), l.dt_bias.as_mut()])
        .flatten()
    {
        bias.iter_mut()
            .enumerate()
            .for_each(|(i, b)| *b = if i % 2 == 0 { even } else { odd });
        any = true;
    }
    any
}

fn a_log(w: &mut Weights, value: f32) -> bool {
    let mut any = false;
    for a in w.layers.iter_mut().filter_map(|l| l.a_log.as_mut()) {
        a.fill(value);
        any = true;
    }
    any
}
