"""Primitives, reals and nonlinear functions (numerics.md N1 to N3).

Vectors are NumPy int64 arrays of int32 values, so that no product of two elements overflows. A real is a pair
(mantissa, exponent) of Python integers.
"""

from decimal import ROUND_HALF_EVEN, Decimal, getcontext

import numpy as np

getcontext().prec = 50
INT32_MIN, INT32_MAX, UINT32_MAX = -(2**31), 2**31 - 1, 2**32 - 1
ARG_FRAC, SILU_FRAC = 16, 15  # N1.6

# N1 Primitives


def sat(x):
    """Clamped to int32."""
    return np.clip(x, INT32_MIN, INT32_MAX)


def wrap(x):
    """Modulo 2^32, as int32."""
    return ((x + 2**31) & UINT32_MAX) - 2**31


def mulhr(a, b):  # N1.1
    return (a * b + 2**31) >> 32


def round_shr(x, n):  # N1.2
    if n == 0:
        return x
    return (x + (1 << (n - 1))) >> n if n <= 31 else x * 0


def sat_shl(x, n):  # N1.3; a shift by 31 already clamps everything but 0
    return sat(x << min(n, 31))


def shift(x, n):  # N1.4
    return sat_shl(x, n) if n >= 0 else round_shr(x, -n)


def magnitude(x):  # N1.5
    return (1 << int(np.bitwise_or.reduce(x ^ (x >> 31), axis=None)).bit_length()) - 1


def bit_len(mask):  # N1.5
    return mask.bit_length()


def realign(x, n):  # N1.7
    return wrap(x << n) if n >= 0 else x >> -n


# N2 Reals

ZERO, ONE = (0, 0), (2**30, -30)


def clamp_exponent(e):  # N2.1
    return max(-(2**24), min(2**24, e))


def real(m, e):  # N2.1
    return (m, clamp_exponent(e)) if m else ZERO


def normalise(v, e):  # N2.2
    if v == 0:
        return ZERO
    u = 64 - v.bit_length() - 33
    return real(v << u if u >= 0 else v >> -u, e - u)


def pow2(n):
    """2^n as a real."""
    return real(2**30, n - 30)


def scale(a, n):
    """a·2^n, exact."""
    return real(a[0], a[1] + n)


def mul(a, b):  # N2.3
    p = a[0] * b[0]
    n = 31 if p >= 2**61 else 30
    return real(p >> n, a[1] + b[1] + n)


def add(a, b):  # N2.4
    if a[0] == 0 or b[0] == 0:
        return a if b[0] == 0 else b
    if a[1] < b[1]:
        a, b = b, a
    d = a[1] - b[1]
    s = a[0] + (b[0] >> d if d <= 31 else 0)
    return real(s >> 1, a[1] + 1) if s >= 2**31 else real(s, a[1])


def reciprocal(a):  # N2.5
    return normalise(2**61 // a[0], -61 - a[1]) if a[0] else ZERO


def rsqrt(a):  # N2.6
    m, e = a
    if m == 0:
        return ZERO
    o = e % 2
    u, e = m << o, e - o + 32
    r = 2_291_365_052 - ((u * 1_309_965_025) >> 32)
    for _ in range(4):
        c = 3 * 2**28 - ((u * ((r * r) >> 32)) >> 32)
        r = (r * c) >> 29
    return normalise(r, -30 - e // 2)


def post_shift(a, up, f):  # N2.7
    return clamp_exponent(a[1] + 32 - up + f)


def apply(a, x, up, post):  # N2.7
    return shift(mulhr(shift(x, up), a[0]), post)


def times(a, v, f):  # N2.8
    n, p = a[1] + f, a[0] * v
    if n < -63:
        return 0
    return min(p << min(n, 64) if n >= 0 else round_half_up(p, -n), UINT32_MAX)


def round_half_up(p, n):
    """⌊p / 2^n + 1/2⌋ for n > 0."""
    return (p + (1 << (n - 1))) >> n


def align(mask):  # N2.9
    return 30 - bit_len(mask)


# N3 Nonlinear functions; the tables are made in decimal arithmetic of 50 digits

PI = Decimal("3.14159265358979323846264338327950288419716939937510")


def decimal_sin(x):
    """The power series."""
    term, total, n = x, x, 1
    while abs(term) > Decimal(10) ** -45:
        term = -term * x * x / ((n + 1) * (n + 2))
        total, n = total + term, n + 2
    return total


def table(f, n):
    """round(f(i)) for i = 0…n."""
    return np.array([int(f(Decimal(i)).to_integral_value(ROUND_HALF_EVEN)) for i in range(n + 1)], np.int64)


G = table(lambda i: 2**31 / (1 + (i / 32).exp()), 512)  # N3.2
L = table(lambda i: 2**27 * (1 + (-i / 32).exp()).ln(), 512)  # N3.4
E = table(lambda i: 2**30 * Decimal(2) ** (i / 256), 256)  # N3.5
C = np.minimum(table(lambda i: 2**31 * decimal_sin(PI * i / 512), 256), INT32_MAX)  # N3.7


def falling(tab, t):
    """G or L at |t| (N3.2)."""
    a = np.abs(t)
    i, phi = np.minimum(a >> 11, 511), (a % 2**11) << 21
    return np.where(a < 512 << 11, tab[i] - (((tab[i] - tab[i + 1]) * phi) >> 32), 0)


def sigmoid(t):  # N3.2
    g = falling(G, t)
    return np.where(t < 0, g, np.minimum(2**31 - g, INT32_MAX))


def silu(t):  # N3.3
    return mulhr(t, sigmoid(t))


def softplus(t):  # N3.4
    return np.maximum(t, 0), falling(L, t)


def exp2(x):  # N3.5
    i, phi = x >> 19, (x % 2**19) << 13
    return E[i] + (((E[i + 1] - E[i]) * phi) >> 32)


def exp2_neg(x):  # N3.6
    return np.where(x == 0, INT32_MAX, exp2(np.where(x == 0, 0, 2**27 - x)))


def sin(p):  # N3.7
    q = p % 2**30
    x = np.where(p & 2**30, 2**30 - q, q)
    i, phi = np.minimum(x >> 22, 255), (x % 2**22) << 10
    s = np.where(x == 2**30, INT32_MAX, C[i] + (((C[i + 1] - C[i]) * phi) >> 32))
    return np.where(p & 2**31, -s, s)


def cos(p):  # N3.7
    return sin((p + 2**30) % 2**32)


def exp2_real(x):
    """2^x of a fraction x, as a real (N3.5)."""
    return normalise(int(exp2(x)), -30)


def exp2_neg_real(x):
    """2^-x of a fraction x, as a real (N3.6)."""
    return normalise(int(exp2_neg(x)), -31)
