//! Every distance that a gate can see, and gates of 2 to 64 heads over all logits that int32 holds
//! (N7).

extern crate std;

use super::*;
use proptest::prelude::*;
use std::vec::Vec;

/// By how much a gate's sum may miss its scale, relative: 64 roundings of a weight to 2^-31, and
/// those of the reals.
const RESOLUTION: f64 = 1.0 / (1 << 24) as f64;
/// Relative error of 2^-d by interpolation (N3.5).
const WEIGHT_ERROR: f64 = 1.5e-6;
/// The distance from which a weight is 0.
const NOTHING: u32 = 48 << 16;
/// The distance from which a head does not count in the sum.
const UNCOUNTED: u32 = 31 << 16;

fn value(r: Real) -> f64 {
    f64::from(r.mantissa()) * 2f64.powi(r.exponent())
}

fn gates(logits: &[i32], frac: i32, scale: Real) -> Vec<Real> {
    let mut logits = logits.to_vec();
    let heads = logits.len();
    let gate = HeadGate::new(&mut logits, frac, heads, scale);
    (0..heads).map(|head| gate.of(head)).collect()
}

#[test]
fn weights_fall_at_every_distance() {
    let (mut last, mut last_counted) = (f64::INFINITY, u32::MAX);
    for d in 0..=NOTHING {
        let (w, counted) = (value(weight(d)), nonlinear::exp2_below(d));
        let exact = (-f64::from(d) / 65_536.0).exp2();
        if d == NOTHING {
            assert_eq!(w, 0.0);
        } else {
            assert!(
                (w / exact - 1.0).abs() < WEIGHT_ERROR,
                "2^-{d}/65536 is {exact}, not {w}"
            );
        }
        assert!(w < last, "the weight does not fall from {} to {d}", d - 1);
        assert!(
            counted <= last_counted && (counted == 0) == (d >= UNCOUNTED),
            "{counted} at {d}"
        );
        assert!(
            (f64::from(counted) - exact * 2f64.powi(30)).abs()
                <= 0.5 + exact * 2f64.powi(30) * WEIGHT_ERROR,
            "{d}"
        );
        (last, last_counted) = (w, counted);
    }
    for d in [NOTHING + 1, 49 << 16, 1 << 31, u32::MAX] {
        assert!(weight(d).is_zero() && nonlinear::exp2_below(d) == 0);
    }
}

#[test]
fn two_heads_share_the_scale_at_every_distance() {
    let mut last = [0.0, f64::INFINITY];
    for d in 0..=NOTHING as i32 {
        let g: [f64; 2] = [0, 1].map(|head| value(gates(&[7, 7 - d], 16, Real::ONE)[head]));
        assert!((g[0] + g[1] - 1.0).abs() < RESOLUTION, "{g:?} at {d}");
        assert!(g[0] >= last[0] && g[1] < last[1], "not monotone at {d}");
        last = g;
    }
    assert_eq!(last, [1.0, 0.0]);
}

#[test]
fn coarse_logits_have_the_distances_of_fine_ones() {
    for frac in -20..=16 {
        for steps in [
            0u32,
            1,
            2,
            77,
            65_535,
            65_536,
            1 << 29,
            (1 << 31) - 1,
            1 << 31,
            u32::MAX,
        ] {
            let (top, t) = (i32::MAX, i32::MAX.wrapping_sub_unsigned(steps));
            let exact = u64::from(steps)
                .checked_shl((16 - frac) as u32)
                .filter(|d| d >> (16 - frac) == u64::from(steps));
            let want = exact
                .and_then(|d| u32::try_from(d).ok())
                .unwrap_or(u32::MAX);
            assert_eq!(distance(t, top, frac), want, "{steps} steps of 2^-{frac}");
        }
    }
}

/// Logits of one gate: all int32, or near each other, or near an end, with equal ones among them.
fn logits() -> impl Strategy<Value = Vec<i32>> {
    (2usize..=64, any::<i32>(), 0u32..=32).prop_flat_map(|(heads, center, spread_bits)| {
        let reach = (1i64 << spread_bits) - 1;
        let one = (-reach..=reach).prop_map(move |offset| {
            (i64::from(center) + offset).clamp(i32::MIN.into(), i32::MAX.into()) as i32
        });
        let one = prop_oneof![4 => one, 1 => Just(center)];
        proptest::collection::vec(one, heads)
    })
}

fn scale() -> impl Strategy<Value = Real> {
    (1u64 << 30..1 << 31, -60i32..60).prop_map(|(mantissa, exponent)| Real::new(mantissa, exponent))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 4000, ..ProptestConfig::default() })]

    #[test]
    fn gates_sum_to_their_scale_in_the_order_of_their_logits(t in logits(), frac in -20i32..=16, scale in scale()) {
        let g = gates(&t, frac, scale);
        let sum: f64 = g.iter().map(|&g| value(g)).sum();
        prop_assert!((sum / value(scale) - 1.0).abs() < RESOLUTION, "the sum is {} of the scale", sum / value(scale));
        let mut order: Vec<usize> = (0..t.len()).collect();
        order.sort_by_key(|&head| t[head]);
        for pair in order.windows(2) {
            let (low, high) = (pair[0], pair[1]);
            prop_assert!(value(g[low]) <= value(g[high]), "the higher logit has the lower gate");
            prop_assert!(t[low] != t[high] || g[low] == g[high], "equal logits, unequal gates");
        }
        // Nothing, and everything, exactly.
        let top = *t.iter().max().unwrap();
        let below: Vec<u32> = t.iter().map(|&t| distance(t, top, frac)).collect();
        for (&d, g) in below.iter().zip(&g) {
            prop_assert_eq!(d >= NOTHING, g.is_zero());
        }
        if below.iter().filter(|&&d| d < UNCOUNTED).count() == 1 {
            prop_assert_eq!(g[order[t.len() - 1]], scale, "the only head that counts has the whole scale");
        }
    }

    #[test]
    fn a_gate_rises_with_its_logit(
        t in logits(), frac in -20i32..=16, scale in scale(), head in 0usize..64, rise in 1u32..=u32::MAX, bits in 0u32..32,
    ) {
        let head = head % t.len();
        let before = value(gates(&t, frac, scale)[head]);
        let mut raised = t.clone();
        raised[head] = t[head].saturating_add_unsigned((rise >> bits).max(1));
        let after = value(gates(&raised, frac, scale)[head]);
        prop_assert!(after >= before, "{before} falls to {after}");
    }
}
