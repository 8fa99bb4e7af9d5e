#!/usr/bin/env python3
"""Trains a Softmax Linear Attention model and saves a directory that `sla convert` reads.

  train.py --text FILE… -o DIR            a language model of the texts
  train.py --audio DIR -o DIR             a classifier of the clips label_*.flac or label_*.wav
  train.py --init DIR --qat int4 --text FILE… -o DIR
                                          fine-tunes a trained model for int4 (or int8) weights
"""

import argparse
import os
import sys
from pathlib import Path

import torch

from sla import audio, checkpoint, loop, quantize, tasks, text
from sla import config as configuration
from sla.config import SIZES, ConfigError, UsageError
from sla.model import Model

RATES = {32: 8e-3, 64: 5e-3, 128: 4e-3, 256: 2.5e-3}


def arguments(argv):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    data = parser.add_mutually_exclusive_group(required=True)
    data.add_argument("--text", nargs="+", metavar="FILE", help="texts; 5 %% at the end of each are held out")
    data.add_argument("--audio", metavar="DIR", help="labelled clips")
    parser.add_argument("-o", "--output", required=True, metavar="DIR", help="directory to write")
    parser.add_argument("--backbone", choices=configuration.BACKBONES, help="gla if not given")
    parser.add_argument("--size", choices=SIZES, help="0.25M if not given")
    parser.add_argument("--hidden", type=int, help="width, instead of --size's")
    parser.add_argument("--layers", type=int, help="layers, instead of --size's")
    parser.add_argument("--tokenizer", metavar="bytes|bpe:N", help="bytes if not given; bpe:1024 ties embedding and head")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--steps", type=int, help="steps to train (default 2000)")
    length.add_argument("--minutes", type=float, help="minutes to train, instead of --steps")
    parser.add_argument("--batch", type=int, help="rows a step (default 32 on a GPU, 8 on a CPU; clips 64)")
    parser.add_argument("--length", type=int, default=256, help="tokens of a row; rows go on where the last ended")
    parser.add_argument("--rate", type=float, help="peak learning rate")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--init", metavar="DIR", help="start from this checkpoint")
    parser.add_argument("--qat", choices=["int8", "int4"], help="fine-tune --init on this grid, towards its own outputs")
    parser.add_argument("--truth", type=float, help="with --qat: share of the data itself in what is learned, 0 (if not given) to 1")
    again = parser.add_mutually_exclusive_group()
    again.add_argument("--resume", action="store_true", help="go on from where --output stopped; nothing if it is done")
    again.add_argument("--replace", action="store_true", help="start again where --output has a model already")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--no-graph", action="store_true", help="do not record steps as CUDA graphs")
    args = parser.parse_args(argv)
    if args.qat and not args.init:
        parser.error("--qat needs --init DIR, the trained model")
    if args.truth is not None and not args.qat:
        parser.error("--truth is for --qat")
    args.truth = args.truth or 0.0
    if not 0 <= args.truth <= 1:
        parser.error(f"--truth {args.truth}: must be 0 to 1")
    if not 0 <= args.seed < 2**63:
        parser.error(f"--seed {args.seed}: must be 0 to 2^63 - 1")
    for name in ("backbone", "size", "tokenizer", "hidden", "layers"):
        if args.init and getattr(args, name) is not None:
            parser.error(f"--{name}: --init {args.init} says it")
    if args.init and Path(args.init).resolve() == Path(args.output).resolve():
        parser.error(f"--output {args.output}: name another directory than --init, which stays as it is")
    args.backbone, args.size, args.tokenizer = args.backbone or "gla", args.size or "0.25M", args.tokenizer or "bytes"
    for name in ("steps", "minutes", "batch", "length", "rate", "hidden", "layers"):
        value = getattr(args, name)
        if value is not None and not value > 0:
            parser.error(f"--{name} {value}: must be more than 0")
    if not args.steps and not args.minutes:
        args.steps = 2000
    try:
        torch.zeros(1, device=args.device)
    except (RuntimeError, AssertionError) as e:
        parser.error(f"--device {args.device}: {str(e).splitlines()[0]}")
    return args


WRITTEN = ["model.safetensors", "config.json", "tokenizer.json", "eval.safetensors", loop.LOG, loop.RESUME]
FREE = ("output", "resume", "replace", "device", "no_graph")
"""Options that another run of the same training may have otherwise."""


def begin(args, options):
    """The state to go on from, or None for a new model; the log of a run that is done. What is there is not lost by mistake."""
    output = Path(args.output)
    if args.resume:
        log, saved = loop.earlier(output)
        if log is not None and log.get("options") != options:
            other = next((k for k in options if (log.get("options") or {}).get(k) != options[k]), "text")
            raise ConfigError(f"--resume: {output} was trained with another --{other}; give the same options, or --replace to start again")
        if log is not None:
            return saved, None if saved else log
    there = [name for name in WRITTEN if (output / name).exists()]
    # A run that stopped before its first evaluation left no model.
    if there and not args.replace and not (args.resume and WRITTEN[0] not in there):
        raise ConfigError(f"--output {output}: there is {there[0]} already; name another directory, or --replace it, or --resume")
    for name in there:
        (output / name).unlink()
    return None, None


def prepare(args, device):
    """The model, its config.json, and a function that makes its task from a teacher."""
    hidden, layers = args.hidden or SIZES[args.size][0], args.layers or SIZES[args.size][1]
    model, raw = checkpoint.load(args.init) if args.init else (None, None)
    output = Path(args.output)
    if args.audio:
        clips, labels, names, held_out, rate = audio.read(args.audio)
        train = [clips[i] for i in (~held_out).nonzero()[:, 0]]
        mean, std = audio.standard(train)
        if raw is None:
            raw = configuration.make(args.backbone, hidden, layers, input_size=audio.BANDS, labels=len(names))
            raw |= {"id2label": {str(i): name for i, name in enumerate(names)}, "feature_mean": mean, "feature_std": std,
                    "sample_rate": rate, "n_fft": audio.N_FFT, "hop_length": audio.HOP}  # fmt: skip
            model = Model(configuration.parse(raw), mean, std)
        elif model.c.labels != len(names):
            raise ConfigError(f"--audio {args.audio}: {len(names)} labels; {args.init} has {model.c.labels}")
        test = held_out.nonzero()[:, 0]
        return model, raw, lambda teacher: tasks.Clips(
            clips, labels, held_out, args.batch or 64, args.seed, device, teacher, args.truth
        ), lambda: audio.save_eval(output / "eval.safetensors", [clips[i] for i in test], labels[test])
    train, held_out = text.split(text.read(args.text))
    tokenizer = text.of_checkpoint(args.init) if args.init else text.tokenizer(args.tokenizer, train)
    if raw is None:
        tied = tokenizer.vocab > 256
        raw = configuration.make(args.backbone, hidden, layers, vocab=tokenizer.vocab, tied=tied)
        model = Model(configuration.parse(raw))
    elif model.c.vocab != tokenizer.vocab:
        raise ConfigError(f"--init {args.init}: a vocabulary of {model.c.vocab}; its tokenizer has {tokenizer.vocab}")
    ids, tail = tokenizer.encode(train), tokenizer.encode(held_out)
    batch = args.batch or (32 if device.type == "cuda" else 8)

    def extras():
        tokenizer.save(output)
        text.save_eval(output / "eval.safetensors", tail)

    return model, raw, lambda teacher: tasks.Text(
        ids, tail, batch, args.length, args.seed, device, teacher, args.truth
    ), extras  # fmt: skip


def main(argv=None):
    args = arguments(argv)
    device = torch.device(args.device)
    torch.manual_seed(args.seed)
    torch.set_float32_matmul_precision("high")
    options = {name: value for name, value in vars(args).items() if name not in FREE}
    model, raw, make_task, extras = prepare(args, device)
    saved, done = begin(args, options)
    if done:
        return tell(args.output, done)
    os.makedirs(args.output, exist_ok=True)
    extras()
    model = model.to(device)
    note = {"backbone": configuration.parse(raw).backbone, "data": args.text or args.audio, "options": options}
    rate = args.rate or RATES.get(configuration.parse(raw).hidden, 2e-3)
    if args.qat:
        teacher = model.eval().requires_grad_(False)
        model, rate = quantize.Quantized(model, args.qat).to(device), args.rate or rate / 24
        note |= {"qat": args.qat, "init": args.init, "truth": args.truth}
        task = make_task(teacher)

        # Grid points of 11 bits: float32 keeps them.
        def save(model):
            checkpoint.save(args.output, model.rounded(), raw, "float32")
    else:
        task = make_task(None)

        def save(model):
            checkpoint.save(args.output, model, raw, "bfloat16")

    if args.qat:
        note["before"] = task.evaluate(teacher)
    # Rounding makes gradients noisy: a longer memory, and nothing that pulls weights off their points.
    fitting = {"decay": 0.0, "memory": 0.99} if args.qat else {}
    log = loop.train(
        task, model, save, args.output, budget=loop.Budget(args.steps, args.minutes), rate=rate,
        seed=args.seed, graph=not args.no_graph, saved=saved, note=note, **fitting,
    )  # fmt: skip
    tell(args.output, log)


def tell(output, log):
    """One line about the model."""
    accuracy = f", accuracy {log['accuracy']:.4f}" if "accuracy" in log else ""
    print(f"{output}: held-out loss {log['loss']:.4f} nats{accuracy}; {log['parameters']} parameters, {log['steps']} steps")


if __name__ == "__main__":
    try:
        main()
    except (ConfigError, FloatingPointError) as e:
        print(f"train.py: {e}", file=sys.stderr)
        sys.exit(2 if isinstance(e, UsageError) else 1)
    except OSError as e:
        print(f"train.py: {e.filename}: {e.strerror}", file=sys.stderr)
        sys.exit(1)
