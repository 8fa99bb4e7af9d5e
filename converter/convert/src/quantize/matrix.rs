//! From integers to a tensor of the file: multipliers, shift, bias and the proof of its
//! accumulators.

use super::{QuantizedMatrix, input_length};
use sla_format::{TensorDesc, pad_rows};
use sla_mapping::real::{exponent_above, largest, pow2};
use sla_mapping::recipe::{Source, Target};

/// A tensor with everything that goes into the file.
pub struct Lowered {
    /// Its table entry; offsets are set when the file is written.
    pub desc: TensorDesc,
    /// The elements.
    pub data: Vec<u8>,
    /// One a padded row or channel.
    pub multiplier: Vec<i32>,
    /// The same, or none.
    pub bias: Option<Vec<i32>>,
    /// Bound of a result's real value, over all inputs that the runtime can form.
    pub bound: f64,
    /// For [`Target::Int16`]: real value of one unit of each channel.
    pub channel_scale: Vec<f64>,
}

/// Lowers a quantised matrix: multipliers, shift, bias and the proof of its accumulators.
///
/// `gain` multiplies results and bias. `None` when an accumulator cannot be proven to fit (never
/// with weights that this crate rounded).
pub fn lower_matrix(
    q: &QuantizedMatrix,
    gain: f64,
    bias: Option<&[f32]>,
    source: Source,
    target: Target,
    unit_frac: i32,
) -> Option<Lowered> {
    let rows = q.unit().len();
    // The largest |accumulator| of each row, by Cauchy-Schwarz.
    let in_bits = match source {
        Source::Unit { .. } => unit_frac,
        Source::Dynamic { .. } => q.one_block_bits(),
        Source::Row => 0,
    };
    let length = input_length(in_bits, q.cols());
    let (block_tiles, acc_bounds): (u8, Vec<f64>) = match source {
        Source::Row => (0, vec![q.reach(); rows]),
        _ => (
            q.block_tiles(length)?,
            q.lengths().into_iter().map(|l| l * length).collect(),
        ),
    };
    // Real value of one accumulator unit of each row.
    let scale = source.scale(q.kind());
    let unit: Vec<f64> = q.unit().iter().map(|s| s * scale * gain).collect();
    let reach = if source == Source::Row {
        scale.recip()
    } else {
        1.0
    };
    let bounds: Vec<f64> = acc_bounds
        .iter()
        .zip(&unit)
        .map(|(a, u)| a * reach * u)
        .collect();
    let largest_unit = match unit.iter().fold(0.0f64, |m, &u| m.max(u)) {
        0.0 => 1.0,
        largest => largest.max(f64::MIN_POSITIVE),
    };

    let channel_scale: Vec<f64> = match target {
        Target::Int16 => bounds.iter().map(|&b| b / 32_767.0).collect(),
        _ => Vec::new(),
    };
    // multiplier = unit · 2^(frac + 32 - shift) has to stay below 2^31.
    let bits = libm::floor(libm::log2(largest_unit)) as i32; // 2^bits ≤ unit < 2^(bits + 1)
    let (out_frac, shift) = match target {
        Target::AtMost(frac) => {
            let reach =
                bounds.iter().fold(0.0f64, |m, &b| m.max(b)) + gain * bias.map_or(0.0, largest);
            let frac = frac.min(30 - exponent_above(reach));
            (frac, (bits + frac + 2).max(0))
        }
        Target::Frac(frac) => (frac, (bits + frac + 2).max(0)),
        Target::Shifted(frac) => (frac, bits + frac + 2),
        Target::Finest => (-bits - 2, 0),
        Target::Int16 => (0, 0),
    };
    let shift = shift.clamp(-100, 100);
    let multiplier = |unit: f64, row: usize| {
        let exact = match target {
            Target::Int16 if unit == 0.0 => 0.0,
            Target::Int16 => unit / channel_scale[row] * pow2(32),
            _ => libm::ldexp(unit, out_frac + 32 - shift),
        };
        exact.round().clamp(0.0, f64::from(i32::MAX)) as i32
    };
    let mut multipliers: Vec<i32> = unit
        .iter()
        .enumerate()
        .map(|(r, &u)| multiplier(u, r))
        .collect();
    multipliers.resize(pad_rows(rows), 0);
    let bias = bias.map(|bias| {
        let mut out: Vec<i32> = bias
            .iter()
            .map(|&b| saturate(libm::ldexp(f64::from(b) * gain, out_frac)))
            .collect();
        out.resize(pad_rows(rows), 0);
        out
    });
    let bias_bound = bias.iter().flatten().fold(0.0f64, |m, &b| {
        m.max(libm::ldexp(f64::from(b).abs(), -out_frac))
    });
    let acc_bound = acc_bounds.iter().fold(0.0f64, |m, &a| m.max(a)).ceil();
    Some(Lowered {
        desc: TensorDesc {
            kind: q.kind(),
            block_tiles,
            in_bits: in_bits as u8,
            shift: shift as i8,
            out_frac,
            rows: rows as u32,
            cols: q.cols() as u32,
            acc_bound: acc_bound as u32,
            ..TensorDesc::ABSENT
        },
        data: q.pack(),
        multiplier: multipliers,
        bias,
        bound: bounds.iter().fold(0.0f64, |m, &b| m.max(b)) + bias_bound,
        channel_scale,
    })
}

/// Rounded to the nearest integer and saturated.
pub fn saturate(x: f64) -> i32 {
    x.round().clamp(f64::from(i32::MIN), f64::from(i32::MAX)) as i32
}
