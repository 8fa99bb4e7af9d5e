//! Converter from trained Softmax Linear Attention checkpoints to `.sla` files, and the
//! measurements that tell what quantisation cost.
//!
//! One stage a file, plain structs between them: [`checkpoint`] reads a directory, [`calibrate`]
//! looks at what the float model does, [`quantize`] rounds each matrix as its [`recipe`] folds it,
//! [`lower`] makes tensors of the integers, [`tokenizer`] compiles the tokenizer, [`write`] lays
//! out the file, [`convert`] runs them in order and measures the result. [`eval`] compares a file
//! with its float model, [`report`] shows it. [`files`] opens what is read, [`foreign`] tells what
//! it is instead, [`memory`] whether there is room.
#![forbid(unsafe_code)]

pub mod calibrate;
pub mod checkpoint;
pub mod convert;
pub mod data;
pub mod dequantize;
pub mod eval;
pub mod files;
pub mod foreign;
pub mod image;
pub mod lower;
pub mod memory;
pub mod names;
pub mod numbers;
pub mod owned_model;
pub mod parallel;
pub mod plan;
pub mod quantize;
pub mod recipe;
pub mod report;
pub mod tokenizer;
mod warnings;
pub mod write;

pub use calibrate::Calibration;
pub use convert::{Budget, ConvertError, ConvertOptions, Converted, WeightBits, convert};
pub use quantize::Bits;
