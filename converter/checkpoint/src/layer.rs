//! The tensors of one layer.

use sla_reference::{Config, Conv, Decay, KeyGate, LayerWeights, Matrix, OutputGate, QueryGate};

use super::CheckpointError;
use super::family::family;
use super::sizes::ALWAYS;
use super::tensors::Tensors;

/// Reads the tensors of one layer.
pub(super) struct Layer<'a> {
    prefix: String,
    config: &'a Config,
    tensors: &'a mut Tensors,
}

impl<'a> Layer<'a> {
    pub(super) fn new(index: usize, config: &'a Config, tensors: &'a mut Tensors) -> Self {
        Self {
            prefix: format!("layers.{index}."),
            config,
            tensors,
        }
    }

    /// Takes every tensor of the layer.
    pub(super) fn read(mut self, output_norm: bool) -> Result<LayerWeights, CheckpointError> {
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
