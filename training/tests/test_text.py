"""Texts become the ids that evaluation gives them: a document at once, without the template's tokens; nothing is lost in between."""

import json

import pytest
import torch
from safetensors.torch import load_file
from sla import checkpoint, text
from sla import config as configuration
from sla.config import ConfigError
from sla.model import Model
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

import train

LINES = "Round and round  the garden,\n\n   like a teddy bear.\r\nOne step, two step \u2014 caf\u00e9.\u2028<s>A line</s>\n"


def with_template(tokenizer, begin):
    """Puts `begin` before every text that is encoded with the template."""
    tokenizer.post_processor = processors.TemplateProcessing(single=f"{begin} $A", special_tokens=[(begin, tokenizer.token_to_id(begin))])
    tokenizer.enable_truncation(8)
    tokenizer.enable_padding(length=300)
    return tokenizer


def llama():
    """As Llama 2's: a ▁ before the text, characters with byte fallback."""
    vocab = {"<unk>": 0, "<s>": 1, "</s>": 2} | {f"<0x{b:02X}>": 3 + b for b in range(256)}
    for token in [*"\u2581abcdefghilnoprstuwyROA,.", "\u2581t", "he", "\u2581the", "ou", "\u2581a", "an"]:
        vocab.setdefault(token, len(vocab))
    merges = [("\u2581", "t"), ("h", "e"), ("\u2581t", "he"), ("o", "u"), ("\u2581", "a"), ("a", "n")]
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
    tokenizer.decoder = decoders.Sequence([decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    tokenizer.add_special_tokens(["<unk>", "<s>", "</s>"])
    return with_template(tokenizer, "<s>")


def gpt2():
    """As GPT-2's, trained on the text."""
    tokenizer = text.Tokenizer.train([LINES.encode() * 20], 300).tokenizer
    tokenizer.add_special_tokens(["<s>", "</s>"])
    return with_template(tokenizer, "<s>")


def of_library(tokenizer, document):
    """The library's own ids, with nothing put around or cut off."""
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer.encode(document, add_special_tokens=False).ids


@pytest.fixture(params=[llama, gpt2], ids=["llama", "gpt2"])
def model(request, tmp_path):
    """A model with such a tokenizer, and rows to spare in its embedding."""
    directory = tmp_path / "init"
    torch.manual_seed(8)
    raw = configuration.make("gla", 32, 1, vocab=320)
    checkpoint.save(directory, Model(configuration.parse(raw)), raw)
    request.param().save(str(directory / "tokenizer.json"))
    (directory / "generation_config.json").write_text('{"eos_token_id": [2]}')
    return directory


def test_a_document_is_encoded_as_one_text(model):
    tokenizer = text.of_checkpoint(model, 320)
    whole = LINES * 30
    ids = tokenizer.encode(whole.encode()).tolist()
    reference = Tokenizer.from_file(str(model / "tokenizer.json"))
    assert ids == of_library(reference, whole)
    # The template would begin with one <s>, encoding by lines with one each; those of the text itself stay.
    assert ids.count(reference.token_to_id("<s>")) == 30 and ids[0] != reference.token_to_id("<s>")
    two = text.encode(tokenizer, [whole.encode(), b"the garden"]).tolist()
    assert two == ids + of_library(reference, "the garden")


def test_fine_tuning_sees_what_evaluation_sees(model, tmp_path, monkeypatch):
    document = (LINES * 40).encode()
    path, seen = tmp_path / "a.txt", []
    path.write_bytes(document)
    make = train.tasks.Text
    monkeypatch.setattr(train.tasks, "Text", lambda ids, tail, *rest: seen.extend([ids, tail]) or make(ids, tail, *rest))
    out = tmp_path / "out"
    train.main(["--text", str(path), "--init", str(model), "--steps", "1", "--batch", "1", "--length", "16", "--device", "cpu", "-o", str(out)])
    reference = Tokenizer.from_file(str(model / "tokenizer.json"))
    [learned], [tail] = text.split([document])
    assert learned + tail == document
    assert [x.tolist() for x in seen] == [of_library(reference, part.decode()) for part in (learned, tail)]
    rows = load_file(out / "eval.safetensors")["input_ids"]
    assert rows.flatten().tolist() == seen[1].tolist()[: rows.numel()]
    for name in ("tokenizer.json", "generation_config.json"):
        assert (out / name).read_bytes() == (model / name).read_bytes()


def test_a_tokenizer_of_another_model_is_refused(model):
    with pytest.raises(ConfigError, match="it belongs to another model"):
        text.of_checkpoint(model, 200)
    (model / "tokenizer.json").unlink()
    with pytest.raises(ConfigError, match="a vocabulary of 320 is not one of bytes"):
        text.of_checkpoint(model, 320)


def test_a_new_tokenizer_is_trained_on_what_it_will_encode():
    """Words that only a whole text has, across the ends of its lines, are learned."""
    tokenizer = text.Tokenizer.train([b"x\n\n\n  y" * 200], 259)
    assert any("\u010a\u010a" in token for token in tokenizer.tokenizer.get_vocab())





def test_a_cut_falls_between_characters():
    for shift in range(4):
        document = "\U0001f600".encode() * 400 + b"x" * shift
        [learned], [tail] = text.split([document])
        assert learned + tail == document and learned.decode() and tail.decode()


def test_another_encoding_is_named_or_refused(tmp_path):
    words = "caf\u00e9 na\u00efve " * 120
    path = tmp_path / "latin.txt"
    path.write_bytes(words.encode("latin-1"))
    [raw] = text.read([path])
    assert raw == words.encode("latin-1")  # a model of bytes reads bytes as they are
    with pytest.raises(ConfigError, match=r"latin.txt: byte 3 is not UTF-8.*--encoding.*iconv"):
        text.check_utf8([path], [raw])
    assert text.read([path], "latin-1") == [words.encode()]
    with pytest.raises(ConfigError, match=r"latin.txt: byte 3 is not ascii"):
        text.read([path], "ascii")
    with pytest.raises(train.UsageError, match="--encoding hex"):
        text.read([path], "hex")
