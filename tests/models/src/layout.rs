//! The ways in which one model lies on disk.

/// Element type of the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// All F32.
    F32,
    /// All F16.
    F16,
    /// All BF16.
    Bf16,
    /// F32 vectors, BF16 and F16 matrices by turns.
    Mixed,
}

/// How a model lies on disk; the same model whatever this says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Element type.
    pub precision: Precision,
    /// 1 is `model.safetensors`; more is an index and that many files.
    pub shards: usize,
    /// Names begin with `model.`, as from `*ForCausalLM`.
    pub prefix: bool,
    /// One `gate_proj` of `[2I, hidden]` instead of `gate_proj` and `up_proj`.
    pub fused_mlp: bool,
    /// `g_norm_swish_gate` instead of `g_norm` (RetNet, GLA).
    pub swish_norm_name: bool,
    /// `embed_tokens` instead of `embeddings`.
    pub embed_tokens: bool,
    /// `intermediate_size` is null.
    pub null_intermediate: bool,
    /// Keys that hold fla's default are left out.
    pub sparse: bool,
    /// A tied model still holds an `lm_head` (of garbage).
    pub stale_head: bool,
    /// Gated DeltaNet holds the unused `D` of old files.
    pub old_d: bool,
    /// `rms_norm_eps` instead of `norm_eps`.
    pub old_eps: bool,
}

impl Default for Layout {
    /// One F32 file as a current fla writes it.
    fn default() -> Self {
        Self {
            precision: Precision::F32,
            shards: 1,
            prefix: true,
            fused_mlp: false,
            swish_norm_name: true,
            embed_tokens: false,
            null_intermediate: false,
            sparse: false,
            stale_head: false,
            old_d: false,
            old_eps: false,
        }
    }
}
