"""Texts as token ids: bytes, or those of a tokenizer that is saved beside the model."""

from pathlib import Path

import torch
from safetensors.torch import save as to_bytes

from .config import ConfigError, UsageError

HELD_OUT = 0.05
HELD_OUT_LEAST, HELD_OUT_MOST = 512, 200_000
"""Share of each text's end that no training sees, its least, and the most over all texts, in bytes."""


def read(paths, encoding=None):
    """The texts, each a document of its own, as bytes; from another encoding than UTF-8 if one is named."""
    texts = []
    for path in map(Path, paths):
        try:
            texts.append(path.read_bytes())
        except OSError as e:
            raise ConfigError(f"--text {path}: {e.strerror}") from None
        if encoding:
            texts[-1] = _recoded(path, texts[-1], encoding)
        if len(texts[-1]) < 2 * HELD_OUT_LEAST:
            raise ConfigError(f"--text {path}: {len(texts[-1])} bytes; at least {2 * HELD_OUT_LEAST} are needed")
    return texts


def _recoded(path, text, encoding):
    try:
        return text.decode(encoding).encode()
    except LookupError:
        raise UsageError(f"--encoding {encoding}: Python knows no text encoding of that name; try latin-1, cp1252 or utf-16") from None
    except UnicodeError as e:
        raise ConfigError(f"--text {path}: byte {getattr(e, 'start', 0)} is not {encoding} ({e.args[-1]}); name another --encoding") from None


def check_utf8(paths, texts):
    """A tokenizer reads characters, so a text has to say which ones its bytes are."""
    for path, text in zip(paths, texts):
        try:
            text.decode()
        except UnicodeDecodeError as e:
            raise ConfigError(f"--text {path}: byte {e.start} is not UTF-8, which a tokenizer needs; say what it is with --encoding (latin-1, cp1252, utf-16, …), "
                              "or convert it with iconv -t UTF-8") from None  # fmt: skip


def split(texts):
    """Training texts and held-out texts: the tail of every one is held out, cut between characters."""
    train, held_out = [], []
    for text in texts:
        cut = len(text) - int(min(max(HELD_OUT * len(text), HELD_OUT_LEAST), HELD_OUT_MOST / len(texts)))
        cut = next((at for at in range(cut, cut + 4) if text[at] & 0xC0 != 0x80), cut)
        train.append(text[:cut])
        held_out.append(text[cut:])
    return train, held_out


class Bytes:
    """A token is a byte."""

    vocab, least = 256, 256

    def encode(self, text: bytes):
        return torch.frombuffer(bytearray(text), dtype=torch.uint8).long()

    def save(self, directory):
        """Nothing: the vocabulary says it."""


class Tokenizer:
    """A tokenizer.json of the `tokenizers` library: one that came with a model, or a byte-level BPE as GPT-2's trained here."""

    def __init__(self, tokenizer, source=None):
        self.tokenizer, self.source = tokenizer, source
        self.vocab = tokenizer.get_vocab_size()
        # The least vocabulary that a model needs: ids may have gaps, and models rows to spare.
        self.least = 1 + max(tokenizer.get_vocab().values())

    @classmethod
    def train(cls, texts, vocab: int):
        from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        trainer = trainers.BpeTrainer(vocab_size=vocab, initial_alphabet=alphabet, show_progress=False)
        tokenizer.train_from_iterator((text.decode() for text in texts), trainer)
        return cls(tokenizer)

    @classmethod
    def load(cls, path):
        import tokenizers

        try:
            source = Path(path).read_text("utf-8-sig")
            return cls(tokenizers.Tokenizer.from_str(source), source)
        except Exception as e:  # The library's errors have no type of their own.
            raise ConfigError(f"{path}: {str(e).splitlines()[0]}") from None

    def encode(self, text: bytes):
        """The ids of a document as `sla eval` has them: of the whole text at once, and without the template's tokens."""
        # A model's tokenizer may say that texts are cut or filled up; files of the runtime know no such thing.
        self.tokenizer.no_truncation()
        self.tokenizer.no_padding()
        return torch.tensor(self.tokenizer.encode(text.decode(), add_special_tokens=False).ids, dtype=torch.long)

    def save(self, directory):
        """As it came, so that training changes no byte of it."""
        source = self.source or self.tokenizer.to_str(pretty=True)
        (Path(directory) / "tokenizer.json").write_text(source, encoding="utf-8")


def encode(tokenizer, texts):
    """The ids of several documents, one after another."""
    return torch.cat([tokenizer.encode(text) for text in texts])


def check_kind(kind):
    """The vocabulary that a `--tokenizer` asks for."""
    if kind == "bytes":
        return 256
    name, _, vocab = kind.partition(":")
    if name != "bpe" or not vocab.isdigit() or not 257 <= int(vocab) <= 65536:
        raise UsageError(f"--tokenizer {kind}: use bytes, or bpe:N with N of 257 to 65536, such as bpe:1024")
    return int(vocab)


def of_checkpoint(directory, vocab=256):
    """The tokenizer of a model with that vocabulary."""
    path = Path(directory) / "tokenizer.json"
    if not path.exists():
        if vocab == 256:
            return Bytes()
        raise ConfigError(f"{path}: no such file, and a vocabulary of {vocab} is not one of bytes; put the model's tokenizer there")
    tokenizer = Tokenizer.load(path)
    if tokenizer.least > vocab:
        raise ConfigError(f"{path}: ids up to {tokenizer.least - 1}, and the model has {vocab} embeddings; it belongs to another model")
    return tokenizer


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
