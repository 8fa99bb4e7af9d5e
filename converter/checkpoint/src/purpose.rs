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

    /// About the bytes that it takes, as measured: for so many weights, a widest matrix input, and
    /// a state of so many elements.
    pub(super) fn bytes(self, weights: u64, widest: u64, state: u64) -> u64 {
        const PROCESS: u64 = 16 << 20;
        let sessions = match self {
            Self::Run => 1,
            // One a thread.
            _ => std::thread::available_parallelism().map_or(1, |n| n.get() as u64),
        };
        let a_weight = match self {
            Self::Run => 4,
            // The float weights, and twice the integers in each of their forms.
            Self::Convert | Self::ConvertByMoments => 10,
            // Two float models and the file.
            Self::Evaluate => 10,
        };
        // Second moments and their factors.
        let square = if self == Self::ConvertByMoments {
            32
        } else {
            0
        };
        let products = [
            (weights, a_weight),
            (widest.saturating_mul(widest), square),
            (state.saturating_mul(8), sessions),
        ];
        products.into_iter().fold(PROCESS, |sum, (n, bytes)| {
            sum.saturating_add(n.saturating_mul(bytes))
        })
    }
}
