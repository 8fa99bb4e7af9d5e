"""Fake quantisation on the grids of the .sla file, for fine-tuning that knows them (docs/format.md F6.2, F6.7).

Norm weights are first folded into the matrices, as the converter folds them, so that the grid lies where the file has it.
A quantised checkpoint holds grid points: the largest weight of every group is at the end of its range, and from that the
converter finds the same steps again.
"""

import copy

import torch
from torch import nn

try:
    from torch.func import functional_call
except ImportError:  # before PyTorch 2
    from torch.nn.utils.stateless import functional_call

GROUP, SCALES = 32, 255
CLIPS = [1 - i / 24 for i in range(0, 12)]
"""Fractions of the step that clips nothing; for each group the one with the least squared error is taken, once."""


def int8(w):
    """Multiples of a row's max|w|/127."""
    step = w.abs().amax(-1, keepdim=True) / 127
    return step * torch.round(w / step.clamp(min=1e-30)).clamp(-127, 127)


def _groups(w):
    return nn.functional.pad(w, (0, -w.shape[1] % GROUP)).view(w.shape[0], -1, GROUP)


def _whole(groups):
    """The least step that clips nothing."""
    return torch.maximum(groups.amax(-1) / 7, groups.amin(-1) / -8).clamp(min=1e-30)


def _rounded(groups, step):
    return step[..., None] * torch.round(groups / step[..., None]).clamp(-8, 7)


def best_clips(w):
    """The fraction of [`CLIPS`] for each group, `[rows, groups]`."""
    groups = _groups(w)
    whole = _whole(groups)
    errors = torch.stack([(_rounded(groups, whole * clip) - groups).square().sum(-1) for clip in CLIPS])
    return torch.tensor(CLIPS, dtype=w.dtype, device=w.device)[errors.argmin(0)]


def int4(w, clips):
    """q·s·unit: q of -8 to 7, s of 1 to 255 a group of 32 columns, unit a row."""
    groups = _groups(w)
    step = _whole(groups) * clips
    unit = step.amax(-1, keepdim=True) / SCALES
    step = unit * torch.round(step / unit).clamp(1, SCALES)
    return _rounded(groups, step).view(len(w), -1)[:, : w.shape[1]]


@torch.no_grad()
def fold(model):
    """Multiplies norm weights into the matrices that read them; the norms become ones that no longer learn."""
    c, body = model.c, model.model
    norms = []
    for block in body.layers:
        mixer, mlp = block.attn, block.mlp
        readers = [mixer.q_proj, mixer.k_proj, mixer.v_proj]
        for name in ("g_proj", "a_proj", "b_proj", "query_gate_proj", "key_gate_proj"):
            readers += [getattr(mixer, name)] if hasattr(mixer, name) else []
        readers += [mixer.gk_proj[0]] if hasattr(mixer, "gk_proj") else []
        norms += [(block.attn_norm, readers), (block.mlp_norm, [mlp.gate_proj, mlp.up_proj])]
        if c.output_norm:
            norm = getattr(mixer, c.output_norm)
            mixer.o_proj.weight.mul_(norm.weight.repeat(c.state_heads))
            norms.append((norm, []))
    if not c.tied:
        norms.append((body.norm, [model.classifier if c.labels else model.lm_head]))
    for norm, readers in norms:
        for reader in readers:
            reader.weight.mul_(norm.weight)
        norm.weight.fill_(1.0)
        norm.weight.requires_grad_(False)


STEERING = {"a_proj", "b_proj", "gk_proj", "query_gate_proj", "key_gate_proj"}
"""Modules whose matrices stay at int8 whatever their size, as in the converter: decays, β, gates over heads."""


def bits_of(model, bits):
    """4 or 8 for each matrix, by its parameter's name: as `sla convert --weights` with `--head int8`."""
    chosen = {}
    for name, p in model.named_parameters():
        if p.ndim == 2:
            wide = p.shape[0] >= GROUP and p.shape[1] >= 2 * GROUP
            four = bits == "int4" and wide and ".layers." in name and STEERING.isdisjoint(name.split("."))
            chosen[name] = 4 if four else 8
    return chosen


class Quantized(nn.Module):
    """A model that runs on rounded matrices and learns as if they were not (straight-through).

    Clips stay as they were at the start: a choice anew at every step would be noise to what is learned.
    """

    def __init__(self, model, bits):
        super().__init__()
        self.inner = copy.deepcopy(model).requires_grad_(True)
        fold(self.inner)
        self.c, self.bits, self.fresh = self.inner.c, bits_of(self.inner, bits), self.inner.fresh
        for name, p in self.inner.named_parameters():
            if self.bits.get(name) == 4:
                self.register_buffer(self._clips(name), best_clips(p.detach()))

    @staticmethod
    def _clips(name):
        return f"clips_{name.replace('.', '_')}"

    def _round(self, name, w):
        return int4(w, getattr(self, self._clips(name))) if self.bits[name] == 4 else int8(w)

    def forward(self, x, state=None, by_token=False):
        matrices = {name: p for name, p in self.inner.named_parameters() if name in self.bits}
        rounded = {name: w + (self._round(name, w.detach()) - w.detach()) for name, w in matrices.items()}
        return functional_call(self.inner, rounded, (x, state, by_token))

    @torch.no_grad()
    def rounded(self):
        """The model with the matrices that it runs on."""
        model = copy.deepcopy(self.inner)
        for name, p in model.named_parameters():
            if name in self.bits:
                p.copy_(self._round(name, p))
        return model
