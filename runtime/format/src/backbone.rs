//! What the backbones differ in: one question a function, and each answer an exhaustive `match`, so
//! that the compiler asks all of them of a new recurrence.

use crate::model::Backbone;

/// What a token's decay of the state is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decay {
    /// A constant of the head.
    Constant,
    /// One a key channel, from a projection of low rank.
    Channel,
    /// One a head, from a projection: `exp(-exp(A_log)·softplus(a·x + dt_bias))`.
    Head,
}

impl Backbone {
    /// What the state decays by.
    #[must_use]
    #[inline(always)]
    pub const fn decay(self) -> Decay {
        match self {
            Self::RetNet => Decay::Constant,
            Self::Gla => Decay::Channel,
            Self::GatedDeltaNet => Decay::Head,
        }
    }

    /// Whether a token writes by the delta rule, `β·(v - Sᵀk)`, with q and k of length 1.
    #[must_use]
    #[inline(always)]
    pub const fn has_delta_rule(self) -> bool {
        match self {
            Self::RetNet | Self::Gla => false,
            Self::GatedDeltaNet => true,
        }
    }

    /// Whether the state may have several heads for one of q and k (`state_heads`), each with a head
    /// of v; otherwise several heads of q may share one of k and v (`kv_heads`).
    #[must_use]
    #[inline(always)]
    pub const fn has_value_heads(self) -> bool {
        match self {
            Self::RetNet | Self::Gla => false,
            Self::GatedDeltaNet => true,
        }
    }

    /// Whether q and k are rotated by their position.
    #[must_use]
    #[inline(always)]
    pub const fn has_rotary(self) -> bool {
        match self {
            Self::RetNet => true,
            Self::Gla | Self::GatedDeltaNet => false,
        }
    }

    /// Whether q, k and v may pass a short convolution.
    #[must_use]
    #[inline(always)]
    pub const fn may_convolve(self) -> bool {
        match self {
            Self::RetNet => false,
            Self::Gla | Self::GatedDeltaNet => true,
        }
    }

    /// Whether q and k may pass a [`crate::FeatureMap`].
    #[must_use]
    #[inline(always)]
    pub const fn may_map(self) -> bool {
        match self {
            Self::RetNet | Self::Gla => true,
            Self::GatedDeltaNet => false,
        }
    }

    /// Whether q, k and v pass a SiLU, the convolution's where there is one.
    #[must_use]
    #[inline(always)]
    pub const fn has_silu_inputs(self) -> bool {
        match self {
            Self::RetNet | Self::Gla => false,
            Self::GatedDeltaNet => true,
        }
    }

    /// Its name for people.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::RetNet => "RetNet",
            Self::Gla => "GLA",
            Self::GatedDeltaNet => "Gated DeltaNet",
        }
    }

    /// Its `model_type` in config.json.
    #[must_use]
    pub const fn model_type(self) -> &'static str {
        match self {
            Self::RetNet => "retnet",
            Self::Gla => "gla",
            Self::GatedDeltaNet => "gated_deltanet",
        }
    }
}
