"""Logits of a checkpoint's eval.safetensors, computed anew in float64: python3 training/eval_logits.py models/digits-sla-gla"""

import sys
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from sla import checkpoint


def main(directory):
    path = Path(directory) / "eval.safetensors"
    model, _ = checkpoint.load(directory, dtype=torch.float64)
    tensors = load_file(path)
    for name in [name for name in tensors if name.split(".")[0] == "logits"]:
        x = tensors[name.replace("logits", "features")] if "." in name else tensors["input_ids"].long()
        with torch.no_grad():
            logits, _ = model(x[None])
        tensors[name] = logits[0].float().contiguous()
    save_file(tensors, path)


if __name__ == "__main__":
    main(sys.argv[1])
