#!/usr/bin/env python3
"""Trains the models of models/ at once on one GPU, and int4 versions of them.

  zoo.py -o DIR --minutes 8 --wave 0      wave 0 or 1 of the list; each model is a process

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
WAVES = [
    # backbone, size, tokenizer; int4 after it
    [("gla", "3M", "bytes", False), ("gdn", "3M", "bytes", False), ("gla", "0.8M", "bytes", True), ("gdn", "0.8M", "bytes", True),
     ("retnet", "0.8M", "bytes", True), ("gla", "0.25M", "bytes", True), ("gdn", "0.25M", "bytes", True),
     ("retnet", "0.25M", "bytes", True)],
    [("gla", "3M", "bpe", False), ("gdn", "3M", "bpe", False), ("gla", "0.8M", "bpe", True), ("gdn", "0.8M", "bpe", True),
     ("retnet", "0.8M", "bpe", True), ("gla", "0.25M", "bpe", True), ("gdn", "0.25M", "bpe", True),
     ("retnet", "0.25M", "bpe", True)],
]  # fmt: skip
DIGITS = ["gdn", "retnet"]
QAT_SHARE = 0.25
"""Share of a model's minutes that its int4 version gets, where it has one."""
QAT = {"0.25M": "1e-3", "0.8M": "8e-4"}
"""Learning rates of int4 versions. The models here have not learned all there is, so half of the target is the data."""


def commands(args):
    """Name and the commands of each model, one after the other."""
    texts = ["--text", *map(str, sorted(Path(args.data).glob("*.txt")))]
    for backbone, size, tokens, qat in WAVES[args.wave]:
        name = f"classics-sla-{backbone}-{size}-{tokens}"
        if args.only and args.only not in name:
            continue
        base = [*texts, "--resume", "--length", "512", "--batch", str(args.batch)]
        minutes = args.minutes * (1 - QAT_SHARE) if qat else args.minutes
        train = [*base, "--backbone", backbone, "--size", size, "--tokenizer", BPE[tokens], "--minutes", f"{minutes:.3f}"]
        tuned = [*base, "--init", f"{args.output}/{name}", "--qat", "int4", "--truth", "0.5", "--rate", QAT.get(size, "5e-4"), "--minutes", f"{args.minutes * QAT_SHARE:.3f}"]
        yield name, [(name, train)] + ([(f"{name}-int4", tuned)] if qat else [])
    if args.audio and args.wave == 1:
        for backbone in DIGITS:
            name = f"digits-sla-{backbone}"
            if args.only and args.only not in name:
                continue
            train = ["--audio", args.audio, "--backbone", backbone, "--size", "0.25M", "--layers", "3", "--steps", str(args.digit_steps)]
            yield name, [(name, [*train, "--resume"])]


def run(args, steps, results):
    """Runs the commands of a model; one that fails is tried again without CUDA graphs."""
    for name, options in steps:
        log = Path(args.output) / f"{name}.log"
        for graph in ([], ["--no-graph"]):
            if graph == [] and args.no_graph:
                continue
            command = [sys.executable, str(HERE / "train.py"), *options, "-o", f"{args.output}/{name}", *graph]
            with log.open("a") as out:
                code = subprocess.run(command, stdout=out, stderr=subprocess.STDOUT, cwd=HERE.parent, env=environment()).returncode
            if code == 0:
                break
        results[name] = code
        report(args, name, code, log)
        if code:
            return


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
    parser.add_argument("--wave", type=int, choices=[0, 1], required=True)
    parser.add_argument("--minutes", type=float, default=8.0)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--digit-steps", type=int, default=3000)
    parser.add_argument("--only", metavar="PART", help="only models with this in their names")
    parser.add_argument("--no-graph", action="store_true")
    args = parser.parse_args()
    Path(args.output).mkdir(parents=True, exist_ok=True)
    results, workers = {}, []
    for _, steps in commands(args):
        workers.append(threading.Thread(target=run, args=(args, steps, results)))
        workers[-1].start()
        time.sleep(0.2)
    for worker in workers:
        worker.join()
    good = sum(code == 0 for code in results.values())
    print(f"zoo: {good} of {len(results)}")
    return 0 if good == len(results) else 1


if __name__ == "__main__":
    sys.exit(main())
