//! The weights as tensors of a checkpoint, under the names that fla gives them.

use crate::layout::{Layout, Precision};
use half::{bf16, f16};
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use sla_reference::{Backbone, Config, InputWeights, Weights};

/// One tensor to write.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Full name.
    pub name: String,
    /// Shape in the file.
    pub shape: Vec<usize>,
    /// Values; rounded to `dtype` when written.
    pub data: Vec<f32>,
    /// F32, F16 or BF16.
    pub dtype: Dtype,
}

/// Every tensor of the model under its name in the file.
pub fn tensors(c: &Config, w: &Weights, layout: &Layout) -> Vec<Tensor> {
    let mut list = Vec::new();
    visit(&mut w.clone(), |name, rank, rows, cols, data| {
        let shape = match rank {
            1 => vec![rows],
            3 => vec![rows, 1, cols],
            _ => vec![rows, cols],
        };
        list.push(Tensor {
            name: file_name(name, c, layout),
            shape,
            data: data.clone(),
            dtype: Dtype::F32,
        });
    });
    if layout.fused_mlp {
        fuse_mlp(&mut list);
    }
    let extra = |name: &str, shape: &[usize]| Tensor {
        name: name.into(),
        shape: shape.into(),
        data: vec![0.25; shape.iter().product()],
        dtype: Dtype::F32,
    };
    if layout.stale_head && c.tied {
        list.push(extra("lm_head.weight", &[c.outputs, c.hidden]));
    }
    if layout.old_d && c.backbone == Backbone::GatedDeltaNet {
        (0..c.layers).for_each(|i| {
            list.push(extra(
                &file_name(&format!("layers.{i}.attn.D"), c, layout),
                &[c.heads],
            ))
        });
    }
    for (i, t) in list.iter_mut().enumerate() {
        t.dtype = match layout.precision {
            Precision::F32 => Dtype::F32,
            Precision::F16 => Dtype::F16,
            Precision::Bf16 => Dtype::BF16,
            Precision::Mixed if t.shape.len() == 1 => Dtype::F32,
            Precision::Mixed => [Dtype::BF16, Dtype::F16][i % 2],
        };
    }
    list
}

fn fuse_mlp(list: &mut Vec<Tensor>) {
    let ups: Vec<Tensor> = list
        .extract_if(.., |t| t.name.ends_with("mlp.up_proj.weight"))
        .collect();
    for up in ups {
        let name = up.name.replace("up_proj", "gate_proj");
        let gate = list
            .iter_mut()
            .find(|t| t.name == name)
            .expect("a gate_proj beside every up_proj");
        gate.data.extend(up.data);
        gate.shape[0] *= 2;
    }
}

/// Canonical name to the name that `layout` gives it.
fn file_name(name: &str, c: &Config, layout: &Layout) -> String {
    let swish = layout.swish_norm_name && c.backbone != Backbone::GatedDeltaNet;
    let mut name = name.to_string();
    if swish {
        name = name.replace("g_norm.weight", "g_norm_swish_gate.weight");
    }
    if c.backbone == Backbone::GatedDeltaNet {
        name = name.replace("g_norm.weight", "o_norm.weight");
    }
    if layout.embed_tokens {
        name = name.replace("embeddings", "embed_tokens");
    }
    let bare = name.starts_with("lm_head") || name.starts_with("classifier");
    if layout.prefix && !bare {
        format!("model.{name}")
    } else {
        name
    }
}

/// Copies rounded values back; the inverse of [`tensors`] up to fusing, which keeps gate and up in
/// one list.
pub(crate) fn adopt(w: &mut Weights, list: &[Tensor]) {
    let strip = |n: &str| {
        let n = n.strip_prefix("model.").unwrap_or(n);
        n.replace("g_norm_swish_gate", "g_norm")
            .replace("o_norm", "g_norm")
            .replace("embed_tokens", "embeddings")
    };
    let by_name: std::collections::HashMap<String, &Tensor> =
        list.iter().map(|t| (strip(&t.name), t)).collect();
    visit(w, |name, _, _, _, data| {
        let len = data.len();
        match by_name.get(name) {
            Some(t) => data.copy_from_slice(&t.data[..len]),
            None => {
                let gate = &by_name[&name.replace("up_proj", "gate_proj")].data;
                data.copy_from_slice(&gate[gate.len() - len..]);
            }
        }
    });
}

/// Calls `f(name, rank, rows, cols, data)` for every tensor, under canonical names without prefix.
fn visit(w: &mut Weights, mut f: impl FnMut(&str, usize, usize, usize, &mut Vec<f32>)) {
    let classifier = matches!(w.input, InputWeights::Projection { .. });
    let head = if classifier { "classifier" } else { "lm_head" };
    match &mut w.input {
        InputWeights::Embedding(m) => f("embeddings.weight", 2, m.rows, m.cols, &mut m.data),
        InputWeights::Projection { weight, bias } => {
            f(
                "input_proj.weight",
                2,
                weight.rows,
                weight.cols,
                &mut weight.data,
            );
            f("input_proj.bias", 1, bias.len(), 1, bias);
        }
    }
    for (i, l) in w.layers.iter_mut().enumerate() {
        for (name, m) in [
            ("attn.q_proj.weight", Some(&mut l.q)),
            ("attn.k_proj.weight", Some(&mut l.k)),
            ("attn.v_proj.weight", Some(&mut l.v)),
            ("attn.g_proj.weight", l.g.as_mut()),
            ("attn.o_proj.weight", Some(&mut l.o)),
            ("attn.gk_proj.0.weight", l.gk0.as_mut()),
            ("attn.gk_proj.1.weight", l.gk1.as_mut()),
            ("attn.a_proj.weight", l.a.as_mut()),
            ("attn.b_proj.weight", l.b.as_mut()),
            ("attn.query_gate_proj.weight", l.query_gate.as_mut()),
            ("attn.key_gate_proj.weight", l.key_gate.as_mut()),
            ("mlp.gate_proj.weight", Some(&mut l.gate)),
            ("mlp.up_proj.weight", Some(&mut l.up)),
            ("mlp.down_proj.weight", Some(&mut l.down)),
        ] {
            if let Some(m) = m {
                f(
                    &format!("layers.{i}.{name}"),
                    2,
                    m.rows,
                    m.cols,
                    &mut m.data,
                );
            }
        }
        for (name, c) in [
            ("q", &mut l.q_conv),
            ("k", &mut l.k_conv),
            ("v", &mut l.v_conv),
        ] {
            let Some(c) = c else { continue };
            f(
                &format!("layers.{i}.attn.{name}_conv1d.weight"),
                3,
                c.weight.rows,
                c.weight.cols,
                &mut c.weight.data,
            );
            if let Some(b) = &mut c.bias {
                f(
                    &format!("layers.{i}.attn.{name}_conv1d.bias"),
                    1,
                    b.len(),
                    1,
                    b,
                );
            }
        }
        for (name, v) in [
            ("attn_norm.weight", Some(&mut l.attn_norm)),
            ("mlp_norm.weight", Some(&mut l.mlp_norm)),
            ("attn.g_norm.weight", l.o_norm.as_mut()),
            ("attn.gk_proj.1.bias", l.gk1_bias.as_mut()),
            ("attn.A_log", l.a_log.as_mut()),
            ("attn.dt_bias", l.dt_bias.as_mut()),
            ("attn.query_gate_proj.bias", l.query_gate_bias.as_mut()),
            ("attn.key_gate_proj.bias", l.key_gate_bias.as_mut()),
        ] {
            if let Some(v) = v {
                f(&format!("layers.{i}.{name}"), 1, v.len(), 1, v);
            }
        }
    }
    f("norm.weight", 1, w.norm.len(), 1, &mut w.norm);
    if let Some(m) = &mut w.head.weight {
        f(&format!("{head}.weight"), 2, m.rows, m.cols, &mut m.data);
    }
    if let Some(b) = &mut w.head.bias {
        f(&format!("{head}.bias"), 1, b.len(), 1, b);
    }
}

/// One safetensors file.
///
/// # Panics
/// If a tensor's data does not have its shape.
pub fn safetensors_bytes(tensors: &[Tensor]) -> Vec<u8> {
    let raw: Vec<Vec<u8>> = tensors
        .iter()
        .map(|t| t.data.iter().flat_map(|v| encode(*v, t.dtype)).collect())
        .collect();
    let views = tensors.iter().zip(&raw).map(|(t, raw)| {
        (
            t.name.as_str(),
            TensorView::new(t.dtype, t.shape.clone(), raw).expect("data of the tensor's shape"),
        )
    });
    safetensors::serialize(views, None).expect("distinct names")
}

fn encode(v: f32, dtype: Dtype) -> Vec<u8> {
    match dtype {
        Dtype::F16 => f16::from_f32(v).to_le_bytes().to_vec(),
        Dtype::BF16 => bf16::from_f32(v).to_le_bytes().to_vec(),
        Dtype::F64 => f64::from(v).to_le_bytes().to_vec(),
        _ => v.to_le_bytes().to_vec(),
    }
}

pub(crate) fn rounded(v: f32, dtype: Dtype) -> f32 {
    match dtype {
        Dtype::F16 => f16::from_f32(v).to_f32(),
        Dtype::BF16 => bf16::from_f32(v).to_f32(),
        _ => v,
    }
}
