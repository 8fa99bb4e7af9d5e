#!/usr/bin/env python3
"""Trains the models of models/zoo at once on one GPU, in three waves.

  zoo.py -o DIR --minutes 8 --wave 0      models of bytes; 1: of BPE and clips; 2: int4 versions. Each model is a process

Texts come from data.py, the spoken digits from --audio. A model that is done is left alone, one that is not goes on.
Prints one line for each and `zoo: N of M`.
"""

import argparse
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
BPE = {"bytes": "bytes", "bpe": "bpe:1024"}
SIZES = [("gla", "3M"), ("gdn", "3M"), ("gla", "0.8M"), ("gdn", "0.8M"), ("retnet", "0.8M"), ("gla", "0.25M"), ("gdn", "0.25M"), ("retnet", "0.25M")]
TOKENS = list(BPE)
"""Wave 0 reads bytes, wave 1 BPE and clips, wave 2 makes int4 versions of the models of TUNED."""
LEFT_OUT = ("gdn", "3M", "bpe")
"""The repository stays small, and GLA is the better one there."""
DIGITS = ["gdn", "retnet"]
TUNED, TRUTH, RATE = "0.8M", "0.6", "1e-3"
"""The models here have not learned all there is, so more than half of what int4 versions learn is the data."""


def commands(args):
    """Name and options of each model of the wave."""
    texts = ["--text", *map(str, sorted(Path(args.data).glob("*.txt")))]
    base = [*texts, "--resume", "--length", "512", "--batch", str(args.batch), "--minutes", f"{args.minutes:.3f}"]
    for tokens in TOKENS if args.wave == 2 else [TOKENS[args.wave]]:
        for backbone, size in SIZES:
            name = f"classics-sla-{backbone}-{size}-{tokens}"
            if args.wave < 2 and (backbone, size, tokens) != LEFT_OUT:
                yield name, [*base, "--backbone", backbone, "--size", size, "--tokenizer", BPE[tokens]]
            elif args.wave == 2 and size == TUNED:
                yield f"{name}-int4", [*base, "--init", f"{args.output}/{name}", "--qat", "int4", "--truth", TRUTH, "--rate", RATE]
    if args.audio and args.wave == 1:
        for backbone in DIGITS:
            options = ["--audio", args.audio, "--backbone", backbone, "--size", "0.25M", "--layers", "3", "--steps", str(args.digit_steps)]
            yield f"digits-sla-{backbone}", [*options, "--resume"]


def run(args, name, options, results):
    """Trains a model; one that fails is tried again without CUDA graphs."""
    log = Path(args.output) / f"{name}.log"
    for graph in [["--no-graph"]] if args.no_graph else [[], ["--no-graph"]]:
        command = [sys.executable, str(HERE / "train.py"), *options, "-o", f"{args.output}/{name}", *graph]
        with log.open("a") as out:
            code = subprocess.run(command, stdout=out, stderr=subprocess.STDOUT, cwd=HERE.parent, env=environment()).returncode
        if code == 0:
            break
    results[name] = code
    report(args, name, code, log)


def environment():
    """One thread a process: they share the machine."""
    return os.environ | {"OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}


def report(args, name, code, log):
    path = Path(args.output) / name / "training.json"
    if code == 0 and path.exists():
        result = json.loads(path.read_text())
        before = f", before {result['before']['loss']:.4f}" if "before" in result else ""
        print(f"{name}: held-out loss {result['loss']:.4f}{before}, {result['steps']} steps, {result['seconds']:.0f} s", flush=True)
    else:
        lines = log.read_text(errors="replace").splitlines()[-6:]
        print(f"{name}: exit {code}\n  " + "\n  ".join(lines), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", required=True)
    parser.add_argument("--data", default=str(HERE / "data"))
    parser.add_argument("--audio")
    parser.add_argument("--wave", type=int, choices=[0, 1, 2], required=True)
    parser.add_argument("--minutes", type=float, default=8.0)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--digit-steps", type=int, default=3000)
    parser.add_argument("--only", metavar="PART", help="only models with this in their names")
    parser.add_argument("--no-graph", action="store_true")
    args = parser.parse_args()
    if not list(Path(args.data).glob("*.txt")):
        parser.error(f"--data {args.data}: no texts *.txt; python3 {HERE / 'data.py'} fetches them")
    Path(args.output).mkdir(parents=True, exist_ok=True)
    results, workers = {}, []
    for name, options in commands(args):
        if args.only and args.only not in name:
            continue
        workers.append(threading.Thread(target=run, args=(args, name, options, results)))
        workers[-1].start()
        time.sleep(0.2)
    for worker in workers:
        worker.join()
    if not results:
        parser.error(f"--only {args.only}: no model of wave {args.wave} has this in its name")
    good = sum(code == 0 for code in results.values())
    print(f"zoo: {good} of {len(results)}")
    return 0 if good == len(results) else 1


if __name__ == "__main__":
    sys.exit(main())
