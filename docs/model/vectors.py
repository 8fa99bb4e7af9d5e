"""Norms, matrices and what else is done with whole vectors (numerics.md N4, N5)."""

import numpy as np

from fixed import *

# --- N4 Norms ------------------------------------------------------------------------------------------------------------


def exp2_logit(top, t):  # N4.1
    d = (top - t) & UINT32_MAX
    if d == 0:
        return 2**30
    return int(round_shr(int(exp2_neg(np.int64((d & 0xFFFF) << 11))), min((d >> 16) + 1, 32)))


def sum_squares(x, mask):  # N4.2
    s = 24 - bit_len(mask)
    y = x << s if s >= 0 else x >> -s
    return int(np.sum((y * y).astype(np.uint64)))


def length_squared(x, mask, factor, eps):
    """Q of N4.3 and N4.4."""
    f = scaled(factor, bit_len(mask) - 24)
    return f, add(mul(mul(normalise(sum_squares(x, mask), 0), f), f), eps)


def unit(x, factor, eps, gain, f):  # N4.3
    mask = magnitude(x)
    if mask == 0:
        return np.zeros_like(x)
    scale, q = length_squared(x, mask, factor, eps)
    r = scaled(mul(mul(scale, rsqrt(q)), gain), 24 - bit_len(mask))
    up = align(mask)
    return apply(r, x, up, post_shift(r, up, f))


def inverse_length(x, factor, eps):  # N4.4
    return rsqrt(length_squared(x, magnitude(x), factor, eps)[1])


def to_int15(x):
    return np.clip(x, -(2**14), 2**14 - 1)


def quantise(x):  # N5.4
    mask = magnitude(x)
    lam = (bit_len(sum_squares(x, mask)) + 1) // 2
    e = lam - 14 - (24 - bit_len(mask))
    return to_int15(shift(x, -e)), e


# --- N5 Matrices -----------------------------------------------------------------------------------------------------------


def matrix(t, x, exponent=0):
    out = mulhr(wrap(t.data @ x), t.multiplier)  # N5.1
    out = shift(out, t.shift + exponent)  # N5.2
    return out if t.bias is None else sat(out + t.bias)


def embedding(t, token):  # N5.3
    return shift(mulhr(t.data[token] << 24, t.multiplier[token]), t.shift)


