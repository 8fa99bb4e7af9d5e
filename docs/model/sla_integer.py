#!/usr/bin/env python3
"""The integers of docs/numerics.md (N...) and docs/format.md (F...), written from those documents alone.

    sla_integer.py FILE.sla [--tokens N]     the exercise stream (F8.3), 64 steps unless told
    sla_integer.py FILE.sla --self-test      the file's own test (F8)

Prints the digest of the logits (F8.2). Vectors are NumPy int64 that hold int32 values; reals are Python integers.
"""

import argparse
import struct
import sys
import zlib
from decimal import ROUND_HALF_EVEN, Decimal, getcontext

import numpy as np

getcontext().prec = 50
INT32_MIN, INT32_MAX, UINT32_MAX = -(2**31), 2**31 - 1, 2**32 - 1
RETNET, GLA, GDN = 0, 1, 2  # F4.4
TOKENS, FEATURES = 0, 1
GATE_NONE, GATE_SILU, GATE_SIGMOID = 0, 1, 2
QUERY_NONE, QUERY_QUERY, QUERY_OUTPUT = 0, 1, 2
KEY_NONE, KEY_KEY, KEY_BETA = 0, 1, 2
MAP_NONE, MAP_RELU, MAP_SILU, MAP_SIGMOID = 0, 1, 2, 3
NONE = UINT32_MAX

# --- N1 Primitives -----------------------------------------------------------------------------------------------------


def sat(x):
    return np.clip(x, INT32_MIN, INT32_MAX)


def wrap(x):
    """Modulo 2^32, as int32."""
    return ((x + 2**31) & UINT32_MAX) - 2**31


def mulhr(a, b):  # N1.1
    return (np.asarray(a, np.int64) * b + 2**31) >> 32


def round_shr(x, n):  # N1.2
    if n == 0:
        return x
    return (x + (1 << (n - 1))) >> n if n <= 31 else x * 0


def sat_shl(x, n):  # N1.3
    # Beyond 31 every x but 0 is clamped, so 31 is enough.
    return sat(x << min(n, 31))


def shift(x, n):  # N1.4
    return sat_shl(x, n) if n >= 0 else round_shr(x, -n)


def magnitude(x):  # N1.5
    return int(np.bitwise_or.reduce(x ^ (x >> 31), axis=None))


def bit_len(mask):  # N1.5
    return mask.bit_length()


def realign(x, n):  # N1.7
    return wrap(x << n) if n >= 0 else x >> -n


# --- N2 Reals: pairs (mantissa, exponent) of Python integers -------------------------------------------------------------

ZERO, ONE = (0, 0), (2**30, -30)


def real(m, e):  # N2.1
    return (m, max(-(2**24), min(2**24, e))) if m else ZERO


def normalise(v, e):  # N2.2
    if v == 0:
        return ZERO
    u = 64 - v.bit_length() - 33
    return real(v << u if u >= 0 else v >> -u, e - u)


def scaled(a, n):
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
    return a[1] + 32 - up + f


def apply(a, x, up, post):  # N2.7
    return shift(mulhr(shift(x, up), a[0]), post)


def times(a, v, f):  # N2.8
    n = a[1] + f
    if n < -63:
        return 0
    p = v * a[0]
    return min(p << min(n, 64) if n >= 0 else (p + (1 << (-n - 1))) >> -n, UINT32_MAX)


def align(mask):  # N2.9
    return 30 - bit_len(mask)


# --- N3 Nonlinear functions ----------------------------------------------------------------------------------------------


def table(f, n):
    return np.array([int(f(Decimal(i)).to_integral_value(ROUND_HALF_EVEN)) for i in range(n)], np.int64)


def decimal_sin(x):
    term, total, n = x, x, 1
    while abs(term) > Decimal(10) ** -45:
        term = -term * x * x / ((n + 1) * (n + 2))
        total, n = total + term, n + 2
    return total


PI = Decimal("3.14159265358979323846264338327950288419716939937510")
G = table(lambda i: 2**31 / (1 + (i / 32).exp()), 513)
SOFT = table(lambda i: 2**27 * (1 + (-i / 32).exp()).ln(), 513)
E = table(lambda i: 2**30 * Decimal(2) ** (i / 256), 257)
C = np.minimum(table(lambda i: 2**31 * decimal_sin(PI * i / 512), 257), INT32_MAX)


def falling(tab, t):
    """N3.2: a table of |t| with 32 entries a unit."""
    a = np.abs(t)
    i, phi = np.minimum(a >> 13, 512), (a & 0x1FFF) << 19
    nxt = tab[np.minimum(i + 1, 512)]
    return np.where(i < 512, tab[i] - (((tab[i] - nxt) * phi) >> 32), 0)


def sigmoid(t):  # N3.2
    g = falling(G, t)
    return np.where(t < 0, g, np.minimum(2**31 - g, INT32_MAX))


def silu(t):  # N3.3
    return mulhr(t, sigmoid(t))


def softplus(t):  # N3.4
    return np.maximum(t, 0), falling(SOFT, t)


def exp2(x):  # N3.5
    i, phi = x >> 19, (x & 0x7FFFF) << 13
    return E[i] + (((E[i + 1] - E[i]) * phi) >> 32)


def exp2_neg(x):  # N3.6
    return np.where(x == 0, INT32_MAX, exp2(np.where(x == 0, 0, 2**27 - x)))


def sin(p):  # N3.7
    q = p & (2**30 - 1)
    x = np.where(p & 2**30, 2**30 - q, q)
    i, phi = x >> 22, (x & 0x3FFFFF) << 10
    s = np.where(i == 256, INT32_MAX, C[i] + (((C[np.minimum(i + 1, 256)] - C[i]) * phi) >> 32))
    return np.where(p & 2**31, -s, s)


def cos(p):  # N3.7
    return sin((p + 2**30) & UINT32_MAX)


def as_real(v, frac):
    return normalise(int(v), -frac)


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


# --- The file (F1 to F6) ---------------------------------------------------------------------------------------------------

LAYER_ROLES = ("q k v g gk0 gk1 a b query_gate key_gate o mlp_gate mlp_up mlp_down q_conv k_conv v_conv decay").split()
GLOBAL_ROLES = ("input head final_norm feature_mean rotary").split()
WORDS = (  # F4.1
    "backbone input output_gate query_gate key_gate feature_map layers hidden inputs outputs heads kv_heads state_heads d_k "
    "d_v intermediate gate_rank conv_width flags residual_frac feature_frac decay_max"
).split()


class Tensor:
    """One entry of F5.4 with its elements (F6)."""

    def __init__(self, entry, weights):
        (self.kind, self.block_tiles, self.shift, self.pre_shift, self.out_frac, self.rows, self.cols, data, multiplier,
         bias, self.acc_bound, _) = struct.unpack("<BBbbiIIIIIII", entry)

        def array(offset, dtype, count):
            return np.frombuffer(weights, dtype, count, offset).astype(np.int64)

        if self.kind == 1:  # F6.2
            rows, cols = -(-self.rows // 4) * 4, -(-self.cols // 16) * 16
            words = array(data, "<i2", rows * cols // 2).reshape(rows // 4, cols // 8, 2, 8)
            pairs = words.transpose(0, 2, 1, 3).reshape(rows // 2, cols)
            even = ((pairs + 128) & 255) - 128
            odd = (pairs - even) >> 8
            self.data = np.stack([even, odd], axis=1).reshape(rows, cols)[: self.rows, : self.cols]
        elif self.kind == 4:  # F4.5
            words = np.frombuffer(weights, "<u4", 2 * self.rows * self.cols, data)
            self.data = [(int(m), int(np.int32(e))) for m, e in zip(words[::2], words[1::2].view(np.int32))]
        elif self.kind == 5:
            self.data = np.frombuffer(weights, "<u8", self.rows * self.cols, data)
        elif self.kind in (2, 3):
            dtype = "<i2" if self.kind == 2 else "<i4"
            self.data = array(data, dtype, self.rows * self.cols).reshape(self.rows, self.cols)
        count = self.cols if self.kind in (2, 3) else self.rows  # F6.3, F6.4
        self.multiplier = array(multiplier, "<i4", count) if multiplier != NONE and self.kind in (1, 2, 3) else None
        self.bias = array(bias, "<i4", count) if bias != NONE else None


class Model:
    """The description (F4) as attributes, the tensors by role."""

    def __init__(self, data):
        magic, version, crc, length, count = struct.unpack_from("<4sIIII", data)  # F2
        assert magic == b"SLA\x7f" and version == 1 and length == len(data), "not a .sla file of version 1"
        assert crc == zlib.crc32(data[12:], zlib.crc32(data[:8])), "the file is damaged"
        table_ = [struct.unpack_from("<III", data, 32 + 16 * i) for i in range(count)]  # F3
        sections = {kind: data[offset : offset + size] for kind, offset, size in table_}
        self.describe(sections[1])
        self.self_test = sections.get(6)
        entries = (Tensor(sections[2][i : i + 36], sections[3]) for i in range(0, len(sections[2]), 36))
        self.layer = [{role: next(entries) for role in LAYER_ROLES} for _ in range(self.layers)]  # F5.1
        self.role = {role: next(entries) for role in GLOBAL_ROLES}

    def describe(self, words):
        for i, name in enumerate(WORDS):
            setattr(self, name, struct.unpack_from("<i" if name.endswith("frac") else "<I", words, 4 * i)[0])
        reals = struct.unpack_from("<IiIiIiIi", words, 88)
        self.norm_eps, self.head_eps, self.query_scale, self.key_scale = zip(reals[::2], reals[1::2])
        self.bos, self.eos = struct.unpack_from("<II", words, 120)
        self.allow_neg_eigval, self.tied = self.flags & 1, self.flags & 2  # F4.2


# --- N5 Matrices -----------------------------------------------------------------------------------------------------------


def matrix(t, x, exponent=0):
    out = mulhr(wrap(t.data @ x), t.multiplier)  # N5.1
    out = shift(out, t.shift + exponent)  # N5.2
    return out if t.bias is None else sat(out + t.bias)


def embedding(t, token):  # N5.3
    return shift(mulhr(t.data[token] << 24, t.multiplier[token]), t.shift)


# --- N6 State ----------------------------------------------------------------------------------------------------------------


class Head:
    """State of one head; L is a number, or for GLA a vector over the key channels."""

    def __init__(self, d_k, d_v, per_channel):
        self.s = np.zeros((d_k, d_v), np.int64)
        self.frac, self.mask = 0, 0
        self.carry = np.zeros(d_k if per_channel else (), np.int64)
        self.rows = None  # N6.1: shifts of the rows that are due

    def add_frac(self, n):  # N6.1, N6.2
        self.frac = max(-(2**26), min(2**26, self.frac + n))

    def decay(self, d):  # N6.1
        c = np.minimum(self.carry + d, UINT32_MAX)
        self.carry = c & (2**27 - 1)
        if self.carry.shape:
            self.rows = c >> 27
        else:
            self.add_frac(int(c) >> 27)

    def shift_rows(self):  # N6.1
        for i, n in enumerate(self.rows):
            self.s[i] = round_shr(self.s[i], int(n))
        self.rows = None

    def move(self, n):  # N6.2
        self.s = round_shr(self.s, -n) if n < 0 else wrap(self.s << min(n, 32))
        self.add_frac(n)

    def read(self, k):  # N6.3
        return wrap(np.sum(mulhr(self.s, k[:, None]), axis=0))

    def room(self, post):  # N6.5
        b = bit_len(self.mask)
        if b == 0:
            return -3 - post
        if post > 0 or b > 29:
            return -max(post + 2 if post > 0 else 0, b - 27 if b > 29 else 0)
        return min(27 - b, -3 - post) if b < 20 and post < -8 else 0

    def write_read(self, k, k_frac, v, v_frac, gain, q):  # N6.4
        mask, values = magnitude(v), None
        if mask and gain[0] and magnitude(k):
            up = align(mask)
            post = post_shift(gain, up, 32 - k_frac - v_frac + self.frac)
            if self.rows is not None and post < -8 and max(self.rows) >= 4:
                self.shift_rows()
                self.mask = magnitude(self.s)
            n = self.room(post)
            values = lambda: apply(gain, v, up, post + n)
        if self.rows is not None:
            self.shift_rows()
        if values:
            self.move(n)
            self.s = wrap(self.s + mulhr(k[:, None], values()[None, :]))
        self.mask = magnitude(self.s)
        return self.read(q)


def left_align(x, frac):  # N6.6
    total = int(np.sum(np.abs(x)))
    n = 31 - total.bit_length() if total else 0
    return shift(x, n), frac + n


# --- N7 Head gates -----------------------------------------------------------------------------------------------------------


def head_gates(t, scale):
    e = [exp2_logit(int(max(t)), int(x)) for x in t]  # N7.1
    z = mul(reciprocal(normalise(sum(e), 0)), scale)
    return [mul(normalise(x, 0), z) for x in e]  # N7.2


# --- The model, step by step (N8 to N13) -------------------------------------------------------------------------------------

TIMES16 = (1_549_082_005, -34)  # N10.2
LENGTH_EPS = (1_125_899_907, -50)  # N10.3


class Session:
    """A stream from a fresh state."""

    def __init__(self, model):
        m = self.m = model
        self.position = 0
        heads = lambda: [Head(m.d_k, m.d_v, m.backbone == GLA) for _ in range(m.state_heads)]
        self.heads = [heads() for _ in range(m.layers)]
        self.history = [{} for _ in range(m.layers)]

    def step(self, input_):
        m = self.m
        x = self.features(input_) if m.input == FEATURES else embedding(m.role["input"], input_)  # N12.1
        for layer in range(m.layers):
            x = sat(x + self.mixer(layer, x))  # N5.5
            x = sat(x + self.mlp(m.layer[layer], x))
        self.position += 1
        return self.head(x)

    def block_norm(self, x):  # N4.5
        return to_int15(unit(x, (2**30, -30 - self.m.residual_frac), self.m.norm_eps, ONE, 14))

    def features(self, frame):  # N12.2
        t = self.m.role["feature_mean"]
        x = shift(mulhr(sat(frame - t.data.ravel()), t.multiplier), t.shift)
        return matrix(self.m.role["input"], *quantise(x))

    def mlp(self, w, x):  # N11
        a = self.block_norm(x)
        gate, up = matrix(w["mlp_gate"], a), matrix(w["mlp_up"], a)
        h = mulhr(realign(silu(gate), w["mlp_gate"].pre_shift), realign(up, w["mlp_up"].pre_shift))
        return matrix(w["mlp_down"], *quantise(h))

    def head(self, x):  # N13
        a = self.block_norm(x)
        if self.m.tied:
            a = (a * self.m.role["final_norm"].data.ravel() + 2**14) >> 15
        return matrix(self.m.role["head"], a)

    def convolve(self, t, u, past):  # N8
        u = np.clip(u, -(2**15), 2**15 - 1)
        past.insert(0, u)  # past[d] is u(t-d)
        del past[t.rows :]
        acc = wrap(sum(t.data[t.rows - 1 - d] * p for d, p in enumerate(past)))
        y = shift(mulhr(acc, t.multiplier), t.shift)
        return silu(y if t.bias is None else sat(y + t.bias))

    def qkv(self, layer, a):  # N9.1
        m, w = self.m, self.m.layer[layer]
        out = {}
        for name in "qkv":
            x, frac = matrix(w[name], a), w[name].out_frac
            if m.conv_width:
                x, frac = self.convolve(w[name + "_conv"], x, self.history[layer].setdefault(name, [])), 17
            elif m.backbone == GDN:
                x, frac = silu(shift(x, 18 - frac)), 17
            if name != "v":
                x, frac = self.feature_map(x, frac)
                if m.backbone == RETNET:
                    x, frac = self.rotate(x.reshape(-1, m.d_k)), frac - 1
            out[name] = x.reshape(-1, m.d_v if name == "v" else m.d_k), frac
        return out

    def feature_map(self, x, frac):  # N9.3
        kind = self.m.feature_map
        if kind == MAP_RELU:
            return np.maximum(x, 0), frac
        if kind == MAP_SILU:
            return silu(shift(x, 18 - frac)), 17
        if kind == MAP_SIGMOID:
            return sigmoid(shift(x, 18 - frac)) >> 11, 20
        return x, frac

    def rotate(self, x):  # N9.4
        steps = [int(s) for s in self.m.role["rotary"].data]
        phase = np.array([(self.position * s % 2**64) >> 32 for s in steps], np.int64)
        a, b = np.split(x, 2, axis=1)
        c, s = cos(phase), sin(phase)
        return np.concatenate([mulhr(a, c) - mulhr(b, s), mulhr(a, s) + mulhr(b, c)], axis=1)

    def gates(self, w, a, role, kind, scale):  # N7
        return head_gates(matrix(w[role], a), scale) if kind else [ONE] * self.m.heads

    def mixer(self, layer, x):  # N9
        m, w = self.m, self.m.layer[layer]
        a = self.block_norm(x)
        vectors = self.qkv(layer, a)
        query_scale = m.query_scale if m.query_gate == QUERY_QUERY else ONE
        query = self.gates(w, a, "query_gate", m.query_gate, query_scale)
        key = self.gates(w, a, "key_gate", m.key_gate, m.key_scale)
        inner = self.decay_inputs(w, a)
        y = []
        for h, head in enumerate(self.heads[layer]):
            of = {n: (v[h * len(v) // m.state_heads], frac) for n, (v, frac) in vectors.items()}
            q, k = left_align(*of["q"]), left_align(*of["k"])
            group = h * m.heads // m.state_heads
            o, one = RECURRENCE[m.backbone](m, w, head, h, q, k, of["v"], key[group], inner)
            factor = mul(one, query[group]) if m.query_gate == QUERY_QUERY else one  # N9.2
            gain = query[group] if m.query_gate == QUERY_OUTPUT else ONE
            y.append(unit(o, factor, m.head_eps, gain, 30))  # N4.6
        y = self.output_gate(w, a, np.concatenate(y))
        return matrix(w["o"], *quantise(y))

    def output_gate(self, w, a, o):  # N9.2
        if self.m.output_gate == GATE_NONE:
            return o
        g = matrix(w["g"], a)
        if self.m.output_gate == GATE_SIGMOID:
            return mulhr(o, sigmoid(g))
        return mulhr(o, realign(silu(g), w["g"].pre_shift))

    def decay_inputs(self, w, a):
        if self.m.backbone == GLA:
            z = matrix(w["gk1"], *quantise(matrix(w["gk0"], a)))
            return z.reshape(-1, self.m.d_k)
        return (matrix(w["a"], a), matrix(w["b"], a)) if self.m.backbone == GDN else None


def unit_of_o(head, q_frac):  # N6.4
    return real(2**30, -30 + 32 - head.frac - q_frac)


def retnet(m, w, head, h, q, k, v, g, _):  # N10.1
    head.decay(int(w["decay"].data.ravel()[h]))
    gain = mul(g, as_real(exp2(head.carry), 30))
    o = head.write_read(*k, *v, gain, q[0])
    return o, mul(unit_of_o(head, q[1]), as_real(exp2_neg(head.carry), 31))


def gla(m, w, head, h, q, k, v, g, inner):  # N10.2
    z = inner[h * len(inner) // m.state_heads]
    pairs = zip(*softplus(np.minimum(-z, INT32_MAX)))
    d = [min(times(TIMES16, int(l), 9) + times(TIMES16, int(r), 0), UINT32_MAX, m.decay_max) for l, r in pairs]
    head.decay(np.array(d, np.int64))
    k, k_frac = mulhr(k[0], exp2(head.carry)), k[1] - 2
    q, q_frac = mulhr(q[0], exp2_neg(head.carry)), q[1] - 1
    o = head.write_read(k, k_frac, *v, g, q)
    return o, unit_of_o(head, q_frac)


def gated_deltanet(m, w, head, h, q, k, v, g, inner):  # N10.3
    a, b = int(inner[0][h]), int(inner[1][h])
    l, r = softplus(np.int64(a))
    rate = w["decay"].data[h]
    head.decay(min(times(rate, int(l), 9) + times(rate, int(r), 0), UINT32_MAX))
    beta = scaled(as_real(sigmoid(np.int64(b)), 31), 1 if m.allow_neg_eigval else 0)
    kappa = inverse_length(k[0], real(2**30, -30 - k[1]), LENGTH_EPS)
    kappa = mul(kappa, g) if m.key_gate == KEY_KEY else kappa
    rho = inverse_length(q[0], real(2**30, -30 - q[1]), LENGTH_EPS)
    v, v_frac = v
    r = head.read(k[0])
    mask = magnitude(r)
    if mask:
        c, up = mul(kappa, as_real(exp2_neg(head.carry), 31)), align(mask)
        v = sat(v - apply(c, r, up, post_shift(c, up, 32 - head.frac - k[1] + v_frac)))
    gain = mul(mul(mul(kappa, beta), g if m.key_gate == KEY_BETA else ONE), as_real(exp2(head.carry), 30))
    o = head.write_read(*k, v, v_frac, gain, q[0])
    return o, mul(mul(unit_of_o(head, q[1]), as_real(exp2_neg(head.carry), 31)), rho)


RECURRENCE = {RETNET: retnet, GLA: gla, GDN: gated_deltanet}

# --- F8 Self-test and exercise ---------------------------------------------------------------------------------------------


def digest(model, inputs):  # F8.2
    """`inputs(logits)` gives the next input after the last logits (None at first), or None at the end."""
    session, crc, steps, logits = Session(model), 0, 0, None
    while (input_ := inputs(logits)) is not None:
        logits = session.step(input_)
        crc, steps = zlib.crc32(logits.astype("<i4").tobytes(), crc), steps + 1
    return crc, steps


def self_test_inputs(model):  # F8.1
    steps = struct.unpack_from("<I", model.self_test, 4)[0]
    if model.input == TOKENS:
        words = iter(np.frombuffer(model.self_test, "<u4", steps, 8).tolist())
    else:
        words = iter(np.frombuffer(model.self_test, "<i4", steps * model.inputs, 8).astype(np.int64).reshape(steps, -1))
    return lambda _: next(words, None)


def exercise_inputs(model, steps):  # F8.3
    left, noise = steps, 1

    def frame():
        nonlocal noise
        out = []
        for mean in model.role["feature_mean"].data.ravel():
            noise = (noise * 1_664_525 + 1_013_904_223) % 2**32
            out.append(sat(mean + (wrap(noise) >> max(0, min(31, 29 - model.feature_frac)))))
        return np.array(out, np.int64)

    def inputs(logits):
        nonlocal left
        left -= 1
        if left < 0:
            return None
        if model.input == FEATURES:
            return frame()
        first = min(10, model.inputs - 1) if model.bos == NONE else model.bos
        return first if logits is None else int(np.argmax(logits))

    return inputs


def main():
    parser = argparse.ArgumentParser(description="Runs a .sla file on the integers of docs/numerics.md.")
    parser.add_argument("file")
    parser.add_argument("--tokens", type=int, default=64, help="steps of the exercise stream")
    parser.add_argument("--self-test", action="store_true", help="the file's own test instead")
    options = parser.parse_args()
    with open(options.file, "rb") as f:
        model = Model(f.read())
    if options.self_test and model.self_test is None:
        sys.exit("the file has no self-test")
    inputs = self_test_inputs(model) if options.self_test else exercise_inputs(model, options.tokens)
    crc, steps = digest(model, inputs)
    print(f"digest {crc:08x} steps {steps}")
    if options.self_test and crc != struct.unpack_from("<I", model.self_test)[0]:
        sys.exit("the file's self-test says otherwise")


if __name__ == "__main__":
    main()
