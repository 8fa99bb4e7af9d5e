//! Tensors of a safetensors file as integers or numbers.

use std::path::Path;

use half::{bf16, f16};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensorError, SafeTensors};

use super::DataError;
use crate::memory::MemoryError;
use crate::{files, foreign, memory};

/// A safetensors file in memory.
#[derive(Debug)]
pub struct TensorFile {
    name: String,
    bytes: Vec<u8>,
    /// Names, sorted.
    tensors: Vec<String>,
}

/// An integer tensor.
#[derive(Clone, Debug, PartialEq)]
pub struct Ids {
    /// Its shape.
    pub shape: Vec<usize>,
    /// Row-major.
    pub values: Vec<i64>,
}

impl TensorFile {
    /// Reads a file and checks its header.
    ///
    /// # Errors
    /// [`DataError::Io`] or [`DataError::Safetensors`]
    pub fn read(path: &Path) -> Result<Self, DataError> {
        let name = files::shown(path);
        let bytes = files::read(path).map_err(|source| DataError::Io {
            file: name.clone(),
            source,
        })?;
        Self::from_bytes(name, bytes)
    }

    /// [`TensorFile::read`] of bytes; `name` is for messages.
    ///
    /// # Errors
    /// [`DataError::Safetensors`]
    pub fn from_bytes(name: String, bytes: Vec<u8>) -> Result<Self, DataError> {
        let bad = |e: SafeTensorError| DataError::Safetensors {
            file: name.clone(),
            reason: match foreign::what(&bytes[..bytes.len().min(foreign::HEAD_BYTES)]) {
                Some(what) => format!("not safetensors but {what}"),
                None => format!("not a readable safetensors file ({e}); write it again"),
            },
        };
        let parsed = SafeTensors::deserialize(&bytes).map_err(bad)?;
        let mut tensors: Vec<String> = parsed.names().into_iter().map(str::to_string).collect();
        tensors.sort_unstable();
        Ok(Self {
            name,
            bytes,
            tensors,
        })
    }

    /// The path, for messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Names of all tensors, sorted.
    pub fn tensor_names(&self) -> impl Iterator<Item = &str> {
        self.tensors.iter().map(String::as_str)
    }

    /// Whether tensor `name` is there.
    pub fn has(&self, name: &str) -> bool {
        self.tensors
            .binary_search_by(|t| t.as_str().cmp(name))
            .is_ok()
    }

    fn tensor(&self, name: &str) -> Result<TensorView<'_>, DataError> {
        let parsed = SafeTensors::deserialize(&self.bytes).map_err(|e| DataError::Safetensors {
            file: self.name.clone(),
            reason: e.to_string(),
        })?;
        parsed.tensor(name).map_err(|_| self.missing(name))
    }

    /// Tensor `name` as integers.
    ///
    /// # Errors
    /// [`DataError::Missing`] or [`DataError::Dtype`]
    pub fn ids(&self, name: &str) -> Result<Ids, DataError> {
        let tensor = self.tensor(name)?;
        let data = tensor.data();
        let values = match tensor.dtype() {
            Dtype::I64 => elements(data, i64::from_le_bytes),
            Dtype::I32 => elements(data, |b| i32::from_le_bytes(b).into()),
            Dtype::U32 => elements(data, |b| u32::from_le_bytes(b).into()),
            Dtype::I16 => elements(data, |b| i16::from_le_bytes(b).into()),
            Dtype::U16 => elements(data, |b| u16::from_le_bytes(b).into()),
            Dtype::U8 => elements(data, |[b]| b.into()),
            dtype => return Err(self.bad_dtype(name, dtype, "I32 or I64")),
        };
        let values = values.map_err(|source| DataError::Memory {
            file: self.name.clone(),
            source,
        })?;
        Ok(Ids {
            shape: tensor.shape().to_vec(),
            values,
        })
    }

    /// Tensor `name` as numbers, with its shape.
    ///
    /// # Errors
    /// [`DataError::Missing`] or [`DataError::Dtype`]
    pub fn numbers(&self, name: &str) -> Result<(Vec<usize>, Vec<f64>), DataError> {
        let tensor = self.tensor(name)?;
        let data = tensor.data();
        let values = match tensor.dtype() {
            Dtype::F64 => elements(data, f64::from_le_bytes),
            Dtype::F32 => elements(data, |b| f32::from_le_bytes(b).into()),
            Dtype::F16 => elements(data, |b| f16::from_le_bytes(b).into()),
            Dtype::BF16 => elements(data, |b| bf16::from_le_bytes(b).into()),
            dtype => return Err(self.bad_dtype(name, dtype, "F32")),
        };
        let values = values.map_err(|source| DataError::Memory {
            file: self.name.clone(),
            source,
        })?;
        Ok((tensor.shape().to_vec(), values))
    }

    pub(super) fn missing(&self, name: &str) -> DataError {
        const SHOWN: usize = 6;
        let mut held = self
            .tensors
            .iter()
            .take(SHOWN)
            .map(|t| t.escape_debug().to_string())
            .collect::<Vec<_>>()
            .join(", ");
        if self.tensors.len() > SHOWN {
            held += &format!(", … ({} tensors)", self.tensors.len());
        }
        DataError::Missing {
            file: self.name.clone(),
            tensor: name.into(),
            held,
        }
    }

    fn bad_dtype(&self, name: &str, dtype: Dtype, need: &'static str) -> DataError {
        DataError::Dtype {
            file: self.name.clone(),
            tensor: name.into(),
            dtype: format!("{dtype:?}"),
            need,
        }
    }

    pub(super) fn bad_shape(&self, name: &str, have: &[usize], need: &str) -> DataError {
        DataError::Shape {
            file: self.name.clone(),
            tensor: name.into(),
            have: have.into(),
            need: need.into(),
        }
    }

    pub(super) fn bad_label(&self, name: &str, value: i64, outputs: usize) -> DataError {
        DataError::Label {
            file: self.name.clone(),
            tensor: name.into(),
            value,
            outputs,
        }
    }

    pub(super) fn empty(&self, name: &str, have: &[usize]) -> DataError {
        DataError::Empty {
            file: self.name.clone(),
            tensor: name.into(),
            have: have.into(),
        }
    }
}

fn elements<const N: usize, T>(
    data: &[u8],
    read: impl Fn([u8; N]) -> T,
) -> Result<Vec<T>, MemoryError> {
    let chunks = data.as_chunks().0;
    let mut values = memory::reserve(chunks.len())?;
    values.extend(chunks.iter().map(|b| read(*b)));
    Ok(values)
}

/// A tensor to write.
#[derive(Clone, Debug, PartialEq)]
pub struct F32Tensor {
    /// Its name.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Row-major.
    pub values: Vec<f32>,
}

/// A safetensors file of F32 tensors.
///
/// # Panics
/// If a tensor's values do not have its shape, or two have one name.
pub fn write_f32(tensors: &[F32Tensor]) -> Vec<u8> {
    let data: Vec<Vec<u8>> = tensors
        .iter()
        .map(|t| t.values.iter().flat_map(|v| v.to_le_bytes()).collect())
        .collect();
    let views = tensors.iter().zip(&data).map(|(t, data)| {
        (
            &t.name,
            TensorView::new(Dtype::F32, t.shape.clone(), data)
                .expect("values of the tensor's shape"),
        )
    });
    safetensors::serialize(views, None).expect("distinct names")
}
