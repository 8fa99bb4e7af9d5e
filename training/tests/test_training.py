"""The command: what it learns, that it repeats itself, goes on after a stop, and says what is wrong in one line."""

import json
import os
import subprocess
import sys

import pytest
import torch
from conftest import SHARED, TRAINING
from safetensors.torch import load_file
from sla import audio, checkpoint, text, threads

import train

TINY = ["--size", "tiny", "--batch", "2", "--length", "32", "--device", "cpu"]


@pytest.fixture
def rhyme(tmp_path):
    path = tmp_path / "rhyme.txt"
    path.write_text("Round and round the garden, like a teddy bear.\nOne step, two step.\n" * 60)
    return str(path)


def weights(directory):
    return (directory / "model.safetensors").read_bytes()


@pytest.mark.parametrize("backbone", ["retnet", "gla", "gdn"])
def test_a_rhyme_is_learned_and_the_same_seed_learns_it_the_same(rhyme, tmp_path, backbone):
    torch.set_num_threads(1)
    for name in ("a", "b"):
        train.main(["--text", rhyme, *TINY, "--backbone", backbone, "--steps", "40", "-o", str(tmp_path / name)])
    assert weights(tmp_path / "a") == weights(tmp_path / "b")
    log = json.loads((tmp_path / "a" / "training.json").read_text())
    # Guessing a byte costs ln 256 = 5.5 nats.
    assert log["loss"] < 2.8 and log["steps"] == 40
    model, _ = checkpoint.load(tmp_path / "a")
    assert model.model.norm.weight.shape == (32,)


def test_a_stopped_run_goes_on_to_the_same_model(rhyme, tmp_path, monkeypatch):
    torch.set_num_threads(1)
    command = ["--text", rhyme, *TINY, "--steps", "24", "-o"]
    train.main([*command, str(tmp_path / "whole")])
    evaluate, calls = train.tasks.Text.evaluate, []

    def stop_at_the_seventh(self, model):
        calls.append(1)
        if len(calls) == 7:
            raise KeyboardInterrupt
        return evaluate(self, model)

    monkeypatch.setattr(train.tasks.Text, "evaluate", stop_at_the_seventh)
    with pytest.raises(KeyboardInterrupt):
        train.main([*command, str(tmp_path / "parts")])
    assert (tmp_path / "parts" / "resume.pt").exists()
    train.main([*command, str(tmp_path / "parts"), "--resume"])
    assert weights(tmp_path / "whole") == weights(tmp_path / "parts")
    assert not (tmp_path / "parts" / "resume.pt").exists()


def test_a_bpe_is_saved_beside_its_model_and_gives_the_text_back(rhyme, tmp_path):
    train.main(["--text", rhyme, *TINY, "--tokenizer", "bpe:300", "--steps", "2", "-o", str(tmp_path / "m")])
    bpe = text.of_checkpoint(tmp_path / "m", 300)
    ids = bpe.encode("One step, two step.\n".encode())
    assert len(ids) < 15 and bpe.tokenizer.decode(ids.tolist()) == "One step, two step.\n"
    _, raw = checkpoint.load(tmp_path / "m")
    assert raw["vocab_size"] == bpe.vocab and raw["tie_word_embeddings"] is True
    held_out = load_file(tmp_path / "m" / "eval.safetensors")["input_ids"]
    assert held_out.max() < bpe.vocab


def test_the_rank_of_the_decays_can_be_chosen_and_is_kept(rhyme, tmp_path):
    train.main(["--text", rhyme, *TINY, "--gate-rank", "5", "--steps", "1", "-o", str(tmp_path / "m")])
    train.main(["--text", rhyme, *TINY[2:], "--init", str(tmp_path / "m"), "--steps", "1", "-o", str(tmp_path / "n")])
    model, raw = checkpoint.load(tmp_path / "n")
    assert raw["gate_low_rank_dim"] == 5 and model.model.layers[1].attn.gk_proj[0].weight.shape == (5, 32)


def test_a_small_model_takes_one_thread_unless_told_otherwise(rhyme, tmp_path, monkeypatch):
    assert [threads.default(hidden, 16) for hidden in (32, 64, 128, 256, 2048)] == [1, 1, 2, 4, 16]
    assert threads.default(256, 1) == 1 and 1 <= threads.cores() <= os.cpu_count()
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert threads.choose(None, 64) == 1 and threads.choose(7, 64) == 7
    counts = []
    monkeypatch.setattr(train.torch, "set_num_threads", counts.append)
    command = ["--text", rhyme, *TINY, "--steps", "1", "--replace", "-o", str(tmp_path / "m")]
    train.main(command)
    train.main([*command, "--threads", "3"])
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    train.main(command)
    assert counts == [1, 3] and os.environ["OMP_WAIT_POLICY"] == "PASSIVE"


def test_a_stop_by_hand_and_a_full_memory_are_said_in_one_line(rhyme, tmp_path, monkeypatch, capsys):
    for error, code, says in (
        (KeyboardInterrupt(), 130, "train.py: stopped; --resume goes on"),
        (RuntimeError("CUDA out of memory. Tried"), 1, "train.py: out of memory; use a smaller --batch"),
    ):

        def fail(*_, error=error):
            raise error

        monkeypatch.setattr(train, "prepare", fail)
        monkeypatch.setattr(sys, "argv", ["train.py", "--text", rhyme, "-o", str(tmp_path / "m")])
        with pytest.raises(SystemExit) as stopped:
            train.command()
        assert stopped.value.code == code and capsys.readouterr().err.startswith(says)


def test_a_missing_package_is_said_in_one_line():
    command = "import sys, runpy; sys.modules['torch'] = None; sys.path.insert(0, sys.argv[1]); runpy.run_path(sys.argv[1] + '/train.py')"
    done = subprocess.run([sys.executable, "-c", command, str(TRAINING)], capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert done.stderr.startswith("train.py: the Python package torch is not installed; pip install -r ")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--text", "no-such-file"], "1 --text no-such-file: No such file"),
        (["--text", __file__, "--hidden", "40"], "2 --hidden 40: must be a multiple of 32"),
        (["--text", __file__, "--tokenizer", "words"], "2 --tokenizer words: use bytes, or bpe:N"),
        (["--text", __file__, "--init", "no-such-dir"], "1 no-such-dir/config.json: no such file"),
        (["--text", __file__, "--init", "{}"], "1 config.json: num_heads = 0: must be a whole number"),
        (["--text", __file__, "--length", "1000000"], "1 fewer than a row of 1000000"),
        (["--text", __file__, "--rate", "1e9", "--batch", "1", "--length", "32"], "1 m: the loss is"),
        (["--text", __file__, "-o", __file__], "1 " + __file__ + ": "),
        (["--text", __file__, "--seed", "99999999999999999999"], "2 --seed 99999999999999999999: must be 0 to"),
        (["--text", __file__, "--device", "teapot"], "2 --device teapot: "),
        (["--text", __file__, "--truth", "0.5"], "2 --truth is for --qat"),
        (["--text", __file__, "--init", "{}", "--size", "tiny"], "2 --size: --init {} says it"),
        (["--text", __file__, "--init", "{}/m"], "2 --output {}/m: name another directory than --init"),
        (["--text", __file__, "--steps", "3", "--minutes", "1"], "2 argument --minutes: not allowed with argument --steps"),
        (["--text", __file__, "--minutes", "inf"], "2 --minutes inf: must be more than 0, and a number"),
        (["--text", __file__, "--encoding", "klingon"], "2 --encoding klingon: Python knows no text encoding of that name"),
        (["--text", __file__, "--gate-rank", "4", "--backbone", "gdn"], "2 --gate-rank: only gla has it, not gdn"),
        (["--audio", "{}", "--length", "8"], "2 --length is for --text"),
        (["--text", "{}/latin.txt", "--tokenizer", "bpe:300"], "1 --text {}/latin.txt: byte 1203 is not UTF-8, which a tokenizer needs"),
        (["--audio", "no-such-dir"], "1 --audio no-such-dir: no files label_*.flac"),
        (["--audio", "{}"], "1 {}/one_1.wav: "),
    ],
)
def test_what_is_wrong_is_said_in_one_line(options, says, tmp_path, monkeypatch, capsys):
    """`says` begins with the exit code."""
    if says.endswith(".wav: "):
        pytest.importorskip("soundfile", reason="skipped: the package soundfile is not here")
    (tmp_path / "config.json").write_text('{"model_type": "gla", "num_heads": 0}')
    (tmp_path / "latin.txt").write_bytes(b"plain " * 200 + "caf\u00e9 ".encode("latin-1") * 100)
    for name in ("one_1", "one_2", "two_1", "two_2"):
        (tmp_path / f"{name}.wav").write_text("RIFF")
    options, says = ([x.replace("{}", str(tmp_path)) for x in each] for each in (options, says.split(" ", 1)))
    size = [] if "--init" in options else ["--size", "tiny"]
    output = [] if "-o" in options else ["-o", str(tmp_path / "m")]
    monkeypatch.setattr(sys, "argv", ["train.py", *options, *size, *output])
    with pytest.raises(SystemExit) as stopped:
        train.command()
    last = capsys.readouterr().err.splitlines()[-1]
    assert stopped.value.code == int(says[0]) and says[1] in last
    assert last.startswith("train.py: ")
    assert not (tmp_path / "m" / "model.safetensors").exists()


def test_a_model_is_not_lost_by_mistake(rhyme, tmp_path):
    command = ["--text", rhyme, *TINY, "-o", str(tmp_path / "m")]
    bpe = [*command, "--tokenizer", "bpe:300", "--steps", "2"]
    train.main(bpe)
    first = {path.name: path.read_bytes() for path in (tmp_path / "m").iterdir()}
    for wrong, says in (
        (bpe, "--replace"),
        ([*command, "--steps", "2", "--resume"], "another --tokenizer"),
        ([*bpe[:-1], "3", "--resume"], "another --steps"),
    ):
        with pytest.raises(train.ConfigError, match=says):
            train.main(wrong)
    train.main([*bpe, "--resume"])
    assert first == {path.name: path.read_bytes() for path in (tmp_path / "m").iterdir()}
    train.main([*command, "--steps", "2", "--replace"])
    assert not (tmp_path / "m" / "tokenizer.json").exists()
    with open(rhyme, "a") as file:
        file.write("Another line.\n")
    with pytest.raises(train.ConfigError, match="trained with other data"):
        train.main([*command, "--steps", "2", "--resume"])
    (tmp_path / "m" / "resume.pt").write_bytes(b"junk")
    with pytest.raises(train.ConfigError, match="resume.pt: .*--replace"):
        train.main([*command, "--steps", "2", "--resume"])


def test_the_features_are_those_of_the_specification():
    clips, shipped = SHARED / "data" / "fsdd", SHARED / "checkpoints" / "digits-sla-gla"
    soundfile = pytest.importorskip("soundfile", reason="skipped: the package soundfile is not here")
    if not clips.exists():
        pytest.skip(f"skipped: {clips} is not here")
    expected = load_file(shipped / "eval.safetensors")
    test = sorted(p for p in clips.glob("*.flac") if int(p.stem.rsplit("_", 1)[1]) < 5)
    for number in (0, 7, 19):
        samples, rate = soundfile.read(test[15 * number], dtype="int16")
        got = torch.from_numpy(audio.features(samples / 32768, rate))
        want = expected[f"features.{number}"].reshape(-1, audio.BANDS)
        assert got.shape == want.shape and (got - want).abs().max() < 1e-3


@pytest.mark.parametrize("name", ["shakespeare-sla-gdn", "recall-sla-gla", "recall-sla-retnet"])
def test_trained_checkpoints_give_their_recorded_logits(name):
    directory = SHARED / "checkpoints" / name
    if not directory.exists():
        pytest.skip(f"skipped: {directory} is not here")
    recorded = load_file(directory / "eval.safetensors")
    model, _ = checkpoint.load(directory)
    logits = recorded["logits"]
    ids = recorded["input_ids"].reshape(-1, recorded["input_ids"].shape[-1])[: len(logits.reshape(-1, *logits.shape[-2:]))]
    with torch.no_grad():
        got = model(ids.long())[0].reshape(logits.shape)
    assert ((got - logits).square().mean() / logits.square().mean()).sqrt() < 1e-4
