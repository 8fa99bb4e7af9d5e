//! The reference's mixer, MLP and head against formulas over whole sequences, for option
//! combinations that no golden covers.

use std::collections::BTreeMap;

use sla_reference::{
    Backbone, Config, Conv, FeatureMap, Input, InputWeights, KeyGate, LayerWeights, Matrix, Model,
    Op, OutputGate, QueryGate, Session, Tap,
};
use sla_test_models as synth;

type Seq = Vec<Vec<f64>>;

const STEPS: usize = 20;
const SEEDS: u64 = 300;

/// Every tapped vector, by layer and op, in time order.
#[derive(Default)]
struct Recorder(BTreeMap<(usize, Op), Seq>);

impl Tap for Recorder {
    fn tap(&mut self, layer: usize, op: Op, values: &[f64]) {
        self.0.entry((layer, op)).or_default().push(values.to_vec());
    }
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

fn silu(x: f64) -> f64 {
    x * sigmoid(x)
}

fn mat(m: &Matrix, x: &[f64]) -> Vec<f64> {
    (0..m.rows)
        .map(|r| {
            (0..m.cols)
                .map(|c| f64::from(m.data[r * m.cols + c]) * x[c])
                .sum()
        })
        .collect()
}

fn rms(x: &[f64], w: impl Fn(usize) -> f64, eps: f64) -> Vec<f64> {
    let root = (x.iter().map(|v| v * v).sum::<f64>() / x.len() as f64 + eps).sqrt();
    x.iter().enumerate().map(|(i, v)| v / root * w(i)).collect()
}

fn conv(c: &Conv, u: &Seq) -> Seq {
    let width = c.weight.cols;
    let at = |t: usize, channel: usize| {
        let bias = c.bias.as_ref().map_or(0.0, |b| f64::from(b[channel]));
        let taps = (0..width).filter(|j| t + j + 1 >= width);
        silu(
            taps.map(|j| {
                f64::from(c.weight.data[channel * width + j]) * u[t + j + 1 - width][channel]
            })
            .sum::<f64>()
                + bias,
        )
    };
    (0..u.len())
        .map(|t| (0..c.weight.rows).map(|ch| at(t, ch)).collect())
        .collect()
}

fn gate(m: &Matrix, bias: Option<&Vec<f32>>, a: &[f64], scale: f64, temperature: f64) -> Vec<f64> {
    let mut logits = mat(m, a);
    for (h, l) in logits.iter_mut().enumerate() {
        *l = ((*l + bias.map_or(0.0, |b| f64::from(b[h]))) / temperature).exp();
    }
    let sum: f64 = logits.iter().sum();
    logits.iter().map(|l| scale * l / sum).collect()
}

/// q and k before the head gates, `[T][heads · d_k]` and `[T][kv_heads · d_k]`, and v.
fn projections(c: &Config, w: &LayerWeights, a: &Seq) -> (Seq, Seq, Seq) {
    let project = |m: &Matrix, cv: &Option<Conv>| {
        let u: Seq = a.iter().map(|a| mat(m, a)).collect();
        match (cv, c.backbone) {
            (Some(cv), _) => conv(cv, &u),
            (None, Backbone::GatedDeltaNet) => u
                .iter()
                .map(|u| u.iter().map(|v| silu(*v)).collect())
                .collect(),
            (None, _) => u,
        }
    };
    let (mut q, mut k, v) = (
        project(&w.q, &w.q_conv),
        project(&w.k, &w.k_conv),
        project(&w.v, &w.v_conv),
    );
    for (t, x) in q.iter_mut().enumerate().chain(k.iter_mut().enumerate()) {
        for v in x.iter_mut() {
            *v = match c.feature_map {
                FeatureMap::None => *v,
                FeatureMap::Relu => v.max(0.0),
                FeatureMap::Silu => silu(*v),
                FeatureMap::Sigmoid => sigmoid(*v),
            };
        }
        for head in x.chunks_mut(c.d_k) {
            match c.backbone {
                Backbone::RetNet => rotate(head, t),
                Backbone::Gla => {}
                Backbone::GatedDeltaNet => {
                    let norm = (head.iter().map(|v| v * v).sum::<f64>() + 1e-6).sqrt();
                    head.iter_mut().for_each(|v| *v /= norm);
                }
            }
        }
    }
    (q, k, v)
}

/// Pair j turns by `t · 10000^(-2j/d)`.
fn rotate(x: &mut [f64], t: usize) {
    let (d, old) = (x.len(), x.to_vec());
    for j in 0..d / 2 {
        let phi = t as f64 / 10000f64.powf(2.0 * j as f64 / d as f64);
        let (re, im) = (old[j], old[j + d / 2]);
        x[j] = re * phi.cos() - im * phi.sin();
        x[j + d / 2] = im * phi.cos() + re * phi.sin();
    }
}

/// Log-decay of value head `n`, key channel `i`.
fn log_decay(c: &Config, w: &LayerWeights, a: &[f64], n: usize, i: usize) -> f64 {
    match c.backbone {
        Backbone::RetNet => (1.0 - 0.5f64.powi(5 + n as i32)).ln(),
        Backbone::Gla => {
            let row = n / (c.heads / c.kv_heads) * c.d_k + i;
            let z = mat(w.gk1.as_ref().unwrap(), &mat(w.gk0.as_ref().unwrap(), a))[row];
            let lg = sigmoid(z + f64::from(w.gk1_bias.as_ref().unwrap()[row])).ln() / 16.0;
            c.clamp_min.map_or(lg, |m| lg.max(m))
        }
        Backbone::GatedDeltaNet => {
            let z = mat(w.a.as_ref().unwrap(), a)[n] + f64::from(w.dt_bias.as_ref().unwrap()[n]);
            -f64::from(w.a_log.as_ref().unwrap()[n]).exp() * z.exp().ln_1p()
        }
    }
}

/// Read-outs of one value head: RetNet and GLA as attention over all past tokens, Gated DeltaNet as
/// products of transitions.
fn read_head(c: &Config, q: &Seq, k: &Seq, v: &Seq, lg: &Seq, beta: &[f64]) -> Seq {
    let scale = (c.d_k as f64).powf(-0.5);
    if c.backbone == Backbone::GatedDeltaNet {
        let mut s = vec![vec![0.0; c.d_v]; c.d_k];
        return (0..q.len())
            .map(|t| {
                // S ← (I - β k kᵀ) α S + β k vᵀ
                let old = s.clone();
                for i in 0..c.d_k {
                    for j in 0..c.d_v {
                        let mixed: f64 = (0..c.d_k)
                            .map(|l| {
                                (f64::from(u8::from(i == l)) - beta[t] * k[t][i] * k[t][l])
                                    * old[l][j]
                            })
                            .sum();
                        s[i][j] = lg[t][0].exp() * mixed + beta[t] * k[t][i] * v[t][j];
                    }
                }
                (0..c.d_v)
                    .map(|j| scale * (0..c.d_k).map(|i| q[t][i] * s[i][j]).sum::<f64>())
                    .collect()
            })
            .collect();
    }
    (0..q.len())
        .map(|t| {
            let mut o = vec![0.0; c.d_v];
            for s in 0..=t {
                let weight: f64 = (0..c.d_k)
                    .map(|i| q[t][i] * k[s][i] * (s + 1..=t).map(|r| lg[r][i]).sum::<f64>().exp())
                    .sum();
                for (o, v) in o.iter_mut().zip(&v[s]) {
                    *o += scale * weight * v;
                }
            }
            o
        })
        .collect()
}

/// The mixer's output from its normed inputs.
fn mixer(c: &Config, w: &LayerWeights, a: &Seq) -> Seq {
    let (q, k, v) = projections(c, w, a);
    let gates = |m: &Option<Matrix>,
                 bias: &Option<Vec<f32>>,
                 scale: fn(&sla_reference::Sla) -> f64|
     -> Seq {
        let sla = c.sla.as_ref();
        match (m, sla) {
            (Some(m), Some(sla)) => a
                .iter()
                .map(|a| gate(m, bias.as_ref(), a, scale(sla), sla.temperature))
                .collect(),
            _ => vec![vec![1.0; c.heads]; a.len()],
        }
    };
    let gq = gates(&w.query_gate, &w.query_gate_bias, |s| s.query_gate_scale);
    let gk = gates(&w.key_gate, &w.key_gate_bias, |s| s.key_gate_scale);

    let mut y = vec![Vec::new(); a.len()];
    for n in 0..c.value_heads {
        let head = n / (c.value_heads / c.heads);
        let kv = head / (c.heads / c.kv_heads);
        let vh = if c.backbone == Backbone::GatedDeltaNet {
            n
        } else {
            kv
        };
        let slice = |x: &Seq, h: usize, d: usize, f: &dyn Fn(usize) -> f64| -> Seq {
            x.iter()
                .enumerate()
                .map(|(t, x)| x[h * d..(h + 1) * d].iter().map(|v| v * f(t)).collect())
                .collect()
        };
        let on_q = |t: usize| {
            if c.query_gate() == QueryGate::Query {
                gq[t][head]
            } else {
                1.0
            }
        };
        let on_k = |t: usize| {
            if c.key_gate() == KeyGate::Key {
                gk[t][head]
            } else {
                1.0
            }
        };
        let (qh, kh) = (slice(&q, head, c.d_k, &on_q), slice(&k, kv, c.d_k, &on_k));
        let vs = slice(&v, vh, c.d_v, &|_| 1.0);
        let lg: Seq = a
            .iter()
            .map(|a| (0..c.d_k).map(|i| log_decay(c, w, a, n, i)).collect())
            .collect();
        let beta: Vec<f64> = a
            .iter()
            .enumerate()
            .map(|(t, a)| {
                let range = if c.allow_neg_eigval { 2.0 } else { 1.0 };
                let gate = if c.key_gate() == KeyGate::Beta {
                    gk[t][head]
                } else {
                    1.0
                };
                w.b.as_ref()
                    .map_or(0.0, |b| gate * range * sigmoid(mat(b, a)[n]))
            })
            .collect();
        for (t, o) in read_head(c, &qh, &kh, &vs, &lg, &beta)
            .into_iter()
            .enumerate()
        {
            let mut yh = rms(
                &o,
                |j| w.o_norm.as_ref().map_or(1.0, |w| f64::from(w[j])),
                c.norm_eps,
            );
            for (j, y) in yh.iter_mut().enumerate() {
                let g = w.g.as_ref().map_or(0.0, |g| mat(g, &a[t])[n * c.d_v + j]);
                *y *= match c.output_gate {
                    OutputGate::None => 1.0,
                    OutputGate::Silu => silu(g),
                    OutputGate::Sigmoid => sigmoid(g),
                };
                if c.query_gate() == QueryGate::Output {
                    *y *= gq[t][head];
                }
            }
            y[t].extend(yh);
        }
    }
    y.iter().map(|y| mat(&w.o, y)).collect()
}

/// Logits of a sequence of first residuals.
fn forward(model: &Model, mut x: Seq) -> Seq {
    let (c, w) = (&model.config, &model.weights);
    for l in &w.layers {
        let a: Seq = x
            .iter()
            .map(|x| rms(x, |i| f64::from(l.attn_norm[i]), c.norm_eps))
            .collect();
        for (x, out) in x.iter_mut().zip(mixer(c, l, &a)) {
            x.iter_mut().zip(out).for_each(|(x, o)| *x += o);
            let m = rms(x, |i| f64::from(l.mlp_norm[i]), c.norm_eps);
            let (g, u) = (mat(&l.gate, &m), mat(&l.up, &m));
            let hidden: Vec<f64> = g.iter().zip(&u).map(|(g, u)| silu(*g) * u).collect();
            x.iter_mut()
                .zip(mat(&l.down, &hidden))
                .for_each(|(x, o)| *x += o);
        }
    }
    let head = w.head.weight.as_ref().unwrap_or_else(|| match &w.input {
        InputWeights::Embedding(m) => m,
        InputWeights::Projection { .. } => panic!("no head"),
    });
    x.iter()
        .map(|x| {
            let mut logits = mat(head, &rms(x, |i| f64::from(w.norm[i]), c.norm_eps));
            w.head
                .bias
                .iter()
                .flatten()
                .zip(&mut logits)
                .for_each(|(b, l)| *l += f64::from(*b));
            logits
        })
        .collect()
}

fn relative(have: &Seq, want: &Seq) -> f64 {
    assert_eq!(have.len(), want.len());
    let pairs = || have.iter().flatten().zip(want.iter().flatten());
    let signal: f64 = pairs().map(|(_, w)| w * w).sum();
    assert!(signal > 0.0 && have.iter().map(Vec::len).eq(want.iter().map(Vec::len)));
    (pairs().map(|(h, w)| (h - w) * (h - w)).sum::<f64>() / signal).sqrt()
}

#[test]
fn random_options_match_whole_sequence_formulas() {
    for seed in 0..SEEDS {
        let (config, _) = synth::case(seed);
        let model = Model::new(config.clone(), synth::weights(&config, seed)).unwrap();
        let mut session = Session::new(&model);
        let mut recorder = Recorder::default();
        let rng = &mut synth::Rng::new(seed);
        let mut x: Seq = Vec::new();
        let mut logits: Seq = Vec::new();
        for _ in 0..STEPS {
            match (&config.input, &model.weights.input) {
                (Input::Tokens { vocab }, InputWeights::Embedding(m)) => {
                    let id = rng.below(*vocab);
                    x.push(m.row(id).iter().map(|v| f64::from(*v)).collect());
                    logits.push(
                        session
                            .step_token(id as u32, &mut recorder)
                            .unwrap()
                            .to_vec(),
                    );
                }
                (Input::Features { mean, std, .. }, InputWeights::Projection { weight, bias }) => {
                    let z: Vec<f64> = mean.iter().map(|_| rng.normal()).collect();
                    let raw: Vec<f64> = z
                        .iter()
                        .zip(mean.iter().zip(std))
                        .map(|(z, (m, s))| m + s * z)
                        .collect();
                    x.push(
                        mat(weight, &z)
                            .iter()
                            .zip(bias)
                            .map(|(x, b)| x + f64::from(*b))
                            .collect(),
                    );
                    logits.push(session.step_features(&raw, &mut recorder).unwrap().to_vec());
                }
                _ => unreachable!("input and weights agree"),
            }
        }
        let error = relative(&logits, &forward(&model, x));
        assert!(error < 1e-9, "seed {seed}: {error:e}\n{config:?}");
        check_taps(&config, &recorder, &logits, seed);
    }
}

/// Every op is tapped once a step and layer, with the length that it documents.
fn check_taps(c: &Config, r: &Recorder, logits: &Seq, seed: u64) {
    let (gla, gdn) = (
        c.backbone == Backbone::Gla,
        c.backbone == Backbone::GatedDeltaNet,
    );
    let decay = match c.backbone {
        Backbone::RetNet => c.heads,
        Backbone::Gla => c.k_dim(),
        Backbone::GatedDeltaNet => c.value_heads,
    };
    let some = |when: bool, len: usize| when.then_some(len);
    let lengths = [
        (Op::LayerIn, Some(c.hidden)),
        (Op::NormIn, Some(c.hidden)),
        (Op::QProj, Some(c.q_dim())),
        (Op::KProj, Some(c.k_dim())),
        (Op::VProj, Some(c.v_dim())),
        (Op::Q, Some(c.q_dim())),
        (Op::K, Some(c.q_dim())),
        (Op::V, Some(c.v_dim())),
        (Op::DecayLogit, some(gla || gdn, decay)),
        (Op::Decay, Some(decay)),
        (Op::Beta, some(gdn, c.value_heads)),
        (Op::GateLow, some(gla, c.gate_rank)),
        (
            Op::QueryGate,
            some(c.query_gate() != QueryGate::None, c.heads),
        ),
        (Op::KeyGate, some(c.key_gate() != KeyGate::None, c.heads)),
        (
            Op::QueryGateLogit,
            some(c.query_gate() != QueryGate::None, c.heads),
        ),
        (
            Op::KeyGateLogit,
            some(c.key_gate() != KeyGate::None, c.heads),
        ),
        (Op::State, Some(c.matrix_state_len())),
        (Op::Read, Some(c.y_dim())),
        (
            Op::OutputGate,
            some(c.output_gate != OutputGate::None, c.y_dim()),
        ),
        (Op::MixerNorm, Some(c.y_dim())),
        (Op::MixerOut, Some(c.hidden)),
        (Op::MidResidual, Some(c.hidden)),
        (Op::NormMlp, Some(c.hidden)),
        (Op::MlpGate, Some(c.intermediate)),
        (Op::MlpUp, Some(c.intermediate)),
        (Op::Hidden, Some(c.intermediate)),
        (Op::MlpOut, Some(c.hidden)),
        (Op::Residual, Some(c.hidden)),
    ];
    let mut taps = 0;
    for layer in 0..c.layers {
        for (op, len) in lengths {
            let seq = r.0.get(&(layer, op));
            assert_eq!(seq.is_some(), len.is_some(), "seed {seed}: {op:?}");
            if let Some(seq) = seq {
                taps += 1;
                assert_eq!(seq.len(), STEPS, "seed {seed}: {op:?}");
                assert!(
                    seq.iter().all(|v| Some(v.len()) == len),
                    "seed {seed}: {op:?} is not {len:?} long"
                );
            }
        }
        if let Some(gates) = r.0.get(&(layer, Op::QueryGate)) {
            let scale = c.sla.as_ref().unwrap().query_gate_scale;
            assert!(
                gates
                    .iter()
                    .all(|g| (g.iter().sum::<f64>() - scale).abs() < 1e-12),
                "seed {seed}: gates do not sum"
            );
        }
    }
    assert_eq!(&r.0[&(c.layers, Op::Logits)], logits, "seed {seed}");
    assert_eq!(r.0[&(c.layers, Op::FinalNorm)].len(), STEPS, "seed {seed}");
    assert_eq!(
        r.0.len(),
        taps + 2,
        "seed {seed}: a tap that is not documented"
    );
}
