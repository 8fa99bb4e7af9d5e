"""One head's state and the three recurrences (numerics.md N6, N10)."""

import numpy as np

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

