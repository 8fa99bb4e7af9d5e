//! Tensors to weights: names, shapes, and the sizes that only tensors know.

use sla_reference::{
    Config, Conv, Decay, Head, Input, InputWeights, KeyGate, LayerWeights, Matrix, OutputGate,
    QueryGate, Weights,
};

use super::CheckpointError;
use super::family::family;
use super::plan::Plan;
use super::tensors::Tensors;

const ALWAYS: &str = "every model of this type has it";

/// Layers and the sizes behind the state are those of the config, as far as the tensors are there.
pub(super) fn check(plan: &Plan, tensors: &Tensors) -> Result<(), CheckpointError> {
    check_layers(plan, tensors)?;
    let c = base_config(plan);
    for (name, [rows, cols]) in [
        ("q", [c.q_dim(), c.hidden]),
        ("k", [c.k_dim(), c.hidden]),
        ("v", [c.v_dim(), c.hidden]),
        ("o", [c.hidden, c.y_dim()]),
    ] {
        tensors.check_shape(&format!("layers.0.attn.{name}_proj.weight"), &[rows, cols])?;
    }
    Ok(())
}

/// Takes every tensor of the model out of `tensors`, which [`check`] has seen, and refuses what is
/// left.
pub(super) fn assemble(
    plan: Plan,
    tied_head: bool,
    tensors: &mut Tensors,
    warnings: &mut Vec<String>,
) -> Result<(Config, Weights), CheckpointError> {
    let mut config = base_config(&plan);
    config.intermediate = mlp_width(&plan, tensors)?;
    config.gate_rank = gate_rank(&plan, tensors)?;
    config.conv = conv_width(&plan, tensors, warnings)?;

    let h = config.hidden;
    let (input, input_weights) = input(&plan, tensors, warnings)?;
    config.input = input;
    let tied = check_head(&plan, tied_head, &config.input, tensors)?;
    let layers = (0..config.layers)
        .map(|i| {
            Layer {
                prefix: format!("layers.{i}."),
                config: &config,
                tensors: &mut *tensors,
            }
            .read(plan.output_norm)
        })
        .collect::<Result<Vec<_>, _>>()?;
    let norm = tensors.take("norm.weight", &[h], ALWAYS)?;
    let (outputs, head) = head(
        &plan,
        tied,
        &config.input,
        &input_weights,
        tensors,
        warnings,
    )?;
    config.outputs = outputs;
    config.tied = head.weight.is_none();
    tensors.finish()?;
    Ok((
        config,
        Weights {
            input: input_weights,
            layers,
            norm,
            head,
        },
    ))
}

/// There must be `num_hidden_layers` distinct layer indices; a gap among them shows as a missing
/// tensor.
fn check_layers(plan: &Plan, tensors: &Tensors) -> Result<(), CheckpointError> {
    let found = tensors.layer_indices().len();
    if found == plan.layers {
        return Ok(());
    }
    if found == 0 {
        tensors.check_names()?;
    }
    Err(CheckpointError::Layers {
        config: plan.layers,
        defaulted: plan.layers_defaulted,
        found,
    })
}

/// The config without the sizes that tensors give.
fn base_config(plan: &Plan) -> Config {
    Config {
        backbone: plan.backbone,
        hidden: plan.hidden,
        layers: plan.layers,
        heads: plan.heads,
        kv_heads: plan.kv_heads,
        value_heads: plan.value_heads,
        d_k: plan.d_k,
        d_v: plan.d_v,
        intermediate: 0,
        outputs: 0,
        input: Input::Tokens { vocab: 0 },
        norm_eps: plan.norm_eps,
        output_gate: plan.output_gate,
        conv: None,
        feature_map: plan.feature_map,
        clamp_min: plan.clamp_min,
        allow_neg_eigval: plan.allow_neg_eigval,
        gate_rank: 0,
        tied: false,
        sla: plan.sla.clone(),
    }
}

/// A size that layer 0's tensor gives: dimension `dim` of `name`, whose rank must be that of
/// `pattern`.
fn size_of(
    tensors: &Tensors,
    name: &str,
    dim: usize,
    pattern: &[&str],
    why: &str,
) -> Result<usize, CheckpointError> {
    let shape = tensors
        .shape(name)
        .ok_or_else(|| CheckpointError::MissingTensor {
            name: tensors.display_name(name),
            need: format!("[{}]", pattern.join(", ")),
            why: why.into(),
        })?;
    match shape.get(dim) {
        Some(&size) if shape.len() == pattern.len() && size > 0 => Ok(size),
        _ => Err(CheckpointError::Shape {
            name: tensors.display_name(name),
            have: shape.to_vec(),
            need: format!("[{}]", pattern.join(", ")),
        }),
    }
}

fn mlp_width(plan: &Plan, tensors: &Tensors) -> Result<usize, CheckpointError> {
    let h = plan.hidden.to_string();
    match plan.intermediate {
        Some(width) => Ok(width),
        None => size_of(
            tensors,
            "layers.0.mlp.down_proj.weight",
            1,
            &[&h, "any"],
            ALWAYS,
        ),
    }
}

fn gate_rank(plan: &Plan, tensors: &Tensors) -> Result<usize, CheckpointError> {
    let h = plan.hidden.to_string();
    match plan.backbone.decay() {
        Decay::Channel => size_of(
            tensors,
            "layers.0.attn.gk_proj.0.weight",
            0,
            &["any", &h],
            ALWAYS,
        ),
        Decay::Constant | Decay::Head => Ok(0),
    }
}

fn conv_width(
    plan: &Plan,
    tensors: &Tensors,
    warnings: &mut Vec<String>,
) -> Result<Option<usize>, CheckpointError> {
    if !plan.conv {
        return Ok(None);
    }
    let channels = (plan.heads * plan.d_k).to_string();
    let name = "layers.0.attn.q_conv1d.weight";
    let width = size_of(
        tensors,
        name,
        2,
        &[&channels, "1", "any"],
        "use_short_conv asks for it",
    )?;
    if let Some(size) = plan.conv_size.filter(|&s| s != width) {
        warnings.push(format!(
            "config.json: conv_size = {size}, but the kernels are {width} wide, which is used; correct the key"
        ));
    }
    Ok(Some(width))
}

fn input(
    plan: &Plan,
    tensors: &mut Tensors,
    warnings: &mut Vec<String>,
) -> Result<(Input, InputWeights), CheckpointError> {
    let h = plan.hidden;
    if let Some(f) = &plan.features {
        let why = "a classifier reads feature vectors";
        let weight = tensors.take("input_proj.weight", &[h, f.size], why)?;
        let bias = tensors.take("input_proj.bias", &[h], why)?;
        let input = Input::Features {
            size: f.size,
            mean: f.mean.clone(),
            std: f.std.clone(),
        };
        return Ok((
            input,
            InputWeights::Projection {
                weight: Matrix::new(h, f.size, weight),
                bias,
            },
        ));
    }
    let name = "embeddings.weight";
    let vocab = size_of(
        tensors,
        name,
        0,
        &["any", &h.to_string()],
        "every language model has it",
    )?;
    if let Some(size) = plan.vocab.filter(|&v| v != vocab) {
        warnings.push(format!(
            "config.json: vocab_size = {size}, but the embedding has {vocab} rows, which is used; correct the key"
        ));
    }
    let data = tensors.take(name, &[vocab, h], ALWAYS)?;
    Ok((
        Input::Tokens { vocab },
        InputWeights::Embedding(Matrix::new(vocab, h, data)),
    ))
}

/// Whether the embedding is the head. A language model with neither a head nor a word about it is a
/// base model.
fn check_head(
    plan: &Plan,
    tied_head: bool,
    input: &Input,
    tensors: &Tensors,
) -> Result<bool, CheckpointError> {
    let Input::Tokens { vocab } = *input else {
        return Ok(false);
    };
    if plan.tied == Some(true) {
        return Ok(true);
    }
    match tensors.shape(HEAD) {
        Some(_) => Ok(false),
        None if tied_head => Ok(true),
        None => {
            let tied = plan.tied.map_or("absent (false)", |_| "false");
            Err(CheckpointError::MissingHead {
                outputs: vocab,
                hidden: plan.hidden,
                tied,
            })
        }
    }
}

const HEAD: &str = "lm_head.weight";

/// The head, and the number of outputs; no weight means tied.
fn head(
    plan: &Plan,
    tied: bool,
    input: &Input,
    input_weights: &InputWeights,
    tensors: &mut Tensors,
    warnings: &mut Vec<String>,
) -> Result<(usize, Head), CheckpointError> {
    let h = plan.hidden;
    if let Some(f) = &plan.features {
        let why = "a classifier ends in it";
        let weight = tensors.take("classifier.weight", &[f.labels, h], why)?;
        let bias = tensors.take("classifier.bias", &[f.labels], why)?;
        return Ok((
            f.labels,
            Head {
                weight: Some(Matrix::new(f.labels, h, weight)),
                bias: Some(bias),
            },
        ));
    }
    let Input::Tokens { vocab } = *input else {
        unreachable!("only classifiers read features")
    };
    if !tied {
        let weight = tensors.take(HEAD, &[vocab, h], ALWAYS)?;
        return Ok((
            vocab,
            Head {
                weight: Some(Matrix::new(vocab, h, weight)),
                bias: None,
            },
        ));
    }
    if let Some(shape) = tensors.shape(HEAD) {
        // Saved beside the embedding, it is most often the embedding once more.
        let same_shape = shape == [vocab, h];
        let stored = if same_shape {
            tensors.take_if_present(HEAD, &[vocab, h])?
        } else {
            None
        };
        let same = matches!((input_weights, &stored), (InputWeights::Embedding(m), Some(head)) if m.data == *head);
        tensors.ignore(HEAD);
        if !same {
            warnings.push(
                "lm_head.weight is ignored though it differs from the embedding: tie_word_embeddings is true, the embedding is the head; \
                 set it to false to use lm_head.weight"
                    .into(),
            );
        }
    }
    Ok((
        vocab,
        Head {
            weight: None,
            bias: None,
        },
    ))
}

/// Reads the tensors of one layer.
struct Layer<'a> {
    prefix: String,
    config: &'a Config,
    tensors: &'a mut Tensors,
}

impl Layer<'_> {
    fn read(mut self, output_norm: bool) -> Result<LayerWeights, CheckpointError> {
        let c = self.config;
        let (h, family, decay) = (c.hidden, family(c.backbone), c.backbone.decay());
        let (low_rank, per_head) = (decay == Decay::Channel, decay == Decay::Head);
        let has_beta = c.backbone.has_delta_rule();
        let sla_bias = c.sla.as_ref().is_some_and(|s| s.bias);
        let (query, key) = (
            c.query_gate() != QueryGate::None,
            c.key_gate() != KeyGate::None,
        );
        let (gate, up) = self.gate_and_up()?;
        let weights = LayerWeights {
            attn_norm: self.vector("attn_norm.weight", h, ALWAYS)?,
            mlp_norm: self.vector("mlp_norm.weight", h, ALWAYS)?,
            q: self.matrix("attn.q_proj.weight", c.q_dim(), h, ALWAYS)?,
            k: self.matrix("attn.k_proj.weight", c.k_dim(), h, ALWAYS)?,
            v: self.matrix("attn.v_proj.weight", c.v_dim(), h, ALWAYS)?,
            g: self.matrix_if(
                c.output_gate != OutputGate::None,
                "attn.g_proj.weight",
                c.y_dim(),
                h,
                family.gate_why,
            )?,
            o: self.matrix("attn.o_proj.weight", h, c.y_dim(), ALWAYS)?,
            o_norm: if output_norm {
                Some(self.output_norm()?)
            } else {
                None
            },
            gk0: self.matrix_if(low_rank, "attn.gk_proj.0.weight", c.gate_rank, h, ALWAYS)?,
            gk1: self.matrix_if(
                low_rank,
                "attn.gk_proj.1.weight",
                c.k_dim(),
                c.gate_rank,
                ALWAYS,
            )?,
            gk1_bias: self.vector_if(low_rank, "attn.gk_proj.1.bias", c.k_dim(), ALWAYS)?,
            a: self.matrix_if(per_head, "attn.a_proj.weight", c.value_heads, h, ALWAYS)?,
            b: self.matrix_if(has_beta, "attn.b_proj.weight", c.value_heads, h, ALWAYS)?,
            a_log: self.vector_if(per_head, "attn.A_log", c.value_heads, ALWAYS)?,
            dt_bias: self.vector_if(per_head, "attn.dt_bias", c.value_heads, ALWAYS)?,
            q_conv: self.conv("attn.q_conv1d", c.q_dim())?,
            k_conv: self.conv("attn.k_conv1d", c.k_dim())?,
            v_conv: self.conv("attn.v_conv1d", c.v_dim())?,
            query_gate: self.matrix_if(
                query,
                "attn.query_gate_proj.weight",
                c.heads,
                h,
                "sla.query_gate asks for it",
            )?,
            query_gate_bias: self.vector_if(
                query && sla_bias,
                "attn.query_gate_proj.bias",
                c.heads,
                "sla.bias asks for it",
            )?,
            key_gate: self.matrix_if(
                key,
                "attn.key_gate_proj.weight",
                c.heads,
                h,
                "sla.key_gate asks for it",
            )?,
            key_gate_bias: self.vector_if(
                key && sla_bias,
                "attn.key_gate_proj.bias",
                c.heads,
                "sla.bias asks for it",
            )?,
            gate,
            up,
            down: self.matrix("mlp.down_proj.weight", h, c.intermediate, ALWAYS)?,
        };
        for name in family.unread {
            self.tensors.ignore(&format!("{}{name}", self.prefix));
        }
        Ok(weights)
    }

    /// `gate_proj` and `up_proj`; before 2025-02-08 one `gate_proj` of twice the rows held both.
    fn gate_and_up(&mut self) -> Result<(Matrix, Matrix), CheckpointError> {
        let (width, h) = (self.config.intermediate, self.config.hidden);
        let fused = format!("{}mlp.gate_proj.weight", self.prefix);
        let is_fused = self
            .tensors
            .shape(&format!("{}mlp.up_proj.weight", self.prefix))
            .is_none()
            && self
                .tensors
                .shape(&fused)
                .is_some_and(|s| width.checked_mul(2).is_some_and(|rows| *s == [rows, h]));
        if is_fused {
            let mut gate = self.tensors.take(&fused, &[2 * width, h], ALWAYS)?;
            let up = gate.split_off(width * h);
            return Ok((Matrix::new(width, h, gate), Matrix::new(width, h, up)));
        }
        let gate = self.matrix("mlp.gate_proj.weight", width, h, ALWAYS)?;
        Ok((gate, self.matrix("mlp.up_proj.weight", width, h, ALWAYS)?))
    }

    /// The per-head norm under the name that its layer's options gave it.
    fn output_norm(&mut self) -> Result<Vec<f32>, CheckpointError> {
        let (d_v, family) = (self.config.d_v, family(self.config.backbone));
        if let Some(name) = family.fused_norm {
            let fused = format!("{}{name}", self.prefix);
            if let Some(norm) = self.tensors.take_if_present(&fused, &[d_v])? {
                return Ok(norm);
            }
        }
        let (name, why) = family.norm;
        self.vector(name, d_v, why)
    }

    fn conv(&mut self, name: &str, channels: usize) -> Result<Option<Conv>, CheckpointError> {
        let Some(width) = self.config.conv else {
            return Ok(None);
        };
        let weight = format!("{}{name}.weight", self.prefix);
        let data =
            self.tensors
                .take(&weight, &[channels, 1, width], "use_short_conv asks for it")?;
        let bias = self
            .tensors
            .take_if_present(&format!("{}{name}.bias", self.prefix), &[channels])?;
        Ok(Some(Conv {
            weight: Matrix::new(channels, width, data),
            bias,
        }))
    }

    fn vector(&mut self, name: &str, len: usize, why: &str) -> Result<Vec<f32>, CheckpointError> {
        self.tensors
            .take(&format!("{}{name}", self.prefix), &[len], why)
    }

    fn vector_if(
        &mut self,
        when: bool,
        name: &str,
        len: usize,
        why: &str,
    ) -> Result<Option<Vec<f32>>, CheckpointError> {
        when.then(|| self.vector(name, len, why)).transpose()
    }

    fn matrix(
        &mut self,
        name: &str,
        rows: usize,
        cols: usize,
        why: &str,
    ) -> Result<Matrix, CheckpointError> {
        let data = self
            .tensors
            .take(&format!("{}{name}", self.prefix), &[rows, cols], why)?;
        Ok(Matrix::new(rows, cols, data))
    }

    fn matrix_if(
        &mut self,
        when: bool,
        name: &str,
        rows: usize,
        cols: usize,
        why: &str,
    ) -> Result<Option<Matrix>, CheckpointError> {
        when.then(|| self.matrix(name, rows, cols, why)).transpose()
    }
}
