"""One head's state and the three recurrences (numerics.md N6, N10)."""

import numpy as np

from fixed import (
    ARG_FRAC, INT32_MAX, ONE, UINT32_MAX, align, apply, bit_len, clamp_exponent, exp2, exp2_neg, exp2_neg_real,
    exp2_real, magnitude, mul, mulhr, normalise, post_shift, pow2, round_shr, sat, scale, shift, sigmoid, softplus,
    times, wrap,
)
from sla_file import GATED_DELTANET, GLA, ON_BETA, ON_KEY, RETNET
from vectors import inverse_length

SIXTEENTH = (1_549_082_005, -34)  # N10.2
LENGTH_EPS = (1_125_899_907, -50)  # N10.3
LINEAR = 27 - ARG_FRAC  # to the format of log2-decays


class Head:
    """S, F, the mask and L of one state head; L is one number, or with decay per key channel one a row."""

    FULL, ROOM, LOW, SMALL, LARGEST, SETTLE, START = 29, 27, 20, -8, 0, -2, -3  # N6.5
    READ_FRAC = 32  # what mulhr takes off a product's fraction bits

    def __init__(self, d_k, d_v, per_channel):
        self.s = np.zeros((d_k, d_v), np.int64)
        self.frac, self.mask = 0, 0
        self.carry = np.zeros(d_k if per_channel else (), np.int64)
        self.due = None  # n_i of the rows that are still to be shifted
        self.position = 0

    def move_frac(self, n):
        self.frac = max(-(2**20), min(2**20, self.frac + n))

    def decay(self, d):  # N6.1
        c = np.minimum(self.carry + d, UINT32_MAX)
        self.carry = c % 2**27
        if c.shape:
            self.due = c >> 27
        else:
            self.move_frac(int(c) >> 27)

    def scale_rows(self, k, q, steps, decay):
        """k and q of RetNet (N6.11): an int32 state has the same fraction bits in all rows."""
        return k, q

    def reads(self, x, frac):
        """A vector as N6.3 reads with it."""
        return x, frac

    def writes(self, k, frac):
        """A key as N6.4 writes with it."""
        return k, frac

    def shift_rows(self):  # N6.1
        if self.due is not None:
            self.s = np.stack([round_shr(row, int(n)) for row, n in zip(self.s, self.due)])
        self.due = None

    def shift_up(self, n):
        self.s = wrap(self.s << n)

    def write(self, k, increment):
        """The rows' shifts that are due, k⊗V and the new mask (N6.4)."""
        self.shift_rows()
        self.s = wrap(self.s + mulhr(k[:, None], increment[None, :]))
        self.measure()

    def measure(self):
        self.mask = magnitude(self.s)

    def move(self, n):  # N6.2
        if n < 0 and self.mask:
            due = self.due if self.due is not None else np.zeros(len(self.s), dtype=np.int64)
            self.due = due - n
        elif n > 0 and self.mask:
            self.shift_rows()
            self.shift_up(n)
        self.move_frac(n)

    def read(self, k):  # N6.3
        return wrap(mulhr(self.s, k[:, None]).sum(axis=0))

    def room(self, post):  # N6.5
        b = bit_len(self.mask)
        if b == 0:
            return self.START - post
        if post > self.LARGEST or b > self.FULL:
            for_write = post - self.SETTLE if post > self.LARGEST else 0
            return -max(for_write, b - self.ROOM if b > self.FULL else 0)
        return min(self.ROOM - b, self.START - post) if b < self.LOW and post < self.SMALL else 0

    def write_read(self, k, v, gain, q):  # N6.4; k, v and q are (vector, fraction bits)
        writes = magnitude(v[0]) and gain[0] and magnitude(k[0])
        (k, k_frac), (v, v_frac), (q, q_frac) = self.writes(*k), v, self.reads(*q)
        increment = np.zeros_like(v)
        if writes:
            up = align(magnitude(v))
            post = post_shift(gain, up, 32 - k_frac - v_frac + self.frac)
            if self.due is not None and post < -8 and self.due.max() >= 4:
                self.shift_rows()
                self.measure()
            n = self.room(post)
            self.move(n)
            increment = apply(gain, v, up, clamp_exponent(post + n))
        self.write(k, increment)
        self.position += 1
        return self.read(q), pow2(self.READ_FRAC - self.frac - q_frac)


def align_sum(x, frac):  # N6.6: what reads
    total = int(np.abs(x).sum())
    n = 31 - bit_len(total) if total else 0
    return shift(x, n), frac + n


def align_largest(x, frac):  # N6.6: what only writes
    mask = magnitude(x)
    n = align(mask) if mask else 0
    return shift(x, n), frac + n


# N10: each returns o and what one unit of it is worth. `inputs` are the head's own pre-activations.


def retnet(model, head, q, k, v, gate, inputs):  # N10.1
    head.decay(inputs["decay"])
    k, q = head.scale_rows(k, q, model.role["rotary"].data, int(inputs["decay"]))
    o, one = head.write_read(k, v, mul(gate, exp2_real(head.carry)), q)
    return o, mul(one, exp2_neg_real(head.carry))


def gla(model, head, q, k, v, gate, inputs):  # N10.2
    l, r = softplus(np.minimum(-inputs["z"], INT32_MAX))
    decay = [min(times(SIXTEENTH, int(l), LINEAR) + times(SIXTEENTH, int(r), 0), UINT32_MAX) for l, r in zip(l, r)]
    head.decay(np.minimum(decay, model.decay_max))
    k = mulhr(k[0], exp2(head.carry)), k[1] - 2
    q = mulhr(q[0], exp2_neg(head.carry)), q[1] - 1
    return head.write_read(k, v, gate, q)


def gated_deltanet(model, head, q, k, v, gate, inputs):  # N10.3
    l, r = (int(part) for part in softplus(inputs["a"]))
    head.decay(min(times(inputs["decay"], l, LINEAR) + times(inputs["decay"], r, 0), UINT32_MAX))
    beta = scale(normalise(int(sigmoid(inputs["b"])), -31), model.allow_neg_eigval)
    kappa = mul(inverse_length(k[0], pow2(-k[1]), LENGTH_EPS), gate if model.key_gate == ON_KEY else ONE)
    rho = inverse_length(q[0], pow2(-q[1]), LENGTH_EPS)
    v = delta(head, k, v, mul(kappa, exp2_neg_real(head.carry)))
    gain = mul(mul(mul(kappa, beta), gate if model.key_gate == ON_BETA else ONE), exp2_real(head.carry))
    o, one = head.write_read(k, v, gain, q)
    return o, mul(mul(one, exp2_neg_real(head.carry)), rho)


def delta(head, k, v, factor):
    """v - r (N10.3)."""
    (k, k_frac), (v, v_frac) = head.reads(*k), v
    r = head.read(k)
    mask = magnitude(r)
    if mask == 0:
        return v, v_frac
    up = align(mask)
    return sat(v - apply(factor, r, up, post_shift(factor, up, head.READ_FRAC - head.frac - k_frac + v_frac))), v_frac


RECURRENCE = {RETNET: retnet, GLA: gla, GATED_DELTANET: gated_deltanet}
