//! What a checkpoint is read for, and the memory that this takes.

/// What a checkpoint is read for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Purpose {
    /// To run the float model.
    #[default]
    Run,
    /// To convert it to int8.
    Convert,
    /// To convert it to int4 or mixed weights, by second moments.
    ConvertByMoments,
    /// To compare it with a file.
    Evaluate,
}

impl Purpose {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Run => "the float model",
            Self::Convert | Self::ConvertByMoments => "the conversion",
            Self::Evaluate => "the comparison",
        }
    }

    /// About the bytes that it takes beside the process itself, for so many weights and a widest matrix input.
    pub(super) const fn bytes(self, weights: u64, widest: u64) -> u64 {
        let a_weight = match self {
            Self::Run => 4,
            Self::Convert | Self::ConvertByMoments => 8,
            Self::Evaluate => 9,
        };
        // Moments and their factors.
        let square = if matches!(self, Self::ConvertByMoments) { 48 } else { 0 };
        weights.saturating_mul(a_weight).saturating_add(widest.saturating_mul(widest).saturating_mul(square))
    }
}
