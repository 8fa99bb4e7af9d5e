//! Random-weight checkpoints of any option combination, written as fla would write them; for tests
//! and fuzzing only.
//!
//! [`case`] draws a config and a file layout from a seed, [`weights`] draws tensors for a config,
//! [`write`] saves them and returns the weights as stored, so that `load(dir)` must give exactly
//! those back. [`config_json`], [`tensors`] and [`write_parts`] are the steps of [`write`], for
//! tests that damage something in between.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use half::{bf16, f16};
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use serde_json::{Map, Value, json};
use sla_reference::{
    Backbone, Config, Conv, FeatureMap, Input, InputWeights, KeyGate, Matrix, OutputGate,
    QueryGate, Sla, Weights,
};

/// SplitMix64: small, seedable, the same everywhere.
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// A stream that depends on `seed` alone.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5eed)
    }

    /// 64 uniform bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in `0..n`.
    ///
    /// # Panics
    /// If `n` is 0.
    pub fn below(&mut self, n: usize) -> usize {
        (self.next_u64() % n as u64) as usize
    }

    /// Uniform in [0, 1).
    pub fn uniform(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Nearly normal: mean 0, variance 1, |x| ≤ 6; additions only, so it is the same on every
    /// machine.
    pub fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
    }

    /// True `percent` times in a hundred.
    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// One element of `list`.
    ///
    /// # Panics
    /// If `list` is empty.
    pub fn pick<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len())]
    }
}

/// Element type of the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// All F32.
    F32,
    /// All F16.
    F16,
    /// All BF16.
    Bf16,
    /// F32 vectors, BF16 and F16 matrices by turns.
    Mixed,
}

/// How a model lies on disk; the same model whatever this says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Element type.
    pub precision: Precision,
    /// 1 is `model.safetensors`; more is an index and that many files.
    pub shards: usize,
    /// Names begin with `model.`, as from `*ForCausalLM`.
    pub prefix: bool,
    /// One `gate_proj` of `[2I, hidden]` instead of `gate_proj` and `up_proj`.
    pub fused_mlp: bool,
    /// `g_norm_swish_gate` instead of `g_norm` (RetNet, GLA).
    pub swish_norm_name: bool,
    /// `embed_tokens` instead of `embeddings`.
    pub embed_tokens: bool,
    /// `intermediate_size` is null.
    pub null_intermediate: bool,
    /// Keys that hold fla's default are left out.
    pub sparse: bool,
    /// A tied model still holds an `lm_head` (of garbage).
    pub stale_head: bool,
    /// Gated DeltaNet holds the unused `D` of old files.
    pub old_d: bool,
    /// `rms_norm_eps` instead of `norm_eps`.
    pub old_eps: bool,
}

impl Default for Layout {
    /// One F32 file as a current fla writes it.
    fn default() -> Self {
        Self {
            precision: Precision::F32,
            shards: 1,
            prefix: true,
            fused_mlp: false,
            swish_norm_name: true,
            embed_tokens: false,
            null_intermediate: false,
            sparse: false,
            stale_head: false,
            old_d: false,
            old_eps: false,
        }
    }
}

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

/// A small plain config of `backbone`; every option off or at fla's default.
pub fn small(backbone: Backbone) -> Config {
    Config {
        backbone,
        hidden: 24,
        layers: 2,
        heads: 4,
        kv_heads: 4,
        value_heads: 4,
        d_k: 6,
        d_v: 8,
        intermediate: 20,
        outputs: 30,
        input: Input::Tokens { vocab: 30 },
        norm_eps: 1e-6,
        output_gate: OutputGate::Silu,
        conv: (backbone == Backbone::GatedDeltaNet).then_some(4),
        feature_map: FeatureMap::None,
        clamp_min: None,
        allow_neg_eigval: false,
        gate_rank: if backbone == Backbone::Gla { 16 } else { 0 },
        tied: false,
        sla: None,
    }
}

/// A random config and layout; over seeds, every option of the three families occurs with every
/// other.
pub fn case(seed: u64) -> (Config, Layout) {
    let rng = &mut Rng::new(seed);
    let backbone = rng.pick(&[Backbone::RetNet, Backbone::Gla, Backbone::GatedDeltaNet]);
    let (gla, gdn) = (
        backbone == Backbone::Gla,
        backbone == Backbone::GatedDeltaNet,
    );
    let heads: usize = rng.pick(&[1, 2, 3, 4, 6, 8]);
    let divisors: Vec<usize> = (1..=heads).filter(|d| heads.is_multiple_of(*d)).collect();
    let d_k = if backbone == Backbone::RetNet {
        rng.pick(&[2, 4, 6, 8, 16])
    } else {
        rng.pick(&[1, 3, 5, 8, 16])
    };
    let vocab = rng.pick(&[3, 17, 64, 100]);
    let input = if rng.chance(20) {
        feature_input(rng)
    } else {
        Input::Tokens { vocab }
    };
    let is_tokens = matches!(input, Input::Tokens { .. });
    let config = Config {
        backbone,
        hidden: rng.pick(&[8, 15, 24, 32, 64]),
        layers: 1 + rng.below(3),
        heads,
        kv_heads: if gdn { heads } else { rng.pick(&divisors) },
        value_heads: if gdn {
            heads * rng.pick(&[1, 1, 2, 3])
        } else {
            heads
        },
        d_k,
        d_v: rng.pick(&[1, 4, 7, 8, 16]),
        intermediate: rng.pick(&[1, 16, 33, 64]),
        outputs: if is_tokens { vocab } else { 1 + rng.below(12) },
        input,
        norm_eps: rng.pick(&[1e-6, 1e-5, 1e-3]),
        output_gate: match rng.below(4) {
            0 => OutputGate::None,
            1 if gdn => OutputGate::Sigmoid,
            _ => OutputGate::Silu,
        },
        conv: (backbone != Backbone::RetNet && rng.chance(60))
            .then(|| rng.pick(&[1, 2, 3, 4, 4, 7])),
        feature_map: if gdn || rng.chance(60) {
            FeatureMap::None
        } else {
            rng.pick(&[FeatureMap::Relu, FeatureMap::Silu, FeatureMap::Sigmoid])
        },
        clamp_min: (gla && rng.chance(40)).then(|| rng.pick(&[-0.05, -0.5, -2.0])),
        allow_neg_eigval: gdn && rng.chance(40),
        gate_rank: if gla { rng.pick(&[16, 16, 5, 1]) } else { 0 },
        tied: is_tokens && rng.chance(30),
        sla: rng.chance(70).then(|| sla(rng, gdn, heads)),
    };
    let layout = Layout {
        precision: rng.pick(&[
            Precision::F32,
            Precision::F16,
            Precision::Bf16,
            Precision::Mixed,
        ]),
        shards: rng.pick(&[1, 1, 2, 3]),
        prefix: rng.chance(80),
        fused_mlp: rng.chance(25),
        swish_norm_name: rng.chance(50),
        embed_tokens: rng.chance(15),
        null_intermediate: rng.chance(40),
        sparse: rng.chance(40),
        stale_head: config.tied && rng.chance(40),
        old_d: rng.chance(30),
        old_eps: rng.chance(20),
    };
    (config, layout)
}

fn feature_input(rng: &mut Rng) -> Input {
    let size = rng.pick(&[1, 3, 16]);
    Input::Features {
        size,
        mean: (0..size).map(|_| 4.0 * rng.normal()).collect(),
        std: (0..size).map(|_| 0.2 + 4.0 * rng.uniform()).collect(),
    }
}

fn sla(rng: &mut Rng, gdn: bool, heads: usize) -> Sla {
    let key_gates: &[_] = if gdn {
        &[KeyGate::None, KeyGate::Key, KeyGate::Beta, KeyGate::Beta]
    } else {
        &[KeyGate::None, KeyGate::Key, KeyGate::Key]
    };
    let key_gate = rng.pick(key_gates);
    let contractive = if key_gate == KeyGate::Beta || gdn {
        1.0
    } else {
        heads as f64
    };
    Sla {
        query_gate: rng.pick(&[
            QueryGate::None,
            QueryGate::Query,
            QueryGate::Output,
            QueryGate::Output,
        ]),
        key_gate,
        query_gate_scale: rng.pick(&[1.0, heads as f64, 2.5]),
        key_gate_scale: rng.pick(&[1.0, contractive, 0.7]),
        temperature: rng.pick(&[1.0, 0.5, 2.0]),
        bias: rng.chance(40),
    }
}

/// Random weights for `config` that keep activations near 1; output norms and, now and then,
/// convolution biases included.
pub fn weights(config: &Config, seed: u64) -> Weights {
    let rng = &mut Rng::new(seed ^ 0x0077_e167);
    let mut w = Weights::zeros(config);
    match &mut w.input {
        InputWeights::Embedding(m) => fill(&mut m.data, || rng.normal()),
        InputWeights::Projection { weight, bias } => {
            matrix(weight, 1.0, rng);
            fill(bias, || 0.3 * rng.normal());
        }
    }
    let conv_bias = rng.chance(25);
    let (affine, may_lack_norm) = (rng.chance(80), config.backbone != Backbone::GatedDeltaNet);
    for l in &mut w.layers {
        for m in [
            &mut l.q,
            &mut l.k,
            &mut l.v,
            &mut l.o,
            &mut l.gate,
            &mut l.up,
            &mut l.down,
        ] {
            matrix(m, 1.0, rng);
        }
        for m in [&mut l.g, &mut l.gk0, &mut l.gk1, &mut l.a, &mut l.b]
            .into_iter()
            .flatten()
        {
            matrix(m, 1.0, rng);
        }
        for m in [&mut l.query_gate, &mut l.key_gate].into_iter().flatten() {
            matrix(m, 1.5, rng);
        }
        for c in [&mut l.q_conv, &mut l.k_conv, &mut l.v_conv]
            .into_iter()
            .flatten()
        {
            conv(c, conv_bias, rng);
        }
        fill(&mut l.attn_norm, || 1.0 + 0.1 * rng.normal());
        fill(&mut l.mlp_norm, || 1.0 + 0.1 * rng.normal());
        l.o_norm
            .iter_mut()
            .for_each(|n| fill(n, || 1.0 + 0.1 * rng.normal()));
        if may_lack_norm && !affine {
            l.o_norm = None;
        }
        l.gk1_bias
            .iter_mut()
            .for_each(|b| fill(b, || 1.0 + 2.0 * rng.normal()));
        l.a_log
            .iter_mut()
            .for_each(|a| fill(a, || (1.0 + 15.0 * rng.uniform()).ln()));
        l.dt_bias
            .iter_mut()
            .for_each(|d| fill(d, || -6.9 + 4.6 * rng.uniform()));
        for b in [&mut l.query_gate_bias, &mut l.key_gate_bias]
            .into_iter()
            .flatten()
        {
            fill(b, || rng.normal());
        }
    }
    fill(&mut w.norm, || 1.0 + 0.1 * rng.normal());
    w.head.weight.iter_mut().for_each(|m| matrix(m, 1.0, rng));
    w.head
        .bias
        .iter_mut()
        .for_each(|b| fill(b, || 0.3 * rng.normal()));
    w
}

fn fill(data: &mut [f32], mut draw: impl FnMut() -> f64) {
    data.iter_mut().for_each(|d| *d = draw() as f32);
}

fn matrix(m: &mut Matrix, gain: f64, rng: &mut Rng) {
    let scale = gain / (m.cols as f64).sqrt();
    fill(&mut m.data, || scale * rng.normal());
}

fn conv(c: &mut Conv, bias: bool, rng: &mut Rng) {
    matrix(&mut c.weight, 1.5, rng);
    c.bias = bias.then(|| {
        (0..c.weight.rows)
            .map(|_| (0.2 * rng.normal()) as f32)
            .collect()
    });
}

/// Writes a checkpoint into `dir`, which must exist; returns the weights as the files hold them.
///
/// # Errors
/// When a file cannot be written.
///
/// # Panics
/// If `weights` do not fit `config`, or `config` is not one that `config.json` can express.
pub fn write(
    dir: &Path,
    config: &Config,
    weights: &Weights,
    layout: &Layout,
) -> io::Result<Weights> {
    let mut stored = weights.clone();
    let mut list = tensors(config, weights, layout);
    write_parts(
        dir,
        &config_json(config, weights, layout),
        &list,
        layout.shards,
    )?;
    for t in &mut list {
        t.data.iter_mut().for_each(|v| *v = rounded(*v, t.dtype));
    }
    adopt(&mut stored, &list);
    Ok(stored)
}

/// Writes `config.json` and the tensors, in `shards` files.
///
/// # Errors
/// When a file cannot be written.
///
/// # Panics
/// If a tensor's data does not have its shape.
pub fn write_parts(
    dir: &Path,
    config: &Map<String, Value>,
    tensors: &[Tensor],
    shards: usize,
) -> io::Result<()> {
    std::fs::write(dir.join("config.json"), serde_json::to_vec_pretty(config)?)?;
    if shards <= 1 {
        return std::fs::write(dir.join("model.safetensors"), safetensors_bytes(tensors));
    }
    let mut map = Map::new();
    for shard in 0..shards {
        let file = format!("model-{:05}-of-{shards:05}.safetensors", shard + 1);
        let part: Vec<Tensor> = tensors
            .iter()
            .skip(shard)
            .step_by(shards)
            .cloned()
            .collect();
        part.iter().for_each(|t| {
            map.insert(t.name.clone(), json!(file));
        });
        std::fs::write(dir.join(file), safetensors_bytes(&part))?;
    }
    let index = json!({ "metadata": { "total_size": 0 }, "weight_map": map });
    std::fs::write(
        dir.join("model.safetensors.index.json"),
        serde_json::to_vec_pretty(&index)?,
    )
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

fn rounded(v: f32, dtype: Dtype) -> f32 {
    match dtype {
        Dtype::F16 => f16::from_f32(v).to_f32(),
        Dtype::BF16 => bf16::from_f32(v).to_f32(),
        _ => v,
    }
}

/// `config.json` of the model.
///
/// # Panics
/// If `weights` have an output norm in one layer and not in another.
pub fn config_json(c: &Config, w: &Weights, layout: &Layout) -> Map<String, Value> {
    let gdn = c.backbone == Backbone::GatedDeltaNet;
    let (name, model_type) = match c.backbone {
        Backbone::RetNet => ("RetNet", "retnet"),
        Backbone::Gla => ("GLA", "gla"),
        Backbone::GatedDeltaNet => ("GatedDeltaNet", "gated_deltanet"),
    };
    let classifier = matches!(c.input, Input::Features { .. });
    let suffix = if classifier {
        "ForSequenceClassification"
    } else {
        "ForCausalLM"
    };
    let mut keys = Map::new();
    let mut key = |key: &str, value: Value, default: Value| {
        if !(layout.sparse && value == default) {
            keys.insert(key.into(), value);
        }
    };
    key("model_type", json!(model_type), json!(()));
    key(
        "architectures",
        json!([format!("{name}{suffix}")]),
        json!(()),
    );
    key("hidden_size", json!(c.hidden), json!(2048));
    key(
        "num_hidden_layers",
        json!(c.layers),
        json!(if gdn { 21 } else { 24 }),
    );
    key("hidden_act", json!("swish"), json!("swish"));
    key(
        "tie_word_embeddings",
        json!(c.tied),
        if classifier { json!(false) } else { json!(()) },
    );
    key(
        if layout.old_eps {
            "rms_norm_eps"
        } else {
            "norm_eps"
        },
        json!(c.norm_eps),
        json!(1e-6),
    );
    key("attn", json!(()), json!(()));
    key("attnres_block_size", json!(()), json!(()));
    let width = if layout.null_intermediate {
        json!(())
    } else {
        json!(c.intermediate)
    };
    key("intermediate_size", width, json!(()));
    family_keys(c, w, &mut key);
    match &c.input {
        Input::Tokens { vocab } => key("vocab_size", json!(vocab), json!(32000)),
        Input::Features { size, mean, std } => {
            key("input_size", json!(size), json!(()));
            key("num_labels", json!(c.outputs), json!(()));
            key("feature_mean", json!(mean), json!(()));
            key("feature_std", json!(std), json!(()));
        }
    }
    key("sla", c.sla.as_ref().map_or(json!(()), sla_json), json!(()));
    keys
}

fn family_keys(c: &Config, w: &Weights, key: &mut impl FnMut(&str, Value, Value)) {
    let gate = c.output_gate != OutputGate::None;
    let conv_default = c.backbone == Backbone::GatedDeltaNet;
    if c.backbone != Backbone::RetNet {
        key(
            "use_short_conv",
            json!(c.conv.is_some()),
            json!(conv_default),
        );
        key("conv_size", json!(c.conv.unwrap_or(4)), json!(4));
    }
    if c.backbone == Backbone::GatedDeltaNet {
        key("num_heads", json!(c.heads), json!(6));
        key(
            "num_v_heads",
            if c.value_heads == c.heads {
                json!(())
            } else {
                json!(c.value_heads)
            },
            json!(()),
        );
        key("head_dim", json!(c.d_k), json!(256));
        key("expand_v", json!(factor(c.d_v, c.d_k)), json!(2.0));
        key("use_gate", json!(gate), json!(true));
        let activation = if c.output_gate == OutputGate::Sigmoid {
            "sigmoid"
        } else {
            "swish"
        };
        key("output_gate_activation", json!(activation), json!("swish"));
        key("allow_neg_eigval", json!(c.allow_neg_eigval), json!(false));
        return;
    }
    let gla = c.backbone == Backbone::Gla;
    let affine = w.layers.iter().all(|l| l.o_norm.is_some());
    assert!(
        affine || w.layers.iter().all(|l| l.o_norm.is_none()),
        "output norms in some layers only"
    );
    let map = match c.feature_map {
        FeatureMap::None => None,
        FeatureMap::Relu => Some("relu"),
        FeatureMap::Silu => Some("swish"),
        FeatureMap::Sigmoid => Some("sigmoid"),
    };
    key("num_heads", json!(c.heads), json!(if gla { 4 } else { 8 }));
    key(
        "num_kv_heads",
        if c.kv_heads == c.heads {
            json!(())
        } else {
            json!(c.kv_heads)
        },
        json!(()),
    );
    key(
        "expand_k",
        json!(factor(c.q_dim(), c.hidden)),
        json!(if gla { 0.5 } else { 1.0 }),
    );
    key(
        "expand_v",
        json!(factor(c.y_dim(), c.hidden)),
        json!(if gla { 1.0 } else { 2.0 }),
    );
    key("feature_map", json!(map), json!(()));
    key("use_output_gate", json!(gate), json!(true));
    key("elementwise_affine", json!(affine), json!(true));
    if gla {
        key("clamp_min", json!(c.clamp_min), json!(()));
    }
}

fn sla_json(s: &Sla) -> Value {
    let query = match s.query_gate {
        QueryGate::None => None,
        QueryGate::Query => Some("query"),
        QueryGate::Output => Some("output"),
    };
    let key = match s.key_gate {
        KeyGate::None => None,
        KeyGate::Key => Some("key"),
        KeyGate::Beta => Some("beta"),
    };
    json!({
        "query_gate": query, "key_gate": key, "query_gate_scale": s.query_gate_scale, "key_gate_scale": s.key_gate_scale,
        "temperature": s.temperature, "bias": s.bias,
    })
}

/// The factor that Python's `int(of * factor)` turns into `width`.
fn factor(width: usize, of: usize) -> f64 {
    let mut factor = width as f64 / of as f64;
    while ((of as f64 * factor) as usize) < width {
        factor = factor.next_up();
    }
    factor
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
fn adopt(w: &mut Weights, list: &[Tensor]) {
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

/// A fresh directory that is removed when dropped.
#[derive(Debug)]
pub struct TempDir(PathBuf);

impl TempDir {
    /// Creates it.
    ///
    /// # Panics
    /// If the system's temporary directory cannot be written.
    #[expect(clippy::new_without_default, reason = "creates a directory")]
    pub fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let unique = format!(
            "sla-synth-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let dir = std::env::temp_dir().join(unique);
        std::fs::create_dir_all(&dir).expect("a writable temporary directory");
        Self(dir)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
