"""The models: modules whose parameters have flash-linear-attention's names, so that a state_dict is a checkpoint."""

import math

import torch
import torch.nn.functional as F
from torch import nn

from .config import Config
from .recurrence import decay_by_chunk, decay_by_token, delta_by_chunk, delta_by_token

MAPS = {None: lambda x: x, "relu": F.relu, "silu": F.silu, "swish": F.silu, "sigmoid": torch.sigmoid}


def wide(x):
    """At least float32: norms, gates and states are computed in it whatever the matrices run in."""
    return x if x.dtype == torch.float64 else x.float()


class RMSNorm(nn.Module):
    """x / sqrt(mean(x²) + ε) · weight"""

    def __init__(self, size, eps, affine=True):
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(size)) if affine else None

    def forward(self, x):
        x = wide(x)
        x = x * torch.rsqrt(x.square().mean(-1, keepdim=True) + self.eps)
        return x if self.weight is None else x * self.weight


class ShortConv(nn.Module):
    """Depthwise causal convolution and SiLU; tap W-1 is the current token."""

    def __init__(self, channels, width, bias=False):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(channels, 1, width).uniform_(-(width**-0.5), width**-0.5))
        self.bias = nn.Parameter(torch.zeros(channels)) if bias else None

    def forward(self, x, history):
        """x `[B, T, C]`, history `[B, W-1, C]`: the result and the new history."""
        length = x.shape[1]
        x = torch.cat([history, wide(x)], 1)
        y = sum(tap * x[:, j : j + length] for j, tap in enumerate(self.weight[:, 0].unbind(-1)))
        return F.silu(y if self.bias is None else y + self.bias), x[:, length:]


def linear(rows_in, rows_out, bias=False):
    layer = nn.Linear(rows_in, rows_out, bias=bias)
    nn.init.normal_(layer.weight, std=rows_in**-0.5)
    if bias:
        nn.init.zeros_(layer.bias)
    return layer


class Mixer(nn.Module):
    """One token mixer with its head gates."""

    def __init__(self, c: Config):
        super().__init__()
        self.c = c
        keys, kv_keys, values = c.heads * c.d_k, c.kv_heads * c.d_k, c.state_heads * c.d_v
        kv_values = values if c.backbone == "gdn" else c.kv_heads * c.d_v
        self.q_proj, self.k_proj = linear(c.hidden, keys), linear(c.hidden, kv_keys)
        self.v_proj, self.o_proj = linear(c.hidden, kv_values), linear(values, c.hidden)
        with torch.no_grad():
            self.o_proj.weight.mul_((2 * c.layers) ** -0.5)
        if c.output_gate:
            self.g_proj = linear(c.hidden, values)
        self.widths = [keys, kv_keys, kv_values]
        if c.conv:
            self.q_conv1d, self.k_conv1d, self.v_conv1d = (ShortConv(w, c.conv, c.conv_bias) for w in self.widths)
        if c.backbone == "gla":
            self.gk_proj = nn.Sequential(linear(c.hidden, c.gate_rank), linear(c.gate_rank, kv_keys, bias=True))
            # Decays of every speed from the start: half-lives of about 4 to 1,600 tokens.
            nn.init.uniform_(self.gk_proj[1].bias, -3.0, 5.0)
        if c.backbone == "gdn":
            self.a_proj, self.b_proj = linear(c.hidden, c.state_heads), linear(c.hidden, c.state_heads)
            self.A_log = nn.Parameter(torch.empty(c.state_heads).uniform_(1.0, 16.0).log())
            step = torch.empty(c.state_heads).uniform_(math.log(1e-3), math.log(1e-1)).exp()
            self.dt_bias = nn.Parameter(step + torch.log(-torch.expm1(-step)))
        if c.output_norm:
            setattr(self, c.output_norm, RMSNorm(c.d_v, c.eps))
        else:
            self.plain_norm = RMSNorm(c.d_v, c.eps, affine=False)
        sla = c.sla
        if sla and sla.query_gate:
            self.query_gate_proj = linear(c.hidden, c.heads, sla.bias)
        if sla and sla.key_gate:
            self.key_gate_proj = linear(c.hidden, c.heads, sla.bias)

    def fresh(self, batch, like):
        """The state of a stream that has not begun: S, then the convolutions' histories."""
        c = self.c
        state = [like.new_zeros(batch, c.state_heads, c.d_k, c.d_v)]
        return state + ([like.new_zeros(batch, c.conv - 1, w) for w in self.widths] if c.conv else [])

    def gate(self, name, a):
        """scale · softmax over the heads, `[B, H, T, 1]` a state head; None without that gate."""
        sla, c = self.c.sla, self.c
        if not sla or not getattr(sla, f"{name}_gate"):
            return None
        logits = wide(getattr(self, f"{name}_gate_proj")(a))
        gate = getattr(sla, f"{name}_gate_scale") * (logits / sla.temperature).softmax(-1)
        return gate.repeat_interleave(c.state_heads // c.heads, -1).transpose(1, 2)[..., None]

    def heads(self, x, count, width):
        """`[B, T, count·width]` as `[B, H, T, width]`, shared heads repeated."""
        x = wide(x).unflatten(-1, (count, width)).transpose(1, 2)
        return x.repeat_interleave(self.c.state_heads // count, 1)

    def forward(self, a, state, turns, by_token):
        """a `[B, T, hidden]`, the layer's normed input; `turns` are the cosines and sines of RetNet's rotary."""
        c, sla = self.c, self.c.sla
        q, k, v = self.q_proj(a), self.k_proj(a), self.v_proj(a)
        state, histories = state[0], list(state[1:])
        if c.conv:
            convs = zip((q, k, v), (self.q_conv1d, self.k_conv1d, self.v_conv1d), histories)
            (q, k, v), histories = zip(*[conv(x, history) for x, conv, history in convs])
        elif c.backbone == "gdn":
            q, k, v = F.silu(q), F.silu(k), F.silu(v)
        q, k = MAPS[c.feature_map](q), MAPS[c.feature_map](k)
        q, k = self.heads(q, c.heads, c.d_k), self.heads(k, c.kv_heads, c.d_k)
        v = self.heads(v, c.state_heads if c.backbone == "gdn" else c.kv_heads, c.d_v)
        query_gate, key_gate = self.gate("query", a), self.gate("key", a)
        beta = None
        if c.backbone == "retnet":
            q, k = rotate(q, turns), rotate(k, turns)
            n = torch.arange(c.heads, device=q.device, dtype=q.dtype)
            log_decay = torch.log1p(-torch.exp2(-5 - n))[:, None, None].expand(q.shape[0], -1, q.shape[2], 1)
        elif c.backbone == "gla":
            log_decay = F.logsigmoid(wide(self.gk_proj[1](self.gk_proj[0](a)))) / 16
            if c.clamp_min is not None:
                log_decay = log_decay.clamp(min=c.clamp_min)
            log_decay = self.heads(log_decay, c.kv_heads, c.d_k)
        else:
            q, k = (x * torch.rsqrt(x.square().sum(-1, keepdim=True) + 1e-6) for x in (q, k))
            beta = wide(self.b_proj(a)).sigmoid().transpose(1, 2)[..., None] * (2 if c.allow_neg_eigval else 1)
            steps = F.softplus(wide(self.a_proj(a)) + wide(self.dt_bias))
            log_decay = (-wide(self.A_log).exp() * steps).transpose(1, 2)[..., None]
        if key_gate is not None and sla.key_gate == "beta":
            beta = beta * key_gate
        elif key_gate is not None:
            k = k * key_gate
        if query_gate is not None and sla.query_gate == "query":
            q = q * query_gate
        q = q * c.d_k**-0.5
        with torch.autocast(a.device.type, enabled=False):
            if beta is None:
                o, state = (decay_by_token if by_token else decay_by_chunk)(q, k, v, log_decay, state)
            else:
                o, state = (delta_by_token if by_token else delta_by_chunk)(q, k, v, log_decay, beta, state)
        y = getattr(self, c.output_norm or "plain_norm")(o)
        if c.output_gate:
            g = self.heads(self.g_proj(a), c.state_heads, c.d_v)
            y = y * (g.sigmoid() if c.output_gate == "sigmoid" else F.silu(g))
        if query_gate is not None and sla.query_gate == "output":
            y = y * query_gate
        return self.o_proj(y.transpose(1, 2).flatten(2).to(a.dtype)), [state, *histories]


def rotate(x, turns):
    """Rotary position embedding, halves paired: `[B, H, T, d]` by cosines and sines `[B, 1, T, d/2]`."""
    cos, sin = turns
    a, b = x.chunk(2, -1)
    return torch.cat([a * cos - b * sin, a * sin + b * cos], -1)


class Mlp(nn.Module):
    """down(silu(gate·x) ⊙ up·x)"""

    def __init__(self, c: Config):
        super().__init__()
        self.gate_proj, self.up_proj = linear(c.hidden, c.intermediate), linear(c.hidden, c.intermediate)
        self.down_proj = linear(c.intermediate, c.hidden)
        with torch.no_grad():
            self.down_proj.weight.mul_((2 * c.layers) ** -0.5)

    def forward(self, x):
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Block(nn.Module):
    """Mixer and MLP, each on the normed residual stream."""

    def __init__(self, c: Config):
        super().__init__()
        self.attn_norm, self.attn = RMSNorm(c.hidden, c.eps), Mixer(c)
        self.mlp_norm, self.mlp = RMSNorm(c.hidden, c.eps), Mlp(c)

    def forward(self, x, state, turns, by_token):
        y, state = self.attn(self.attn_norm(x), state, turns, by_token)
        x = x + y
        return x + self.mlp(self.mlp_norm(x)), state


class Body(nn.Module):
    """What checkpoints call `model`."""

    def __init__(self, c: Config):
        super().__init__()
        if c.input_size:
            self.input_proj = linear(c.input_size, c.hidden, bias=True)
        else:
            self.embeddings = nn.Embedding(c.vocab, c.hidden)
            nn.init.normal_(self.embeddings.weight, std=c.hidden**-0.5)
        self.layers = nn.ModuleList(Block(c) for _ in range(c.layers))
        self.norm = RMSNorm(c.hidden, c.eps)


class Model(nn.Module):
    """A language model on token ids, or a classifier on feature vectors.

    A state is a list: positions `[B]`, then each layer's tensors. States are float32 (float64 in a float64 model).
    """

    def __init__(self, c: Config, mean=None, std=None):
        super().__init__()
        self.c, self.model = c, Body(c)
        if c.labels:
            self.classifier = linear(c.hidden, c.labels, bias=True)
            self.register_buffer("mean", torch.tensor(mean or [0.0] * c.input_size), persistent=False)
            self.register_buffer("std", torch.tensor(std or [1.0] * c.input_size), persistent=False)
        elif not c.tied:
            self.lm_head = linear(c.hidden, c.vocab)

    def fresh(self, batch):
        """The state of `batch` streams that have not begun."""
        like = self.model.norm.weight.detach()
        position = torch.zeros(batch, dtype=torch.long, device=like.device)
        return [position] + [x for block in self.model.layers for x in block.attn.fresh(batch, like)]

    def turns(self, position, length):
        """Cosines and sines of RetNet's rotary for `length` tokens from each stream's position."""
        if self.c.backbone != "retnet":
            return None
        dtype = self.model.norm.weight.dtype
        t = (position[:, None] + torch.arange(length, device=position.device)).to(dtype)
        j = torch.arange(self.c.d_k // 2, device=position.device, dtype=dtype)
        angle = t[:, None, :, None] * 10000 ** (-2 * j / self.c.d_k)
        return angle.cos(), angle.sin()

    def forward(self, x, state=None, by_token=False):
        """ids `[B, T]` or raw features `[B, T, F]`: logits `[B, T, outputs]` and the new state."""
        state = self.fresh(x.shape[0]) if state is None else state
        position, length = state[0], x.shape[1]
        body, turns = self.model, self.turns(position, length)
        after = [position + length]
        if self.c.input_size:
            x = body.input_proj((x.to(self.mean.dtype) - self.mean) / self.std)
        else:
            x = body.embeddings(x)
        size = (len(state) - 1) // len(body.layers)
        for i, block in enumerate(body.layers):
            x, layer = block(x, state[1 + i * size : 1 + (i + 1) * size], turns, by_token)
            after += layer
        x = body.norm(x)
        if self.c.labels:
            logits = self.classifier(x)
        else:
            logits = F.linear(x, body.embeddings.weight if self.c.tied else self.lm_head.weight)
        return wide(logits), after
