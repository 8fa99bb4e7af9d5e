//! The model description (F4).

use crate::backbone::Decay;
use crate::header::{Header, MAGIC, Section, SectionKind, VERSION};
use crate::record::words_at;

/// "No such token" in [`ModelDesc::bos`] and [`ModelDesc::eos`].
pub const NONE: u32 = u32::MAX;
/// The largest value of any dimension but the vocabulary (F4.3).
pub const MAX_DIM: u32 = 1 << 16;
/// The largest number of heads (F4.3).
pub const MAX_HEADS: u32 = 256;

macro_rules! code {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $value:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u32)]
        pub enum $name { $($(#[$vdoc])* $variant = $value),* }
        impl $name {
            /// Every variant.
            pub const ALL: &[Self] = &[$(Self::$variant),*];
            /// The variant with this number in the file.
            #[must_use]
            pub const fn from_u32(value: u32) -> Option<Self> {
                match value { $($value => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

code! {
    /// The recurrence (F4.4).
    Backbone {
        /// Fixed decay per head, `γ_h = 1 - 2^(-5-h)`, and rotary positions.
        RetNet = 0,
        /// Data-dependent decay per key channel.
        Gla = 1,
        /// Gated DeltaNet: data-dependent decay per head and the delta rule.
        GatedDeltaNet = 2,
    }
}
code! {
    /// What a step consumes (F4.4).
    InputKind {
        /// A token id; the input tensor is an embedding.
        Tokens = 0,
        /// A feature vector; the input tensor is a projection.
        Features = 1,
    }
}
code! {
    /// The gate on the normalised output of a head (F4.4).
    OutputGate {
        /// None.
        None = 0,
        /// silu(g).
        Silu = 1,
        /// σ(g).
        Sigmoid = 2,
    }
}
code! {
    /// Where the read-side softmax over the heads enters (SLA, docs/checkpoints.md).
    QueryGate {
        /// No query gate.
        None = 0,
        /// `q_h ← gq_h·q_h`, behind feature map, rotary positions and L2 norm.
        Query = 1,
        /// `y_h ← gq_h·y_h`, behind the norm of the head and the output gate.
        Output = 2,
    }
}
code! {
    /// Where the write-side softmax over the heads enters (SLA, docs/checkpoints.md).
    KeyGate {
        /// No key gate.
        None = 0,
        /// `k_h ← gk_h·k_h`, behind feature map, rotary positions and L2 norm.
        Key = 1,
        /// `β_h ← gk_h·β_h`, of the delta rule.
        Beta = 2,
    }
}
code! {
    /// Elementwise map of q and k (RetNet, GLA).
    FeatureMap {
        /// Identity.
        None = 0,
        /// max(x, 0).
        Relu = 1,
        /// x·σ(x).
        Silu = 2,
        /// σ(x).
        Sigmoid = 3,
    }
}

/// A non-negative real: `mantissa · 2^exponent` with the mantissa in `[2^30, 2^31)`, or 0 (F4.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct RealBits {
    /// In `[2^30, 2^31)`, or 0 for zero.
    pub mantissa: u32,
    /// Power of two.
    pub exponent: i32,
}

impl RealBits {
    /// Whether the pair is in normal form with an exponent in ±1,000.
    #[must_use]
    #[inline(never)]
    pub const fn is_valid(&self) -> bool {
        (self.mantissa == 0 && self.exponent == 0)
            || (self.mantissa >> 30 == 1 && self.exponent.unsigned_abs() <= 1_000)
    }
}

macro_rules! model_desc {
    ($($(#[$doc:meta])* $field:ident : $kind:ident),* $(,)?) => {
        /// The model description: every dimension and option, 32-bit words in this order (F4.1).
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct ModelDesc { $($(#[$doc])* pub $field: model_desc!(@type $kind)),* }

        impl ModelDesc {
            /// Size in the file.
            pub const BYTES: usize = 4 * (0 $(+ model_desc!(@words $kind))*);

            /// Reads the description at byte `at`; `None` when bytes are missing or a code is unknown.
            #[must_use]
            pub const fn read(bytes: &[u8], at: usize) -> Option<ModelDesc> {
                let Some(words) = words_at::<{ Self::BYTES / 4 }>(bytes, at) else { return None };
                let mut next = 0;
                $(
                    let $field = model_desc!(@get $kind words next);
                    next += model_desc!(@words $kind);
                )*
                let _ = next;
                Some(ModelDesc { $($field),* })
            }

            /// The description's bytes.
            #[must_use]
            pub fn emit(&self) -> [u8; Self::BYTES] {
                let mut out = [0; Self::BYTES];
                let mut fields = out.chunks_exact_mut(4);
                let mut put = |word: u32| {
                    if let Some(field) = fields.next() { field.copy_from_slice(&word.to_le_bytes()) }
                };
                $(model_desc!(@put $kind put self.$field);)*
                out
            }
        }
    };
    (@type u32) => { u32 };
    (@type i32) => { i32 };
    (@type real) => { RealBits };
    (@type $code:ident) => { $code };
    (@words real) => { 2 };
    (@words $kind:ident) => { 1 };
    (@get u32 $w:ident $n:ident) => { $w[$n] };
    (@get i32 $w:ident $n:ident) => { $w[$n] as i32 };
    (@get real $w:ident $n:ident) => { RealBits { mantissa: $w[$n], exponent: $w[$n + 1] as i32 } };
    (@get $code:ident $w:ident $n:ident) => {
        match $code::from_u32($w[$n]) { Some(code) => code, None => return None }
    };
    (@put real $put:ident $value:expr) => { $put($value.mantissa); $put($value.exponent as u32) };
    (@put $kind:ident $put:ident $value:expr) => { $put($value as u32) };
}

model_desc! {
    /// The recurrence.
    backbone: Backbone,
    /// Tokens or features.
    input: InputKind,
    /// Gate on the heads' outputs.
    output_gate: OutputGate,
    /// SLA, read side.
    query_gate: QueryGate,
    /// SLA, write side.
    key_gate: KeyGate,
    /// Map of q and k.
    feature_map: FeatureMap,
    /// Layers.
    layers: u32,
    /// Width of the residual stream.
    hidden: u32,
    /// Vocabulary, or length of a feature vector.
    inputs: u32,
    /// Vocabulary, or number of labels.
    outputs: u32,
    /// Query heads H.
    heads: u32,
    /// Heads of k and v (RetNet, GLA: `num_kv_heads`), of k (Gated DeltaNet: H).
    kv_heads: u32,
    /// Heads of the state: H, or HV of Gated DeltaNet.
    state_heads: u32,
    /// Key channels per head.
    d_k: u32,
    /// Value channels per head.
    d_v: u32,
    /// Width of the MLP.
    intermediate: u32,
    /// Rank of the GLA gate projection, else 0.
    gate_rank: u32,
    /// Taps of the short convolution, 0 without one.
    conv_width: u32,
    /// Flags: bit 0, β is doubled (`allow_neg_eigval`); bit 1, the head shares the embedding's bytes.
    flags: u32,
    /// Fraction bits of the residual stream.
    residual_frac: i32,
    /// Fraction bits of unit vectors, the input of every matrix behind a block norm.
    unit_frac: i32,
    /// Fraction bits of input features.
    feature_frac: i32,
    /// Largest log2-decay of a token in Q27 (GLA `clamp_min`), `u32::MAX` for none.
    decay_max: u32,
    /// hidden·ε of the block norms.
    norm_eps: real,
    /// d_v·d_k·ε of the per-head output norm (d_k because the runtime leaves out d_k^-1/2).
    head_eps: real,
    /// `query_gate_scale`.
    query_scale: real,
    /// `key_gate_scale`.
    key_scale: real,
    /// First token of a text, or [`NONE`].
    bos: u32,
    /// Token that ends a text, or [`NONE`].
    eos: u32,
}

impl ModelDesc {
    /// β of the delta rule is doubled.
    pub const NEG_EIGVAL: u32 = 1;
    /// The head's weights are the embedding's.
    pub const TIED: u32 = 2;

    /// The description in a file, in `const` evaluation.
    ///
    /// # Panics
    /// When `file` is not one whole `.sla` file of this version (at compile time, in a constant).
    /// Its checksum is not looked at.
    #[must_use]
    pub const fn of_file(file: &[u8]) -> ModelDesc {
        let Some(header) = Header::read(file) else {
            panic!("not a .sla file: shorter than its header")
        };
        assert!(matches!(header.magic, MAGIC), "not a .sla file");
        assert!(
            header.version == VERSION,
            "a .sla file of another version: convert the checkpoint again"
        );
        assert!(
            file.len() >= header.file_bytes as usize,
            "a .sla file that is cut off: copy or convert it again"
        );
        assert!(
            file.len() <= header.file_bytes as usize,
            "a .sla file with something appended: see `file_bytes`"
        );
        let Some(section) = Section::find(file, SectionKind::Model) else {
            panic!("a .sla file whose section table is wrong")
        };
        let Some(desc) = ModelDesc::read(section, 0) else {
            panic!("a .sla file without a model description that this version knows")
        };
        assert!(
            desc.is_consistent(),
            "a .sla file whose model description contradicts itself"
        );
        desc
    }

    /// `allow_neg_eigval`.
    #[must_use]
    pub const fn neg_eigval(&self) -> bool {
        self.flags & Self::NEG_EIGVAL != 0
    }

    /// Whether the state is written by the delta rule, which has a β.
    #[must_use]
    pub const fn delta_rule(&self) -> bool {
        match self.backbone {
            Backbone::RetNet | Backbone::Gla => false,
            Backbone::GatedDeltaNet => true,
        }
    }

    /// Tied embeddings.
    #[must_use]
    pub const fn tied(&self) -> bool {
        self.flags & Self::TIED != 0
    }

    /// Rows of q.
    #[must_use]
    pub const fn q_len(&self) -> usize {
        (self.heads * self.d_k) as usize
    }

    /// Rows of k.
    #[must_use]
    pub const fn k_len(&self) -> usize {
        (self.kv_heads * self.d_k) as usize
    }

    /// Rows of v.
    #[must_use]
    pub const fn v_len(&self) -> usize {
        let heads = match self.backbone.has_value_heads() {
            true => self.state_heads,
            false => self.kv_heads,
        };
        (heads * self.d_v) as usize
    }

    /// Columns of o: all heads' outputs.
    #[must_use]
    pub const fn y_len(&self) -> usize {
        (self.state_heads * self.d_v) as usize
    }

    /// Carries of the decay of a head: one, or one a key channel (GLA).
    #[must_use]
    pub const fn carries_per_head(&self) -> usize {
        match self.backbone.decay() {
            Decay::Channel => self.d_k as usize,
            Decay::Constant | Decay::Head => 1,
        }
    }

    /// Carries of the decay of all heads.
    #[must_use]
    pub const fn carry_len(&self) -> usize {
        self.state_heads as usize * self.carries_per_head()
    }

    /// cos and sin of a position's rotary angles (RetNet).
    #[must_use]
    pub const fn rotary_len(&self) -> usize {
        match self.backbone.has_rotary() {
            true => self.d_k as usize,
            false => 0,
        }
    }

    /// Whether all dimensions are within their limits and agree with each other (F4.3).
    #[must_use]
    pub const fn is_consistent(&self) -> bool {
        let dims = [self.hidden, self.d_k, self.d_v, self.intermediate];
        let mut i = 0;
        while i < dims.len() {
            if dims[i].wrapping_sub(1) >= MAX_DIM {
                return false;
            }
            i += 1;
        }
        let heads = [self.heads, self.kv_heads, self.state_heads];
        i = 0;
        while i < heads.len() {
            if heads[i].wrapping_sub(1) >= MAX_HEADS
                || heads[i] * self.d_k > MAX_DIM
                || heads[i] * self.d_v > MAX_DIM
            {
                return false;
            }
            i += 1;
        }
        let backbone = self.backbone;
        let is_low_rank = matches!(backbone.decay(), Decay::Channel);
        let heads = match backbone.has_value_heads() {
            true => self.kv_heads == self.heads && self.state_heads.is_multiple_of(self.heads),
            false => self.state_heads == self.heads,
        };
        let options = heads
            && is_low_rank == (self.gate_rank > 0)
            && (!backbone.has_rotary() || self.d_k.is_multiple_of(2))
            && (backbone.may_convolve() || self.conv_width == 0)
            && (backbone.may_map() || matches!(self.feature_map, FeatureMap::None))
            && (backbone.has_delta_rule() || !matches!(self.key_gate, KeyGate::Beta));
        let features = matches!(self.input, InputKind::Features);
        // The whole state fits 2^28 words, so that no size computed from a description overflows.
        let history = self.conv_width as u64 * (self.q_len() + self.k_len() + self.v_len()) as u64;
        let layer = (self.state_heads * self.d_k) as u64 * (self.d_v as u64 + 2) + history;
        // x - 1 < n is 0 < x ≤ n.
        self.layers.wrapping_sub(1) < 4096
            && self.conv_width <= 64
            && layer * self.layers as u64 <= 1 << 28
            && options
            && self.heads.is_multiple_of(self.kv_heads)
            && self.inputs.wrapping_sub(1) < if features { MAX_DIM } else { 1 << 24 }
            && self.outputs.wrapping_sub(1) < 1 << 24
            && self.gate_rank <= MAX_DIM
            && self.flags <= 3
            && !(self.tied() && (features || self.inputs != self.outputs))
            && self.residual_frac >= -30
            && self.residual_frac <= 30
            && self.unit_frac >= 8
            && self.unit_frac <= 15
            && self.feature_frac >= -30
            && self.feature_frac <= 30
            && self.norm_eps.is_valid()
            && self.head_eps.is_valid()
            && self.query_scale.is_valid()
            && self.key_scale.is_valid()
    }
}
