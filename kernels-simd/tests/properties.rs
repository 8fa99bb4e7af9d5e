//! Kernels against naive arithmetic in 64 and 128 bits, for all tails.

use proptest::prelude::*;
use sla_kernels::fixed::{mulhr, realign, round_shr, sat_shl};
use sla_kernels::{GROUP, I4Matrix, I8Matrix, PANEL, TILE, padded_cols, padded_rows, scalar};

/// `round(x / 2^n)`, ties up.
fn rounded(x: i128, n: u32) -> i128 {
    (x + ((1i128 << n) >> 1)) >> n
}

fn hi(a: i32, b: i32) -> i32 {
    rounded(i128::from(a) * i128::from(b), 32) as i32
}

/// All i32, ends and small values more often than chance has it.
fn word() -> impl Strategy<Value = i32> {
    prop_oneof![4 => any::<i32>(), 1 => -5..=5i32, 1 => prop::sample::select(&[i32::MIN, i32::MIN + 1, i32::MAX, 1 << 30][..])]
}

fn words(len: usize, limit: i32) -> impl Strategy<Value = Vec<i32>> {
    prop::collection::vec(
        prop_oneof![4 => -limit..=limit, 1 => -3..=3i32, 1 => prop::sample::select(vec![-limit, limit])],
        len,
    )
}

/// Row-major weights in the layout of format.md F6.2, written down a second time.
fn pack(weights: &[Vec<i8>], cols: usize) -> Vec<i16> {
    let (rows, cols) = (padded_rows(weights.len()), padded_cols(cols));
    let at = |r: usize, c: usize| {
        i16::from(
            weights
                .get(r)
                .and_then(|row| row.get(c))
                .copied()
                .unwrap_or(0),
        )
    };
    let mut out = Vec::new();
    for panel in (0..rows).step_by(4) {
        for run in (0..cols).step_by(8) {
            for pair in [panel, panel + 2] {
                out.extend((run..run + 8).map(|c| 256 * at(pair + 1, c) + at(pair, c)));
            }
        }
    }
    out
}

/// Nibbles 0…15 and scales by group in the layout of format.md F6.7, written down a second time.
fn pack_i4(nibbles: &[Vec<u8>], scales: &[Vec<u8>], cols: usize) -> Vec<u32> {
    let at = |r: usize, c: usize| {
        u32::from(
            nibbles
                .get(r)
                .and_then(|row| row.get(c))
                .copied()
                .unwrap_or(8),
        )
    };
    let mut out = Vec::new();
    for panel in (0..padded_rows(nibbles.len())).step_by(4) {
        for group in 0..cols.div_ceil(GROUP) {
            for run in (GROUP * group..GROUP * (group + 1)).step_by(8) {
                for r in panel..panel + 4 {
                    out.push(
                        (0..4)
                            .map(|k| {
                                at(r, run + 2 * k) << (4 * k)
                                    | at(r, run + 2 * k + 1) << (16 + 4 * k)
                            })
                            .sum(),
                    );
                }
            }
            out.push(u32::from_le_bytes(
                [0, 1, 2, 3].map(|r| scales.get(panel + r).map_or(0, |s| s[group])),
            ));
        }
    }
    out
}

prop_compose! {
    /// Nibbles, scales, activations, multipliers.
    fn matrix_i4()(rows in 1..=11usize, cols in 1..=150usize, extreme in any::<bool>())(
        nibbles in prop::collection::vec(prop::collection::vec(0..=15u8, cols), rows),
        scales in prop::collection::vec(prop::collection::vec(any::<u8>(), cols.div_ceil(GROUP)), rows),
        x in prop::collection::vec(
            if extreme { prop::sample::select(&[i16::MIN, i16::MAX][..]).boxed() } else { any::<i16>().boxed() },
            cols,
        ),
        multiplier in prop::collection::vec(0..=i32::MAX, rows),
    ) -> (Vec<Vec<u8>>, Vec<Vec<u8>>, Vec<i16>, Vec<i32>) {
        (nibbles, scales, x, multiplier)
    }
}

prop_compose! {
    /// Weights, columns between flushes, activations, multipliers.
    fn matrix()(rows in 1..=11usize, cols in 1..=150usize, tiles in 0..=10usize, extreme in any::<bool>())(
        weights in prop::collection::vec(
            prop::collection::vec(prop_oneof![2 => -127..=127i8, 1 => prop::sample::select(&[-127i8, 127, 0][..])], cols),
            rows,
        ),
        // |D₁| < 2^23 over a block, whatever the weights are.
        x in {
            let block = if tiles == 0 { padded_cols(cols) } else { TILE * tiles };
            let limit = ((1 << 23) / (127 * block.min(padded_cols(cols))) - 1).min(8_192) as i16;
            prop::collection::vec(if extreme { prop_oneof![Just(-limit), Just(limit)].boxed() } else { (-limit..=limit).boxed() }, cols)
        },
        multiplier in prop::collection::vec(0..=i32::MAX, rows),
        tiles in Just(tiles),
        cols in Just(cols),
    ) -> (Vec<Vec<i8>>, usize, usize, Vec<i16>, Vec<i32>) {
        (weights, cols, tiles, x, multiplier)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn fixed_point_primitives(a in word(), b in word(), n in 0..70u32) {
        prop_assert_eq!(mulhr(a, b), hi(a, b));
        let want = if n > 31 { 0 } else { rounded(i128::from(a), n) as i32 };
        prop_assert_eq!(round_shr(a, n), want);
        let want = (i128::from(a) << n.min(64)).clamp(i128::from(i32::MIN), i128::from(i32::MAX));
        prop_assert_eq!(i128::from(sat_shl(a, n)), want);
        prop_assert_eq!(i64::from(realign(a, -(n as i32))), i64::from(a) >> n.min(63));
        if n < 32 {
            prop_assert_eq!(realign(a, n as i32), ((i64::from(a)) << n) as i32);
        }
    }

    #[test]
    fn matvec_is_a_sum_of_products((weights, cols, tiles, x, multiplier) in matrix()) {
        let data = pack(&weights, cols);
        let w = I8Matrix::new(&data, cols, TILE * tiles);
        let rows = padded_rows(weights.len());
        let mut padded_x = x.clone();
        padded_x.resize(padded_cols(cols), 0);
        let mut m = multiplier.clone();
        m.resize(rows, 0);
        let want: Vec<i32> = weights
            .iter()
            .zip(&multiplier)
            .map(|(row, &m)| {
                let sum: i64 = row.iter().zip(&x).map(|(&w, &x)| i64::from(w) * i64::from(x)).sum();
                hi(i32::try_from(sum).unwrap(), m)
            })
            .collect();
        for kernel in [scalar::matrix::matvec_i8, sla_kernels::matvec_i8] {
            let mut out = vec![77; rows + 1];
            kernel(&w, &padded_x, &m, &mut out[..rows]);
            prop_assert_eq!(&out[..weights.len()], &want[..]);
            prop_assert!(out[weights.len()..rows].iter().all(|&o| o == 0));
            prop_assert_eq!(out[rows], 77);
        }
        // Rows one by one, and a part from some panel on.
        for (r, row) in weights.iter().enumerate() {
            prop_assert!(w.row(r).take(cols).eq(row.iter().copied()), "row {}", r);
        }
        let start = (weights.len() - 1) / PANEL * PANEL;
        let part = w.rows(start, weights.len() - start);
        let mut out = vec![0; rows - start];
        sla_kernels::matvec_i8(&part, &padded_x, &m[start..], &mut out);
        prop_assert_eq!(&out[..weights.len() - start], &want[start..]);
    }

    #[test]
    fn matvec_i4_is_a_sum_of_scaled_sums((nibbles, scales, x, multiplier) in matrix_i4()) {
        let (rows, cols) = (padded_rows(nibbles.len()), x.len());
        let data = pack_i4(&nibbles, &scales, cols);
        let w = I4Matrix::new(&data, cols);
        let mut padded_x = x.clone();
        padded_x.resize(cols.next_multiple_of(GROUP), 0);
        let mut m = multiplier.clone();
        m.resize(rows, 0);
        let weights: Vec<Vec<i64>> = nibbles
            .iter()
            .zip(&scales)
            .map(|(row, s)| row.iter().enumerate().map(|(c, &n)| i64::from(s[c / GROUP]) * (i64::from(n) - 8)).collect())
            .collect();
        let want: Vec<i32> = weights
            .iter()
            .zip(&multiplier)
            // Sums wrap.
            .map(|(row, &m)| hi(row.iter().zip(&x).map(|(&w, &x)| w * i64::from(x)).sum::<i64>() as i32, m))
            .collect();
        for kernel in [scalar::matrix_i4::matvec_i4, sla_kernels::matvec_i4] {
            let mut out = vec![77; rows + 1];
            kernel(&w, &padded_x, &m, &mut out[..rows]);
            prop_assert_eq!(&out[..weights.len()], &want[..]);
            prop_assert!(out[weights.len()..rows].iter().all(|&o| o == 0));
            prop_assert_eq!(out[rows], 77);
        }
        for (r, row) in weights.iter().enumerate() {
            prop_assert!(w.row(r).take(cols).map(i64::from).eq(row.iter().copied()), "row {}", r);
        }
        let start = (weights.len() - 1) / PANEL * PANEL;
        let mut out = vec![0; rows - start];
        sla_kernels::matvec_i4(&w.rows(start, weights.len() - start), &padded_x, &m[start..], &mut out);
        prop_assert_eq!(&out[..weights.len() - start], &want[start..]);
    }

    #[test]
    fn two_vectors_at_once_are_two_products((weights, cols, tiles, x, multiplier) in matrix()) {
        let data = pack(&weights, cols);
        let w = I8Matrix::new(&data, cols, TILE * tiles);
        let rows = padded_rows(weights.len());
        let mut m = multiplier;
        m.resize(rows, 0);
        let lanes = [x.clone(), x.iter().rev().copied().collect::<Vec<_>>()].map(|mut x| {
            x.resize(padded_cols(cols), 0);
            x
        });
        let mut pair = vec![0; 2 * padded_cols(cols)];
        let (mut got, mut want) = ([vec![0; rows], vec![0; rows]], [vec![0; rows], vec![0; rows]]);
        for (lane, x) in lanes.iter().enumerate() {
            sla_kernels::join(x, lane, &mut pair);
            scalar::matrix::matvec_i8(&w, x, &m, &mut want[lane]);
        }
        let [first, second] = &mut got;
        sla_kernels::matvec_i8_pair(&w, &pair, &m, [first, second]);
        prop_assert_eq!(got, want);
    }

    #[test]
    fn the_state_is_shifted_written_and_read(
        (d_k, d_v, s, k, v, q, shifts) in (1..=9usize, 1..=9usize).prop_flat_map(|(d_k, d_v)| (
            Just(d_k),
            Just(d_v),
            words(d_k * d_v, 1 << 29),
            words(d_k, i32::MAX),
            words(d_v, 1 << 29),
            words(d_k, i32::MAX / 9),
            prop_oneof![Just(Vec::new()), prop::collection::vec(0..40u32, d_k)],
        ))
    ) {
        let mut state: Vec<i128> = s.iter().map(|&s| i128::from(s)).collect();
        for (i, row) in state.chunks_exact_mut(d_v).enumerate() {
            for (j, s) in row.iter_mut().enumerate() {
                *s = rounded(*s, shifts.get(i).copied().unwrap_or(0)) + i128::from(hi(k[i], v[j]));
            }
        }
        let o: Vec<i128> = (0..d_v)
            .map(|j| (0..d_k).map(|i| rounded(state[i * d_v + j] * i128::from(q[i]), 32)).sum())
            .collect();
        let largest = state.iter().map(|&s| if s < 0 { !s } else { s }).max().unwrap();
        prop_assert!(largest < 1 << 30 && o.iter().all(|o| o.abs() < 1 << 31), "the kernel's own contract");
        for kernel in [scalar::state::state_write_read, sla_kernels::state_write_read] {
            let (mut got, mut o_got) = (s.clone(), vec![5; d_v]);
            let mask = kernel(&mut got, &shifts, &k, &v, &q, &mut o_got);
            prop_assert!(got.iter().map(|&s| i128::from(s)).eq(state.iter().copied()));
            prop_assert!(o_got.iter().map(|&o| i128::from(o)).eq(o.iter().copied()));
            // The mask has the bit length of the largest magnitude.
            prop_assert_eq!(128 - largest.leading_zeros(), 32 - mask.leading_zeros());
        }
    }

    #[test]
    fn the_state_is_read(
        (d_k, d_v, s, k) in (1..=9usize, 1..=9usize).prop_flat_map(|(d_k, d_v)| {
            (Just(d_k), Just(d_v), words(d_k * d_v, 1 << 30), words(d_k, i32::MAX / 9))
        })
    ) {
        let want: Vec<i32> = (0..d_v).map(|j| (0..d_k).map(|i| hi(s[i * d_v + j], k[i])).sum()).collect();
        for kernel in [scalar::state::state_read, sla_kernels::state_read] {
            let mut got = vec![9; d_v];
            kernel(&s, &k, &mut got);
            prop_assert_eq!(&got, &want);
        }
    }

    #[test]
    fn the_state_moves(s in prop::collection::vec(word(), 0..20), n in -40..=40i32) {
        let mut got = s.clone();
        sla_kernels::state_shift(&mut got, n);
        let want: Vec<i32> = s
            .iter()
            .map(|&s| match n {
                ..=-32 => 0,
                -31..0 => rounded(i128::from(s), n.unsigned_abs()) as i32,
                _ => (i128::from(s) << n.min(31)) as i32,
            })
            .collect();
        prop_assert_eq!(got, want);
    }
}
