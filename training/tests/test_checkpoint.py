"""Checkpoints of other hands: every key of the config is honoured or refused, names and files are those that people have."""

import json

import naive
import pytest
import torch
from safetensors.torch import save_file
from sla import checkpoint
from sla import config as configuration
from sla.config import ConfigError
from sla.model import Model

BASE = {"hidden_size": 32, "num_hidden_layers": 2, "num_heads": 4, "intermediate_size": 40, "vocab_size": 24}
PLAIN = {
    "gla": BASE | {"model_type": "gla"},
    "retnet": BASE | {"model_type": "retnet"},
    "gdn": BASE | {"model_type": "gated_deltanet", "head_dim": 6},
}
GATES = {"query_gate": "query", "key_gate_scale": 3.0, "query_gate_scale": 2.0, "temperature": 0.5, "bias": True}
OPTIONS = [
    ("gla", {}),
    ("gla", {"num_kv_heads": 2, "feature_map": "relu", "clamp_min": -0.02}),
    ("gla", {"expand_k": 1.0, "expand_v": 2.0, "norm_eps": 0.1, "use_output_gate": False}),
    ("gla", {"use_short_conv": True, "conv_size": 3, "elementwise_affine": False}),
    ("gla", {"gate_low_rank_dim": 5, "fuse_norm": False, "tie_word_embeddings": True}),
    ("gla", {"feature_map": "sigmoid", "rms_norm_eps": 0.2, "intermediate_size": None, "hidden_ratio": 1, "sla": GATES}),
    ("retnet", {}),
    ("retnet", {"num_kv_heads": 1, "feature_map": "swish", "expand_k": 0.5, "expand_v": 1.0, "norm_eps": 0.05}),
    ("retnet", {"use_output_gate": False, "tie_word_embeddings": True, "sla": {"key_gate": None}}),
    ("gdn", {}),
    ("gdn", {"num_v_heads": 8, "expand_v": 1.0, "output_gate_activation": "sigmoid", "allow_neg_eigval": True}),
    ("gdn", {"use_short_conv": False, "use_gate": False, "norm_eps": 0.3, "hidden_act": "silu"}),
    ("gdn", {"conv_size": 2, "sla": {"key_gate": "beta", "query_gate": None, "key_gate_scale": 1.5}}),
]


def model_of(backbone, options, seed=7):
    """A model whose every tensor matters."""
    torch.manual_seed(seed)
    raw = PLAIN[backbone] | options
    model = Model(configuration.parse(raw))
    with torch.no_grad():
        for name, p in model.named_parameters():
            if "norm" in name:
                p.uniform_(0.5, 1.5)
            elif name.endswith("bias"):
                p.add_(torch.randn_like(p) * 0.3)
    return model, raw


def write(directory, tensors, raw, name="model.safetensors"):
    directory.mkdir(exist_ok=True)
    (directory / "config.json").write_text(json.dumps(raw))
    if tensors:
        save_file({key: x.detach().clone().contiguous() for key, x in tensors.items()}, directory / name)
    return directory


@pytest.mark.parametrize(("backbone", "options"), OPTIONS)
def test_every_option_means_what_the_definition_says(backbone, options, tmp_path):
    model, raw = model_of(backbone, options)
    loaded, _ = checkpoint.load(write(tmp_path, model.state_dict(), raw), torch.float64)
    ids = torch.randint(24, (20,))
    want = naive.logits(raw, {name: x.double() for name, x in model.state_dict().items()}, ids)
    with torch.no_grad():
        for by_token in (True, False):
            got = loaded(ids[None], by_token=by_token)[0][0]
            assert (got - want).abs().max() < 1e-9 * want.abs().max()


def test_sizes_that_only_tensors_know_are_theirs(tmp_path):
    """fla writes neither the rank of the decays nor, often, the true vocabulary."""
    model, raw = model_of("gla", {"gate_low_rank_dim": 3, "use_short_conv": True, "conv_size": 2, "hidden_ratio": 8, "vocab_size": 30})
    tensors = model.state_dict()
    for i in range(2):
        for name in "qkv":
            bias = torch.randn(len(tensors[f"model.layers.{i}.attn.{name}_conv1d.weight"]))
            tensors[f"model.layers.{i}.attn.{name}_conv1d.bias"] = bias
    said = {k: v for k, v in raw.items() if k not in ("gate_low_rank_dim", "conv_size")} | {"intermediate_size": None, "vocab_size": 24}
    loaded, found = checkpoint.load(write(tmp_path / "a", tensors, said), torch.float64)
    assert {k: found[k] for k in ("gate_low_rank_dim", "conv_size", "intermediate_size", "vocab_size")} == {
        "gate_low_rank_dim": 3, "conv_size": 2, "intermediate_size": 40, "vocab_size": 30}  # fmt: skip
    told = checkpoint.notes(tmp_path / "a", found)
    assert told == ["config.json: vocab_size = 24, but the tensors have 30, which is used"]
    ids = torch.randint(30, (9,))
    want = naive.logits(said, {name: x.double() for name, x in tensors.items()}, ids)
    with torch.no_grad():
        assert (loaded(ids[None])[0][0] - want).abs().max() < 1e-9
    checkpoint.save(tmp_path / "b", loaded, found, "float32")
    again, raw = checkpoint.load(tmp_path / "b")
    assert again.c == loaded.c and raw["torch_dtype"] == "float32"


def renamed(tensors, old, new):
    return {new + name.removeprefix(old): x for name, x in tensors.items()}


def fused(tensors, _):
    """The MLP before 2025-02-08, beside a D that nothing reads."""
    up = {name: x for name, x in tensors.items() if "up_proj" not in name}
    for i in range(2):
        gate, both = f"model.layers.{i}.mlp.gate_proj.weight", f"model.layers.{i}.mlp.up_proj.weight"
        up |= {gate: torch.cat([tensors[gate], tensors[both]]), f"model.layers.{i}.attn.D": torch.zeros(4)}
    return up


@pytest.mark.parametrize(
    "change",
    [
        lambda t, r: renamed(t, "", "_orig_mod."),
        lambda t, r: renamed(t, "", "module."),
        lambda t, r: renamed(t, "", "module._orig_mod."),
        lambda t, r: renamed(t, "", "base_model.model."),
        lambda t, r: {k.removeprefix("model."): x for k, x in t.items()},
        lambda t, r: {k.replace("embeddings", "embed_tokens"): x for k, x in t.items()},
        fused,
    ],
    ids=["compiled", "parallel", "both", "peft", "bare", "embed_tokens", "before 2025"],
)
def test_names_of_other_hands_are_read(change, tmp_path):
    model, raw = model_of("gdn", {})
    tensors = model.state_dict()
    loaded, _ = checkpoint.load(write(tmp_path, change(dict(tensors), raw), raw, name="weights.safetensors"))
    assert all(torch.equal(x, tensors[name]) for name, x in loaded.state_dict().items())


def test_the_output_norm_has_two_names(tmp_path):
    model, raw = model_of("gla", {})
    tensors = {name.replace("g_norm_swish_gate", "g_norm"): x for name, x in model.state_dict().items()}
    loaded, _ = checkpoint.load(write(tmp_path, tensors, raw))
    assert torch.equal(loaded.model.layers[0].attn.g_norm_swish_gate.weight, model.model.layers[0].attn.g_norm_swish_gate.weight)


def shards(directory, tensors, raw):
    """Three files and their index."""
    names = sorted(tensors)
    files = {f"model-{i + 1:05}-of-00003.safetensors": names[i::3] for i in range(3)}
    for file, own in files.items():
        write(directory, {name: tensors[name] for name in own}, raw, file)
    index = {name: file for file, own in files.items() for name in own}
    (directory / "model.safetensors.index.json").write_text(json.dumps({"weight_map": index}))
    return list(files)


def test_shards_are_read(tmp_path):
    model, raw = model_of("gla", {})
    shards(tmp_path, model.state_dict(), raw)
    loaded, _ = checkpoint.load(tmp_path)
    assert all(torch.equal(x, model.state_dict()[name]) for name, x in loaded.state_dict().items())


def test_what_is_wrong_with_files_is_said_in_one_line(tmp_path):
    model, raw = model_of("gla", {})
    tensors = model.state_dict()

    def says(what, change):
        directory = tmp_path / str(len(list(tmp_path.iterdir())))
        write(directory, None, raw)
        change(directory)
        with pytest.raises(ConfigError) as e:
            checkpoint.load(directory)
        assert what in str(e.value) and "\n" not in str(e.value), str(e.value)

    def sharded(change):
        def make(directory):
            change(directory, shards(directory, tensors, raw))

        return make

    def saved(change):
        return lambda directory: write(directory, change(dict(tensors)), raw)

    says("model-00002-of-00003.safetensors: no such file", sharded(lambda d, files: (d / files[1]).unlink()))
    says("places lm_head.weight in model-00001-of-00003.safetensors, which does not hold it", sharded(
        lambda d, files: save_file({"x": torch.zeros(1)}, d / files[0])))  # fmt: skip
    says("is also lm_head.weight of", sharded(lambda d, files: save_file(tensors, d / files[1])))
    says("no weight_map", lambda d: (d / "model.safetensors.index.json").write_text("{}"))
    says("is no safetensors file in this folder", lambda d: (d / "model.safetensors.index.json").write_text('{"weight_map": {"a": "../b.safetensors"}}'))
    says("model.safetensors: no such file", lambda d: None)
    says("model.bin is a pickle", lambda d: (d / "model.bin").write_bytes(b"x"))
    says("is an adapter: merge it", lambda d: (d / "adapter_model.safetensors").write_bytes(b"x"))
    says("2 files of weights", lambda d: [save_file(tensors, d / name) for name in ("a.safetensors", "b.safetensors")])
    says("a pointer of Git LFS", lambda d: (d / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\noid"))
    says("a page of HTML", lambda d: (d / "model.safetensors").write_text("<!doctype html>"))
    says("no lm_head.weight: a model without its head", saved(lambda t: {k: x for k, x in t.items() if k != "lm_head.weight"}))
    says("missing tensor model.norm.weight;", saved(lambda t: {k: x for k, x in t.items() if k != "model.norm.weight"}))
    says("unknown tensor model.extra;", saved(lambda t: t | {"extra": torch.zeros(1)}))
    says("model.norm.weight is [31], [32] expected", saved(lambda t: t | {"model.norm.weight": torch.zeros(31)}))
    says("model.norm.weight is int8", saved(lambda t: t | {"model.norm.weight": torch.zeros(32, dtype=torch.int8)}))
    says("model.norm.weight has a value", saved(lambda t: t | {"model.norm.weight": torch.full((32,), torch.nan)}))


@pytest.mark.parametrize(
    ("backbone", "key", "value"),
    [
        ("gla", "model_type", "kda"),
        ("gla", "attn", {"layers": [1], "num_heads": 4}),
        ("gla", "attnres_block_size", 2),
        ("gla", "quantization_config", {"bits": 4}),
        ("gla", "hidden_act", "gelu"),
        ("gla", "feature_map", "elu"),
        ("gla", "gate_logit_normalizer", 8),
        ("gla", "gate_low_rank_dim", 0),
        ("gla", "clamp_min", 0.5),
        ("gla", "expand_k", 0.3),
        ("gla", "num_kv_heads", 3),
        ("gla", "norm_eps", 0),
        ("gla", "norm_eps", float("nan")),
        ("gla", "use_output_gate", "yes"),
        ("gla", "num_heads", None),
        ("gla", "architectures", ["GLAForTokenClassification"]),
        ("gla", "sla", {"key_gate": "beta"}),
        ("gla", "sla", {"temperature": 0}),
        ("gla", "sla", {"scale": 1}),
        ("retnet", "expand_k", 0.625),
        ("gdn", "output_gate_activation", "gelu"),
        ("gdn", "expand_v", 1.1),
        ("gdn", "num_v_heads", 6),
        ("gdn", "norm_first", True),
        ("gdn", "share_conv_kernel", True),
    ],
)
def test_what_would_be_another_model_is_refused_by_name(backbone, key, value):
    with pytest.raises(ConfigError, match=rf"config.json: (sla\.)?\w+ = "):
        configuration.parse(PLAIN[backbone] | {key: value})
    with pytest.raises(ConfigError) as e:
        configuration.parse(PLAIN[backbone] | {key: value})
    assert (next(iter(value)) if key == "sla" else key) in str(e.value) and "\n" not in str(e.value)


def test_keys_without_effect_are_told():
    told = configuration.notes(PLAIN["retnet"] | {"use_short_conv": True, "head_dim": 3, "my_key": 1, "attn_mode": "chunk", "attn": {"layers": []}})
    assert [line.split(" ")[1] for line in told] == ["use_short_conv", "head_dim", "my_key"]
    assert configuration.notes(PLAIN["gdn"] | {"num_kv_heads": 2})[0].startswith("config.json: num_kv_heads = 2 has no effect")
    for backbone in configuration.BACKBONES:
        assert configuration.notes(configuration.make(backbone, 32, 1, vocab=256)) == []
