//! Activations and gates (numerics.md N3, N9.2, N10.2, N11.1): four elements at a time, each in 64
//! bits, which is what the products of 32-bit numbers need.

use super::rounded_product;
use crate::nonlinear::DECAY_FRAC;
use crate::scalar::activation as scalar;
use crate::tables::{EXP2_Q30, SIGMOID_Q31, SOFTPLUS_Q27};
use core::arch::x86_64::*;

/// Elements of a vector.
const LANES: usize = 4;
/// The lower 32 bits of a lane.
const LOW: i64 = 0xffff_ffff;

/// [`scalar::silu_product`] with AVX2.
#[target_feature(enable = "avx2")]
pub fn silu_product(g: &mut [i32], x: &[i32], g_up: i32, x_up: i32) {
    if !(0..32).contains(&g_up) || !(0..32).contains(&x_up) {
        return scalar::silu_product(g, x, g_up, x_up);
    }
    let (g_count, x_count) = (_mm_cvtsi32_si128(g_up), _mm_cvtsi32_si128(x_up));
    let len = g.len().min(x.len());
    let (g, x) = (&mut g[..len], &x[..len]);
    let (mut gs, xs) = (g.chunks_exact_mut(LANES), x.chunks_exact(LANES));
    let x_rest = xs.remainder();
    for (g, x) in (&mut gs).zip(xs) {
        let silu = _mm256_sll_epi32(silu(load(g)), g_count);
        store(g, mulhr(silu, _mm256_sll_epi32(load(x), x_count)));
    }
    scalar::silu_product(gs.into_remainder(), x_rest, g_up, x_up);
}

/// [`scalar::sigmoid_product`] with AVX2.
#[target_feature(enable = "avx2")]
pub fn sigmoid_product(g: &mut [i32], x: &[i32]) {
    let len = g.len().min(x.len());
    let (g, x) = (&mut g[..len], &x[..len]);
    let (mut gs, xs) = (g.chunks_exact_mut(LANES), x.chunks_exact(LANES));
    let x_rest = xs.remainder();
    for (g, x) in (&mut gs).zip(xs) {
        store(g, mulhr(sigmoid(load(g)), load(x)));
    }
    scalar::sigmoid_product(gs.into_remainder(), x_rest);
}

/// [`scalar::silu_in_place`] with AVX2.
#[target_feature(enable = "avx2")]
pub fn silu_in_place(x: &mut [i32]) {
    let mut xs = x.chunks_exact_mut(LANES);
    for x in &mut xs {
        store(x, silu(load(x)));
    }
    scalar::silu_in_place(xs.into_remainder());
}

/// [`scalar::gla_channels`] with AVX2.
#[target_feature(enable = "avx2")]
pub fn gla_channels(
    z: &[i32],
    decay_max: u32,
    carry: &mut [u32],
    bits: &mut [u32],
    k: &mut [i32],
    q: &mut [i32],
) {
    let len = z
        .len()
        .min(carry.len())
        .min(bits.len())
        .min(k.len())
        .min(q.len());
    let whole = len - len % LANES;
    let limit = _mm256_set1_epi64x(decay_max.into());
    for at in (0..whole).step_by(LANES) {
        let part = at..at + LANES;
        let decay = min(gla_decay(load(&z[part.clone()])), limit);
        let carry = &mut carry[part.clone()];
        let sum = min(
            _mm256_add_epi64(load_unsigned(carry), decay),
            _mm256_set1_epi64x(LOW),
        );
        store_unsigned(
            &mut bits[part.clone()],
            _mm256_srli_epi64::<{ DECAY_FRAC as i32 }>(sum),
        );
        let fraction = _mm256_and_si256(sum, _mm256_set1_epi64x((1 << DECAY_FRAC) - 1));
        store_unsigned(carry, fraction);
        let k = &mut k[part.clone()];
        store(k, mulhr(load(k), exp2(fraction)));
        let q = &mut q[part];
        store(q, mulhr(load(q), exp2_neg(fraction)));
    }
    let rest = whole..len;
    let (carry, bits) = (&mut carry[rest.clone()], &mut bits[rest.clone()]);
    scalar::gla_channels(
        &z[rest.clone()],
        decay_max,
        carry,
        bits,
        &mut k[rest.clone()],
        &mut q[rest],
    );
}

/// Four int32, sign-extended.
#[inline]
#[target_feature(enable = "avx2")]
fn load(x: &[i32]) -> __m256i {
    assert!(x.len() >= LANES, "a chunk");
    // SAFETY: 16 bytes are there.
    _mm256_cvtepi32_epi64(unsafe { _mm_loadu_si128(x.as_ptr().cast()) })
}

/// Four uint32, zero-extended.
#[inline]
#[target_feature(enable = "avx2")]
fn load_unsigned(x: &[u32]) -> __m256i {
    assert!(x.len() >= LANES, "a chunk");
    // SAFETY: 16 bytes are there.
    _mm256_cvtepu32_epi64(unsafe { _mm_loadu_si128(x.as_ptr().cast()) })
}

/// The lower halves of the lanes.
#[inline]
#[target_feature(enable = "avx2")]
fn store(out: &mut [i32], x: __m256i) {
    assert!(out.len() >= LANES, "a chunk");
    let halves = _mm256_permutevar8x32_epi32(x, _mm256_setr_epi32(0, 2, 4, 6, 0, 2, 4, 6));
    // SAFETY: 16 bytes are there.
    unsafe { _mm_storeu_si128(out.as_mut_ptr().cast(), _mm256_castsi256_si128(halves)) };
}

/// The lower halves of the lanes.
#[inline]
#[target_feature(enable = "avx2")]
fn store_unsigned(out: &mut [u32], x: __m256i) {
    assert!(out.len() >= LANES, "a chunk");
    let halves = _mm256_permutevar8x32_epi32(x, _mm256_setr_epi32(0, 2, 4, 6, 0, 2, 4, 6));
    // SAFETY: 16 bytes are there.
    unsafe { _mm_storeu_si128(out.as_mut_ptr().cast(), _mm256_castsi256_si128(halves)) };
}

/// [`crate::fixed::mulhr`] of the lower halves, zero-extended.
#[inline]
#[target_feature(enable = "avx2")]
fn mulhr(a: __m256i, b: __m256i) -> __m256i {
    _mm256_srli_epi64::<32>(rounded_product(a, b))
}

/// The smaller of two numbers below 2^63.
#[inline]
#[target_feature(enable = "avx2")]
fn min(a: __m256i, b: __m256i) -> __m256i {
    _mm256_blendv_epi8(a, b, _mm256_cmpgt_epi64(a, b))
}

/// Entry `index` modulo `STEPS`, a power of two, of a table in the lower half of each lane, the
/// next one in the upper half.
#[inline]
#[target_feature(enable = "avx2")]
fn pairs<const STEPS: usize, const N: usize>(table: &[u32; N], index: __m256i) -> __m256i {
    const { assert!(STEPS.is_power_of_two() && STEPS < N) };
    let pair = |index: i64| {
        let index = index as usize & (STEPS - 1);
        i64::from(table[index]) | i64::from(table[index + 1]) << 32
    };
    _mm256_setr_epi64x(
        pair(_mm256_extract_epi64::<0>(index)),
        pair(_mm256_extract_epi64::<1>(index)),
        pair(_mm256_extract_epi64::<2>(index)),
        pair(_mm256_extract_epi64::<3>(index)),
    )
}

/// The part `fraction`/2^32 of the first number of each pair less the second, rounded down, and the
/// first number.
#[inline]
#[target_feature(enable = "avx2")]
fn fall(pairs: __m256i, fraction: __m256i) -> (__m256i, __m256i) {
    let difference = _mm256_sub_epi32(pairs, _mm256_srli_epi64::<32>(pairs));
    let part = _mm256_srli_epi64::<32>(_mm256_mul_epu32(difference, fraction));
    (part, _mm256_and_si256(pairs, _mm256_set1_epi64x(LOW)))
}

/// A falling table at |t| for t in Q16 (N3.2).
#[inline]
#[target_feature(enable = "avx2")]
fn falling(table: &[u32; 513], t: __m256i) -> __m256i {
    let t = _mm256_and_si256(_mm256_abs_epi32(t), _mm256_set1_epi64x(LOW));
    let index = _mm256_srli_epi64::<11>(t);
    let fraction = _mm256_slli_epi64::<21>(_mm256_and_si256(t, _mm256_set1_epi64x(0x7ff)));
    let (part, first) = fall(pairs::<512, 513>(table, index), fraction);
    let inside = _mm256_cmpgt_epi64(_mm256_set1_epi64x(512), index);
    _mm256_and_si256(inside, _mm256_sub_epi64(first, part))
}

/// [`crate::nonlinear::sigmoid`].
#[inline]
#[target_feature(enable = "avx2")]
fn sigmoid(t: __m256i) -> __m256i {
    let low = falling(&SIGMOID_Q31, t);
    let high = _mm256_sub_epi64(_mm256_set1_epi64x(1 << 31), low);
    let high = _mm256_min_epu32(high, _mm256_set1_epi64x(i32::MAX.into()));
    _mm256_castpd_si256(_mm256_blendv_pd(
        _mm256_castsi256_pd(high),
        _mm256_castsi256_pd(low),
        _mm256_castsi256_pd(t),
    ))
}

/// [`crate::nonlinear::silu`].
#[inline]
#[target_feature(enable = "avx2")]
fn silu(t: __m256i) -> __m256i {
    mulhr(t, sigmoid(t))
}

/// -log2 α for z in Q16 (N10.2), saturated to 32 bits.
#[inline]
#[target_feature(enable = "avx2")]
fn gla_decay(z: __m256i) -> __m256i {
    let (mantissa, exponent) = (
        scalar::PER_SIXTEENTH.mantissa(),
        scalar::PER_SIXTEENTH.exponent(),
    );
    let times = |x: __m256i, down: i32| {
        let product = _mm256_mul_epu32(x, _mm256_set1_epi64x(mantissa.into()));
        _mm256_srl_epi64(
            _mm256_add_epi64(product, _mm256_set1_epi64x(1 << (down - 1))),
            _mm_cvtsi32_si128(down),
        )
    };
    // -z, where -(-2^31) is 2^31 - 1.
    let t = _mm256_sub_epi64(_mm256_setzero_si256(), z);
    let t = min(t, _mm256_set1_epi64x(i32::MAX.into()));
    let linear = _mm256_andnot_si256(_mm256_cmpgt_epi64(_mm256_setzero_si256(), t), t);
    let rest = falling(&SOFTPLUS_Q27, t);
    let sum = _mm256_add_epi64(times(linear, -exponent - 11), times(rest, -exponent));
    min(sum, _mm256_set1_epi64x(LOW))
}

/// [`crate::nonlinear::exp2`] of fractions in Q27 up to 1, which is read as 0.
#[inline]
#[target_feature(enable = "avx2")]
fn exp2(x: __m256i) -> __m256i {
    let fraction = _mm256_slli_epi64::<13>(_mm256_and_si256(x, _mm256_set1_epi64x(0x7_ffff)));
    let pairs = pairs::<256, 258>(&EXP2_Q30, _mm256_srli_epi64::<19>(x));
    let rise = _mm256_sub_epi32(_mm256_srli_epi64::<32>(pairs), pairs);
    let part = _mm256_srli_epi64::<32>(_mm256_mul_epu32(rise, fraction));
    _mm256_add_epi64(_mm256_and_si256(pairs, _mm256_set1_epi64x(LOW)), part)
}

/// [`crate::nonlinear::exp2_neg`] of fractions in Q27.
#[inline]
#[target_feature(enable = "avx2")]
fn exp2_neg(x: __m256i) -> __m256i {
    let below = exp2(_mm256_sub_epi64(_mm256_set1_epi64x(1 << DECAY_FRAC), x));
    let none = _mm256_cmpeq_epi64(x, _mm256_setzero_si256());
    _mm256_blendv_epi8(below, _mm256_set1_epi64x(i32::MAX.into()), none)
}
