"""Which clips are held out: a tenth of every label, whatever the files are called, and the same ones each time."""

import random

import pytest
from sla import audio, config

import train

LABELS = ("low", "mid", "high")


def names(kind, label, count):
    """Stems of `count` clips of a label."""
    chance = random.Random(f"{kind}{label}")
    if kind == "numbers":
        return [f"{label}_{i}" for i in range(count)]
    if kind == "padded numbers":
        return [f"{label}_{i:04}" for i in range(count)]
    if kind == "speakers":
        return [f"{label}_{'abcdef'[i % 6]}_{i // 6}" for i in range(count)]
    if kind == "one speaker each":
        return [f"{label}_speaker{chance.randrange(10**6)}_0" for i in range(count)]
    if kind == "random":
        return [f"{label}_{chance.randrange(16**8):08x}x" for i in range(count)]
    if kind == "times":
        return [f"{label}_2026-11-{1 + i % 28:02}T{i:06}" for i in range(count)]
    # Half in a series, half by hand.
    return [f"{label}_{i}" if i % 2 else f"{label}_take {chance.random()}a" for i in range(count)]


KINDS = ["numbers", "padded numbers", "speakers", "one speaker each", "random", "times", "mixed"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", [2, 3, 8, 24, 60, 300])
def test_a_tenth_of_each_label_is_held_out(kind, count):
    stems = sorted(stem for label in LABELS for stem in names(kind, label, count))
    assert len(set(stems)) == 3 * count
    chosen = {stem for stem, out in zip(stems, audio.held_out(stems, "here")) if out}
    for label in LABELS:
        share = sum(audio.label(stem) == label for stem in chosen)
        assert share == max(1, round(count / 10 + 1e-9)), (kind, label, share)
    # The order of the files decides nothing.
    random.Random(1).shuffle(stems)
    assert chosen == {stem for stem, out in zip(stems, audio.held_out(stems, "here")) if out}


def test_every_speaker_of_a_series_gives_its_first_clips():
    """The split of the Free Spoken Digit Dataset: clips 0 to 4 of the 50 of every speaker."""
    stems = sorted(f"{digit}_{who}_{i}" for digit in range(10) for who in ("george", "lucas", "theo") for i in range(50))
    assert audio.held_out(stems, "") == [int(stem.rsplit("_", 1)[1]) < 5 for stem in stems]
    low = sorted(f"{label}_{i}" for label in LABELS for i in range(8))
    assert [stem for stem, out in zip(low, audio.held_out(low, "")) if out] == ["high_0", "low_0", "mid_0"]


def test_clips_that_cannot_be_split_are_refused():
    with pytest.raises(config.ConfigError, match="here: one clip of two; at least two of each label"):
        audio.held_out(["one_1", "one_2", "two_1"], "here")
    with pytest.raises(config.ConfigError, match="here: two files are called one_1"):
        audio.held_out(["one_1", "one_1", "two_1", "two_2"], "here")


def tones(directory, labels, rate=8000, clips=3):
    import numpy

    soundfile = pytest.importorskip("soundfile", reason="skipped: the package soundfile is not here")
    directory.mkdir()
    for i, label in enumerate(labels):
        for clip in range(clips):
            t = numpy.arange(rate // 4) / rate
            soundfile.write(directory / f"{label}_{clip}.WAV", 0.5 * numpy.sin(2 * numpy.pi * (200 + 300 * i + 10 * clip) * t), rate)
    return str(directory)


def test_fine_tuning_keeps_the_labels_of_the_model(tmp_path):
    small = ["--steps", "1", "--batch", "2", "--device", "cpu", "-o"]
    first = str(tmp_path / "first")
    train.main(["--audio", tones(tmp_path / "a", ["mid", "low"]), "--size", "tiny", *small, first])
    again = ["--init", first, *small, str(tmp_path / "second")]
    train.main(["--audio", str(tmp_path / "a"), *again])
    for labels, rate, says in (
        (["low", "high"], 8000, "labels high, low; .*first has low, mid"),
        (["low", "mid"], 16000, "32 bands of 16000 Hz; .*first reads 32 of 8000 Hz"),
    ):
        with pytest.raises(config.ConfigError, match=says):
            train.main(["--audio", tones(tmp_path / f"{rate}{labels[1]}", labels, rate), *again[:-1], str(tmp_path / "third")])
    # The model's own order counts, not that of the alphabet.
    raw = {"input_size": 32, "id2label": {"0": "mid", "1": "low"}}
    assert audio.as_labelled(raw, [0, 1, 1], ["low", "mid"], 8000, "", "").tolist() == [1, 0, 0]
    with pytest.raises(config.ConfigError, match="a classifier learns from --audio"):
        train.main(["--text", __file__, *again])


def test_clips_that_are_cut_are_told(tmp_path, capsys):
    audio.read(tones(tmp_path / "a", ["low", "mid"]))
    assert capsys.readouterr().err == ""
    audio.read(tones(tmp_path / "b", ["low", "mid"], rate=48000))
    assert "6 of 6 clips are longer than 0.20 s" in capsys.readouterr().err
