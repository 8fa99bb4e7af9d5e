"""A step of the model (numerics.md N7 to N9, N11 to N13)."""

import numpy as np

from fixed import (
    ARG_FRAC, ONE, SILU_FRAC, ZERO, cos, exp2_neg_real, mul, mulhr, normalise, pow2, realign, reciprocal, sat,
    scale, shift, sigmoid, silu, sin, wrap,
)
from sla_file import (
    FEATURES, GATED_DELTANET, GATE_NONE, GATE_SIGMOID, GLA, INT16_STATE, MAP_RELU, MAP_SIGMOID, MAP_SILU, ON_OUTPUT,
    ON_QUERY, RETNET,
)
from state import RECURRENCE, Head, align_largest, align_sum
from state16 import Head16
from vectors import block_norm, embedding, exp2_below, matrix, quantised_matrix, sat16, unit


def head_gates(tensor, a, factor):  # N7
    t, coarser = matrix(tensor, a), max(16 - tensor.out_frac, 0)
    below = [min(int(max(t) - x) << coarser, 2**32 - 1) for x in t]
    z = mul(reciprocal(normalise(sum(exp2_below(d) for d in below), -30)), factor)
    return [mul(weight(d), z) for d in below]


def weight(d):  # N7.2
    w, f = d >> 16, d % 2**16
    if w >= 48:
        return ZERO
    return pow2(-w) if f == 0 else scale(exp2_neg_real(np.int64(f << 11)), -w)


def convolve(t, u, past):  # N8
    past.insert(0, sat16(u))  # past[d] is u(t-d)
    del past[t.rows :]
    acc = wrap(sum(w * u for w, u in zip(np.atleast_2d(t.data)[::-1], past)))
    y = shift(mulhr(acc, t.multiplier), t.shift)
    return silu(y if t.bias is None else sat(y + t.bias))


def feature_map(kind, x, frac):  # N9.3
    if kind == MAP_RELU:
        return np.maximum(x, 0), frac
    if kind == MAP_SILU:
        return silu(shift(x, ARG_FRAC - frac)), SILU_FRAC
    if kind == MAP_SIGMOID:
        return sigmoid(shift(x, ARG_FRAC - frac)) >> 11, 20
    return x, frac


def rotate(x, phase):  # N9.4; x is [heads, d_k]
    a, b = np.split(x, 2, axis=1)
    c, s = cos(phase), sin(phase)
    return wrap(np.concatenate([mulhr(a, c) - mulhr(b, s), mulhr(a, s) + mulhr(b, c)], axis=1))


class Session:
    """A stream from a fresh state."""

    def __init__(self, model):
        self.model = model
        self.position = 0
        self.states = [[self.fresh_head(kind) for _ in range(model.state_heads)] for kind in model.states]
        self.history = [{"q": [], "k": [], "v": []} for _ in range(model.layers)]

    def fresh_head(self, kind):
        head = Head16 if kind == INT16_STATE else Head
        return head(self.model.d_k, self.model.d_v, self.model.backbone == GLA)

    def step(self, token_or_frame):
        """Logits (Q16) after a token, or after an int64 vector of features."""
        model = self.model
        x = self.features(token_or_frame) if model.input == FEATURES else embedding(model.role["input"], token_or_frame)
        for layer in range(model.layers):
            x = sat(x + self.mixer(layer, self.norm(x)))  # N5.5
            x = sat(x + self.mlp(model.layer[layer], self.norm(x)))
        self.position += 1
        return self.logits(self.norm(x))

    def norm(self, x):
        return block_norm(x, self.model.residual_frac, self.model.unit_frac, self.model.norm_eps)

    def features(self, frame):  # N12.2
        t = self.model.role["feature_mean"]
        x = shift(mulhr(sat(frame - t.data), t.multiplier), t.shift)
        return quantised_matrix(self.model.role["input"], x)

    def mixer(self, layer, a):  # N9
        model, w = self.model, self.model.layer[layer]
        vectors = {name: self.vector(layer, name, a) for name in "qkv"}
        on_query, on_output, write_gates = self.gates(w, a)
        inputs = self.inputs(w, a)
        y = []
        for h, head in enumerate(self.states[layer]):
            group = h * model.heads // model.state_heads
            q, k, v = ((x[h * len(x) // model.state_heads], frac) for x, frac in vectors.values())
            own = {name: x[h * len(x) // model.state_heads] for name, x in inputs.items()}
            q = align_sum(*q)
            k = align_sum(*k) if model.backbone == GATED_DELTANET else align_largest(*k)
            o, one = RECURRENCE[model.backbone](model, head, q, k, v, write_gates[group], own)
            y.append(unit(o, mul(one, on_query[group]), model.head_eps, on_output[group], 30))  # N4.6
        return quantised_matrix(w["o"], self.output_gate(w["g"], a, np.concatenate(y)))

    def vector(self, layer, name, a):
        """q, k or v as [heads, width] with its fraction bits (N9.1)."""
        model, t = self.model, self.model.layer[layer][name]
        x, frac = matrix(t, a), t.out_frac
        if model.conv_width:
            x, frac = convolve(model.layer[layer][name + "_conv"], x, self.history[layer][name]), SILU_FRAC
        elif model.backbone == GATED_DELTANET:
            x, frac = silu(x), SILU_FRAC
        if name == "v":
            return x.reshape(-1, model.d_v), frac
        x, frac = feature_map(model.feature_map, x, frac)
        x = x.reshape(-1, model.d_k)
        return (rotate(x, self.phase()), frac - 1) if model.backbone == RETNET else (x, frac)

    def phase(self):  # N9.4
        return np.array([(self.position * step % 2**64) >> 32 for step in self.model.role["rotary"].data], np.int64)

    def gates(self, w, a):
        """Gates on q, on the output and on the write, one of each a head (N7)."""
        model, none = self.model, [ONE] * self.model.heads
        query = none
        if model.query_gate:
            query = head_gates(w["query_gate"], a, model.query_scale if model.query_gate == ON_QUERY else ONE)
        key = head_gates(w["key_gate"], a, model.key_scale) if model.key_gate else none
        return query if model.query_gate == ON_QUERY else none, query if model.query_gate == ON_OUTPUT else none, key

    def inputs(self, w, a):
        """What N10 reads besides q, k, v and the gates."""
        if self.model.backbone == RETNET:
            return {"decay": w["decay"].data % 2**32}
        if self.model.backbone == GLA:
            z = quantised_matrix(w["gk1"], matrix(w["gk0"], a))
            return {"z": z.reshape(-1, self.model.d_k)}
        return {"a": matrix(w["a"], a), "b": matrix(w["b"], a), "decay": w["decay"].data}

    def output_gate(self, t, a, o):  # N9.2
        if self.model.output_gate == GATE_NONE:
            return o
        g = matrix(t, a)
        return mulhr(o, sigmoid(g) if self.model.output_gate == GATE_SIGMOID else realign(silu(g), t.pre_shift))

    def mlp(self, w, a):  # N11
        gate, up = w["mlp_gate"], w["mlp_up"]
        h = mulhr(realign(silu(matrix(gate, a)), gate.pre_shift), realign(matrix(up, a), up.pre_shift))
        return quantised_matrix(w["mlp_down"], h)

    def logits(self, a):  # N13
        if self.model.tied:
            a = (a * self.model.role["final_norm"].data + 2**14) >> 15
        return matrix(self.model.role["head"], a)
