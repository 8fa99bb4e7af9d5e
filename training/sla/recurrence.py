"""The recurrences, token by token and chunk by chunk.

All take q, k `[B, H, T, d_k]`, v `[B, H, T, d_v]` and S `[B, H, d_k, d_v]`, and return o `[B, H, T, d_v]` and the last S.
`log_decay` is `[B, H, T, 1]` for a decay a head and `[B, H, T, d_k]` for one a key channel. The token forms are the
definitions (specs of the backbones); the chunk forms are the same sums in another order, as matrix products.
"""

import torch
import torch.nn.functional as F

HEAD_CHUNK = 64
# exp(±half a chunk of log-decays a channel) has to stay finite in float32: 8·10 < 88. Where a channel forgets more than
# all but e^-10 in one token, the chunk form leaves e^-10.
CHANNEL_CHUNK, FASTEST = 16, -10.0


def decay_by_token(q, k, v, log_decay, state):
    """S = exp(lg)·S + k ⊗ v, o = Sᵀ·q."""
    out = []
    for t in range(q.shape[2]):
        state = log_decay[:, :, t, :, None].exp() * state + k[:, :, t, :, None] * v[:, :, t, None, :]
        out.append(torch.einsum("bhkv,bhk->bhv", state, q[:, :, t]))
    return torch.stack(out, 2), state


def delta_by_token(q, k, v, log_decay, beta, state):
    """S = exp(lg)·S; S += k ⊗ β·(v - Sᵀ·k); o = Sᵀ·q."""
    out = []
    for t in range(q.shape[2]):
        state = log_decay[:, :, t, :, None].exp() * state
        key = k[:, :, t]
        u = beta[:, :, t] * (v[:, :, t] - torch.einsum("bhkv,bhk->bhv", state, key))
        state = state + key[..., None] * u[:, :, None, :]
        out.append(torch.einsum("bhkv,bhk->bhv", state, q[:, :, t]))
    return torch.stack(out, 2), state


def _chunks(size, *tensors):
    """Each `[B, H, T, d]` as `[B, H, T/size, size, d]`, padded with zeros: tokens that neither decay nor write."""
    length = tensors[0].shape[2]
    pad = -length % size
    return [F.pad(x, (0, 0, 0, pad)).unflatten(2, (-1, size)) for x in tensors]


def _between(total):
    """exp(total_i - total_j) for i ≥ j in a chunk, 0 elsewhere; `total` is `[..., C, 1]`."""
    c = total.shape[-2]
    below = torch.ones(c, c, dtype=torch.bool, device=total.device).tril()
    return (total - total.transpose(-1, -2)).masked_fill(~below, -torch.inf).exp()


def _scan(state, decay, writes):
    """S before each chunk, `[B, H, N, d_k, d_v]`, and after the last."""
    before = []
    for n in range(writes.shape[2]):
        before.append(state)
        state = decay[:, :, n] * state + writes[:, :, n]
    return torch.stack(before, 2), state


def decay_by_chunk(q, k, v, log_decay, state):
    """[`decay_by_token`] by matrix products."""
    length, one_a_head = q.shape[2], log_decay.shape[-1] == 1
    size = min(HEAD_CHUNK if one_a_head else CHANNEL_CHUNK, length)
    log_decay = log_decay if one_a_head else log_decay.clamp(min=FASTEST)
    q, k, v, log_decay = _chunks(size, q, k, v, log_decay)
    total = log_decay.cumsum(-2)
    last = total[..., -1:, :]
    if one_a_head:
        scores = (q @ k.transpose(-1, -2)) * _between(total)
    else:
        # exp(total_i - total_j) as a product; both exponents are taken from the middle, where they are smallest.
        middle = total[..., size // 2, None, :]
        scores = (q * (total - middle).exp()) @ (k * (middle - total).exp()).transpose(-1, -2)
        below = torch.ones(size, size, dtype=torch.bool, device=q.device).tril()
        scores = scores.masked_fill(~below, 0.0)
    writes = (k * (last - total).exp()).transpose(-1, -2) @ v
    before, state = _scan(state, last.transpose(-1, -2).exp(), writes)
    out = scores @ v + (q * total.exp()) @ before
    return out.flatten(2, 3)[:, :, :length], state


def delta_by_chunk(q, k, v, log_decay, beta, state):
    """[`delta_by_token`] by matrix products.

    With D_ij = exp(total_i - total_j), what the tokens of a chunk write is U with
    (I + tril(β ⊙ D ⊙ K·Kᵀ, -1))·U = β ⊙ V - β ⊙ exp(total) ⊙ K·S: one triangular system a chunk.
    """
    length = q.shape[2]
    size = min(HEAD_CHUNK, length)
    q, k, v, log_decay, beta = _chunks(size, q, k, v, log_decay, beta)
    total = log_decay.cumsum(-2)
    last = total[..., -1:, :]
    between = _between(total)
    system = (beta * between * (k @ k.transpose(-1, -2))).tril(-1)
    sides = torch.cat([beta * v, beta * total.exp() * k], -1)
    solved = torch.linalg.solve_triangular(system, sides, upper=False, unitriangular=True)
    of_values, of_state = solved.split([v.shape[-1], k.shape[-1]], -1)
    scores = (q @ k.transpose(-1, -2)) * between
    read, write = q * total.exp(), (k * (last - total).exp()).transpose(-1, -2)
    decay, out = last.exp(), []
    for n in range(q.shape[2]):
        u = of_values[:, :, n] - of_state[:, :, n] @ state
        out.append(read[:, :, n] @ state + scores[:, :, n] @ u)
        state = decay[:, :, n] * state + write[:, :, n] @ u
    return torch.stack(out, 2).flatten(2, 3)[:, :, :length], state
