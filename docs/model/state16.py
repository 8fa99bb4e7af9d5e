"""The int16 state of one head (numerics.md N6.7 to N6.11)."""

import numpy as np

from fixed import bit_len, magnitude, shift, wrap
from state import Head
from vectors import sat16


def wrap16(x):
    """Modulo 2^16, as int16."""
    return ((x + 2**15) & 0xFFFF) - 2**15


class Head16(Head):
    """S in int16, written with dithered rounding."""

    FULL, ROOM, LOW, SMALL, LARGEST, SETTLE, START = 14, 14, 11, -2, 1, 1, 1  # N6.8
    READ_FRAC = 0

    def scale_rows(self, k, q, steps, decay):  # N6.11
        decay_bits = bit_len(decay)
        bits = [max(min(bit_len(step) - decay_bits - 34, (26 - decay_bits) // 2), 0) for step in steps]
        e = np.array(bits + bits, np.int64)
        return (np_round_shr(k[0], max(bits) - e), k[1] - max(bits)), (np_round_shr(q[0], e), q[1])

    def reads(self, x, frac):  # N6.10
        n = min(16 - bit_len(int(np.abs(x).sum())), 15 - bit_len(magnitude(x)))
        return sat16(shift(x, n)), frac + n

    def writes(self, k, frac):  # N6.10
        n = 15 - bit_len(magnitude(k))
        return sat16(shift(k, n)), frac + n

    def shift_rows(self):
        """N6.9 without a write."""
        if self.due is not None:
            self.write(np.zeros(len(self.s), np.int64), np.zeros(self.s.shape[1], np.int64))

    def shift_up(self, n):
        self.s = wrap16(self.s << n)

    def write(self, k, increment):  # N6.9
        due = np.zeros(len(self.s), np.int64) if self.due is None else np.minimum(self.due, 31)
        t = wrap((self.s << 16 >> due[:, None]) + ((k[:, None] * increment[None, :]) >> 16) + self.dither())
        self.s, self.due = t >> 16, None
        self.measure()

    def dither(self):  # N6.9
        rows, columns = self.s.shape
        i, j = np.arange(rows)[:, None], np.arange(columns)[None, :]
        d = (0x9E376A09 * (self.position % 2**32) + 0x9D9D9D9D * (i // 2 * columns + j)) % 2**32
        return np.where(i % 2 == 0, d % 2**16, d >> 16)

    def read(self, k):  # N6.10
        return wrap((self.s * k[:, None]).sum(axis=0))


def np_round_shr(x, n):
    """N1.2 with a shift of its own for each element."""
    return np.where(n == 0, x, (x + ((1 << n) >> 1)) >> n)
