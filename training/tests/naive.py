"""The models token by token in plain loops, straight from the definitions of the backbones, sharing nothing with `sla.model`."""

import math

import torch


def sigmoid(x):
    return 1 / (1 + (-x).exp())


def silu(x):
    return x * sigmoid(x)


MAPS = {None: lambda x: x, "relu": lambda x: x.clamp(min=0), "silu": silu, "swish": silu, "sigmoid": sigmoid}


def rms(x, weight, eps):
    x = x / (x.square().mean() + eps).sqrt()
    return x if weight is None else x * weight


class Layer:
    """One layer's tensors by name, its state, and its step."""

    def __init__(self, raw, tensors, index):
        prefix = f"model.layers.{index}."
        self.raw, self.t = raw, 0
        self.w = {name.removeprefix(prefix): x for name, x in tensors.items() if name.startswith(prefix)}
        self.states, self.history = {}, {}

    def conv(self, name, u):
        weight, bias = self.w[f"attn.{name}_conv1d.weight"], self.w.get(f"attn.{name}_conv1d.bias", 0.0)
        width = weight.shape[-1]
        past = self.history.setdefault(name, [torch.zeros_like(u)] * width)
        past.append(u)
        return silu(sum(weight[:, 0, j] * past[j - width] for j in range(width)) + bias)

    def gate(self, name, a):
        sla = self.raw.get("sla") or {}
        if f"attn.{name}_gate_proj.weight" not in self.w:
            return torch.ones(self.raw["num_heads"]).double()
        z = self.w[f"attn.{name}_gate_proj.weight"] @ a + self.w.get(f"attn.{name}_gate_proj.bias", 0.0)
        e = (z / sla.get("temperature", 1.0)).exp()
        return sla.get(f"{name}_gate_scale", 1.0) * e / e.sum()

    def mix(self, a):
        raw, w, kind = self.raw, self.w, self.raw["model_type"]
        sla, heads, delta = raw.get("sla") or {}, raw["num_heads"], kind == "gated_deltanet"
        q, k, v = (w[f"attn.{n}_proj.weight"] @ a for n in "qkv")
        if raw.get("use_short_conv", delta) and kind != "retnet":
            q, k, v = self.conv("q", q), self.conv("k", k), self.conv("v", v)
        elif delta:
            q, k, v = silu(q), silu(k), silu(v)
        states = raw.get("num_v_heads") or heads if delta else heads
        kv = heads if delta else raw.get("num_kv_heads") or heads
        q, k, v = q.view(heads, -1), k.view(kv, -1), v.view(states if delta else kv, -1)
        q, k = MAPS[raw.get("feature_map")](q), MAPS[raw.get("feature_map")](k)
        if kind == "gla":
            z = w["attn.gk_proj.1.weight"] @ (w["attn.gk_proj.0.weight"] @ a) + w["attn.gk_proj.1.bias"]
            decay = -(1 + (-z).exp()).log() / 16
            if raw.get("clamp_min") is not None:
                decay = decay.clamp(min=raw["clamp_min"])
            decay = decay.view(kv, -1)
        query, key, out = self.gate("query", a), self.gate("key", a), []
        for j in range(states):
            h = j * heads // states
            s = h * kv // heads
            qj, kj, vj = q[h], k[s], v[j if delta else s]
            beta = None
            if kind == "retnet":
                qj, kj = rotate(qj, self.t), rotate(kj, self.t)
                lg = torch.tensor(math.log(1 - 2.0 ** (-5 - j)))
            elif kind == "gla":
                lg = decay[s]
            else:
                qj, kj = (x / (x.square().sum() + 1e-6).sqrt() for x in (qj, kj))
                beta = sigmoid((w["attn.b_proj.weight"] @ a)[j]) * (2 if raw.get("allow_neg_eigval") else 1)
                lg = -w["attn.A_log"][j].exp() * (1 + ((w["attn.a_proj.weight"] @ a)[j] + w["attn.dt_bias"][j]).exp()).log()
            if sla and sla.get("key_gate", "key") == "beta":
                beta = beta * key[h]
            else:
                kj = kj * key[h]
            if sla and sla.get("query_gate", "output") == "query":
                qj = qj * query[h]
            state = self.states.get(j, torch.zeros(len(kj), len(vj)).double())
            state = (lg.exp()[:, None] if lg.ndim else lg.exp()) * state
            write = vj if beta is None else beta * (vj - state.T @ kj)
            self.states[j] = state = state + kj[:, None] * write
            y = rms(state.T @ (qj * len(qj) ** -0.5), self.output_norm(), raw.get("norm_eps", raw.get("rms_norm_eps", 1e-6)))
            if raw.get("use_gate" if delta else "use_output_gate", True):
                g = (w["attn.g_proj.weight"] @ a).view(states, -1)[j]
                y = y * (sigmoid(g) if raw.get("output_gate_activation") == "sigmoid" else silu(g))
            out.append(y * query[h] if sla and sla.get("query_gate", "output") == "output" else y)
        return w["attn.o_proj.weight"] @ torch.cat(out)

    def output_norm(self):
        return next((x for name, x in self.w.items() if name.startswith(("attn.g_norm", "attn.o_norm"))), None)

    def step(self, x):
        eps = self.raw.get("norm_eps", self.raw.get("rms_norm_eps", 1e-6))
        x = x + self.mix(rms(x, self.w["attn_norm.weight"], eps))
        m = rms(x, self.w["mlp_norm.weight"], eps)
        self.t += 1
        return x + self.w["mlp.down_proj.weight"] @ (silu(self.w["mlp.gate_proj.weight"] @ m) * (self.w["mlp.up_proj.weight"] @ m))


def rotate(x, t):
    half = len(x) // 2
    angle = t * 10000 ** (-torch.arange(half).double() / half)
    a, b = x[:half], x[half:]
    return torch.cat([a * angle.cos() - b * angle.sin(), a * angle.sin() + b * angle.cos()])


def logits(raw, tensors, ids):
    """`[T, vocab]` of a language model with these float64 tensors."""
    layers = [Layer(raw, tensors, i) for i in range(raw["num_hidden_layers"])]
    embeddings, out = tensors["model.embeddings.weight"], []
    head = embeddings if raw.get("tie_word_embeddings") else tensors["lm_head.weight"]
    for token in ids:
        x = embeddings[token]
        for layer in layers:
            x = layer.step(x)
        out.append(head @ rms(x, tensors["model.norm.weight"], raw.get("norm_eps", raw.get("rms_norm_eps", 1e-6))))
    return torch.stack(out)
