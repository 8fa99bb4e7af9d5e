"""The keys of config.json that this recipe understands, with flash-linear-attention's defaults, and the sizes on offer."""

import json
from dataclasses import dataclass
from pathlib import Path

BACKBONES = {"retnet": "RetNet", "gla": "GLA", "gdn": "GatedDeltaNet"}
MODEL_TYPES = {"retnet": "retnet", "gla": "gla", "gated_deltanet": "gdn"}

# hidden size, layers; heads are hidden/16, the MLP is twice as wide as the model.
SIZES = {"tiny": (32, 2), "0.25M": (64, 4), "0.8M": (128, 4), "3M": (256, 4)}
HEAD_DIM = 16


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
    gate_rank: int
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

    @property
    def outputs(self) -> int:
        """Length of the logits."""
        return self.labels or self.vocab


def _refuse(key, value, why):
    raise ConfigError(f"config.json: {key} = {json.dumps(value)}: {why}")


WHOLE = ["hidden_size", "num_hidden_layers", "num_heads", "num_kv_heads", "num_v_heads", "head_dim", "intermediate_size", "conv_size", "vocab_size",
         "input_size", "num_labels"]  # fmt: skip
REAL = ["expand_k", "expand_v", "hidden_ratio", "norm_eps"]


def parse(raw: dict) -> Config:
    """Reads the dictionary of a config.json; ConfigError names what is not supported."""
    for key in WHOLE:
        if raw.get(key) is not None and (type(raw[key]) is not int or raw[key] < 1):
            _refuse(key, raw[key], "must be a whole number of at least 1")
    for key in REAL:
        if raw.get(key) is not None and not (type(raw[key]) in (int, float) and raw[key] > 0):
            _refuse(key, raw[key], "must be a number above 0")
    model_type = raw.get("model_type")
    if model_type not in MODEL_TYPES:
        _refuse("model_type", model_type, f"use one of {', '.join(MODEL_TYPES)}")
    backbone = MODEL_TYPES[model_type]
    delta, get = backbone == "gdn", raw.get
    for key in ("attn", "attnres_block_size"):
        if get(key):
            _refuse(key, get(key), "not supported")
    if get("hidden_act", "swish") not in ("swish", "silu"):
        _refuse("hidden_act", get("hidden_act"), "only swish is supported")
    hidden = get("hidden_size", 2048)
    heads = get("num_heads", {"retnet": 8, "gla": 4, "gdn": 6}[backbone])
    kv_heads = heads if delta else get("num_kv_heads") or heads
    state_heads = (get("num_v_heads") or heads) if delta else heads
    if heads % kv_heads or state_heads % heads:
        _refuse("num_heads", heads, "must be a multiple of num_kv_heads and divide num_v_heads")
    if delta:
        d_k = get("head_dim", 256)
        d_v = int(d_k * get("expand_v", 2.0))
    else:
        d_k = int(hidden * get("expand_k", 1.0 if backbone == "retnet" else 0.5)) // heads
        d_v = int(hidden * get("expand_v", 2.0 if backbone == "retnet" else 1.0)) // heads
    ratio = get("hidden_ratio", 2 if backbone == "retnet" else 4) or 4
    intermediate = get("intermediate_size") or 256 * -(-int(hidden * ratio * 2 / 3) // 256)
    gated = get("use_gate" if delta else "use_output_gate", True)
    output_gate = get("output_gate_activation", "swish") if delta else "swish"
    fused = gated and get("fuse_norm", True)
    norm = "o_norm" if delta else "g_norm_swish_gate" if fused else "g_norm"
    classifier = str((get("architectures") or [""])[0]).endswith("ForSequenceClassification")
    sla = get("sla")
    if sla is not None:
        if not isinstance(sla, dict):
            _refuse("sla", sla, "must be an object")
        unknown = set(sla) - set(Sla.__dataclass_fields__)
        if unknown:
            _refuse("sla", sorted(unknown), "unknown keys")
        sla = Sla(**sla)
        if sla.query_gate not in (None, "query", "output"):
            _refuse("sla.query_gate", sla.query_gate, 'use "query", "output" or null')
        if sla.key_gate not in (None, "key") and not (delta and sla.key_gate == "beta"):
            _refuse("sla.key_gate", sla.key_gate, 'use "key", null, or "beta" of Gated DeltaNet')
    conv = get("use_short_conv", delta) if backbone != "retnet" else False
    return Config(
        backbone=backbone, hidden=hidden, layers=get("num_hidden_layers", 21 if delta else 24), intermediate=intermediate,
        heads=heads, kv_heads=kv_heads, state_heads=state_heads, d_k=d_k, d_v=d_v, gate_rank=16,
        conv=get("conv_size", 4) if conv else None, output_gate=output_gate if gated else None,
        output_norm=norm if delta or get("elementwise_affine", True) else None,
        feature_map=None if delta else get("feature_map"), clamp_min=get("clamp_min") if backbone == "gla" else None,
        allow_neg_eigval=delta and get("allow_neg_eigval", False), eps=get("norm_eps", 1e-6),
        tied=get("tie_word_embeddings", False), sla=sla, vocab=None if classifier else get("vocab_size", 32000),
        input_size=get("input_size") if classifier else None, labels=get("num_labels") if classifier else None,
    )  # fmt: skip


def read(directory: Path) -> dict:
    """config.json of a checkpoint directory, as a dictionary."""
    path = Path(directory) / "config.json"
    try:
        raw = json.loads(path.read_text())
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file; name a directory that train.py or flash-linear-attention wrote") from None
    except OSError as e:
        raise ConfigError(f"{path}: {e.strerror}") from None
    except ValueError as e:
        raise ConfigError(f"{path}: {e}") from None
    if not isinstance(raw, dict):
        raise ConfigError(f"{path}: not an object")
    return raw


def make(backbone: str, hidden: int, layers: int, *, vocab=None, input_size=None, labels=None, tied=False) -> dict:
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
    return raw | ({"input_size": input_size, "num_labels": labels} if labels else {"vocab_size": vocab})
