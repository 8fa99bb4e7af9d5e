//! From a trained checkpoint to a `.sla` file: [`calibrate`] looks at what the float model does,
//! [`quantize`] rounds each matrix, [`lower`] makes tensors of the integers, [`write`] lays out the
//! file; [`convert`] runs them in order and measures the result.
#![forbid(unsafe_code)]

pub mod calibrate;
pub mod lower;
mod pipeline;
pub mod quantize;
mod warnings;
pub mod write;

pub use calibrate::Calibration;
pub use pipeline::{Budget, ConvertError, ConvertOptions, Converted, WeightBits, convert};
pub use quantize::Bits;
