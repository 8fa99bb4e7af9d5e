"""The keys of config.json that this recipe understands, with flash-linear-attention's defaults, and the sizes on offer.

What `sla convert` reads is honoured here or refused by name; what changes nothing, there as here, is told by [`notes`].
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path

BACKBONES = {"retnet": "RetNet", "gla": "GLA", "gdn": "GatedDeltaNet"}
MODEL_TYPES = {"retnet": "retnet", "gla": "gla", "gated_deltanet": "gdn"}

# hidden size, layers; heads are hidden/16, the MLP is twice as wide as the model.
SIZES = {"tiny": (32, 2), "0.25M": (64, 4), "0.8M": (128, 4), "3M": (256, 4)}
HEAD_DIM = 16
GATE_RANK = 16
"""Rank of GLA's decays in fla, whatever its configs say; other ranks are known by their tensors."""


class ConfigError(Exception):
    """What cannot be trained here or read; one line that names it and the way out."""


class UsageError(ConfigError):
    """An option that cannot be meant."""


@dataclass(frozen=True)
class Sla:
    """Gates over the heads: scale · softmax((W·a + bias)/temperature); docs/checkpoints.md."""

    query_gate: str | None = "output"
    key_gate: str | None = "key"
    query_gate_scale: float = 1.0
    key_gate_scale: float = 1.0
    temperature: float = 1.0
    bias: bool = False


@dataclass(frozen=True)
class Config:
    """One model. `heads` read and write, `kv_heads` are shared by them, `state_heads` have a state each."""

    backbone: str
    hidden: int
    layers: int
    intermediate: int
    heads: int
    kv_heads: int
    state_heads: int
    d_k: int
    d_v: int
    gate_rank: int | None
    conv: int | None
    output_gate: str | None
    output_norm: str | None
    feature_map: str | None
    clamp_min: float | None
    allow_neg_eigval: bool
    eps: float
    tied: bool
    sla: Sla | None
    vocab: int | None
    input_size: int | None
    labels: int | None
    conv_bias: bool = False
    """Whether the convolutions have biases: no key says it, their tensors do."""

    @property
    def outputs(self) -> int:
        """Length of the logits."""
        return self.labels or self.vocab


class Keys:
    """Typed access to one JSON object; remembers which keys were asked for."""

    def __init__(self, raw, path=""):
        self.raw, self.path, self.read, self.notes = raw, path, set(), []

    def refuse(self, key, why):
        raise ConfigError(f"config.json: {self.path}{key} = {brief(self.raw.get(key))}: {why}")

    def note(self, key, why):
        """Remarks on a key that has no effect."""
        self.notes.append(f"config.json: {self.path}{key} = {brief(self.raw[key])} has no effect: {why}")

    def get(self, key):
        """The value; None when absent or null."""
        self.read.add(key)
        return self.raw.get(key)

    def typed(self, key, default, rule, good, nullable=False):
        """The default for an absent key, and for null where that is a value."""
        value = self.get(key)
        if value is None and (nullable or key not in self.raw):
            return default
        return value if good(value) else self.refuse(key, f"must be {rule}")

    def whole(self, key, default=None, nullable=False):
        return self.typed(key, default, "a whole number of at least 1", lambda x: type(x) is int and x >= 1, nullable)

    def positive(self, key, default=None, nullable=False):
        return self.typed(key, default, "a number above 0", lambda x: is_number(x) and x > 0, nullable)

    def flag(self, key, default):
        return self.typed(key, default, "true or false", lambda x: type(x) is bool)

    def choice(self, key, default, choices):
        """One of several strings, or null where None is among them."""
        value = self.raw.get(key) if key in self.raw else default
        self.read.add(key)
        return value if value in choices else self.refuse(key, f"use one of {', '.join(map(json.dumps, choices))}")

    def numbers(self, key, length):
        """A list of finite numbers, or None."""
        good = lambda x: isinstance(x, list) and len(x) == length and all(map(is_number, x))  # noqa: E731
        return self.typed(key, None, f"a list of {length} finite numbers", good, nullable=True)


def is_number(x):
    return type(x) in (int, float) and math.isfinite(x)


def brief(value):
    """A value in a message."""
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."


IGNORED = set(
    "_attn_implementation_autoset _name_or_path attn_mode auto_map bos_token_id chunk_size_feed_forward dtype eos_token_id "
    "fuse_cross_entropy fuse_linear_cross_entropy fuse_norm fuse_swiglu head_first hop_length id2label initializer_range "
    "is_encoder_decoder label2id max_position_embeddings n_fft output_attentions output_hidden_states pad_token_id "
    "problem_type return_dict sample_rate torch_dtype transformers_version use_cache use_l2warp".split()
)
"""Keys that change no logit: kernels, bookkeeping, what belongs to text and sound."""


def parse(raw: dict) -> Config:
    """Reads the dictionary of a config.json; ConfigError names what is not supported."""
    return _parse(Keys(raw))


def notes(raw: dict) -> list:
    """A line for each key that is there and has no effect."""
    keys = Keys(raw)
    _parse(keys)
    for key in sorted(set(raw) - keys.read - IGNORED):
        if raw[key] not in (None, False):
            keys.note(key, f"a {raw['model_type']} model does not read it")
    return keys.notes


def _parse(keys):
    backbone = MODEL_TYPES[keys.choice("model_type", None, list(MODEL_TYPES))]
    delta = backbone == "gdn"
    _refuse_layouts(keys, delta)
    if keys.get("hidden_act") not in (None, "swish", "silu"):
        keys.refuse("hidden_act", "only swish (= silu) is supported")
    hidden = keys.whole("hidden_size", 2048)
    heads = keys.whole("num_heads", {"retnet": 8, "gla": 4, "gdn": 6}[backbone])
    if delta:
        kv_heads, state_heads = heads, keys.whole("num_v_heads", heads, nullable=True)
        if state_heads % heads:
            keys.refuse("num_v_heads", f"must be a multiple of num_heads = {heads}")
        if keys.get("num_kv_heads") not in (None, heads):
            keys.note("num_kv_heads", "Gated DeltaNet has num_v_heads instead")
        d_k = keys.whole("head_dim", 256)
        d_v = _exact(keys, "expand_v", d_k * keys.positive("expand_v", 2.0), d_k)
    else:
        kv_heads, state_heads = keys.whole("num_kv_heads", heads, nullable=True), heads
        if heads % kv_heads:
            keys.refuse("num_kv_heads", f"must divide num_heads = {heads}")
        k, v = (1.0, 2.0) if backbone == "retnet" else (0.5, 1.0)
        d_k, d_v = _per_head(keys, "expand_k", k, hidden, heads), _per_head(keys, "expand_v", v, hidden, heads)
        if backbone == "retnet" and d_k % 2:
            keys.refuse("expand_k", f"gives heads {d_k} wide; rotary positions need pairs")
    eps, old = keys.positive("norm_eps"), keys.positive("rms_norm_eps")
    if eps and old and eps != old:
        keys.refuse("rms_norm_eps", f"contradicts norm_eps = {eps}; keep norm_eps")
    # null means 4 to fla, in all families.
    ratio = keys.positive("hidden_ratio", 4 if delta or "hidden_ratio" in keys.raw or backbone == "gla" else 2, nullable=True)
    intermediate = keys.whole("intermediate_size", 256 * -(-int(hidden * ratio * 2 / 3) // 256), nullable=True)
    gated = keys.flag("use_gate" if delta else "use_output_gate", True)
    output_gate = keys.choice("output_gate_activation", "swish", ["swish", "silu", "sigmoid"]) if delta else "swish"
    conv = keys.flag("use_short_conv", delta)
    width = keys.whole("conv_size", 4)
    if backbone == "retnet" and conv:
        keys.note("use_short_conv", "fla's RetNet never builds a convolution")
    labels, input_size = _classifier(keys)
    return Config(
        backbone=backbone, hidden=hidden, layers=keys.whole("num_hidden_layers", 21 if delta else 24), intermediate=intermediate,
        heads=heads, kv_heads=kv_heads, state_heads=state_heads, d_k=d_k, d_v=d_v,
        gate_rank=_gla(keys) if backbone == "gla" else None, conv=width if conv and backbone != "retnet" else None,
        output_gate=output_gate if gated else None, output_norm=_output_norm(keys, delta, gated),
        feature_map=None if delta else keys.choice("feature_map", None, [None, "relu", "silu", "swish", "sigmoid"]),
        clamp_min=_clamp_min(keys) if backbone == "gla" else None,
        allow_neg_eigval=delta and keys.flag("allow_neg_eigval", False), eps=eps or old or 1e-6,
        tied=keys.flag("tie_word_embeddings", False), sla=_sla(keys, delta),
        vocab=None if labels else keys.whole("vocab_size", 32000), input_size=input_size, labels=labels,
    )  # fmt: skip


def _refuse_layouts(keys, delta):
    """What would make another model of the same tensors' names."""
    attn = keys.get("attn")
    lists = attn if isinstance(attn, list) else [attn or {}]
    if not all(isinstance(x, dict) and not x.get("layers") for x in lists):
        keys.refuse("attn", "layers of softmax attention are not supported")
    if keys.get("attnres_block_size") is not None:
        keys.refuse("attnres_block_size", "attention residuals are not supported")
    if keys.get("quantization_config") is not None:
        keys.refuse("quantization_config", "give the checkpoint as it was before it was quantised")
    if keys.get("share_conv_kernel"):
        keys.refuse("share_conv_kernel", "one convolution for q, k and v (before 2024-07-14) is not supported")
    if keys.get("norm_first"):
        why = "the layout before 2025-02-06; save it again with a current fla"
        keys.refuse("norm_first", why) if delta else keys.note("norm_first", "it belongs to old gated_deltanet files")
    for key, live in (("use_gk", True), ("use_gv", False)):
        if keys.get(key) not in (None, live):
            keys.note(key, "fla never reads it")


def _per_head(keys, key, default, hidden, heads):
    """trunc(hidden · factor) / heads"""
    width = int(hidden * keys.positive(key, default))
    if not width or width % heads:
        keys.refuse(key, f"gives {width} channels of hidden_size = {hidden}, which num_heads = {heads} does not divide")
    return width // heads


def _exact(keys, key, width, d_k):
    if width < 1 or width - int(width) > 1e-5 * width:
        keys.refuse(key, f"times head_dim = {d_k} is {width}, not a whole number")
    return int(width)


def _gla(keys):
    """The rank of the decays."""
    if keys.get("gate_logit_normalizer") not in (None, 16):
        keys.refuse("gate_logit_normalizer", "GLA models divide by 16 in fla whatever this says; set it to 16")
    return keys.whole("gate_low_rank_dim", GATE_RANK, nullable=True)


def _clamp_min(keys):
    value = keys.get("clamp_min")
    # A floor of minus infinity is none.
    if value is None or value == -math.inf:
        return None
    return value if is_number(value) and value <= 0 else keys.refuse("clamp_min", "must be a number of at most 0, or null")


def _output_norm(keys, delta, gated):
    """The name of the norm a head."""
    if delta:
        return "o_norm"
    fused = gated and keys.raw.get("fuse_norm", True)
    return ("g_norm_swish_gate" if fused else "g_norm") if keys.flag("elementwise_affine", True) else None


def _classifier(keys):
    """Number of labels and length of the feature vectors; None and None for a language model."""
    names = keys.get("architectures") or []
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        keys.refuse("architectures", "must be a list of names or null")
    if all(name.endswith(("ForCausalLM", "Model")) for name in names):
        return None, None
    if not all(name.endswith("ForSequenceClassification") for name in names):
        keys.refuse("architectures", "…ForCausalLM and …ForSequenceClassification are supported")
    names = keys.get("id2label")
    labels = keys.whole("num_labels", len(names) if isinstance(names, dict) and names else None)
    size = keys.whole("input_size")
    for key, value in (("num_labels", labels), ("input_size", size)):
        if value is None:
            keys.refuse(key, "a classifier needs it")
    if names is not None and (not isinstance(names, dict) or sorted(names) != sorted(map(str, range(labels)))):
        keys.refuse("id2label", f"must name the labels 0 to {labels - 1}, as num_labels = {labels} says")
    mean, std = keys.numbers("feature_mean", size), keys.numbers("feature_std", size)
    if (mean is None) != (std is None):
        keys.refuse("feature_mean" if mean is None else "feature_std", "feature_mean and feature_std go together")
    if std and min(std) <= 0:
        keys.refuse("feature_std", "each must be above 0")
    return labels, size


def _sla(keys, delta):
    raw = keys.get("sla")
    if raw is None:
        return None
    if not isinstance(raw, dict):
        keys.refuse("sla", "must be an object or null")
    inner = Keys(raw, "sla.")
    for key in raw.keys() - Sla.__dataclass_fields__.keys():
        inner.refuse(key, f"the keys of sla are {', '.join(Sla.__dataclass_fields__)}")
    return Sla(
        query_gate=inner.choice("query_gate", "output", [None, "query", "output"]),
        key_gate=inner.choice("key_gate", "key", [None, "key", "beta"] if delta else [None, "key"]),
        query_gate_scale=inner.positive("query_gate_scale", 1.0), key_gate_scale=inner.positive("key_gate_scale", 1.0),
        temperature=inner.positive("temperature", 1.0), bias=inner.flag("bias", False),
    )  # fmt: skip


def read(directory: Path) -> dict:
    """config.json of a checkpoint directory, as a dictionary."""
    path = Path(directory) / "config.json"
    try:
        raw = json.loads(path.read_text("utf-8-sig"))
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file; name a directory that train.py or flash-linear-attention wrote") from None
    except OSError as e:
        raise ConfigError(f"{path}: {e.strerror}") from None
    except ValueError as e:
        raise ConfigError(f"{path}: {e}") from None
    if not isinstance(raw, dict):
        raise ConfigError(f"{path}: not an object")
    return raw


def make(backbone: str, hidden: int, layers: int, *, vocab=None, input_size=None, labels=None, tied=False, gate_rank=None) -> dict:
    """The config.json of a new model.

    Heads are 16 wide, so that a softmax over many of them has much to choose from and states stay small. Gates begin
    at 1: their scale is the number of heads. Gated DeltaNet gates β with scale 2, the largest with which no state can
    grow (β·|k|² ≤ 2). Where the backbone has a short convolution it is used: small models learn much faster with it.
    """
    if hidden % 32:
        raise UsageError(f"--hidden {hidden}: must be a multiple of 32 (int4 weights come in groups of 32)")
    heads = hidden // HEAD_DIM
    delta = backbone == "gdn"
    raw = {
        "architectures": [BACKBONES[backbone] + ("ForSequenceClassification" if labels else "ForCausalLM")],
        "model_type": "gated_deltanet" if delta else backbone,
        "hidden_size": hidden, "num_hidden_layers": layers, "num_heads": heads, "intermediate_size": 2 * hidden,
        "hidden_act": "swish", "norm_eps": 1e-6, "tie_word_embeddings": tied, "expand_v": 1.0,
        "use_short_conv": backbone != "retnet", "conv_size": 4,
        "sla": {"query_gate": "output", "key_gate": "beta" if delta else "key", "query_gate_scale": float(heads),
                "key_gate_scale": 2.0 if delta else float(heads), "temperature": 1.0, "bias": False},
    }  # fmt: skip
    raw |= {"head_dim": HEAD_DIM, "use_gate": True} if delta else {"expand_k": 1.0, "use_output_gate": True}
    raw |= {"gate_low_rank_dim": gate_rank} if gate_rank else {}
    return raw | ({"input_size": input_size, "num_labels": labels} if labels else {"vocab_size": vocab})
