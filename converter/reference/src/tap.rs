//! Watching a step from the inside.

/// A point inside a step. Vectors over heads are flat, `channel = head · d + j`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Op {
    /// `[hidden]` x as it enters the layer.
    LayerIn,
    /// `[hidden]` a: the attn-normed input, weight included.
    NormIn,
    /// `[heads · d_k]` `q_proj · a`, before convolution and everything else.
    QProj,
    /// `[kv_heads · d_k]` `k_proj · a`.
    KProj,
    /// `[v_heads · d_v]` `v_proj · a`.
    VProj,
    /// `[heads · d_k]` q as it reads the state: after convolution, feature map, rotary, L2 norm and
    /// query gate; before `d_k^-0.5`.
    Q,
    /// `[heads · d_k]` k as it enters the state: as `Q`, with the key gate, expanded to query heads
    /// (RetNet, GLA).
    K,
    /// `[v_heads · d_v]` v as it enters the state, after the convolution.
    V,
    /// GLA `[kv_heads · d_k]`: z; Gated DeltaNet `[value_heads]`: `a_proj · a + dt_bias`.
    DecayLogit,
    /// The factor of the old state. RetNet `[heads]`, GLA `[kv_heads · d_k]`, Gated DeltaNet
    /// `[value_heads]`.
    Decay,
    /// Gated DeltaNet `[value_heads]` β, with `allow_neg_eigval` and a key gate on "beta" applied.
    Beta,
    /// GLA `[gate_rank]` `gk_proj.0 · a`.
    GateLow,
    /// `[heads]` scale · softmax of the query gate.
    QueryGate,
    /// `[heads]` scale · softmax of the key gate.
    KeyGate,
    /// `[heads]` logits of the query gate, bias added, temperature divided out.
    QueryGateLogit,
    /// `[heads]` logits of the key gate, bias added, temperature divided out.
    KeyGateLogit,
    /// `[value_heads · d_k · d_v]` the matrix states after the write, row-major per head.
    State,
    /// `[value_heads · d_v]` o: the read-out, `d_k^-0.5` included, before the norm.
    Read,
    /// `[value_heads · d_v]` `g_proj · a`, before its activation.
    OutputGate,
    /// `[value_heads · d_v]` y: after RMS with its weight, output gate and query gate; the input of
    /// `o_proj`.
    MixerNorm,
    /// `[hidden]` the output of `o_proj`.
    MixerOut,
    /// `[hidden]` x after the mixer was added.
    MidResidual,
    /// `[hidden]` m: the mlp-normed input, weight included.
    NormMlp,
    /// `[intermediate]` `gate_proj · m`.
    MlpGate,
    /// `[intermediate]` `up_proj · m`.
    MlpUp,
    /// `[intermediate]` `silu(gate) ⊙ up`, the input of `down_proj`.
    Hidden,
    /// `[hidden]` the output of `down_proj`.
    MlpOut,
    /// `[hidden]` x after the whole layer.
    Residual,
    /// `[hidden]` the final norm's output; the layer is `config.layers`.
    FinalNorm,
    /// `[outputs]` the logits; the layer is `config.layers`.
    Logits,
}

/// Receives intermediate values of a step, in the order in which they are computed.
pub trait Tap {
    /// `values` at `op` of `layer`; the default ignores them.
    fn tap(&mut self, layer: usize, op: Op, values: &[f64]) {
        let _ = (layer, op, values);
    }
}

/// Watches nothing.
impl Tap for () {}
