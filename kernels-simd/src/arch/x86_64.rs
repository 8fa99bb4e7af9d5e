//! x86-64 with AVX2, chosen at run time.
#![allow(
    unsafe_code,
    reason = "loads and stores of intrinsics; every block states why it is sound"
)]

mod activation;
mod matrix;
mod matrix_i4;
mod state;
mod state16;
mod vector;

use crate::kernels::{Kernels, ORACLE};
use core::arch::x86_64::*;

/// What this backend has of its own.
pub(crate) const KERNELS: Kernels = Kernels {
    name: || "avx2",
    available: || std::arch::is_x86_feature_detected!("avx2"),
    gla_channels: activation::gla_channels,
    sigmoid_product: activation::sigmoid_product,
    silu_in_place: activation::silu_in_place,
    silu_product: activation::silu_product,
    matvec_i8: matrix::matvec_i8,
    matvec_i4: matrix_i4::matvec_i4,
    state_read: state::state_read,
    state_shift: state::state_shift,
    state_write_read: state::state_write_read,
    state16_write_read: state16::state16_write_read,
    add_saturating: vector::add_saturating,
    apply: vector::apply,
    apply_i16: vector::apply_i16,
    apply_in_place: vector::apply_in_place,
    magnitude: vector::magnitude,
    shift_i16: vector::shift_i16,
    shift_in_place: vector::shift_in_place,
    shift_into: vector::shift_into,
    sum_magnitudes: vector::sum_magnitudes,
    sum_squares: vector::sum_squares,
    ..ORACLE
};

/// `a·b + 2^31` of the even 32-bit lanes, in 64 bits: [`crate::fixed::mulhr`] is the upper half.
#[inline]
#[target_feature(enable = "avx2")]
fn rounded_product(a: __m256i, b: __m256i) -> __m256i {
    _mm256_add_epi64(_mm256_mul_epi32(a, b), _mm256_set1_epi64x(1 << 31))
}

/// The odd 32-bit lanes, in the places of the even ones.
#[inline]
#[target_feature(enable = "avx2")]
fn odd(x: __m256i) -> __m256i {
    _mm256_srli_epi64::<32>(x)
}

/// [`crate::fixed::mulhr`] of eight lanes, where `a_odd` and `b_odd` are [`odd`] of `a` and `b`.
#[inline]
#[target_feature(enable = "avx2")]
fn mulhr(a: __m256i, a_odd: __m256i, b: __m256i, b_odd: __m256i) -> __m256i {
    _mm256_blend_epi32::<0b1010_1010>(odd(rounded_product(a, b)), rounded_product(a_odd, b_odd))
}
