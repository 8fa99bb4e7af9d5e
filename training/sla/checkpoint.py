"""Checkpoint directories: config.json and model.safetensors, as docs/checkpoints.md describes them."""

import json
import os
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from safetensors.torch import save as to_bytes

from . import config as configuration
from .config import ConfigError
from .model import Model

DTYPES = {"bfloat16": torch.bfloat16, "float16": torch.float16, "float32": torch.float32}


def _body(name):
    """Checkpoints of the bare model lack the prefix."""
    return name if name.startswith(("model.", "lm_head.", "classifier.")) else f"model.{name}"


def load(directory, dtype=torch.float32):
    """The model of a directory and its config.json; ConfigError names what is missing, extra or misshapen."""
    directory = Path(directory)
    raw = configuration.read(directory)
    c = configuration.parse(raw)
    path = directory / "model.safetensors"
    if not path.exists():
        raise ConfigError(f"{path}: no such file")
    try:
        tensors = {_body(name): x.to(dtype) for name, x in load_file(path).items()}
    except (SafetensorError, OSError) as e:
        raise ConfigError(f"{path}: {e}") from None
    if c.tied:
        tensors.pop("lm_head.weight", None)
    model = Model(c, raw.get("feature_mean"), raw.get("feature_std")).to(dtype)
    own = model.state_dict()
    missing, extra = sorted(own.keys() - tensors.keys()), sorted(tensors.keys() - own.keys())
    if missing or extra:
        raise ConfigError(f"{path}: missing {missing or 'nothing'}, unknown {extra or 'nothing'}")
    for name, x in own.items():
        if tensors[name].shape != x.shape:
            raise ConfigError(f"{path}: {name} is {list(tensors[name].shape)}, {list(x.shape)} expected")
    model.load_state_dict(tensors)
    return model, raw


def write_atomically(path, write):
    """Calls `write(temporary path)` and renames: never half a file."""
    temporary = path.with_name(path.name + ".part")
    write(temporary)
    os.replace(temporary, path)


def save(directory, model, raw, dtype="bfloat16"):
    """Writes a directory that `sla convert` reads."""
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    tensors = {name: x.detach().to("cpu", DTYPES[dtype]).contiguous() for name, x in model.state_dict().items()}
    text = json.dumps(raw | {"torch_dtype": dtype}, indent=1) + "\n"
    data = to_bytes(tensors, {"format": "pt"})
    write_atomically(directory / "model.safetensors", lambda path: path.write_bytes(data))
    write_atomically(directory / "config.json", lambda path: path.write_text(text))
