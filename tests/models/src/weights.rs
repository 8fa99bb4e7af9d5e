//! Weights.

use crate::rng::Rng;
use sla_reference::{Backbone, Config, Conv, InputWeights, Matrix, Weights};

/// Random weights for `config` that keep activations near 1; output norms and, now and then,
/// convolution biases included.
pub fn weights(config: &Config, seed: u64) -> Weights {
    let rng = &mut Rng::new(seed ^ 0x0077_e167);
    let mut w = Weights::zeros(config);
    match &mut w.input {
        InputWeights::Embedding(m) => fill(&mut m.data, || rng.normal()),
        InputWeights::Projection { weight, bias } => {
            matrix(weight, 1.0, rng);
            fill(bias, || 0.3 * rng.normal());
        }
    }
    let conv_bias = rng.chance(25);
    let (affine, may_lack_norm) = (rng.chance(80), config.backbone != Backbone::GatedDeltaNet);
    for l in &mut w.layers {
        for m in [
            &mut l.q,
            &mut l.k,
            &mut l.v,
            &mut l.o,
            &mut l.gate,
            &mut l.up,
            &mut l.down,
        ] {
            matrix(m, 1.0, rng);
        }
        for m in [&mut l.g, &mut l.gk0, &mut l.gk1, &mut l.a, &mut l.b]
            .into_iter()
            .flatten()
        {
            matrix(m, 1.0, rng);
        }
        for m in [&mut l.query_gate, &mut l.key_gate].into_iter().flatten() {
            matrix(m, 1.5, rng);
        }
        for c in [&mut l.q_conv, &mut l.k_conv, &mut l.v_conv]
            .into_iter()
            .flatten()
        {
            conv(c, conv_bias, rng);
        }
        fill(&mut l.attn_norm, || 1.0 + 0.1 * rng.normal());
        fill(&mut l.mlp_norm, || 1.0 + 0.1 * rng.normal());
        l.o_norm
            .iter_mut()
            .for_each(|n| fill(n, || 1.0 + 0.1 * rng.normal()));
        if may_lack_norm && !affine {
            l.o_norm = None;
        }
        l.gk1_bias
            .iter_mut()
            .for_each(|b| fill(b, || 1.0 + 2.0 * rng.normal()));
        l.a_log
            .iter_mut()
            .for_each(|a| fill(a, || (1.0 + 15.0 * rng.uniform()).ln()));
        l.dt_bias
            .iter_mut()
            .for_each(|d| fill(d, || -6.9 + 4.6 * rng.uniform()));
        for b in [&mut l.query_gate_bias, &mut l.key_gate_bias]
            .into_iter()
            .flatten()
        {
            fill(b, || rng.normal());
        }
    }
    fill(&mut w.norm, || 1.0 + 0.1 * rng.normal());
    w.head.weight.iter_mut().for_each(|m| matrix(m, 1.0, rng));
    w.head
        .bias
        .iter_mut()
        .for_each(|b| fill(b, || 0.3 * rng.normal()));
    w
}

fn fill(data: &mut [f32], mut draw: impl FnMut() -> f64) {
    data.iter_mut().for_each(|d| *d = draw() as f32);
}

fn matrix(m: &mut Matrix, gain: f64, rng: &mut Rng) {
    let scale = gain / (m.cols as f64).sqrt();
    fill(&mut m.data, || scale * rng.normal());
}

fn conv(c: &mut Conv, bias: bool, rng: &mut Rng) {
    matrix(&mut c.weight, 1.5, rng);
    c.bias = bias.then(|| {
        (0..c.weight.rows)
            .map(|_| (0.2 * rng.normal()) as f32)
            .collect()
    });
}
