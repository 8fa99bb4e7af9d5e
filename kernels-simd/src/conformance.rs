//! The battery that every backend has to pass, on hosts, emulators and boards alike: each kernel
//! against the oracle, with all tails, alignments, extremes, and sentinels around the outputs.

use crate::real::{Real, align};
use crate::scalar::matrix_i4::{GROUP_WORDS, I4Matrix};
use crate::scalar::{self, matrix::I8Matrix};
use crate::{fixed, kernels};

/// What a run of [`battery`] found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Comparisons made.
    pub cases: u32,
    /// Comparisons that failed.
    pub failures: u32,
    /// Name of the last kernel that failed.
    pub failed: Option<&'static str>,
    /// A bit for each of [`kernels::NAMES`] that was compared.
    compared: u32,
}

const SENTINEL: i32 = 0x5a5a_a5a5_u32 as i32;
/// Most rows of an int8 matrix.
const ROWS: usize = 12;
/// Half-words of the largest: 8 rows of 256 columns.
const WEIGHTS: usize = 8 / 2 * 256;

/// Small deterministic generator; some draws are extremes.
#[derive(Clone, Debug, Default)]
pub struct Draw(u32);

impl Draw {
    /// 32 bits.
    pub fn bits(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        self.0 ^ self.0 >> 15
    }

    /// A row pair's half-word of full-range int8 weights (format.md F6.2); `extreme` gives only
    /// ±127.
    pub fn weights(&mut self, extreme: bool) -> i16 {
        (256 * self.within(127, extreme) + self.within(127, extreme)) as i16
    }

    /// In ±limit; `extreme` gives only ±limit.
    pub fn within(&mut self, limit: i32, extreme: bool) -> i32 {
        let bits = self.bits();
        let magnitude = if extreme {
            limit
        } else {
            ((u64::from(bits >> 1) * (limit as u64 + 1)) >> 31) as i32
        };
        if bits & 1 == 0 { magnitude } else { -magnitude }
    }
}

impl Outcome {
    fn check(&mut self, kernel: &'static str, same: bool) {
        self.cases += 1;
        if let Some(index) = kernels::NAMES.iter().position(|name| *name == kernel) {
            self.compared |= 1 << index;
        }
        if !same {
            self.failures += 1;
            self.failed = Some(kernel);
        }
    }
}

/// Runs everything; about 8 KiB of stack.
#[must_use]
pub fn battery() -> Outcome {
    let mut outcome = Outcome::default();
    for round in 0..4 {
        for (rows, cols, block) in [
            (4, 16, 0),
            (4, 32, 16),
            (8, 48, 16),
            (8, 48, 32),
            (4, 64, 0),
            (12, 64, 64),
            (8, 112, 48),
            (8, 128, 64),
            (8, 80, 0),
            (4, 240, 0),
            (8, 256, 80),
            (8, 256, 0),
        ] {
            matvec(&mut outcome, rows, cols, block, round);
        }
        for (rows, groups) in [(4, 1), (8, 2), (4, 5), (12, 3)] {
            matvec_i4(&mut outcome, rows, groups, round);
        }
        for (d_k, d_v) in [
            (1, 1),
            (2, 3),
            (3, 4),
            (8, 8),
            (5, 17),
            (16, 16),
            (7, 31),
            (12, 40),
        ] {
            state(&mut outcome, d_k, d_v, round);
            state16(&mut outcome, d_k, d_v, round);
        }
        for len in [0, 1, 2, 3, 4, 5, 7, 8, 16, LEN] {
            for bits in [3, 16, 24, 29, 30, 31] {
                if len > 0 {
                    vectors(&mut outcome, len, bits, round);
                }
                activations(&mut outcome, len, bits, round);
            }
        }
    }
    // A kernel that was forgotten above counts as one that fails.
    for (index, kernel) in kernels::NAMES.iter().enumerate() {
        if outcome.compared >> index & 1 == 0 {
            outcome.check(kernel, false);
        }
    }
    outcome
}

fn matvec(outcome: &mut Outcome, rows: usize, cols: usize, block: usize, round: u32) {
    let mut draw = Draw((rows * 1_000 + cols * 7 + block) as u32 + round);
    let extreme = round == 0;
    let (mut weights, mut x) = (Words([0i16; WEIGHTS]), Words([0i16; 256 + 1]));
    let (weights, x) = (&mut weights.0, &mut x.0);
    for h in &mut weights[..rows / 2 * cols] {
        *h = draw.weights(extreme);
    }
    // |Σ w·x| < 2^23 over a block, whatever the signs.
    let limit = ((1 << 23) - 1) / (127 * if block == 0 { cols } else { block }) as i32;
    // Activations need not be aligned to more than an element on every host.
    let offset =
        usize::from(round == 3 && cfg!(not(any(sla_backend = "arm-dsp", sla_backend = "helium"))));
    let x = &mut x[offset..offset + cols];
    for x in x.iter_mut() {
        *x = draw.within(limit.min(1 << 13) / if round == 2 { 2 } else { 1 }, extreme) as i16;
    }
    if round == 2 {
        // One large element takes the other half of the bound.
        x[cols / 3] = [i16::MAX, 32_639, 32_640, -i16::MAX][rows / 4 % 2 + cols / 16 % 2 * 2];
    }
    let mut multiplier = [0i32; ROWS];
    for m in &mut multiplier {
        *m = draw.within(i32::MAX, extreme);
    }
    let w = I8Matrix::new(&weights[..rows / 2 * cols], cols, block);
    let (mut got, mut want) = ([SENTINEL; ROWS + 2], [SENTINEL; ROWS + 2]);
    kernels::matvec_i8(&w, x, &multiplier[..rows], &mut got[1..=rows]);
    scalar::matrix::matvec_i8(&w, x, &multiplier[..rows], &mut want[1..=rows]);
    outcome.check("matvec_i8", got == want);
    // Outputs beyond the last row are left alone.
    got = [SENTINEL; ROWS + 2];
    kernels::matvec_i8(&w, x, &multiplier[..rows], &mut got[1..]);
    outcome.check("matvec_i8 into more than its rows", got == want);

    // The oracle itself, against a sum in 64 bits.
    let mut naive = [SENTINEL; ROWS + 2];
    for (row, (naive, m)) in naive[1..=rows].iter_mut().zip(multiplier).enumerate() {
        let sum: i64 = w
            .row(row)
            .zip(x.iter())
            .map(|(w, x)| i64::from(w) * i64::from(*x))
            .sum();
        *naive = fixed::mulhr(sum as i32, m);
    }
    outcome.check("matvec_i8 oracle", naive == want);

    // Two vectors at once: this one and its reverse.
    let mut pair = Words([0i16; 2 * 256]);
    let pair = &mut pair.0[..2 * cols];
    let (mut reverse, mut got_2, mut want_2) =
        ([0i16; 256], [SENTINEL; ROWS + 2], [SENTINEL; ROWS + 2]);
    reverse
        .iter_mut()
        .zip(x.iter().rev())
        .for_each(|(to, x)| *to = *x);
    kernels::join(x, 0, pair);
    kernels::join(&reverse[..cols], 1, pair);
    got = [SENTINEL; ROWS + 2];
    kernels::matvec_i8_pair(
        &w,
        pair,
        &multiplier[..rows],
        [&mut got[1..=rows], &mut got_2[1..=rows]],
    );
    scalar::matrix::matvec_i8(
        &w,
        &reverse[..cols],
        &multiplier[..rows],
        &mut want_2[1..=rows],
    );
    outcome.check("join", got == want && got_2 == want_2);
    outcome.check("matvec_i8_pair", got == want && got_2 == want_2);
}

fn matvec_i4(outcome: &mut Outcome, rows: usize, groups: usize, round: u32) {
    const LARGEST: usize = 9 * GROUP_WORDS;
    let mut draw = Draw((rows * 1_000 + groups * 7) as u32 + round);
    let extreme = round == 0;
    let (mut words, mut x, mut multiplier) = ([0u32; LARGEST], Words([0i16; 5 * 32]), [0i32; 12]);
    for word in &mut words {
        // Nibbles and scales of any value, or all 0 or 15 and 255.
        *word = match (extreme, draw.bits()) {
            (true, bits) if bits & 1 == 0 => 0,
            (true, _) => u32::MAX,
            (false, bits) => bits ^ draw.bits() << 16,
        };
    }
    for x in &mut x.0 {
        *x = draw.within(i32::from(i16::MAX), extreme) as i16;
    }
    for m in &mut multiplier {
        *m = draw.within(i32::MAX, extreme);
    }
    let w = I4Matrix::new(&words[..rows / 4 * groups * GROUP_WORDS], 32 * groups);
    let x = &x.0[..32 * groups];
    let (mut got, mut want) = ([SENTINEL; 14], [SENTINEL; 14]);
    kernels::matvec_i4(&w, x, &multiplier[..rows], &mut got[1..=rows]);
    scalar::matrix_i4::matvec_i4(&w, x, &multiplier[..rows], &mut want[1..=rows]);
    outcome.check("matvec_i4", got == want);

    let mut naive = [SENTINEL; 14];
    for (row, (naive, m)) in naive[1..=rows].iter_mut().zip(multiplier).enumerate() {
        let sum: i64 = w
            .row(row)
            .zip(x.iter())
            .map(|(w, x)| i64::from(w) * i64::from(*x))
            .sum();
        *naive = fixed::mulhr(sum as i32, m);
    }
    outcome.check("matvec_i4 oracle", naive == want);
}

/// At an address that words may be read from.
#[repr(align(4))]
struct Words<T>(T);

fn state(outcome: &mut Outcome, d_k: usize, d_v: usize, round: u32) {
    const LARGEST: usize = 12 * 40;
    let mut draw = Draw((d_k * 100 + d_v) as u32 + round);
    let extreme = round == 0;
    let mut vector = [0i32; 3 * 40];
    // Σ|k|, Σ|q| < 2^31; |v| < 2^29; |S| < 2^29.
    let limit = (i64::from(i32::MAX) / d_k as i64) as i32;
    for (i, x) in vector.iter_mut().enumerate() {
        *x = draw.within(if i < 80 { limit } else { (1 << 29) - 1 }, extreme);
    }
    let (k, rest) = vector.split_at(40);
    let (q, v) = rest.split_at(40);
    let (k, q, v) = (&k[..d_k], &q[..d_k], &v[..d_v]);
    let mut got = [SENTINEL; LARGEST + 2];
    for s in &mut got[1..=d_k * d_v] {
        *s = draw.within((1 << 29) - 1, extreme);
    }
    let mut want = got;
    let (mut o_got, mut o_want) = ([SENTINEL; 42], [SENTINEL; 42]);
    let s = 1..=d_k * d_v;

    kernels::state_read(&got[s.clone()], k, &mut o_got[1..=d_v]);
    scalar::state::state_read(&want[s.clone()], k, &mut o_want[1..=d_v]);
    outcome.check("state_read", o_got == o_want);
    let mut shifts = [0u32; 16];
    for n in &mut shifts {
        *n = draw.bits() % if extreme { 36 } else { 4 };
    }
    for shifts in [&[][..], &shifts[..d_k]] {
        let mask_got =
            kernels::state_write_read(&mut got[s.clone()], shifts, k, v, q, &mut o_got[1..=d_v]);
        let mask_want = scalar::state::state_write_read(
            &mut want[s.clone()],
            shifts,
            k,
            v,
            q,
            &mut o_want[1..=d_v],
        );
        outcome.check(
            "state_write_read",
            got == want && o_got == o_want && mask_got == mask_want,
        );
    }
    for n in [-1, -3, -31, -32, 0, 2] {
        kernels::state_shift(&mut got[s.clone()], n);
        scalar::state::state_shift(&mut want[s.clone()], n);
        outcome.check("state_shift", got == want);
    }
}

/// Elements of the longest vector.
const LEN: usize = 21;

/// Room for a vector between sentinels.
fn framed<T: Copy + From<u16>, const N: usize>(x: &[T]) -> [T; N] {
    let mut out = [T::from(0x5aa5); N];
    if let Some(inner) = out.get_mut(1..=x.len()) {
        inner.copy_from_slice(x);
    }
    out
}

fn vectors(outcome: &mut Outcome, len: usize, bits: u32, round: u32) {
    let mut draw = Draw((len as u32) << 16 | bits << 8 | round);
    let limit = ((1u64 << bits) - 1) as i32;
    let (mut x, mut y) = ([0; LEN], [0; LEN]);
    for (x, y) in x.iter_mut().zip(&mut y) {
        *x = draw.within(limit, round == 0);
        *y = draw.within(i32::MAX, round == 1);
    }
    // Powers of two and the most negative numbers are where magnitudes are miscounted.
    match round {
        2 => x[len / 2] = -limit - 1,
        3 => x.iter_mut().for_each(|x| {
            *x = if *x == limit {
                *x
            } else {
                (*x + 1).clamp(-limit, limit) & -2
            }
        }),
        _ => {}
    }
    let (x, y) = (&x[..len], &y[..len]);
    let at = 1..=len;

    let mask = scalar::vector::magnitude(x);
    outcome.check("magnitude", kernels::magnitude(x) == mask);
    outcome.check(
        "sum_squares",
        kernels::sum_squares(x, mask) == scalar::vector::sum_squares(x, mask),
    );
    outcome.check(
        "sum_magnitudes",
        kernels::sum_magnitudes(x) == scalar::vector::sum_magnitudes(x),
    );

    let (mut got, mut want): ([i32; LEN + 2], [i32; LEN + 2]) = (framed(x), framed(x));
    kernels::add_saturating(&mut got[at.clone()], y);
    scalar::vector::add_saturating(&mut want[at.clone()], y);
    outcome.check("add_saturating", got == want);

    let (mut short_got, mut short_want) = ([0x5aa5i16; LEN + 2], [0x5aa5i16; LEN + 2]);
    for n in [-70, -32, -31, -13, -1, 0, 1, 7, 31, 32, 70] {
        let (mut got, mut want): ([i32; LEN + 2], [i32; LEN + 2]) = (framed(x), framed(x));
        kernels::shift_in_place(&mut got[at.clone()], n);
        scalar::vector::shift_in_place(&mut want[at.clone()], n);
        outcome.check("shift_in_place", got == want);
        kernels::shift_into(x, n, &mut got[at.clone()]);
        scalar::vector::shift_into(x, n, &mut want[at.clone()]);
        outcome.check("shift_into", got == want);
        kernels::shift_i16(x, n, &mut short_got[at.clone()]);
        scalar::vector::shift_i16(x, n, &mut short_want[at.clone()]);
        outcome.check("shift_i16", short_got == short_want);

        let a = Real::new(u64::from(draw.bits()) + 1, -32).applied(align(mask), n);
        kernels::apply(a, x, &mut got[at.clone()]);
        scalar::vector::apply(a, x, &mut want[at.clone()]);
        outcome.check("apply", got == want);
        kernels::apply_i16(a, x, &mut short_got[at.clone()]);
        scalar::vector::apply_i16(a, x, &mut short_want[at.clone()]);
        outcome.check("apply_i16", short_got == short_want);
        (got, want) = (framed(x), framed(x));
        kernels::apply_in_place(a, &mut got[at.clone()]);
        scalar::vector::apply_in_place(a, &mut want[at.clone()]);
        outcome.check("apply_in_place", got == want);
    }
}

fn activations(outcome: &mut Outcome, len: usize, bits: u32, round: u32) {
    let mut draw = Draw((len as u32) << 16 | bits << 8 | round);
    let limit = ((1u64 << bits) - 1) as i32;
    let (mut t, mut x, mut k, mut q) = ([0; LEN], [0; LEN], [0; LEN], [0; LEN]);
    let mut carry = [0u32; LEN];
    // Both sides of 16 in Q16, where tables end; the ends of int32; the two carries around 1.
    let edges = [
        0,
        1,
        -1,
        (16 << 16) - 1,
        16 << 16,
        -(16 << 16),
        1 - (16 << 16),
        i32::MAX,
        i32::MIN,
    ];
    for i in 0..len {
        t[i] = if round == 0 {
            edges[i % edges.len()]
        } else {
            draw.within(limit, round == 1)
        };
        for x in [&mut x[i], &mut k[i], &mut q[i]] {
            *x = draw.within(i32::MAX, round == 1);
        }
        carry[i] = [0, 1, (1 << 27) - 1, draw.bits() >> 5][if round == 0 { i % 3 } else { 3 }];
    }
    let (t, x, at) = (&t[..len], &x[..len], 1..=len);

    for (g_up, x_up) in [(0, 0), (3, 7), (-2, 1), (31, -31), (-31, 31), (-40, 4)] {
        let (mut got, mut want): ([i32; LEN + 2], [i32; LEN + 2]) = (framed(t), framed(t));
        kernels::silu_product(&mut got[at.clone()], x, g_up, x_up);
        scalar::activation::silu_product(&mut want[at.clone()], x, g_up, x_up);
        outcome.check("silu_product", got == want);
    }
    let (mut got, mut want): ([i32; LEN + 2], [i32; LEN + 2]) = (framed(t), framed(t));
    kernels::sigmoid_product(&mut got[at.clone()], x);
    scalar::activation::sigmoid_product(&mut want[at.clone()], x);
    outcome.check("sigmoid_product", got == want);
    (got, want) = (framed(t), framed(t));
    kernels::silu_in_place(&mut got[at.clone()]);
    scalar::activation::silu_in_place(&mut want[at.clone()]);
    outcome.check("silu_in_place", got == want);

    for decay_max in [u32::MAX, 1 << 24] {
        let mut got = (
            framed::<u32, { LEN + 2 }>(&carry[..len]),
            [7u32; LEN + 2],
            framed(&k[..len]),
            framed(&q[..len]),
        );
        let mut want: (_, _, [i32; LEN + 2], [i32; LEN + 2]) = got;
        let (carry, bits, k, q) = (&mut got.0, &mut got.1, &mut got.2, &mut got.3);
        let at = || 1..=len;
        kernels::gla_channels(
            t,
            decay_max,
            &mut carry[at()],
            &mut bits[at()],
            &mut k[at()],
            &mut q[at()],
        );
        let (carry, bits, k, q) = (&mut want.0, &mut want.1, &mut want.2, &mut want.3);
        scalar::activation::gla_channels(
            t,
            decay_max,
            &mut carry[at()],
            &mut bits[at()],
            &mut k[at()],
            &mut q[at()],
        );
        outcome.check("gla_channels", got == want);
    }
}

fn state16(outcome: &mut Outcome, d_k: usize, d_v: usize, round: u32) {
    const LARGEST: usize = 6 * 40;
    let mut draw = Draw((d_k * 100 + d_v) as u32 + round);
    let (extreme, pairs) = (round == 0, d_k.div_ceil(2));
    // |k| ≤ 2^15, Σ|q| < 2^16, |V| ≤ 2^30, |S| ≤ 2^14.
    let (mut k, mut q, mut v) = ([0i32; 16], [0i32; 16], [0i32; 40]);
    k[..d_k]
        .iter_mut()
        .for_each(|k| *k = draw.within(i32::MAX, extreme));
    q[..d_k]
        .iter_mut()
        .for_each(|q| *q = draw.within(i32::from(i16::MAX).min(0xffff / d_k as i32), extreme));
    v.iter_mut()
        .for_each(|v| *v = draw.within(1 << 30, extreme));
    let k = &*scalar::state16::pack_pairs(&mut k[..d_k], -16);
    let q = &*scalar::state16::pack_pairs(&mut q[..d_k], 0);
    let v = &v[..d_v];
    let mut got = [SENTINEL; LARGEST + 2];
    for s in &mut got[1..=pairs * d_v] {
        *s = draw.within(1 << 14, extreme) << 16 | draw.within(1 << 14, extreme) & 0xffff;
    }
    let mut want = got;
    let (mut o_got, mut o_want) = ([SENTINEL; 42], [SENTINEL; 42]);
    let s = 1..=pairs * d_v;
    let mut shifts = [0u32; 16];
    shifts
        .iter_mut()
        .for_each(|n| *n = draw.bits() % if extreme { 36 } else { 4 });
    shifts[0] = if round == 1 { u32::MAX } else { shifts[0] };

    kernels::state16_read(&got[s.clone()], q, &mut o_got[1..=d_v]);
    scalar::state16::state16_read(&want[s.clone()], q, &mut o_want[1..=d_v]);
    outcome.check("state16_read", o_got == o_want);
    for shifts in [&[][..], &shifts[..d_k]] {
        let dither = draw.bits();
        let before = want;
        let mask_got = kernels::state16_write_read(
            &mut got[s.clone()],
            shifts,
            k,
            v,
            q,
            dither,
            &mut o_got[1..=d_v],
        );
        let mask_want = scalar::state16::state16_write_read(
            &mut want[s.clone()],
            shifts,
            k,
            v,
            q,
            dither,
            &mut o_want[1..=d_v],
        );
        outcome.check(
            "state16_write_read",
            got == want && o_got == o_want && mask_got == mask_want,
        );

        // The oracle itself, element by element in 64 bits.
        let (mut same, mut bits, mut sums) = (true, 0, [0i64; 40]);
        for (w, (old, new)) in before[s.clone()].iter().zip(&want[s.clone()]).enumerate() {
            let (i, j) = (w / d_v, w % d_v);
            let dither = dither.wrapping_add((w as u32).wrapping_mul(scalar::state16::DITHER_STEP));
            for half in 0..2u32 {
                let of = |pair: i32| i64::from((pair >> (16 * half)) as i16);
                let n = shifts.get(2 * i + half as usize).map_or(0, |&n| n.min(31));
                let d = i64::from(dither >> (16 * half) & 0xffff);
                let x = (((of(*old) << 16) >> n) + ((i64::from(v[j]) * of(k[i])) >> 16) + d) >> 16;
                same &= i64::from(x as i16) == of(*new);
                sums[j] += i64::from(x as i16) * of(q[i]);
                bits = bits.max(fixed::bit_len((x as i16 ^ (x as i16 >> 15)) as u16 as u32));
            }
        }
        same &= sums
            .iter()
            .zip(&o_want[1..=d_v])
            .all(|(sum, o)| *sum as i32 == *o);
        outcome.check(
            "state16_write_read oracle",
            same && fixed::bit_len(mask_want) == bits,
        );
    }
    for n in [0, 1, 3, 15] {
        kernels::state16_shift_up(&mut got[s.clone()], n);
        scalar::state16::state16_shift_up(&mut want[s.clone()], n);
        outcome.check("state16_shift_up", got == want);
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn this_machine_passes() {
        let outcome = super::battery();
        assert!(outcome.cases >= 400, "{outcome:?}");
        assert_eq!(
            (outcome.failures, outcome.failed),
            (0, None),
            "backend {}",
            crate::backend()
        );
    }
}
