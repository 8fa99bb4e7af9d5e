"""Labelled clips as log-mel features. A file is `label_*.flac` or `label_*.wav`, mono."""

import hashlib
import re
import sys
from pathlib import Path

import numpy
import torch
from safetensors.torch import save as to_bytes

from .config import ConfigError

N_FFT, HOP, BANDS, FRAMES, SILENCE = 256, 128, 32, 76, 4
LOW_HZ, HIGH_HZ, FLOOR = 60.0, 3900.0, 1e-6


def mel_bands(rate):
    """Triangles without normalisation, `[BANDS, N_FFT/2 + 1]`: equally spaced on 2595·log10(1 + f/700)."""
    low, high = (2595 * numpy.log10(1 + f / 700) for f in (LOW_HZ, min(HIGH_HZ, rate / 2)))
    hertz = 700 * (10 ** (numpy.linspace(low, high, BANDS + 2) / 2595) - 1)
    p = numpy.floor((N_FFT + 1) * hertz / rate).astype(int)
    bins, bands = numpy.arange(N_FFT // 2 + 1), numpy.zeros((BANDS, N_FFT // 2 + 1))
    for m in range(BANDS):
        a, b, c = p[m], max(p[m + 1], p[m] + 1), max(p[m + 2], p[m + 1] + 2)
        bands[m] = numpy.where(bins < b, (bins - a) / (b - a), (c - bins) / (c - b)) * ((bins >= a) & (bins < c))
    return bands


def features(samples, rate):
    """Log-mel frames `[SILENCE + up to FRAMES, BANDS]` of a clip in ±1: a little silence, then the clip's beginning."""
    padded = numpy.pad(samples, HOP)
    if len(padded) < N_FFT:
        padded = numpy.pad(padded, (0, N_FFT - len(padded)))
    frames = numpy.lib.stride_tricks.sliding_window_view(padded, N_FFT)[::HOP][:FRAMES]
    window = 0.5 - 0.5 * numpy.cos(2 * numpy.pi * numpy.arange(N_FFT) / (N_FFT - 1))
    power = numpy.abs(numpy.fft.rfft(frames * window)) ** 2
    log = numpy.log(power @ mel_bands(rate).T + FLOOR)
    return numpy.vstack([numpy.full((SILENCE, BANDS), numpy.log(FLOOR)), log]).astype(numpy.float32)


def read(directory):
    """All clips: features, labels (positions in the sorted names), names of the labels, whether held out, rate."""
    files = sorted(p for p in Path(directory).glob("?*_*") if p.suffix.lower() in (".flac", ".wav") and p.is_file())
    names = sorted({label(p.name) for p in files})
    if len(names) < 2:
        raise ConfigError(f"--audio {directory}: no files label_*.flac or label_*.wav of at least two labels")
    test = held_out([p.stem for p in files], f"--audio {directory}")
    try:
        import soundfile
    except ImportError:
        raise ConfigError("--audio: the Python package soundfile is not installed (pip install soundfile)") from None
    clips, rate, cut = [], None, 0
    for path in files:
        try:
            samples, clip_rate = soundfile.read(path, dtype="int16")
        except (soundfile.LibsndfileError, OSError) as e:
            raise ConfigError(f"{path}: {e}") from None
        if not len(samples):
            raise ConfigError(f"{path}: no samples")
        if samples.ndim != 1:
            raise ConfigError(f"{path}: {samples.shape[1]} channels; mono clips are needed")
        if rate not in (None, clip_rate):
            raise ConfigError(f"{path}: {clip_rate} Hz, and {files[0].name} has {rate}; clips of one rate are needed")
        rate = clip_rate
        cut += len(samples) > HOP * FRAMES
        clips.append(torch.from_numpy(features(samples / 32768, rate)))
    if cut:
        print(f"train.py: {cut} of {len(clips)} clips are longer than {HOP * FRAMES / rate:.2f} s, and only their beginning is used; clips of 8 kHz are best", file=sys.stderr)
    return clips, torch.tensor([names.index(label(p.name)) for p in files]), names, torch.tensor(test), rate


def label(name):
    """What a file's name says was spoken."""
    return name.split("_")[0]


def held_out(stems, where):
    """Whether each clip is held out: a tenth of every label, one at least, whatever the names are like.

    Where names end in numbers, `label_speaker_NUMBER`, every series gives its share, its lowest numbers (clips 0 to 4 of 50).
    The other clips of a label are one series, in an order that only their names decide.
    """
    twice = next((stem for stem in stems if stems.count(stem) > 1), None) if len(set(stems)) < len(stems) else None
    if twice:
        raise ConfigError(f"{where}: two files are called {twice}; a clip cannot be both learned and held out, so remove or rename one")
    series = {}
    for stem in stems:
        series.setdefault(re.sub(r"\d+$", "", stem), []).append(stem)
    place = {}
    for one in _pooled(series):
        place |= {stem: (i + 0.5) / len(one) for i, stem in enumerate(one)}
    chosen = set()
    for name in {label(stem) for stem in stems}:
        own = [stem for stem in stems if label(stem) == name]
        if len(own) < 2:
            raise ConfigError(f"{where}: one clip of {name}; at least two of each label are needed, one of them to test")
        own.sort(key=lambda stem: (place[stem], _shuffled(stem)))
        chosen |= set(own[: max(1, (len(own) + 5) // 10)])
    return [stem in chosen for stem in stems]


def _pooled(series):
    """Series of numbered clips in their order; for each label one more of the clips that have no number or no brothers."""
    single = {}
    for begin, stems in series.items():
        if len(stems) > 1:
            yield sorted(stems, key=lambda stem: (int(stem[len(begin) :] or -1), stem))
        else:
            single.setdefault(label(begin), []).extend(stems)
    yield from (sorted(stems, key=_shuffled) for stems in single.values())


def _shuffled(stem):
    return hashlib.sha256(stem.encode("utf-8", "surrogateescape")).digest()


def as_labelled(raw, labels, names, rate, where, init):
    """Labels as the checkpoint `init` numbers them; ConfigError where it knows other labels, features or another rate."""
    known = raw.get("id2label") or {str(i): name for i, name in enumerate(names)}
    if raw["input_size"] != BANDS or raw.get("sample_rate", rate) != rate:
        raise ConfigError(f"{where}: {BANDS} bands of {rate} Hz; {init} reads {raw['input_size']} of {raw.get('sample_rate')} Hz")
    if len(names) != raw.get("num_labels", len(known)) or set(names) != set(known.values()):
        raise ConfigError(f"{where}: labels {', '.join(names)}; {init} has {', '.join(map(str, known.values()))}")
    order = {name: int(i) for i, name in known.items()}
    return torch.tensor([order[names[i]] for i in labels])


def standard(clips):
    """Mean and standard deviation of each band."""
    frames = torch.cat(clips).double()
    return frames.mean(0).tolist(), frames.std(0).clamp(min=1e-3).tolist()


def batch(clips, chosen):
    """Clips of several lengths as `[B, T, BANDS]`, padded with silence, and the index of each one's last frame."""
    picked = [clips[i] for i in chosen]
    longest = max(len(x) for x in picked)
    out = torch.full((len(picked), longest, BANDS), float(numpy.log(FLOOR)))
    for row, x in zip(out, picked):
        row[: len(x)] = x
    return out, torch.tensor([len(x) - 1 for x in picked])


def save_eval(path, clips, labels):
    """Held-out clips in the file that `sla eval` takes by default."""
    tensors = {f"features.{i}": x.contiguous() for i, x in enumerate(clips)}
    path.write_bytes(to_bytes(tensors | {"labels": labels.int()}))
