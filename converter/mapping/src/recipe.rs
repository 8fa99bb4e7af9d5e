//! What each matrix of the file means: which checkpoint tensor it comes from, which factors are
//! folded into it, the scale of its input and the format of its result. The converter quantises by
//! it, and [`crate::dequantize()`] reads integers back by it, so the two cannot disagree.

use crate::real::{largest, pow2};
use sla_format::{ModelDesc, Role, TensorDesc, TensorKind};
use sla_reference::{
    Config, Conv, FeatureMap, InputWeights, LayerWeights, Matrix, OutputGate, QueryGate, Weights,
};
use sla_runtime::scales::{ARG_FRAC, LOGIT_FRAC, hidden_frac, y_frac};

/// Fraction bits of standardised features.
pub const FEATURE_FRAC: i32 = 20;

/// Where a matrix's int16 input comes from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Source {
    /// A unit vector: real value `integer · scale`.
    Unit {
        /// Real value of one unit.
        scale: f64,
    },
    /// A vector quantised with its own exponent: real value `integer · 2^(exponent - frac)`.
    Dynamic {
        /// Fraction bits before quantisation.
        frac: i32,
    },
    /// A one-hot vector: the row itself, as `w · 2^24`, or `w · 2^20` where w is int4 with its
    /// group's scale.
    Row,
}

impl Source {
    /// Real value of one unit of the int16 input (at exponent 0) of a matrix of this kind.
    pub fn scale(self, kind: TensorKind) -> f64 {
        match self {
            Source::Unit { scale } => scale,
            Source::Dynamic { frac } => pow2(-frac),
            Source::Row => pow2(if kind == TensorKind::I4 { -20 } else { -24 }),
        }
    }
}

/// The format of a matrix's result.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target {
    /// This many fraction bits, with a post-shift only where the multiplier needs one.
    Frac(i32),
    /// This many fraction bits, or as many as keep the largest result below 2^30.
    AtMost(i32),
    /// This many fraction bits; a post-shift happens anyway, so multipliers take all their bits.
    Shifted(i32),
    /// As many fraction bits as the multipliers allow.
    Finest,
    /// Every row as its own int16: the input of a convolution, which knows each channel's scale.
    Int16,
}

/// See the module.
pub struct Recipe<'w> {
    /// The checkpoint's tensor.
    pub matrix: &'w Matrix,
    /// Factor of each column (a folded norm).
    pub columns: Option<Vec<f64>>,
    /// Factor of all elements and of the bias.
    pub gain: f64,
    /// Added to the result.
    pub bias: Option<&'w [f32]>,
    /// Input.
    pub source: Source,
    /// Result.
    pub target: Target,
}

impl Recipe<'_> {
    /// The matrix with its column factors, row-major; `gain` is left out.
    pub fn folded(&self) -> Vec<f64> {
        let mut out: Vec<f64> = self.matrix.data.iter().map(|&w| f64::from(w)).collect();
        if let Some(columns) = &self.columns {
            for row in out.chunks_exact_mut(columns.len().max(1)) {
                row.iter_mut().zip(columns).for_each(|(w, c)| *w *= c);
            }
        }
        out
    }
}

fn wide(x: &[f32]) -> Vec<f64> {
    x.iter().map(|&x| f64::from(x)).collect()
}

/// The recipe of `role` in `layer`; `None` for roles that are no matrix or that the model lacks.
/// `table` gives the entries of the same layer that were made before (in table order).
pub fn recipe<'w>(
    config: &Config,
    weights: &'w Weights,
    desc: &ModelDesc,
    layer: usize,
    role: Role,
    table: &dyn Fn(Role) -> TensorDesc,
) -> Option<Recipe<'w>> {
    let hidden = config.hidden;
    let unit = Source::Unit {
        scale: (hidden as f64).sqrt() * pow2(-desc.unit_frac),
    };
    let argument = Target::Frac(ARG_FRAC as i32);
    let plain = |matrix, source, target| Recipe {
        matrix,
        columns: None,
        gain: 1.0,
        bias: None,
        source,
        target,
    };
    if role == Role::Input {
        return Some(match &weights.input {
            InputWeights::Embedding(matrix) => {
                plain(matrix, Source::Row, Target::Shifted(desc.residual_frac))
            }
            InputWeights::Projection { weight, bias } => Recipe {
                bias: Some(bias),
                ..plain(
                    weight,
                    Source::Dynamic { frac: FEATURE_FRAC },
                    Target::Shifted(desc.residual_frac),
                )
            },
        });
    }
    if role == Role::Head {
        let bias = weights.head.bias.as_deref();
        let target = Target::Frac(LOGIT_FRAC);
        return Some(match (&weights.head.weight, &weights.input) {
            (Some(matrix), _) => Recipe {
                columns: Some(wide(&weights.norm)),
                bias,
                ..plain(matrix, unit, target)
            },
            (None, InputWeights::Embedding(matrix)) => {
                // The norm's weights are applied to the unit vector as integers of this largest
                // value.
                let scale = largest(&weights.norm) / f64::from(i16::MAX)
                    * (hidden as f64).sqrt()
                    * pow2(15 - desc.unit_frac);
                Recipe {
                    bias,
                    ..plain(matrix, Source::Unit { scale }, target)
                }
            }
            (None, InputWeights::Projection { .. }) => return None,
        });
    }

    let w = weights.layers.get(layer)?;
    let attn = |matrix, target| Recipe {
        columns: Some(wide(&w.attn_norm)),
        ..plain(matrix, unit, target)
    };
    let mlp = |matrix, target| Recipe {
        columns: Some(wide(&w.mlp_norm)),
        ..plain(matrix, unit, target)
    };
    let qk = if config.conv.is_some() {
        Target::Int16
    } else if config.backbone.has_silu_inputs() || config.feature_map != FeatureMap::None {
        argument
    } else {
        Target::Finest
    };
    let v = match (config.conv, config.backbone.has_silu_inputs()) {
        (Some(_), _) => Target::Int16,
        (None, true) => argument,
        (None, false) => Target::Finest,
    };
    Some(match role {
        Role::Query => attn(&w.q, qk),
        Role::Key => attn(&w.k, qk),
        Role::Value => attn(&w.v, v),
        Role::OutputGate => attn(w.g.as_ref()?, argument),
        Role::DecayDown => attn(w.gk0.as_ref()?, Target::Finest),
        Role::DecayUp => Recipe {
            bias: w.gk1_bias.as_deref(),
            ..plain(
                w.gk1.as_ref()?,
                Source::Dynamic {
                    frac: table(Role::DecayDown).out_frac,
                },
                Target::Shifted(ARG_FRAC as i32),
            )
        },
        Role::DeltaDecay => Recipe {
            bias: w.dt_bias.as_deref(),
            ..attn(w.a.as_ref()?, argument)
        },
        Role::DeltaBeta => attn(w.b.as_ref()?, argument),
        Role::QueryHeadGate | Role::KeyHeadGate => {
            let (matrix, bias) = match role {
                Role::QueryHeadGate => (w.query_gate.as_ref()?, w.query_gate_bias.as_deref()),
                _ => (w.key_gate.as_ref()?, w.key_gate_bias.as_deref()),
            };
            let temperature = config.sla.as_ref()?.temperature;
            let gain = core::f64::consts::LOG2_E / temperature;
            Recipe {
                bias,
                gain,
                ..attn(matrix, Target::AtMost(LOGIT_FRAC))
            }
        }
        Role::Output => {
            let query_scale = match config.query_gate() {
                QueryGate::Output => config.sla.as_ref().map_or(1.0, |sla| sla.query_gate_scale),
                _ => 1.0,
            };
            let columns = w
                .o_norm
                .as_ref()
                .map(|norm| wide(norm).repeat(config.value_heads));
            let frac = y_frac(desc.output_gate, &table(Role::OutputGate));
            Recipe {
                columns,
                gain: (config.d_v as f64).sqrt() * query_scale,
                ..plain(
                    &w.o,
                    Source::Dynamic { frac },
                    Target::Shifted(desc.residual_frac),
                )
            }
        }
        Role::MlpGate => mlp(&w.gate, argument),
        Role::MlpUp => mlp(&w.up, Target::Finest),
        Role::MlpDown => {
            let frac = hidden_frac(&table(Role::MlpGate), &table(Role::MlpUp));
            plain(
                &w.down,
                Source::Dynamic { frac },
                Target::Shifted(desc.residual_frac),
            )
        }
        _ => return None,
    })
}

/// The convolution that a role is, or that reads what the role's matrix gives.
pub fn conv(w: &LayerWeights, role: Role) -> Option<&Conv> {
    match role {
        Role::Query | Role::QueryConv => w.q_conv.as_ref(),
        Role::Key | Role::KeyConv => w.k_conv.as_ref(),
        Role::Value | Role::ValueConv => w.v_conv.as_ref(),
        _ => None,
    }
}

/// Real value of one unit of a channel's int16 taps; 0 where all taps are. Rounding adds at most
/// half a unit a tap, so Σ|w| ≤ 65,535 (N8.2).
pub fn tap_step(taps: &[f32]) -> f64 {
    let taps = || taps.iter().map(|&w| f64::from(w).abs());
    (taps().fold(0.0, f64::max) / 32_767.0)
        .max(taps().sum::<f64>() / (65_535.0 - taps().len() as f64))
}

/// Whether the output gate is a SiLU, whose values need an alignment for the product they enter.
pub fn needs_alignment(config: &Config, role: Role) -> bool {
    match role {
        Role::OutputGate => config.output_gate == OutputGate::Silu,
        Role::MlpGate => true,
        _ => false,
    }
}
