"""What is learned: the next token of texts, or the label of clips; and both again from a teacher, for fine-tuning."""

import contextlib

import torch
import torch.nn.functional as F

from . import audio, text
from .config import ConfigError


def autocast(device):
    """bfloat16 for the matrices on a GPU; norms, gates, states and losses are float32 in the model itself."""
    if device.type == "cuda":
        return torch.autocast("cuda", dtype=torch.bfloat16, cache_enabled=False)
    return contextlib.nullcontext()


def blend(logits, teacher, labels, truth):
    """(1 - truth)·KL(teacher ‖ model) + truth·cross entropy with the labels; logits `[N, outputs]`."""
    learned = (1 - truth) * divergence(logits, teacher)
    return learned + truth * F.cross_entropy(logits, labels) if truth else learned


def divergence(logits, teacher):
    """Mean KL(teacher ‖ model) over positions, in nats."""
    log_q, log_p = logits.log_softmax(-1), teacher.log_softmax(-1)
    return (log_p.exp() * (log_p - log_q)).sum(-1).mean()


class Text:
    """Next-token prediction on rows that carry their state over."""

    def __init__(self, train_ids, held_out_ids, batch, length, seed, device, teacher=None, truth=0.0):
        self.generator = torch.Generator(device).manual_seed(seed)
        self.device, self.batch_size, self.teacher, self.truth = device, batch, teacher, truth
        self.streams = text.Streams(train_ids.to(device), batch, length, self.generator)
        if len(held_out_ids) < 2:
            raise ConfigError(f"--text: {len(held_out_ids)} held-out tokens; use more text")
        length, most = (1024, 96) if device.type == "cuda" else (512, 16)
        rows = max(1, min(most, len(held_out_ids) // length))
        length = min(length, len(held_out_ids) // rows)
        self.held_out = held_out_ids[: rows * length].view(rows, length).to(device)

    def fresh(self, model):
        states = model.fresh(self.batch_size)
        return states + self.teacher.fresh(self.batch_size) if self.teacher else states

    def batch(self):
        return self.streams.next()

    def place(self):
        """Where the data is, for [`go_on`]."""
        return {"generator": self.generator.get_state(), "at": self.streams.at}

    def go_on(self, place):
        self.generator.set_state(place["generator"].cpu())
        self.streams.at = place["at"]

    def loss(self, model, inputs, state):
        rows, keep = inputs
        state = [x * keep.view(-1, *[1] * (x.ndim - 1)).to(x.dtype) for x in state]
        own = len(state) // 2 if self.teacher else len(state)
        with autocast(self.device):
            logits, after = model(rows[:, :-1], state[:own])
        if not self.teacher:
            return F.cross_entropy(logits.flatten(0, 1), rows[:, 1:].flatten()), after
        with torch.no_grad(), autocast(self.device):
            target, teacher_after = self.teacher(rows[:, :-1], state[own:])
        labels = rows[:, 1:].flatten()
        return blend(logits.flatten(0, 1), target.flatten(0, 1), labels, self.truth), after + teacher_after

    @torch.no_grad()
    def evaluate(self, model):
        """Mean negative log-likelihood of held-out rows, each from a fresh state."""
        total, count = 0.0, 0
        for rows in self.held_out.split(32):
            with autocast(self.device):
                logits, _ = model(rows[:, :-1])
            total += F.cross_entropy(logits.flatten(0, 1), rows[:, 1:].flatten(), reduction="sum").item()
            count += rows[:, 1:].numel()
        return {"loss": total / count}


class Clips:
    """The label of a clip, read at its last frames."""

    LAST = 4
    """Frames at the end whose losses are averaged: a label does not hang on one frame."""

    def __init__(self, clips, labels, held_out, batch, seed, device, teacher=None, truth=0.0):
        self.generator = torch.Generator().manual_seed(seed)
        self.device, self.batch_size, self.teacher, self.truth = device, batch, teacher, truth
        train, test = (~held_out).nonzero()[:, 0], held_out.nonzero()[:, 0]
        self.train, self.train_labels = [clips[i] for i in train], labels[train]
        self.test, self.test_labels = [clips[i] for i in test], labels[test]
        self.longest = max(map(len, clips))

    def fresh(self, model):
        return []

    def place(self):
        return {"generator": self.generator.get_state()}

    def go_on(self, place):
        self.generator.set_state(place["generator"].cpu())

    def batch(self):
        chosen = torch.randint(len(self.train), (self.batch_size,), generator=self.generator)
        x, last = audio.batch([self.train[i] for i in chosen], range(len(chosen)))
        x = F.pad(x, (0, 0, 0, self.longest - x.shape[1]), value=float(x.min()))
        # Other loudness and pitch of the same word: a shift of all bands, and a step up or down.
        x = x + 0.5 * torch.randn(len(x), 1, 1, generator=self.generator)
        roll = torch.randint(-1, 2, (len(x),), generator=self.generator)
        x = torch.stack([row.roll(int(r), -1) for row, r in zip(x, roll)])
        return x.to(self.device), last.to(self.device), self.train_labels[chosen].to(self.device)

    def loss(self, model, inputs, state):
        x, last, labels = inputs
        with autocast(self.device):
            logits, _ = model(x)
        span = last[:, None] - torch.arange(self.LAST, device=last.device)
        logits = logits[torch.arange(len(x), device=last.device)[:, None], span].flatten(0, 1)
        labels = labels.repeat_interleave(self.LAST)
        if self.teacher is None:
            return F.cross_entropy(logits, labels, label_smoothing=0.05), state
        with torch.no_grad(), autocast(self.device):
            target = self.teacher(x)[0][torch.arange(len(x), device=last.device)[:, None], span]
        return blend(logits, target.flatten(0, 1), labels, self.truth), state

    @torch.no_grad()
    def evaluate(self, model):
        """Loss and share of right labels of the held-out clips, at their last frame."""
        loss, right = 0.0, 0
        for at in range(0, len(self.test), 64):
            x, last = audio.batch(self.test, range(at, min(at + 64, len(self.test))))
            labels = self.test_labels[at : at + 64].to(self.device)
            with autocast(self.device):
                logits = model(x.to(self.device))[0][torch.arange(len(x)), last]
            loss += F.cross_entropy(logits, labels, reduction="sum").item()
            right += (logits.argmax(-1) == labels).sum().item()
        return {"loss": loss / len(self.test), "accuracy": right / len(self.test)}
