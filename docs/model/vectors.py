"""Norms, matrices and quantised vectors (numerics.md N4, N5)."""

import numpy as np

from fixed import (
    ONE, add, align, apply, bit_len, exp2_neg, magnitude, mul, mulhr, normalise, post_shift, pow2, round_shr, rsqrt,
    sat, scale, shift, wrap,
)
from sla_file import INT4_MATRIX


def exp2_below(d):  # N4.1
    if d == 0:
        return 2**30
    return int(round_shr(exp2_neg(np.int64((d % 2**16) << 11)), min((d >> 16) + 1, 32)))


def sum_squares(x, mask):  # N4.2
    s = 24 - bit_len(mask)
    y = x << s if s >= 0 else x >> -s
    return int(np.sum((y * y).astype(np.uint64)))


def to_24_bits(x, factor, eps):
    """s, F and Q of N4.3."""
    mask = magnitude(x)
    s = 24 - bit_len(mask)
    f = scale(factor, -s)
    return s, f, add(mul(mul(normalise(sum_squares(x, mask), 0), f), f), eps)


def unit(x, factor, eps, gain, frac):  # N4.3
    mask = magnitude(x)
    if mask == 0:
        return np.zeros_like(x)
    s, f, q = to_24_bits(x, factor, eps)
    r = scale(mul(mul(f, rsqrt(q)), gain), s)
    up = align(mask)
    return apply(r, x, up, post_shift(r, up, frac))


def inverse_length(x, factor, eps):  # N4.4
    return rsqrt(to_24_bits(x, factor, eps)[2])


def sat16(x):
    """Clamped to int16."""
    return np.clip(x, -(2**15), 2**15 - 1)


def block_norm(x, residual_frac, unit_frac, eps):  # N4.5
    return sat16(unit(x, pow2(-residual_frac), eps, ONE, unit_frac))


def matrix(t, x, exponent=0):
    out = mulhr(wrap(t.data @ x), t.multiplier)  # N5.1, N5.7
    out = shift(out, t.shift + exponent)  # N5.2
    return out if t.bias is None else sat(out + t.bias)


def embedding(t, token):  # N5.3
    up = 20 if t.kind == INT4_MATRIX else 24
    return shift(mulhr(t.data[token] << up, t.multiplier[token]), t.shift)


def quantise(x, bits):  # N5.4
    mask = magnitude(x)
    length = (bit_len(sum_squares(x, mask)) + 1) // 2
    e = length - bits - (24 - bit_len(mask))
    return sat16(shift(x, -e)), e


def quantised_matrix(t, x):
    """A matrix of a vector that is no unit vector (N5.4, N5.1, N5.2)."""
    return matrix(t, *quantise(x, t.in_bits))
