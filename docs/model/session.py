"""A step of the model (numerics.md N7 to N9, N11 to N13)."""

import numpy as np

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


