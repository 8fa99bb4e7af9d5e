"""The models against logits of flash-linear-attention itself, and the chunk forms against the token forms."""

import pytest
import torch
from conftest import SHARED
from safetensors.torch import load_file
from sla import checkpoint, recurrence
from sla import config as configuration
from sla.model import Model

GOLDENS = ["retnet", "gla-tied", "gla-nogate", "gdn", "gdn-32h", "sla-retnet-o", "sla-retnet-read-bias", "sla-gla-q", "sla-gdn-q", "sla-gdn-beta"]


def relative(a, b):
    """Relative RMS of the difference."""
    return ((a - b).square().mean() / b.square().mean()).sqrt().item()


@pytest.mark.parametrize("by_token", [True, False])
@pytest.mark.parametrize("name", GOLDENS)
def test_logits_are_those_of_fla(name, by_token):
    directory = SHARED / "goldens" / name
    if not directory.exists():
        pytest.skip(f"skipped: {directory} is not here")
    golden = load_file(directory / "golden.safetensors")
    model, _ = checkpoint.load(directory)
    with torch.no_grad():
        logits, _ = model(golden["input_ids"][None].long(), by_token=by_token)
    assert relative(logits[0], golden["logits"]) < 5e-6


@pytest.mark.parametrize("backbone", ["retnet", "gla", "gdn"])
def test_chunks_and_parts_of_a_stream_give_what_tokens_give(backbone):
    torch.manual_seed(1)
    raw = configuration.make(backbone, 64, 2, vocab=50)
    model = Model(configuration.parse(raw)).double()
    ids = torch.randint(50, (2, 150))
    with torch.no_grad():
        whole, end = model(ids, by_token=True)
        assert relative(model(ids)[0], whole) < 1e-12
        # The same stream in two calls that hand the state over.
        first, state = model(ids[:, :37])
        second, parts_end = model(ids[:, 37:], state)
    assert relative(torch.cat([first, second], 1), whole) < 1e-12
    assert all(torch.allclose(a, b, atol=1e-12) for a, b in zip(end, parts_end))


@pytest.mark.parametrize("fastest", [-10.0, -1000.0])
def test_channels_that_forget_at_once_stay_finite(fastest):
    torch.manual_seed(2)
    q, k, v = (torch.randn(1, 2, 96, 16) for _ in range(3))
    log_decay = torch.where(torch.rand(1, 2, 96, 16) < 0.5, fastest, -0.01).requires_grad_()
    state = torch.zeros(1, 2, 16, 16)
    out, _ = recurrence.decay_by_chunk(q, k, v, log_decay, state)
    assert relative(out, recurrence.decay_by_token(q, k, v, log_decay, state)[0]) < 1e-4
    out.square().sum().backward()
    assert log_decay.grad.isfinite().all()
