"""Checkpoint directories: config.json and safetensors, as docs/checkpoints.md describes them."""

import json
import os
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import save as to_bytes

from . import config as configuration
from . import tensors
from .config import ConfigError
from .model import Model

DTYPES = {"bfloat16": torch.bfloat16, "float16": torch.float16, "float32": torch.float32}
SIZES = [
    ("vocab", "vocab_size", "model.embeddings.weight", 0),
    ("intermediate", "intermediate_size", "model.layers.0.mlp.down_proj.weight", 1),
    ("gate_rank", "gate_low_rank_dim", "model.layers.0.attn.gk_proj.0.weight", 0),
    ("conv", "conv_size", "model.layers.0.attn.q_conv1d.weight", 2),
]
"""Sizes that the tensors tell better than the config: fields, keys, tensors and their dimensions."""


def load(directory, dtype=torch.float32):
    """The model of a directory and its config.json; ConfigError names what is missing, extra or misshapen.

    Where tensors tell a size, the config.json that is returned says it too.
    """
    raw = configuration.read(directory)
    c = configuration.parse(raw)
    own = tensors.read(directory)
    raw = raw | _sizes(raw, c, own)
    c = replace(configuration.parse(raw), conv_bias=any(name.endswith("conv1d.bias") for name in own))
    own = _as_saved_today(own, c)
    model = Model(c, raw.get("feature_mean"), raw.get("feature_std")).to(dtype)
    _check(directory, c, own, model.state_dict())
    model.load_state_dict({name: x.to(dtype) for name, x in own.items()})
    return model, raw


def _sizes(raw, c, own):
    """Keys that say another size than the tensors have; an explicit width of the MLP has to be right."""
    found = {}
    for field, key, name, dimension in SIZES:
        x, size = own.get(name), getattr(c, field)
        explicit = key == "intermediate_size" and raw.get(key) is not None
        if size and not explicit and x is not None and x.ndim > dimension and x.shape[dimension] not in (0, size):
            found[key] = x.shape[dimension]
    return found


def notes(directory, raw):
    """A line for each key of a directory's config.json that has no effect, or another value than what [`load`] returned."""
    said = configuration.read(directory)
    other = [f"config.json: {key} = {said[key]}, but the tensors have {value}, which is used" for key, value in raw.items() if said.get(key, value) not in (None, value)]
    return configuration.notes(said) + other


def _as_saved_today(own, c):
    """Today's names: older files have one matrix for gate and up, and a D that nothing read; the output norm has two names."""
    renamed = {}
    for name, x in own.items():
        up = name.replace("gate_proj", "up_proj")
        if name.endswith("mlp.gate_proj.weight") and up not in own and x.ndim == 2 and len(x) == 2 * c.intermediate:
            renamed |= {name: x[: c.intermediate], up: x[c.intermediate :]}
        elif c.backbone == "gdn" and name.endswith(".attn.D") or c.tied and name == "lm_head.weight":
            continue
        elif c.output_norm and name.endswith((".attn.g_norm.weight", ".attn.g_norm_swish_gate.weight")):
            renamed[f"{name.rsplit('.', 2)[0]}.{c.output_norm}.weight"] = x
        else:
            renamed[name] = x
    return renamed


def _check(directory, c, have, need):
    """Refuses what does not fit, by the first name."""
    if "lm_head.weight" in need and "lm_head.weight" not in have:
        raise ConfigError(f'{directory}: no lm_head.weight: a model without its head; or, if the embedding is the head, set "tie_word_embeddings": true '
                          "in config.json")  # fmt: skip
    for what, names in (("missing", need.keys() - have.keys()), ("unknown", have.keys() - need.keys())):
        if names:
            others = f" (and {len(names) - 1} more)" if len(names) > 1 else ""
            raise ConfigError(f"{directory}: {what} tensor {min(names)}{others}; config.json describes another model")
    for name, x in need.items():
        if have[name].shape != x.shape:
            raise ConfigError(f"{directory}: {name} is {list(have[name].shape)}, {list(x.shape)} expected")
        if have[name].dtype not in DTYPES.values():
            raise ConfigError(f"{directory}: {name} is {str(have[name].dtype)[6:]}; float32, float16 and bfloat16 are read")
        if not have[name].isfinite().all():
            raise ConfigError(f"{directory}: {name} has a value that is no finite number")


def write_atomically(path, write):
    """Calls `write(temporary path)` and renames: never half a file."""
    temporary = path.with_name(path.name + ".part")
    write(temporary)
    os.replace(temporary, path)


def save(directory, model, raw, dtype="bfloat16"):
    """Writes a directory that `sla convert` reads."""
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    own = {name: x.detach().to("cpu", DTYPES[dtype]).contiguous() for name, x in model.state_dict().items()}
    raw = {key: value for key, value in raw.items() if key != "dtype"} | {"torch_dtype": dtype}
    text = json.dumps(raw, indent=1) + "\n"
    data = to_bytes(own, {"format": "pt"})
    write_atomically(directory / "model.safetensors", lambda path: path.write_bytes(data))
    write_atomically(directory / "config.json", lambda path: path.write_text(text))
