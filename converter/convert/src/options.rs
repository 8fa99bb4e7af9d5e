//! How to convert.

use crate::calibrate::Calibration;
use crate::quantize::Bits;
use sla_checkpoint::tokenizer;
use sla_format::StateKind;

/// How to convert.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ConvertOptions {
    /// Data for calibration and for measuring the drift.
    pub calibration: Calibration,
    /// Representation of the layers' states: one for all, or one a layer; none stands for int32.
    pub state: Vec<StateKind>,
    /// Bits of the matrices within layers.
    pub weights: WeightBits,
    /// Bits of embedding and head, where the weights are not all int8.
    pub head: Bits,
    /// The tokenizer that becomes part of the file.
    pub tokenizer: Option<tokenizer::Compiled>,
}

/// Bits of the matrices within layers.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum WeightBits {
    /// 8, rounded to the nearest.
    #[default]
    Int8,
    /// 4, but 8 for those that steer and for the few that are smaller than a group
    /// ([`crate::quantize::choose::can_be_int4`]); rounded by second moments.
    Int4,
    /// 4 or 8 by measured sensitivity, so that the file stays within a budget; rounded by second
    /// moments.
    Mixed(Budget),
}

/// The size that a file may have.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Budget {
    /// In bytes.
    Bytes(usize),
    /// As a share of the int8 file.
    Ratio(f64),
}
