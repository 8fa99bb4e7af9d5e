//! From a float model to the tensors of a file: every matrix by its recipe, then what is no matrix.

use crate::ConvertError;
use crate::quantize::model::Quantized;
use crate::quantize::{Lowered, lower_matrix, saturate};
use sla_format::{
    Decay, GLOBAL_ROLES, LAYER_ROLES, ModelDesc, OutputGate, QueryGate, Role, TensorDesc,
    TensorKind,
};
use sla_mapping::real::{exponent_above, largest, pow2, real};
use sla_mapping::recipe::{FEATURE_FRAC, Source, conv, needs_alignment, recipe, tap_step};
use sla_reference::{Config, Conv, Input, InputWeights, Weights};
use sla_runtime::scales::{ARG_FRAC, DECAY_FRAC, SILU_FRAC};

/// All tensors in table order, and the bounds that the residual stream's format follows from.
pub struct LoweredModel {
    /// One entry a role and layer.
    pub tensors: Vec<Lowered>,
    /// Proven bound of |x| anywhere in the residual stream.
    pub residual_bound: f64,
    /// Tensors whose results can exceed their format by their bounds, by name; they saturate there
    /// (N1.8).
    pub unproven: Vec<String>,
    /// The most fraction bits of unit vectors with which every matrix behind one is a single
    /// block.
    pub unit_frac: i32,
}

/// Lowers everything. `done` is told the share of layers that are finished.
///
/// # Errors
/// [`ConvertError::Limit`] for a model beyond the format's limits.
pub fn lower(
    config: &Config,
    weights: &Weights,
    desc: &ModelDesc,
    quantized: &Quantized,
    done: &mut dyn FnMut(f64),
) -> Result<LoweredModel, ConvertError> {
    if !desc.is_consistent() {
        return Err(ConvertError::Limit);
    }
    let mut tensors: Vec<Lowered> = Vec::with_capacity(config.layers * LAYER_ROLES + GLOBAL_ROLES);
    let (mut residual_bound, mut unit_frac, mut unproven) = (0.0, 15, Vec::new());
    for layer in 0..=config.layers {
        let roles = if layer < config.layers {
            &Role::ALL[..LAYER_ROLES]
        } else {
            &Role::ALL[LAYER_ROLES..]
        };
        let first = tensors.len();
        for &role in roles {
            let table = |role: Role| {
                tensors
                    .get(first + role as usize)
                    .map_or(TensorDesc::ABSENT, |t| t.desc)
            };
            let expected = role.expected(desc);
            let recipe = recipe(config, weights, desc, layer, role, &table);
            // A vector with its own exponent has a length that only the exponent knows.
            let has_own_bound = recipe
                .as_ref()
                .is_none_or(|r| matches!(r.source, Source::Unit { .. }));
            let lowered = match recipe {
                Some(recipe) => {
                    let q = quantized.matrix(layer, role);
                    let mut t = lower_matrix(
                        q,
                        recipe.gain,
                        recipe.bias,
                        recipe.source,
                        recipe.target,
                        desc.unit_frac,
                    )
                    .ok_or(ConvertError::Limit)?;
                    align_products(config, role, &mut t);
                    if matches!(recipe.source, Source::Unit { .. }) {
                        unit_frac = unit_frac.min(q.one_block_bits());
                    }
                    t
                }
                None if expected.kind == TensorKind::Absent => absent(),
                None => other(config, weights, desc, layer, role, &tensors[first..]),
            };
            debug_assert!(expected.fits(&lowered.desc), "{role:?}");
            if has_own_bound && libm::ldexp(lowered.bound, lowered.desc.out_frac) >= pow2(31) {
                unproven.push(if layer < config.layers {
                    format!("layers.{layer}.{}", role.name())
                } else {
                    role.name().into()
                });
            }
            tensors.push(lowered);
        }
        residual_bound += contribution(config, weights, quantized, layer, &tensors[first..]);
        done((layer + 1) as f64 / (config.layers + 1) as f64);
    }
    Ok(LoweredModel {
        tensors,
        residual_bound,
        unproven,
        unit_frac,
    })
}

/// Left shifts that bring |silu(gate)| and |up| to 30 bits at most (numerics.md N11.1).
fn align_products(config: &Config, role: Role, t: &mut Lowered) {
    let integer_bound = if needs_alignment(config, role) {
        // |silu(x)| ≤ |x|, and the argument saturates at 2^31.
        t.bound.min(pow2(31 - ARG_FRAC as i32)) * pow2(SILU_FRAC)
    } else if role == Role::MlpUp {
        libm::ldexp(t.bound, t.desc.out_frac)
    } else {
        return;
    };
    t.desc.pre_shift = (30 - exponent_above(integer_bound + 1.0)).clamp(-100, 30) as i8;
}

/// Multipliers are rounded.
const ROUNDED: f64 = 1.000_001;

/// Bound of what a layer (or the input) adds to |x|: |W·y| ≤ max‖row‖·‖y‖ (numerics.md N5.6).
fn contribution(
    config: &Config,
    weights: &Weights,
    quantized: &Quantized,
    layer: usize,
    tensors: &[Lowered],
) -> f64 {
    // Lengths of the rows as the file has them, gains left out.
    let row_norm = |role: Role| {
        let q = quantized.matrix(layer, role);
        q.lengths()
            .iter()
            .zip(q.unit())
            .fold(0.0f64, |m, (length, unit)| m.max(length * unit))
            * ROUNDED
    };
    if layer == config.layers {
        return match &weights.input {
            InputWeights::Embedding(_) => tensors[Role::Input as usize - LAYER_ROLES].bound,
            // Standardised features reach ±64 by their format (see `feature_frac`).
            InputWeights::Projection { weight, bias } => {
                row_norm(Role::Input) * 64.0 * (weight.cols as f64).sqrt() + largest(bias)
            }
        };
    }
    let bound = |role: Role| tensors[role as usize].bound;
    let gate = match config.output_gate {
        OutputGate::Silu => bound(Role::OutputGate),
        _ => 1.0,
    };
    let heads = match config.query_gate() {
        QueryGate::Output => config.sla.as_ref().map_or(1.0, |s| s.query_gate_scale),
        _ => (config.value_heads as f64).sqrt(),
    };
    // With an output gate ‖y‖ ≤ scale·√d_v·max|gate|·√(Σ gate_h²) and Σ gate_h² ≤ 1 per group of
    // value heads.
    let share = (config.value_heads as f64 / config.heads as f64).sqrt();
    let mixer = row_norm(Role::Output) * (config.d_v as f64).sqrt() * heads * share * gate;
    let up = &tensors[Role::MlpUp as usize];
    let mlp = row_norm(Role::MlpDown)
        * bound(Role::MlpGate)
        * up.bound
        * (config.intermediate as f64).sqrt();
    mixer + mlp
}

fn absent() -> Lowered {
    plain(TensorDesc::ABSENT, Vec::new())
}

fn plain(desc: TensorDesc, data: Vec<u8>) -> Lowered {
    Lowered {
        desc,
        data,
        multiplier: Vec::new(),
        bias: None,
        bound: 0.0,
        channel_scale: Vec::new(),
    }
}

fn vector<const N: usize>(kind: TensorKind, elements: impl Iterator<Item = [u8; N]>) -> Lowered {
    let elements: Vec<_> = elements.collect();
    let desc = TensorDesc {
        kind,
        rows: 1,
        cols: elements.len() as u32,
        ..TensorDesc::ABSENT
    };
    plain(desc, elements.concat())
}

/// Roles that are no matrix.
fn other(
    config: &Config,
    weights: &Weights,
    desc: &ModelDesc,
    layer: usize,
    role: Role,
    made: &[Lowered],
) -> Lowered {
    let w = weights.layers.get(layer);
    let conv = |input: Role| match w.and_then(|w| conv(w, role)) {
        Some(conv) => lower_conv(conv, &made[input as usize].channel_scale),
        None => absent(),
    };
    match role {
        Role::QueryConv => conv(Role::Query),
        Role::KeyConv => conv(Role::Key),
        Role::ValueConv => conv(Role::Value),
        Role::DecayScale => match desc.backbone.decay() {
            Decay::Constant => constant_decay(config.heads),
            Decay::Channel => absent(),
            Decay::Head => decay_scale(w.and_then(|w| w.a_log.as_ref()).into_iter().flatten()),
        },
        Role::FinalNorm => {
            let unit = largest(&weights.norm) / f64::from(i16::MAX);
            vector(
                TensorKind::I16,
                weights
                    .norm
                    .iter()
                    .map(|&w| ((f64::from(w) / unit).round() as i16).to_le_bytes()),
            )
        }
        Role::FeatureMean => match &config.input {
            Input::Features { mean, std, .. } => lower_features(mean, std, desc.feature_frac),
            Input::Tokens { .. } => absent(),
        },
        Role::Rotary => vector(
            TensorKind::U64,
            (0..config.d_k / 2).map(|j| {
                let radians = libm::pow(10_000.0, -2.0 * j as f64 / config.d_k as f64);
                // Turns in 2^-64; a turn fraction below 1/6 fits.
                ((radians / core::f64::consts::TAU * pow2(64)).round() as u64).to_le_bytes()
            }),
        ),
        _ => absent(),
    }
}

/// `-log2(1 - 2^(-5-h))` in Q27.
fn constant_decay(heads: usize) -> Lowered {
    let decay = |head: usize| {
        let nats = -libm::log1p(-pow2(-5 - head as i32));
        (nats * core::f64::consts::LOG2_E * f64::from(1u32 << DECAY_FRAC)).round() as u32
    };
    vector(
        TensorKind::I32,
        (0..heads).map(|head| decay(head).to_le_bytes()),
    )
}

/// `exp(A_log)/ln 2`: from softplus to a log2-decay.
fn decay_scale<'a>(a_log: impl Iterator<Item = &'a f32>) -> Lowered {
    vector(
        TensorKind::Real,
        a_log.map(|&a| {
            // Beyond e^200 a state is gone at once, whatever the softplus.
            let r = real(libm::exp(f64::from(a).min(200.0)) * core::f64::consts::LOG2_E);
            let [a, b, c, d] = r.mantissa.to_le_bytes();
            let [e, f, g, h] = r.exponent.to_le_bytes();
            [a, b, c, d, e, f, g, h]
        }),
    )
}

/// (raw - mean)/std: means in the features' format and multipliers to [`FEATURE_FRAC`].
fn lower_features(mean: &[f64], std: &[f64], feature_frac: i32) -> Lowered {
    let mut t = vector(
        TensorKind::I32,
        mean.iter()
            .map(|&m| saturate(libm::ldexp(m, feature_frac)).to_le_bytes()),
    );
    let narrowest = std.iter().fold(f64::INFINITY, |m, &s| m.min(s));
    // 1/std · 2^(FEATURE_FRAC - feature_frac + 32 - shift) < 2^31
    let shift = (exponent_above(1.0 / narrowest) + FEATURE_FRAC - feature_frac + 1).max(0);
    t.desc.shift = shift.clamp(0, 100) as i8;
    t.desc.out_frac = FEATURE_FRAC;
    t.multiplier = std
        .iter()
        .map(|s| {
            saturate(libm::ldexp(
                1.0 / s,
                FEATURE_FRAC - feature_frac + 32 - shift,
            ))
        })
        .collect();
    t
}

/// int16 taps, tap-major, with a multiplier to Q16 a channel, which has the input's own unit in it;
/// every sum fits 32 bits (N8.2).
fn lower_conv(conv: &Conv, input_scale: &[f64]) -> Lowered {
    let (channels, width) = (conv.weight.rows, conv.weight.cols);
    let mut taps = vec![0i16; channels * width];
    let mut unit = Vec::with_capacity(channels);
    let (mut acc_bound, mut bound) = (0u32, 0.0f64);
    for c in 0..channels {
        let row = conv.weight.row(c);
        let step = tap_step(row);
        let mut l1 = 0;
        for (j, &w) in row.iter().enumerate() {
            let integer = if step > 0.0 {
                (f64::from(w) / step).round() as i16
            } else {
                0
            };
            taps[j * channels + c] = integer;
            l1 += u32::from(integer.unsigned_abs());
        }
        acc_bound = acc_bound.max(l1.saturating_mul(32_768));
        unit.push(step * input_scale[c]);
        let bias = conv.bias.as_ref().map_or(0.0, |b| f64::from(b[c]).abs());
        bound = bound.max(f64::from(l1) * 32_768.0 * step * input_scale[c] + bias);
    }
    let largest_unit = unit.iter().fold(f64::MIN_POSITIVE, |m, &u| m.max(u));
    let shift = (exponent_above(largest_unit) + ARG_FRAC as i32 + 1).clamp(0, 100);
    Lowered {
        desc: TensorDesc {
            kind: TensorKind::I16,
            shift: shift as i8,
            out_frac: ARG_FRAC as i32,
            rows: width as u32,
            cols: channels as u32,
            acc_bound,
            ..TensorDesc::ABSENT
        },
        data: taps.iter().flat_map(|w| w.to_le_bytes()).collect(),
        multiplier: unit
            .iter()
            .map(|&u| saturate(libm::ldexp(u, ARG_FRAC as i32 + 32 - shift)))
            .collect(),
        bias: conv.bias.as_ref().map(|b| {
            b.iter()
                .map(|&b| saturate(libm::ldexp(f64::from(b), ARG_FRAC as i32)))
                .collect()
        }),
        bound,
        channel_scale: Vec::new(),
    }
}
