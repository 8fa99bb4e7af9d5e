//! The sampler on logits that are written down: no model, no session.
extern crate std;

use super::*;
use std::vec::Vec as List;

/// Logits from whole numbers.
fn logits(values: &[i32]) -> List<i32> {
    values.iter().map(|value| value << 16).collect()
}

/// What the sampler chooses among logits that come in tiles of 3.
fn choose(sampler: &mut Sampler, logits: &[i32]) -> u32 {
    let (keep, mut heap) = (sampler.keep(), Candidates::new());
    for (at, tile) in logits.chunks(3).enumerate() {
        sampler.offer(&mut heap, keep, 3 * at as u32, tile);
    }
    sampler.draw(heap)
}

/// How often each token is chosen in `draws` draws.
fn counts(config: SamplerConfig, logits: &[i32], draws: usize) -> List<usize> {
    let (mut sampler, mut counts) = (Sampler::new(config), std::vec![0; logits.len()]);
    for _ in 0..draws {
        counts[choose(&mut sampler, logits) as usize] += 1;
    }
    counts
}

/// Everything that is drawn from.
const ALL: SamplerConfig = SamplerConfig {
    temperature: 1.0,
    top_k: 0,
    top_p: 1.0,
    repetition_penalty: 1.0,
    seed: 5,
};

#[test]
fn greedy_takes_the_largest_and_of_equals_the_first() {
    for temperature in [0.0, -0.0, -1.0, f32::NAN, f32::NEG_INFINITY] {
        let mut sampler = Sampler::new(SamplerConfig { temperature, ..ALL });
        assert_eq!(sampler.keep(), 1, "{temperature}");
        for (values, best) in [
            (&[1, 5, 3, 5, 2][..], 1),
            (&[-3, -2, -9], 1),
            (&[7], 0),
            (&[0, 0, 0, 0], 0),
            (&[], 0),
        ] {
            assert_eq!(
                choose(&mut sampler, &logits(values)),
                best,
                "{temperature} {values:?}"
            );
        }
        assert_eq!(choose(&mut sampler, &[i32::MIN, i32::MAX, i32::MIN]), 1);
    }
}

#[test]
fn top_k_keeps_the_best() {
    for (top_k, keep) in [
        (0, 256),
        (1, 1),
        (2, 2),
        (255, 255),
        (256, 256),
        (257, 256),
        (usize::MAX, 256),
    ] {
        assert_eq!(Sampler::new(SamplerConfig { top_k, ..ALL }).keep(), keep);
    }
    let values = logits(&[1, 0, 2, 1, 2, 1]);
    let drawn = |top_k| -> List<bool> {
        counts(SamplerConfig { top_k, ..ALL }, &values, 3000)
            .iter()
            .map(|&count| count > 0)
            .collect()
    };
    // Of equals those with lower numbers stay.
    assert_eq!(drawn(1), [false, false, true, false, false, false]);
    assert_eq!(drawn(2), [false, false, true, false, true, false]);
    assert_eq!(drawn(3), [true, false, true, false, true, false]);
    assert_eq!(drawn(4), [true, false, true, true, true, false]);
    assert_eq!(drawn(0), [true; 6]);
}

/// Shares are those of the softmax at the temperature: bounds of four standard deviations.
#[test]
fn tokens_are_drawn_by_their_probability() {
    const DRAWS: usize = 20_000;
    let values = [0, 1 << 16, 1 << 15, -(2 << 16), -(90 << 16)];
    for temperature in [0.5f64, 1.0, 2.0] {
        let weights: List<f64> = values
            .iter()
            .map(|&v| (f64::from(v) / 65_536.0 / temperature).exp())
            .collect();
        let total: f64 = weights.iter().sum();
        let config = SamplerConfig {
            temperature: temperature as f32,
            ..ALL
        };
        for (weight, count) in weights.iter().zip(counts(config, &values, DRAWS)) {
            let p = weight / total;
            let bound = 4.0 * (p * (1.0 - p) * DRAWS as f64).sqrt() + 0.5;
            assert!(
                (count as f64 - p * DRAWS as f64).abs() <= bound,
                "{temperature}: {count} of {p}"
            );
        }
    }
}

#[test]
fn top_p_keeps_the_fewest_that_have_it() {
    // 8, 4, 2 and 1 of 15, to a thousandth.
    let values: List<i32> = [1.0f64, 0.5, 0.25, 0.125]
        .map(|share| (share.ln() * 65_536.0) as i32)
        .into();
    for (top_p, kept) in [
        (0.1, 1),
        (0.5, 1),
        (0.55, 2),
        (0.79, 2),
        (0.81, 3),
        (0.92, 3),
        (0.95, 4),
        (1.0, 4),
        (2.0, 4),
        (0.0, 1),
    ] {
        let drawn = counts(SamplerConfig { top_p, ..ALL }, &values, 3000);
        assert_eq!(
            drawn.iter().filter(|&&count| count > 0).count(),
            kept,
            "{top_p}: {drawn:?}"
        );
        assert!(
            drawn[..kept].iter().all(|&count| count > 0),
            "{top_p}: {drawn:?}"
        );
    }
}

/// What is 80 temperatures and more below the largest has no weight to speak of.
#[test]
fn far_below_the_largest_the_exponential_is_next_to_nothing() {
    let (first, last) = ((-80f32).to_bits(), f32::NEG_INFINITY.to_bits());
    for bits in (first..last).step_by(997).chain([last]) {
        let x = f32::from_bits(bits);
        assert!(F32Ext::exp(x).abs() < 1e-34, "{x}");
    }
}

/// The largest weight is 1 whatever the logits are; one 80 temperatures below it counts as nothing.
#[test]
fn extreme_logits_are_drawn_from() {
    let far = counts(ALL, &[i32::MAX, i32::MIN, i32::MAX - 1], 2000);
    assert!(far[0] > 800 && far[1] == 0 && far[2] > 800, "{far:?}");
    let cold = counts(
        SamplerConfig {
            temperature: 1e-30,
            ..ALL
        },
        &logits(&[3, 2, 1]),
        100,
    );
    assert_eq!(cold, [100, 0, 0]);
    let hot = counts(
        SamplerConfig {
            temperature: 1e30,
            ..ALL
        },
        &logits(&[300, -300]),
        2000,
    );
    assert!(hot.iter().all(|&count| count > 800), "{hot:?}");
}

/// The penalty makes what was seen less likely whatever its sign: positive logits are divided, the
/// others multiplied.
#[test]
fn the_penalty_divides_positive_and_multiplies_negative_logits() {
    let mut sampler = Sampler::new(SamplerConfig {
        repetition_penalty: 2.0,
        ..ALL
    });
    let half = 1 << 15;
    assert_eq!(sampler.penalize(3, 4 << 16), 4 << 16, "not seen");
    sampler.observe(3);
    for (logit, penalized) in [
        (4 << 16, 2 << 16),
        (1 << 16, half),
        (0, 0),
        (-(1 << 16), -(2 << 16)),
        (-half, -(1 << 16)),
        (i32::MIN, i32::MIN),
    ] {
        assert_eq!(sampler.penalize(3, logit), penalized, "{logit}");
        assert_eq!(sampler.penalize(2, logit), logit, "{logit}, not seen");
    }
    let mut raised = Sampler::new(SamplerConfig {
        repetition_penalty: 0.5,
        ..ALL
    });
    raised.observe(3);
    assert_eq!(raised.penalize(3, i32::MAX), i32::MAX);
    assert_eq!(raised.penalize(3, -(4 << 16)), -(2 << 16));
    for (penalty, logit, penalized) in [
        (1.0, 7, 7),
        (f32::NAN, 7, 7),
        (0.0, 0, 0),
        (f32::INFINITY, 5 << 16, 0),
    ] {
        let mut sampler = Sampler::new(SamplerConfig {
            repetition_penalty: penalty,
            ..ALL
        });
        sampler.observe(3);
        assert_eq!(sampler.penalize(3, logit), penalized, "{penalty}");
    }
}

#[test]
fn the_penalty_looks_back_on_64_tokens_that_were_observed_or_chosen() {
    let mut sampler = Sampler::new(SamplerConfig {
        repetition_penalty: 2.0,
        temperature: 0.0,
        ..ALL
    });
    sampler.observe(0);
    (0..WINDOW as u32 - 1).for_each(|other| sampler.observe(100 + other));
    assert_eq!(sampler.penalize(0, 1 << 16), 1 << 15);
    sampler.observe(200);
    assert_eq!(sampler.penalize(0, 1 << 16), 1 << 16, "too long ago");
    assert_eq!(sampler.penalize(200, 1 << 16), 1 << 15);
    // What was seen gives way, also where all logits are below zero.
    for (values, first, second) in [([-3, -4], 0, 1), ([5, 4], 0, 1)] {
        let mut sampler = Sampler::new(SamplerConfig {
            repetition_penalty: 2.0,
            temperature: 0.0,
            ..ALL
        });
        assert_eq!(choose(&mut sampler, &logits(&values)), first);
        sampler.observe(first);
        assert_eq!(choose(&mut sampler, &logits(&values)), second, "{values:?}");
    }
}

/// The numbers of PCG-XSH-RR 64/32, by the reference's formula in wider arithmetic.
#[test]
fn the_generator_is_pcg() {
    for seed in [0u64, 1, 7, u64::MAX] {
        let mut state =
            u128::from(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x853c_49e6_748f_ea9b);
        let mut next = || {
            let old = state;
            state = (old * 6_364_136_223_846_793_005 + 1_442_695_040_888_963_407) % (1 << 64);
            let mixed = (((old / (1 << 18)) ^ old) / (1 << 27)) % (1 << 32);
            let turn = (old / (1 << 59)) as u32;
            ((mixed >> turn) | (mixed << (32 - turn) & 0xFFFF_FFFF)) as u32
        };
        next();
        let mut sampler = Sampler::new(SamplerConfig { seed, ..ALL });
        for n in 0..100 {
            assert_eq!(sampler.random(), next(), "number {n} of seed {seed}");
        }
    }
}

/// The same seed gives the same tokens, another one others.
#[test]
fn a_seed_is_a_sequence() {
    let run = |seed| -> List<u32> {
        let (mut sampler, values) = (Sampler::new(SamplerConfig { seed, ..ALL }), logits(&[1; 9]));
        (0..50).map(|_| choose(&mut sampler, &values)).collect()
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
    let default = SamplerConfig::default();
    assert_eq!(
        (default.temperature, default.top_k, default.top_p),
        (0.8, 40, 0.95)
    );
    assert_eq!((default.repetition_penalty, default.seed), (1.0, 0));
}

#[test]
fn conversions_round_and_saturate_as_fixed_point_does() {
    let mut bits = 1u32;
    let random = (0..200_000).map(|_| {
        bits = bits.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f32::from_bits(bits)
    });
    let halves = (-70_000..70_000).map(|n| n as f32 / 131_072.0);
    let edges = [
        f32::MAX,
        f32::MIN,
        f32::INFINITY,
        f32::NEG_INFINITY,
        0.0,
        -0.0,
        32_767.998,
        -32_768.0,
        63.999_996,
    ];
    for x in random.chain(halves).chain(edges).filter(|x| !x.is_nan()) {
        assert_eq!(to_q16(x), I16F16::saturating_from_num(x).to_bits(), "{x}");
    }
}
