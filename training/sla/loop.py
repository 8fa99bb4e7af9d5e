"""The training loop: optimiser, schedule, progress, evaluation, saving and going on after a stop."""

import json
import math
import time
from pathlib import Path

import torch
from tqdm import tqdm

from . import checkpoint
from .config import ConfigError

WARM_UP, EVALUATIONS = 0.03, 12
"""Shares of the budget: the learning rate's rise, and the reciprocal of the time between two evaluations."""


class Budget:
    """Steps, or minutes of work; what earlier runs used counts."""

    def __init__(self, steps=None, minutes=None, used=0.0):
        self.steps, self.minutes, self.used, self.began = steps, minutes, used, time.monotonic()

    def share(self, step):
        """0 at the start to 1 at the end."""
        return step / self.steps if self.steps else self.seconds() / (60 * self.minutes)

    def seconds(self):
        return self.used + time.monotonic() - self.began


def rate_at(share, peak):
    """A short linear rise, then a cosine to a hundredth of the peak."""
    if share < WARM_UP:
        return peak * max(share / WARM_UP, 0.01)
    fall = min(1.0, (share - WARM_UP) / (1 - WARM_UP))
    return peak * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * fall)))


def optimiser(model, rate, decay, memory):
    """AdamW; weight decay on matrices alone. `memory` is the second moment's."""
    decayed, plain = [], []
    for p in model.parameters():
        if p.requires_grad:
            (decayed if p.ndim == 2 else plain).append(p)
    device = decayed[0].device
    groups = [{"params": decayed, "weight_decay": decay}] + ([{"params": plain, "weight_decay": 0.0}] if plain else [])
    on_gpu = device.type == "cuda"
    options = {"fused": True, "capturable": True} if on_gpu else {}
    rate = torch.tensor(rate, device=device) if on_gpu else rate
    return torch.optim.AdamW(groups, lr=rate, betas=(0.9, memory), eps=1e-8, **options)


def set_rate(optimizer, rate):
    for group in optimizer.param_groups:
        if torch.is_tensor(group["lr"]):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate


class Step:
    """Forward, backward and update of one batch. On a GPU it is recorded once as a CUDA graph and then replayed: small
    models would otherwise wait for their launches."""

    def __init__(self, task, model, optimizer, graph):
        self.task, self.model, self.optimizer, self.graph = task, model, optimizer, None
        self.inputs = [x.clone() for x in task.batch()]
        self.state = task.fresh(model)
        if graph and self.inputs[0].is_cuda:
            self._record()

    def _run(self):
        loss, state = self.task.loss(self.model, self.inputs, self.state)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        for old, new in zip(self.state, state):
            old.copy_(new.detach())
        return loss.detach()

    def _record(self):
        # Three steps before recording (libraries set themselves up in them); they are taken back.
        saved = {k: v.clone() for k, v in self.model.state_dict().items()}
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):
                self._run()
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        self.optimizer.zero_grad(set_to_none=True)
        with torch.cuda.graph(graph):
            self.loss = self._run()
        self.graph = graph
        self.model.load_state_dict(saved)
        for state in self.optimizer.state.values():
            for x in state.values():
                x.zero_()
        for x in self.state:
            x.zero_()

    def __call__(self):
        for mine, new in zip(self.inputs, self.task.batch()):
            mine.copy_(new)
        if self.graph is None:
            return self._run()
        self.graph.replay()
        return self.loss


RESUME, LOG = "resume.pt", "training.json"


def earlier(directory):
    """What an earlier run left in a directory: its log and, if it has not finished, its state."""
    going_on, log = Path(directory) / RESUME, Path(directory) / LOG
    try:
        if going_on.exists():
            saved = torch.load(going_on, map_location="cpu", weights_only=False)
            return saved["log"], saved
        return (json.loads(log.read_text()), None) if log.exists() else (None, None)
    except Exception as e:  # Anything can be in the file.
        reason = str(e).splitlines()[0] if str(e) else type(e).__name__
        raise ConfigError(f"{going_on if going_on.exists() else log}: {reason}; --replace starts again") from None


def train(task, model, save, directory, *, budget, rate, seed, decay=0.1, memory=0.95, graph=True, saved=None, note=None):
    """Trains, calls `save(model)` whenever the held-out loss is the best so far, and returns the log.

    A stop (a signal, the end of a machine's time) loses what came after the last evaluation; `saved` ([`earlier`]) goes on from it.
    """
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    going_on, log_path = directory / RESUME, directory / LOG
    optimizer = optimiser(model, rate, decay, memory)
    step_of = Step(task, model, optimizer, graph)
    log = {"seed": seed, "parameters": sum(p.numel() for p in model.parameters()), **(note or {}), "evaluations": []}
    step, best = 0, math.inf
    if saved:
        model.load_state_dict(saved["model"])
        restore(optimizer, saved["optimizer"])
        task.go_on(saved["task"])
        for x, value in zip(step_of.state, saved["state"]):
            x.copy_(value)
        step, best, budget.used, log = saved["step"], saved["best"], saved["seconds"], saved["log"]
    bar = tqdm(total=100, initial=round(100 * budget.share(step)), unit="%", desc=directory.name, mininterval=2,
               bar_format="{desc}: {percentage:3.0f}%|{bar}| {elapsed}<{remaining}{postfix}")  # fmt: skip
    evaluated = budget.share(step)
    while (share := budget.share(step)) < 1:
        set_rate(optimizer, rate_at(share, rate))
        loss = step_of()
        step += 1
        share = min(1.0, budget.share(step))
        if step % 20 == 0 or share >= 1:
            if not math.isfinite(loss.item()):
                bar.close()
                raise FloatingPointError(f"{directory.name}: the loss is {loss.item()} at step {step}; lower --rate")
            bar.n = 100 * share
            bar.set_postfix_str(f"step {step}, loss {loss.item():.3f}, held out {best:.3f}")
        if share - evaluated >= 1 / EVALUATIONS or share >= 1:
            evaluated = share
            model.eval()
            held_out = task.evaluate(model)
            model.train()
            if not math.isfinite(held_out["loss"]):
                bar.close()
                raise FloatingPointError(f"{directory.name}: the held-out loss is {held_out['loss']} at step {step}; lower --rate")
            log["evaluations"].append({"step": step, "seconds": round(budget.seconds(), 1), **held_out})
            if held_out["loss"] < best:
                best = held_out["loss"]
                log |= {"step": step, **held_out}
                save(model)
            log |= {"steps": step, "seconds": round(budget.seconds(), 1)}
            state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step, "best": best,
                     "seconds": budget.seconds(), "log": log, "task": task.place(), "state": step_of.state}  # fmt: skip
            checkpoint.write_atomically(going_on, lambda path: torch.save(state, path))
    bar.close()
    text = json.dumps(log, indent=1) + "\n"
    checkpoint.write_atomically(log_path, lambda path: path.write_text(text))
    going_on.unlink(missing_ok=True)
    return log


def restore(optimizer, saved):
    """Puts an optimiser's saved state into the tensors that a recorded graph writes to."""
    if not optimizer.state:
        optimizer.load_state_dict(saved)
        return
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    for p, values in zip(parameters, (saved["state"][i] for i in range(len(parameters)))):
        for key, value in values.items():
            optimizer.state[p][key].copy_(value)
