//! Safetensors files for the commands, and reading what they write.

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

/// A tensor to write.
pub struct Tensor(pub &'static str, pub Vec<usize>, pub Values);

/// Its elements.
pub enum Values {
    I32(Vec<i32>),
    I64(Vec<i64>),
    F32(Vec<f32>),
}

/// The bytes of a file.
pub fn safetensors(tensors: &[Tensor]) -> Vec<u8> {
    let data: Vec<(Dtype, Vec<u8>)> = tensors
        .iter()
        .map(|Tensor(_, _, values)| match values {
            Values::I32(v) => (Dtype::I32, v.iter().flat_map(|v| v.to_le_bytes()).collect()),
            Values::I64(v) => (Dtype::I64, v.iter().flat_map(|v| v.to_le_bytes()).collect()),
            Values::F32(v) => (Dtype::F32, v.iter().flat_map(|v| v.to_le_bytes()).collect()),
        })
        .collect();
    let views = tensors
        .iter()
        .zip(&data)
        .map(|(Tensor(name, shape, _), (dtype, data))| {
            (*name, TensorView::new(*dtype, shape.clone(), data).unwrap())
        });
    safetensors::serialize(views, None).unwrap()
}

/// `input_ids` of one row.
pub fn ids(ids: &[i32]) -> Vec<u8> {
    safetensors(&[Tensor(
        "input_ids",
        vec![ids.len()],
        Values::I32(ids.into()),
    )])
}

/// Shape and values of an F32 tensor in a file's bytes.
pub fn read(bytes: &[u8], name: &str) -> (Vec<usize>, Vec<f32>) {
    let file = SafeTensors::deserialize(bytes).unwrap();
    let t = file.tensor(name).unwrap();
    assert_eq!(t.dtype(), Dtype::F32);
    (
        t.shape().to_vec(),
        t.data()
            .as_chunks()
            .0
            .iter()
            .map(|b| f32::from_le_bytes(*b))
            .collect(),
    )
}
