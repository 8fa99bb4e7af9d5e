//! What the runtime computes inside, without a float model beside it: how many bits values take,
//! and what the head gates do.

use sla_format::{KeyGate, QueryGate};
use sla_runtime::{Model, Op, Probe, Real};

use super::{EvalError, fixed_features};
use crate::owned_model::Memory;
use crate::parallel::parallel;
use sla_checkpoint::rows::{Row, Rows, RowsError};

/// The vectors of a layer that are looked at, in the order in which they are computed.
pub const SHOWN: [Op; 5] = [
    Op::Heads,
    Op::MixerOut,
    Op::Hidden,
    Op::MlpOut,
    Op::Residual,
];

/// Which of the two softmax gates over the heads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The query gate.
    Read,
    /// The key gate.
    Write,
}

impl Side {
    /// Both.
    pub const ALL: [Side; 2] = [Side::Read, Side::Write];

    fn of(op: Op) -> Option<Self> {
        match op {
            Op::QueryGate => Some(Self::Read),
            Op::KeyGate => Some(Self::Write),
            _ => None,
        }
    }
}

/// int32 values by bit length.
#[derive(Clone, Debug, Default)]
pub struct Range {
    /// `counts[b]`: values with 2^(b-1) ≤ |v| < 2^b; zeros at 0. Empty when nothing was seen.
    counts: Vec<u64>,
    /// The largest magnitude.
    largest: u32,
    /// Fraction bits.
    frac: i32,
}

impl Range {
    fn add(&mut self, values: &[i32], frac: i32) {
        self.frac = frac;
        self.counts.resize(33, 0);
        for value in values {
            let magnitude = value.unsigned_abs();
            self.largest = self.largest.max(magnitude);
            self.counts[(32 - magnitude.leading_zeros()) as usize] += 1;
        }
    }

    fn merge(&mut self, other: &Self) {
        if other.counts.is_empty() {
            return;
        }
        self.frac = other.frac;
        self.largest = self.largest.max(other.largest);
        self.counts.resize(33, 0);
        self.counts
            .iter_mut()
            .zip(&other.counts)
            .for_each(|(a, b)| *a += b);
    }

    /// Whether nothing was seen.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// Bits of the smallest magnitude that at least `share` of the values do not exceed.
    pub fn bits(&self, share: f64) -> u32 {
        let wanted = (share * self.counts.iter().sum::<u64>() as f64)
            .ceil()
            .max(1.0) as u64;
        let mut seen = 0;
        let found = self.counts.iter().position(|&n| {
            seen += n;
            seen >= wanted
        });
        found.unwrap_or(0) as u32
    }

    /// The largest magnitude, as an integer.
    pub fn largest(&self) -> u32 {
        self.largest
    }

    /// The largest magnitude, in real units.
    pub fn largest_real(&self) -> f64 {
        f64::from(self.largest) * 2f64.powi(-self.frac)
    }

    /// Bits between the largest magnitude and the end of int32.
    pub fn headroom(&self) -> f64 {
        31.0 - f64::from(self.largest.max(1)).log2()
    }

    /// Fraction bits.
    pub fn frac(&self) -> i32 {
        self.frac
    }
}

/// What the gate of one side and layer did.
#[derive(Clone, Debug, Default)]
pub struct GateUse {
    /// Sum of each head's share (its gate over the sum of all).
    shares: Vec<f64>,
    /// Positions at which each head had the largest gate; the first of equals.
    wins: Vec<u64>,
}

impl GateUse {
    fn add(&mut self, shares: &[f64]) {
        self.shares.resize(shares.len(), 0.0);
        self.wins.resize(shares.len(), 0);
        self.shares
            .iter_mut()
            .zip(shares)
            .for_each(|(sum, share)| *sum += share);
        if let Some(wins) = self.wins.get_mut(winner(shares)) {
            *wins += 1;
        }
    }

    fn merge(&mut self, other: &Self) {
        self.shares
            .resize(self.shares.len().max(other.shares.len()), 0.0);
        self.wins.resize(self.shares.len(), 0);
        self.shares
            .iter_mut()
            .zip(&other.shares)
            .for_each(|(a, b)| *a += b);
        self.wins
            .iter_mut()
            .zip(&other.wins)
            .for_each(|(a, b)| *a += b);
    }

    /// Share of the positions at which each head had the largest gate.
    pub fn wins(&self) -> Vec<f64> {
        let all = self.wins.iter().sum::<u64>().max(1) as f64;
        self.wins.iter().map(|&n| n as f64 / all).collect()
    }

    /// Mean share of each head.
    pub fn means(&self) -> Vec<f64> {
        let all = self.wins.iter().sum::<u64>().max(1) as f64;
        self.shares.iter().map(|sum| sum / all).collect()
    }
}

/// Index of the largest; the first of equals.
pub(crate) fn winner(shares: &[f64]) -> usize {
    shares.iter().enumerate().fold(
        0,
        |best, (i, &share)| if share > shares[best] { i } else { best },
    )
}

/// One layer, or (the last entry) the input of the first.
#[derive(Clone, Debug, Default)]
pub struct LayerObserved {
    ranges: [Range; SHOWN.len()],
    gates: [GateUse; 2],
}

impl LayerObserved {
    /// The range of one of [`SHOWN`].
    pub fn range(&self, op: Op) -> Option<&Range> {
        let range = &self.ranges[SHOWN.iter().position(|&shown| shown == op)?];
        (!range.is_empty()).then_some(range)
    }

    /// What a gate did.
    pub fn gate(&self, side: Side) -> &GateUse {
        &self.gates[side as usize]
    }
}

/// The beginning of the first row, with all gates.
#[derive(Clone, Debug, Default)]
pub struct Sample {
    /// Token ids; empty for feature models.
    pub ids: Vec<u32>,
    /// Positions.
    pub len: usize,
    /// `shares[layer][side][position][head]`: a head's gate over the sum of all.
    shares: Vec<[Vec<Vec<f64>>; 2]>,
}

impl Sample {
    /// Each head's share at each position.
    pub fn shares(&self, layer: usize, side: Side) -> &[Vec<f64>] {
        self.shares
            .get(layer)
            .map_or(&[], |sides| &sides[side as usize])
    }
}

/// What [`observe`] saw.
#[derive(Clone, Debug)]
pub struct Observed {
    /// All layers, then the stream that enters the first.
    pub layers: Vec<LayerObserved>,
    /// The gates over the beginning of the first row.
    pub sample: Sample,
    /// The gates that the model has.
    pub sides: Vec<Side>,
}

/// Runs all rows through the runtime, each from a fresh state; keeps the gates of the first
/// `sample` positions of the first.
///
/// # Errors
/// [`EvalError::Step`]: the rows do not fit the model.
pub fn observe(model: &Model, rows: &Rows, sample: usize) -> Result<Observed, EvalError> {
    let desc = model.desc();
    let mut sides = Vec::new();
    sides.extend((desc.query_gate != QueryGate::None).then_some(Side::Read));
    sides.extend((desc.key_gate != KeyGate::None).then_some(Side::Write));
    let mut seen: Vec<Watch> = parallel(rows.len(), |i| {
        let mut watch = Watch::new(desc.layers as usize, if i == 0 { sample } else { 0 });
        watch.row(model, rows.row(i)).map(|()| watch)
    })
    .into_iter()
    .collect::<Result<_, _>>()?;
    if seen.is_empty() {
        return Err(RowsError::Empty { what: "rows" }.into());
    }
    let mut first = seen.remove(0);
    for other in &seen {
        for (mine, theirs) in first.layers.iter_mut().zip(&other.layers) {
            mine.ranges
                .iter_mut()
                .zip(&theirs.ranges)
                .for_each(|(a, b)| a.merge(b));
            mine.gates
                .iter_mut()
                .zip(&theirs.gates)
                .for_each(|(a, b)| a.merge(b));
        }
    }
    Ok(Observed {
        layers: first.layers,
        sample: first.sample,
        sides,
    })
}

/// Sees one row.
struct Watch {
    layers: Vec<LayerObserved>,
    sample: Sample,
    wanted: usize,
    /// Gates of the step so far, a layer and side.
    gates: Vec<[Vec<f64>; 2]>,
}

impl Watch {
    fn new(layers: usize, wanted: usize) -> Self {
        Self {
            layers: vec![LayerObserved::default(); layers + 1],
            sample: Sample {
                shares: vec![Default::default(); layers],
                ..Sample::default()
            },
            wanted,
            gates: vec![Default::default(); layers],
        }
    }

    fn row(&mut self, model: &Model, row: Row) -> Result<(), EvalError> {
        let mut memory = Memory::of(model);
        let mut session = memory.session(model)?;
        let mut features = Vec::new();
        for position in 0..row.len() {
            match row {
                Row::Tokens(row) => {
                    session.step_probed(row.ids[position], self)?;
                }
                Row::Features(row) => {
                    fixed_features(
                        &row.frames[position],
                        model.desc().feature_frac,
                        &mut features,
                    );
                    session.step_features_probed(&features, self)?;
                }
            }
            let keep = position < self.wanted;
            self.close_step(keep);
            if keep {
                self.sample.len = position + 1;
                if let Row::Tokens(row) = row {
                    self.sample.ids.push(row.ids[position]);
                }
            }
        }
        Ok(())
    }

    fn close_step(&mut self, keep: bool) {
        for (layer, sides) in self.gates.iter_mut().enumerate() {
            for (side, gates) in sides.iter_mut().enumerate() {
                let sum: f64 = gates.iter().sum();
                let shares: Vec<f64> = gates
                    .drain(..)
                    .map(|gate| if sum > 0.0 { gate / sum } else { 0.0 })
                    .collect();
                self.layers[layer].gates[side].add(&shares);
                if keep {
                    self.sample.shares[layer][side].push(shares);
                }
            }
        }
    }
}

impl Probe for Watch {
    fn values(&mut self, layer: usize, op: Op, values: &[i32], frac: i32) {
        let shown = SHOWN.iter().position(|&shown| shown == op);
        if let Some((layer, i)) = self.layers.get_mut(layer).zip(shown) {
            layer.ranges[i].add(values, frac);
        }
    }

    fn real(&mut self, layer: usize, op: Op, _head: usize, value: Real) {
        if let Some((sides, side)) = self.gates.get_mut(layer).zip(Side::of(op)) {
            sides[side as usize].push(f64::from(value.mantissa()) * 2f64.powi(value.exponent()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_by_hand() {
        let mut range = Range::default();
        range.add(&[0, 1, -1, 2, 3, 4, i32::MIN, 100], 2);
        assert_eq!(
            [0.1, 0.375, 0.6, 0.75, 0.875, 1.0].map(|share| range.bits(share)),
            [0, 1, 2, 3, 7, 32]
        );
        assert_eq!(
            (range.largest(), range.largest_real(), range.headroom()),
            (1 << 31, 2f64.powi(29), 0.0)
        );
        let mut other = Range::default();
        other.merge(&range);
        other.merge(&Range::default());
        assert_eq!(
            (other.bits(0.5), other.largest()),
            (range.bits(0.5), range.largest())
        );
    }

    #[test]
    fn wins_by_hand() {
        let mut gate = GateUse::default();
        gate.add(&[0.5, 0.25, 0.25]);
        let mut more = GateUse::default();
        more.add(&[0.25, 0.25, 0.5]);
        gate.merge(&more);
        assert_eq!(
            (gate.wins(), gate.means()),
            (vec![0.5, 0.0, 0.5], vec![0.375, 0.25, 0.375])
        );
        assert_eq!(winner(&[0.5, 0.5]), 0);
    }
}
