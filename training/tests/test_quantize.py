"""Grids, folding, and fine-tuning that wins back what a grid loses."""

import dataclasses
from pathlib import Path

import pytest
import torch
from sla import config as configuration
from sla import loop, quantize, tasks, text
from sla.model import Model


def model_of(backbone, **options):
    torch.manual_seed(3)
    model = Model(configuration.parse(configuration.make(backbone, 64, 2, vocab=40, **options)))
    with torch.no_grad():
        # Norm weights that a fold has to carry.
        for name, p in model.named_parameters():
            if "norm" in name:
                p.uniform_(0.3, 2.0)
    return model


def four(w):
    return quantize.int4(w, quantize.best_clips(w))


def test_points_of_a_grid_stay_where_they_are():
    torch.manual_seed(4)
    w = torch.randn(48, 96) * torch.rand(48, 1).exp()
    for grid, most in ((quantize.int8, 1 / 127), (four, 1 / 7)):
        once = grid(w)
        assert torch.allclose(grid(once), once, rtol=1e-6, atol=0)
        assert 0 < (once - w).abs().max() <= most * w.abs().max()


def test_int4_weights_are_an_integer_times_a_scale_times_a_unit():
    torch.manual_seed(5)
    w = four(torch.randn(40, 70).double())
    for row in w:
        groups = [row[i : i + 32] for i in range(0, 70, 32)]
        steps = [max((g.max() / 7).item(), (g.min() / -8).item()) for g in groups]
        unit = max(steps) / 255
        for g, step in zip(groups, steps):
            scale = step / unit
            assert abs(scale - round(scale)) < 1e-6 and 1 <= round(scale) <= 255
            q = g / step
            assert (q - q.round()).abs().max() < 1e-6 and -8 <= q.min() and q.max() <= 7.000001


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("backbone", ["retnet", "gla", "gdn"])
def test_folding_changes_no_logit(backbone, tied):
    model = model_of(backbone, tied=tied).double()
    ids = torch.randint(40, (2, 50))
    with torch.no_grad():
        before = model(ids)[0]
        quantize.fold(model)
        after = model(ids)[0]
    assert (before - after).abs().max() < 1e-11
    assert torch.equal(model.model.layers[0].attn_norm.weight, torch.ones(64).double())


def test_small_matrices_and_the_ends_of_the_model_stay_int8():
    bits = quantize.bits_of(model_of("gla"), "int4")
    low = {name.split("layers.0.")[1] for name, b in bits.items() if b == 4 and "layers.0." in name}
    attn = {f"attn.{n}_proj.weight" for n in "qkvgo"}
    assert low == attn | {f"mlp.{n}_proj.weight" for n in ("gate", "up", "down")}
    assert bits["lm_head.weight"] == 8 and bits["model.embeddings.weight"] == 8
    assert set(quantize.bits_of(model_of("gla"), "int8").values()) == {8}


@pytest.mark.parametrize("backbone", ["retnet", "gla", "gdn"])
def test_what_steers_stays_int8_at_any_size(backbone):
    raw = configuration.make(backbone, 512, 1, vocab=40)  # 32 heads
    c = dataclasses.replace(configuration.parse(raw), gate_rank=64)
    bits = quantize.bits_of(Model(c), "int4")
    own = {"retnet": set(), "gla": {"gk_proj.0", "gk_proj.1"}, "gdn": {"a_proj", "b_proj"}}
    eight = {f"attn.{name}.weight" for name in own[backbone] | {"query_gate_proj", "key_gate_proj"}}
    assert {name.split("layers.0.")[1] for name, b in bits.items() if b == 8 and "layers.0." in name} == eight


def test_fine_tuning_brings_a_rounded_model_back_to_its_teacher(tmp_path):
    torch.manual_seed(6)
    model, device = Model(configuration.parse(configuration.make("gla", 64, 1, vocab=256))), torch.device("cpu")
    ids = text.Bytes().encode(Path(quantize.__file__).read_bytes())
    learn, rest = ids[:-512], ids[-512:]

    def fit(task, model, steps, rate):
        loop.train(task, model, lambda model: None, tmp_path, budget=loop.Budget(steps), rate=rate, seed=1)

    fit(tasks.Text(learn, rest, 4, 64, 1, device), model, 80, 5e-3)
    teacher = model.eval().requires_grad_(False)
    student = quantize.Quantized(teacher, "int4")

    def distance(model):
        with torch.no_grad():
            return tasks.divergence(model(rest[None])[0], teacher(rest[None])[0]).item()

    before = distance(student)
    fit(tasks.Text(learn, rest, 4, 64, 1, device, teacher), student, 60, 4e-4)
    assert before > 1e-4 and distance(student.rounded()) < 0.6 * before
