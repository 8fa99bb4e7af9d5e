"""The tensors of a checkpoint directory: one safetensors file, or the shards of an index."""

import json
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file

from .config import ConfigError

SINGLE, INDEX = "model.safetensors", "model.safetensors.index.json"
OTHERS = ("eval.safetensors", "adapter_model.safetensors")
"""Files beside a model that are no model."""
WRAPPERS = ("_orig_mod.", "module.", "base_model.model.")
"""What torch.compile, DataParallel and PEFT put before names."""


def read(directory):
    """All tensors, by names as fla's …ForCausalLM saves them."""
    directory, found, origin = Path(directory), {}, {}
    index = _index(directory) if not (directory / SINGLE).exists() and (directory / INDEX).exists() else {}
    for file in sorted(set(index.values())) if index else [_single(directory)]:
        for raw, x in _load(directory / file).items():
            name = plain(raw)
            if name in found:
                raise ConfigError(f"{directory / file}: {raw} is also {origin[name][0]} of {origin[name][1]}; one of them is too many")
            found[name], origin[name] = x, (raw, file)
    for raw, file in index.items():
        if origin.get(plain(raw)) != (raw, file):
            raise ConfigError(f"{directory / INDEX}: weight_map places {raw} in {file}, which does not hold it; fetch both again")
    return found


def plain(name):
    """A name without wrappers, with the `model.` that the bare model's checkpoints lack; embeddings had another one once."""
    while wrapper := next((w for w in WRAPPERS if name.startswith(w)), None):
        name = name.removeprefix(wrapper)
    name = name if name.startswith(("model.", "lm_head.", "classifier.")) else f"model.{name}"
    return "model.embeddings.weight" if name == "model.embed_tokens.weight" else name


def _single(directory):
    """The one file of weights, whatever its name."""
    if (directory / SINGLE).exists():
        return SINGLE
    names = sorted(path.name for path in directory.glob("*.safetensors") if path.name not in OTHERS)
    if len(names) == 1:
        return names[0]
    if names:
        raise ConfigError(f"{directory}: {len(names)} files of weights, {names[0]} first, and neither {SINGLE} nor {INDEX}; rename the one that is meant")
    hint = ""
    if (directory / "adapter_model.safetensors").exists():
        hint = "; adapter_model.safetensors is an adapter: merge it into its model, and save that"
    elif pickles := sorted(p.name for p in directory.glob("*") if p.suffix in (".bin", ".pt", ".pth", ".ckpt")):
        hint = f"; {pickles[0]} is a pickle, which is not read: save the model with safe_serialization=True"
    raise ConfigError(f"{directory / SINGLE}: no such file{hint}")


def _index(directory):
    """Tensor to file; files are plain names in the directory, and there."""
    path = directory / INDEX
    try:
        files = json.loads(path.read_text("utf-8-sig"))["weight_map"]
        good = isinstance(files, dict) and files and all(isinstance(file, str) for file in files.values())
    except (OSError, ValueError, KeyError, TypeError):
        good = False
    if not good:
        raise ConfigError(f"{path}: no weight_map of tensors to files; fetch it again")
    for name, file in files.items():
        if Path(file).name != file or not file.endswith(".safetensors"):
            raise ConfigError(f"{path}: weight_map.{name} = {json.dumps(file)} is no safetensors file in this folder")
        if not (directory / file).exists():
            raise ConfigError(f"{directory / file}: no such file, and {INDEX} names it; fetch it too")
    return files


def _load(path):
    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError) as e:
        with open(path, "rb") as file:
            begin = file.read(64).lstrip()
        if begin.startswith(b"version https://git-lfs"):
            raise ConfigError(f"{path}: a pointer of Git LFS, not the file itself; fetch it with git lfs pull") from None
        if begin[:1] == b"<":
            raise ConfigError(f"{path}: a page of HTML or XML, not weights; fetch the file itself") from None
        raise ConfigError(f"{path}: {str(e).splitlines()[0]}") from None
