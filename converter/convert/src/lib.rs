//! From a trained checkpoint to a `.sla` file, in one pipeline, [`convert`]: [`calibrate`] looks at
//! what the float model does, [`quantize`] rounds each matrix, [`lower`] makes tensors of the
//! integers, [`write`] lays out the file, which is then run and measured.
#![forbid(unsafe_code)]

mod account;
pub mod calibrate;
mod check;
mod error;
mod formats;
pub mod lower;
mod options;
mod pipeline;
pub mod quantize;
mod round;
mod self_test;
mod warnings;
pub mod write;

pub use calibrate::Calibration;
pub use error::ConvertError;
pub use options::{Budget, ConvertOptions, WeightBits};
pub use pipeline::{Converted, convert};
pub use quantize::Bits;
