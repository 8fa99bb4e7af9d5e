//! int8 weights with one scale a row, and the multipliers that bring results into their format.

use crate::lower::exponent_above;
use crate::recipe::{Source, Target, largest, pow2};
use sla_format::{TensorDesc, TensorKind, pad_cols, pad_rows};

/// An int8 matrix, natural order.
pub struct Int8Rows {
    /// Columns.
    pub cols: usize,
    /// `rows · cols` integers in ±127.
    pub integers: Vec<i8>,
    /// Real value of one unit, a row.
    pub scale: Vec<f64>,
}

impl Int8Rows {
    /// Rounds each row to multiples of max|w|/127, ties away from zero.
    pub fn round(weights: &[f64], cols: usize) -> Self {
        let mut integers = Vec::with_capacity(weights.len());
        let mut scale = Vec::new();
        for row in weights.chunks_exact(cols.max(1)) {
            let max = row.iter().fold(0.0f64, |m, w| m.max(w.abs()));
            // A row of zeros has no unit: it must not decide the format of its matrix.
            let step = max / 127.0;
            let unit = if step > 0.0 { step } else { 1.0 };
            integers.extend(row.iter().map(|w| (w / unit).round().clamp(-127.0, 127.0) as i8));
            scale.push(step);
        }
        Self { cols, integers, scale }
    }

    fn rows(&self) -> impl Iterator<Item = &[i8]> {
        self.integers.chunks_exact(self.cols.max(1))
    }

    /// √Σw² of a row.
    fn l2(row: &[i8]) -> f64 {
        (row.iter().map(|&w| i64::from(w) * i64::from(w)).sum::<i64>() as f64).sqrt()
    }

    /// Half-words of row pairs (format.md F6.2).
    fn pack(&self) -> Vec<i16> {
        let (rows, cols) = (self.scale.len(), pad_cols(self.cols));
        let mut out = vec![0i16; pad_rows(rows) / 2 * cols];
        for (r, row) in self.rows().enumerate() {
            for (c, &w) in row.iter().enumerate() {
                let at = r / 4 * 2 * cols + c / 8 * 16 + r % 4 / 2 * 8 + c % 8;
                out[at] += if r % 2 == 1 { 256 * i16::from(w) } else { i16::from(w) };
            }
        }
        out
    }

    /// The most bits of the input's length, from [`LEAST_IN_BITS`] to 15, with which every odd row is one block.
    pub fn one_block_bits(&self) -> i32 {
        let fits = |bits: &i32| self.block_tiles(pow2(*bits) + 0.5 * (self.cols as f64).sqrt()) == Some(0);
        (LEAST_IN_BITS..=15).rev().find(fits).unwrap_or(LEAST_IN_BITS)
    }

    /// The most tiles of 16 columns, 0 for all, over each of which the odd rows' |Σ w·x| < 2^23 for every vector of
    /// length `length`; `None` if not even one tile has that.
    fn block_tiles(&self, length: f64) -> Option<u8> {
        let tiles = self.cols.div_ceil(16);
        let holds = |block: usize| {
            let fits = |part: &[i8]| Self::l2(part) * length < f64::from(1 << 23);
            self.rows().skip(1).step_by(2).all(|row| row.chunks(16 * block).all(fits))
        };
        if holds(tiles.max(1)) {
            return Some(0);
        }
        (1..tiles.min(255)).rev().find(|&block| holds(block)).map(|block| block as u8)
    }
}

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

/// Fewest bits of the length of an int16 input: below, more blocks take over.
pub const LEAST_IN_BITS: i32 = 13;

/// Lowers a quantised matrix: multipliers, shift, bias and the proof of its accumulators.
///
/// `gain` multiplies results and bias. `None` when an accumulator cannot be proven to fit (never with int8 weights).
pub fn lower_matrix(
    q: &Int8Rows,
    gain: f64,
    bias: Option<&[f32]>,
    source: Source,
    target: Target,
    unit_frac: i32,
) -> Option<Lowered> {
    let rows = q.scale.len();
    // The largest |accumulator| of each row, by Cauchy-Schwarz: an input has a length of at most 2^in_bits, and rounding
    // adds at most half a unit an element.
    let length = |bits: i32| pow2(bits) + 0.5 * (q.cols as f64).sqrt();
    let in_bits = match source {
        Source::Unit { .. } => unit_frac,
        Source::Dynamic { .. } => q.one_block_bits(),
        Source::Row => 0,
    };
    let (block_tiles, acc_bounds): (u8, Vec<f64>) = match source {
        Source::Row => (0, vec![127.0; rows]),
        _ => (q.block_tiles(length(in_bits))?, q.rows().map(|row| Int8Rows::l2(row) * length(in_bits)).collect()),
    };
    // Real value of one accumulator unit of each row.
    let unit: Vec<f64> = q.scale.iter().map(|s| s * source.scale() * gain).collect();
    let reach = if source == Source::Row { pow2(24) } else { 1.0 };
    let bounds: Vec<f64> = acc_bounds.iter().zip(&unit).map(|(a, u)| a * reach * u).collect();
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
            let reach = bounds.iter().fold(0.0f64, |m, &b| m.max(b)) + gain * bias.map_or(0.0, largest);
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
    let mut multipliers: Vec<i32> = unit.iter().enumerate().map(|(r, &u)| multiplier(u, r)).collect();
    multipliers.resize(pad_rows(rows), 0);
    let bias = bias.map(|bias| {
        let mut out: Vec<i32> = bias.iter().map(|&b| saturate(libm::ldexp(f64::from(b) * gain, out_frac))).collect();
        out.resize(pad_rows(rows), 0);
        out
    });
    let bias_bound = bias.iter().flatten().fold(0.0f64, |m, &b| m.max(libm::ldexp(f64::from(b).abs(), -out_frac)));
    let acc_bound = acc_bounds.iter().fold(0.0f64, |m, &a| m.max(a)).ceil();
    Some(Lowered {
        desc: TensorDesc {
            kind: TensorKind::I8,
            block_tiles,
            in_bits: in_bits as u8,
            shift: shift as i8,
            out_frac,
            rows: rows as u32,
            cols: q.cols as u32,
            acc_bound: acc_bound as u32,
            ..TensorDesc::ABSENT
        },
        data: q.pack().into_iter().flat_map(i16::to_le_bytes).collect(),
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
