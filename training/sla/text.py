"""Texts as token ids: bytes, or a byte-level BPE that is trained here and saved beside the model."""

from pathlib import Path

import torch
from safetensors.torch import save as to_bytes

from .config import ConfigError, UsageError

HELD_OUT = 0.05
HELD_OUT_LEAST, HELD_OUT_MOST = 512, 200_000
"""Share of each text's end that no training sees, its least, and the most over all texts, in bytes."""


def read(paths):
    """The texts one after another, and where the held-out tail of each begins is left to [`split`]."""
    texts = []
    for path in map(Path, paths):
        try:
            texts.append(path.read_bytes())
        except OSError as e:
            raise ConfigError(f"--text {path}: {e.strerror}") from None
        if len(texts[-1]) < 2 * HELD_OUT_LEAST:
            raise ConfigError(f"--text {path}: {len(texts[-1])} bytes; at least {2 * HELD_OUT_LEAST} are needed")
    return texts


def split(texts):
    """Training text and held-out text: the tail of every file is held out."""
    train, held_out = [], []
    for text in texts:
        tail = int(min(max(HELD_OUT * len(text), HELD_OUT_LEAST), HELD_OUT_MOST / len(texts)))
        train.append(text[:-tail])
        held_out.append(text[-tail:])
    return b"".join(train), b"".join(held_out)


class Bytes:
    """A token is a byte."""

    vocab = 256

    def encode(self, text: bytes):
        return torch.frombuffer(bytearray(text), dtype=torch.uint8).long()

    def save(self, directory):
        """Nothing: the vocabulary says it."""


class Bpe:
    """A byte-level BPE as GPT-2's, in the `tokenizers` library's tokenizer.json."""

    def __init__(self, tokenizer):
        self.tokenizer, self.vocab = tokenizer, tokenizer.get_vocab_size()

    @classmethod
    def train(cls, text: bytes, vocab: int):
        from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        trainer = trainers.BpeTrainer(vocab_size=vocab, initial_alphabet=alphabet, show_progress=False)
        tokenizer.train_from_iterator(text.decode("utf-8", "replace").splitlines(keepends=True), trainer)
        return cls(tokenizer)

    @classmethod
    def load(cls, directory):
        from tokenizers import Tokenizer

        path = Path(directory) / "tokenizer.json"
        try:
            return cls(Tokenizer.from_file(str(path)))
        except Exception as e:  # The library's errors have no type of their own.
            raise ConfigError(f"{path}: {e}") from None

    def encode(self, text: bytes):
        lines = text.decode("utf-8", "replace").splitlines(keepends=True)
        ids = [i for encoding in self.tokenizer.encode_batch(lines) for i in encoding.ids]
        return torch.tensor(ids)

    def save(self, directory):
        self.tokenizer.save(str(Path(directory) / "tokenizer.json"))


def tokenizer(kind: str, text: bytes):
    """`bytes`, or `bpe:N` trained on the text."""
    if kind == "bytes":
        return Bytes()
    name, _, vocab = kind.partition(":")
    if name != "bpe" or not vocab.isdigit() or not 257 <= int(vocab) <= 65536:
        raise UsageError(f"--tokenizer {kind}: use bytes, or bpe:N with N of 257 to 65536, such as bpe:1024")
    return Bpe.train(text, int(vocab))


def of_checkpoint(directory):
    """The tokenizer of a directory that was saved here."""
    return Bpe.load(directory) if (Path(directory) / "tokenizer.json").exists() else Bytes()


def save_eval(path, ids, length=1024, rows=32):
    """Held-out rows in the file that `sla eval` takes by default."""
    rows = min(rows, max(1, len(ids) // length))
    length = min(length, len(ids) // rows)
    path.write_bytes(to_bytes({"input_ids": ids[: rows * length].view(rows, length).int().contiguous()}))


class Streams:
    """Batches that continue each other: row b of a batch goes on where row b of the last one ended.

    A model that carries its state over learns to live with a long past. Rows begin again, at a random place and with a
    fresh state, one time in `RESTART` and where the text ends.
    """

    RESTART = 12

    def __init__(self, ids, batch, length, generator):
        self.ids, self.length, self.generator = ids, length, generator
        if len(ids) <= length + 1:
            raise ConfigError(f"--text: {len(ids)} tokens are fewer than a row of {length}; use --length or more text")
        self.at = self._places(batch)
        self.span = torch.arange(length + 1, device=ids.device)

    def _places(self, count):
        return torch.randint(len(self.ids) - self.length - 1, (count,), generator=self.generator, device=self.ids.device)

    def next(self):
        """ids `[B, length + 1]` (the last is a target only), and which rows keep their state, `[B]`."""
        batch = len(self.at)
        restart = torch.rand(batch, generator=self.generator, device=self.ids.device) < 1 / self.RESTART
        restart |= self.at + self.length + 1 > len(self.ids)
        self.at = torch.where(restart, self._places(batch), self.at)
        rows = self.ids[self.at[:, None] + self.span]
        self.at = self.at + self.length
        return rows, ~restart
