#!/usr/bin/env python3
"""Trains a Softmax Linear Attention model and saves a directory that `sla convert` reads.

  train.py --text FILE… -o DIR            a language model of the texts
  train.py --audio DIR -o DIR             a classifier of the clips label_*.flac or label_*.wav
  train.py --init DIR --qat int4 --text FILE… -o DIR
                                          fine-tunes a trained model for int4 (or int8) weights
"""

import argparse
import hashlib
import math
import os
import shutil
import sys
from pathlib import Path

from sla import threads

try:
    import torch

    from sla import audio, checkpoint, loop, quantize, tasks, text
    from sla import config as configuration
    from sla.config import SIZES, ConfigError, UsageError
    from sla.model import Model
except ModuleNotFoundError as e:
    needs = Path(__file__).with_name("requirements.txt")
    sys.exit(f"train.py: the Python package {e.name} is not installed; pip install -r {needs}")

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
    parser.add_argument("--gate-rank", type=int, help="rank of GLA's decays (16)")
    parser.add_argument("--tokenizer", metavar="bytes|bpe:N", help="bytes if not given; bpe:1024 ties embedding and head")
    parser.add_argument("--encoding", help="what the texts are in, such as latin-1, if not UTF-8; bytes are taken as they are without it")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--steps", type=int, help="steps to train (default 2000)")
    length.add_argument("--minutes", type=float, help="minutes to train, instead of --steps")
    parser.add_argument("--batch", type=int, help="rows a step (default 32 on a GPU, 8 on a CPU; clips 64)")
    parser.add_argument("--length", type=int, help="tokens of a row (256); rows go on where the last ended")
    parser.add_argument("--rate", type=float, help="peak learning rate (by the model's width; a 24th of it for --qat)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--init", metavar="DIR", help="start from this checkpoint")
    parser.add_argument("--qat", choices=["int8", "int4"], help="fine-tune --init on this grid, towards its own outputs")
    parser.add_argument("--truth", type=float, help="with --qat: share of the data itself in what is learned, 0 (if not given) to 1")
    again = parser.add_mutually_exclusive_group()
    again.add_argument("--resume", action="store_true", help="go on from where --output stopped; nothing if it is done")
    again.add_argument("--replace", action="store_true", help="start again where --output has a model already")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, help="CPU threads (OMP_NUM_THREADS, or by the model's width)")
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
    for name in ("backbone", "size", "tokenizer", "hidden", "layers", "gate_rank"):
        if args.init and getattr(args, name) is not None:
            parser.error(f"--{name.replace('_', '-')}: --init {args.init} says it")
    for name in ("tokenizer", "encoding", "length"):
        if args.audio and getattr(args, name) is not None:
            parser.error(f"--{name} is for --text")
    if args.gate_rank and args.backbone not in (None, "gla"):
        parser.error(f"--gate-rank: only gla has it, not {args.backbone}")
    if args.init and Path(args.init).resolve() == Path(args.output).resolve():
        parser.error(f"--output {args.output}: name another directory than --init, which stays as it is")
    args.backbone, args.size, args.tokenizer = args.backbone or "gla", args.size or "0.25M", args.tokenizer or "bytes"
    for name in ("steps", "minutes", "batch", "length", "rate", "hidden", "layers", "gate_rank", "threads"):
        value = getattr(args, name)
        if value is not None and not 0 < value < math.inf:
            parser.error(f"--{name.replace('_', '-')} {value}: must be more than 0{'' if value <= 0 else ', and a number'}")
    args.length = args.length or 256
    if not args.steps and not args.minutes:
        args.steps = 2000
    try:
        torch.zeros(1, device=args.device)
    except (RuntimeError, AssertionError) as e:
        parser.error(f"--device {args.device}: {str(e).splitlines()[0]}")
    return args


COPIED = ["tokenizer_config.json", "special_tokens_map.json", "generation_config.json"]
"""What belongs to a model beside weights and tokenizer: how texts end, among others."""
WRITTEN = ["model.safetensors", "config.json", "tokenizer.json", *COPIED, "eval.safetensors", loop.LOG, loop.RESUME]
FREE = ("output", "resume", "replace", "device", "no_graph", "threads")
"""Options that another run of the same training may have otherwise."""


def same(options, earlier):
    """The first option that another run had otherwise; one that it did not know yet is no difference."""
    return next((k for k in options if k in earlier and earlier[k] != options[k]), None)


def begin(args, options):
    """The state to go on from, or None for a new model; the log of a run that is done. What is there is not lost by mistake."""
    output = Path(args.output)
    if args.resume:
        log, saved = loop.earlier(output)
        if log is not None and (other := same(options, log.get("options") or {})):
            what = "other data" if other == "data" else f"another --{other.replace('_', '-')}"
            raise ConfigError(f"--resume: {output} was trained with {what}; give the same options, or --replace to start again")
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
    """The model, its config.json, a function that makes its task from a teacher, one that writes what belongs to the data, and
    the data's hash."""
    model, raw = checkpoint.load(args.init) if args.init else (None, None)
    for note in checkpoint.notes(args.init, raw) if args.init else []:
        print(f"train.py: {note}", file=sys.stderr)
    if model and bool(model.c.labels) != bool(args.audio):
        raise ConfigError(f"--init {args.init}: {'a classifier learns from --audio' if model.c.labels else 'a language model learns from --text'}")
    return (prepare_clips if args.audio else prepare_text)(args, model, raw, device)


def shape(args):
    return args.hidden or SIZES[args.size][0], args.layers or SIZES[args.size][1]


def prepare_clips(args, model, raw, device):
    clips, labels, names, held_out, rate = audio.read(args.audio)
    train, test = (~held_out).nonzero()[:, 0], held_out.nonzero()[:, 0]
    if raw is None:
        mean, std = audio.standard([clips[i] for i in train])
        raw = configuration.make(args.backbone, *shape(args), input_size=audio.BANDS, labels=len(names), gate_rank=args.gate_rank)
        raw |= {"id2label": {str(i): name for i, name in enumerate(names)}, "feature_mean": mean, "feature_std": std,
                "sample_rate": rate, "n_fft": audio.N_FFT, "hop_length": audio.HOP}  # fmt: skip
        model = Model(configuration.parse(raw), mean, std)
    else:
        labels = audio.as_labelled(raw, labels, names, rate, f"--audio {args.audio}", args.init)

    def extras():
        audio.save_eval(Path(args.output) / "eval.safetensors", [clips[i] for i in test], labels[test])

    def task(teacher):
        return tasks.Clips(clips, labels, held_out, args.batch or 64, args.seed, device, teacher, args.truth)

    return model, raw, task, extras, digest([*clips, labels])


def prepare_text(args, model, raw, device):
    kind = text.check_kind(args.tokenizer)
    tokenizer = text.of_checkpoint(args.init, model.c.vocab) if args.init else text.Bytes() if kind == 256 else None
    texts = text.read(args.text, args.encoding)
    if not isinstance(tokenizer, text.Bytes):
        text.check_utf8(args.text, texts)
    train, held_out = text.split(texts)
    tokenizer = tokenizer or text.Tokenizer.train(train, kind)
    if raw is None:
        if tokenizer.vocab < kind:
            print(f"train.py: --tokenizer {args.tokenizer}: these texts make no more than {tokenizer.vocab} tokens", file=sys.stderr)
        raw = configuration.make(args.backbone, *shape(args), vocab=tokenizer.vocab, tied=tokenizer.vocab > 256, gate_rank=args.gate_rank)
        model = Model(configuration.parse(raw))
    ids, tail = text.encode(tokenizer, train), text.encode(tokenizer, held_out)
    batch = args.batch or (32 if device.type == "cuda" else 8)

    def extras():
        tokenizer.save(args.output)
        text.save_eval(Path(args.output) / "eval.safetensors", tail)
        for path in [Path(args.init) / name for name in COPIED] if args.init else []:
            if path.exists():
                shutil.copyfile(path, Path(args.output) / path.name)

    def task(teacher):
        return tasks.Text(ids, tail, batch, args.length, args.seed, device, teacher, args.truth)

    return model, raw, task, extras, digest([ids, tail])


def digest(tensors):
    """A hash of the data, so that a run does not go on with other data."""
    sha = hashlib.sha256()
    for x in tensors:
        sha.update(x.numpy().tobytes())
    return sha.hexdigest()[:16]


def peak(hidden):
    """The learning rate by width: that of the next width in [`RATES`], and less for wider ones."""
    return next((rate for width, rate in RATES.items() if hidden <= width), 2.5e-3 * 256 / hidden)


def main(argv=None):
    args = arguments(argv)
    device = torch.device(args.device)
    torch.manual_seed(args.seed)
    torch.set_float32_matmul_precision("high")
    options = {name: value for name, value in vars(args).items() if name not in FREE}
    model, raw, make_task, extras, options["data"] = prepare(args, device)
    if count := threads.choose(args.threads, model.c.hidden):
        torch.set_num_threads(count)
    saved, done = begin(args, options)
    if done:
        return tell(args.output, done)
    os.makedirs(args.output, exist_ok=True)
    extras()
    model = model.to(device)
    note = {"backbone": model.c.backbone, "data": args.text or args.audio, "options": options}
    rate = args.rate or peak(model.c.hidden)
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


def command():
    """[`main`] with one line for what goes wrong, and an exit code."""
    try:
        main()
    except (ConfigError, FloatingPointError) as e:
        code, line = 2 if isinstance(e, UsageError) else 1, str(e)
    except OSError as e:
        code, line = 1, f"{e.filename}: {e.strerror}" if e.filename else str(e)
    except KeyboardInterrupt:
        code, line = 130, "stopped; --resume goes on from the last evaluation"
    except (RuntimeError, MemoryError) as e:
        if "memory" not in str(e) and not isinstance(e, MemoryError):
            raise
        code, line = 1, "out of memory; use a smaller --batch or --length"
    else:
        return
    print(f"train.py: {line}", file=sys.stderr)
    sys.exit(code)


if __name__ == "__main__":
    command()
