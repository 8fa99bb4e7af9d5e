//! Errors of logits, counted by magnitude.

/// Half octaves from [`Histogram::LEAST`] to [`Histogram::MOST`].
const BINS: usize = 64;
/// log2 of the lower end of the first bin.
const LEAST_EXPONENT: i32 = -24;

/// Counts in bins of half an octave. The first bin also holds what is smaller, zeros among them,
/// the last what is larger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Histogram([u64; BINS]);

/// One bin: `from ≤ |error| < to`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bin {
    /// Lower end; 0 for the first.
    pub from: f64,
    /// Upper end; infinite for the last.
    pub to: f64,
    /// Errors in it.
    pub count: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self([0; BINS])
    }
}

impl Histogram {
    /// Where the first bin begins when zero has no place, as on a logarithmic axis: half an octave
    /// below its end.
    pub const LEAST: f64 = 1.0 / (1u32 << -LEAST_EXPONENT) as f64;
    /// Where the last bin ends when infinity has no place.
    pub const MOST: f64 = (1u32 << (BINS as i32 / 2 + LEAST_EXPONENT)) as f64;

    /// Counts an error.
    pub(super) fn add(&mut self, error: f64) {
        const MANTISSA: u64 = (1 << 52) - 1;
        let bits = error.abs().to_bits();
        let exponent = (bits >> 52) as i32 - 1_023;
        let upper_half = bits & MANTISSA >= std::f64::consts::SQRT_2.to_bits() & MANTISSA;
        let bin = 2 * (exponent - LEAST_EXPONENT) + i32::from(upper_half);
        self.0[bin.clamp(0, BINS as i32 - 1) as usize] += 1;
    }

    /// Adds the counts of another.
    pub(super) fn merge(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(a, b)| *a += b);
    }

    /// Number of errors.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// The bins from the first to the last that is not empty, rising.
    pub fn bins(&self) -> impl Iterator<Item = Bin> {
        let first = self.0.iter().position(|&n| n > 0).unwrap_or(0);
        let end = self
            .0
            .iter()
            .rposition(|&n| n > 0)
            .map_or(0, |last| last + 1);
        (first..end).map(|i| Bin {
            from: edge(i),
            to: edge(i + 1),
            count: self.0[i],
        })
    }

    /// The upper end of the bin below which, itself included, at least `share` of the errors lie.
    pub fn quantile(&self, share: f64) -> Option<f64> {
        let wanted = (share * self.total() as f64).ceil().max(1.0) as u64;
        let mut seen = 0;
        self.bins()
            .find(|bin| {
                seen += bin.count;
                seen >= wanted
            })
            .map(|bin| bin.to)
    }
}

/// Lower end of bin `i`.
fn edge(i: usize) -> f64 {
    match i {
        0 => 0.0,
        BINS => f64::INFINITY,
        _ => {
            let octave = 2f64.powi(LEAST_EXPONENT + i as i32 / 2);
            if i % 2 == 1 {
                octave * std::f64::consts::SQRT_2
            } else {
                octave
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_is_in_its_bin() {
        let values = [
            0.0,
            1e-30,
            1e-5,
            0.5,
            -0.5,
            0.7,
            0.71,
            1.0,
            -3.0,
            1e9,
            f64::INFINITY,
            f64::MIN_POSITIVE / 4.0,
        ];
        for value in values {
            let mut one = Histogram::default();
            one.add(value);
            let bins: Vec<Bin> = one.bins().collect();
            assert_eq!(bins.len(), 1);
            let at = value.abs();
            assert!(
                bins[0].from <= at && (at < bins[0].to || at == f64::INFINITY),
                "{value}: {:?}",
                bins[0]
            );
        }
        let mut all = Histogram::default();
        values.iter().for_each(|&v| all.add(v));
        assert_eq!(
            (all.total(), all.bins().map(|b| b.count).sum::<u64>()),
            (12, 12)
        );
        // Six of twelve are at most 0.5.
        assert_eq!(all.quantile(0.5), Some(0.5 * std::f64::consts::SQRT_2));
        assert_eq!(Histogram::default().quantile(0.5), None);
        let edges: Vec<Bin> = all.bins().collect();
        assert!(edges.windows(2).all(|w| w[0].to == w[1].from));
    }
}
