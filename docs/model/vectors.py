"""Norms, matrices and quantised vectors (numerics.md N4, N5)."""

import numpy as np

from fixed import (
    ONE, align, add, apply, bit_len, exp2_neg, magnitude, mul, mulhr, normalise, post_shift, pow2, round_shr, rsqrt, sat,
    scale, shift, wrap,
)

UNIT_FRAC = 13  # N1.6


def exp2_below(t, top):  # N4.1
    d = (top - t) % 2**32
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


def clamp_unit(x):
    return np.clip(x, -(2**UNIT_FRAC), 2**UNIT_FRAC - 1)


def block_norm(x, residual_frac, eps):  # N4.5
    return clamp_unit(unit(x, pow2(-residual_frac), eps, ONE, UNIT_FRAC))


def matrix(t, x, exponent=0):
    out = mulhr(wrap(t.data @ x), t.multiplier)  # N5.1
    out = shift(out, t.shift + exponent)  # N5.2
    return out if t.bias is None else sat(out + t.bias)


def embedding(t, token):  # N5.3
    return shift(mulhr(t.data[token] << 24, t.multiplier[token]), t.shift)


def quantise(x):  # N5.4
    mask = magnitude(x)
    length = (bit_len(sum_squares(x, mask)) + 1) // 2
    e = length - UNIT_FRAC - (24 - bit_len(mask))
    return clamp_unit(shift(x, -e)), e
