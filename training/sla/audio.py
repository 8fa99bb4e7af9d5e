"""Labelled clips as log-mel features. A file is `label_*.flac` or `label_*.wav`, mono."""

import re
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
    """All clips: features, labels (positions in the sorted names), names of the labels, whether held out, rate.

    Where names end in a number (label_speaker_NUMBER) the clips 0 to 4 of every speaker are held out, otherwise every
    tenth.
    """
    try:
        import soundfile
    except ImportError:
        raise ConfigError("--audio: the Python package soundfile is not installed (pip install soundfile)") from None
    files = sorted(p for p in Path(directory).glob("?*_*") if p.suffix in (".flac", ".wav") and p.is_file())
    names = sorted({p.name.split("_")[0] for p in files})
    if len(names) < 2:
        raise ConfigError(f"--audio {directory}: no files label_*.flac or label_*.wav of at least two labels")
    clips, labels, held_out, rate = [], [], [], None
    for i, path in enumerate(files):
        try:
            samples, clip_rate = soundfile.read(path, dtype="int16")
        except (soundfile.LibsndfileError, OSError) as e:
            raise ConfigError(f"{path}: {e}") from None
        if not len(samples):
            raise ConfigError(f"{path}: no samples")
        if samples.ndim != 1 or rate not in (None, clip_rate):
            raise ConfigError(f"{path}: {clip_rate} Hz, shape {samples.shape}; mono clips of one rate are needed")
        rate = clip_rate
        clips.append(torch.from_numpy(features(samples / 32768, rate)))
        labels.append(names.index(path.name.split("_")[0]))
        number = re.search(r"_(\d+)$", path.stem)
        held_out.append(int(number[1]) < 5 if number else i % 10 == 0)
    if all(held_out) or not any(held_out):
        raise ConfigError(f"--audio {directory}: {'every' if held_out[0] else 'no'} clip is held out: where names end in a number those of 0 to 4 are; rename some")
    return clips, torch.tensor(labels), names, torch.tensor(held_out), rate


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
