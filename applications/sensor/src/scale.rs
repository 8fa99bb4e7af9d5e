//! Counts of a sensor to features of a model (docs/format.md F6.5: int32 with feature_frac fraction
//! bits; the model takes mean and deviation off by itself).

/// What a count of the sensor is worth, in the unit that the model was trained in: `numerator` /
/// `denominator`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scale {
    numerator: i32,
    denominator: i32,
}

impl Scale {
    /// A count is a unit.
    pub const ONE: Self = Self {
        numerator: 1,
        denominator: 1,
    };

    /// `numerator` / `denominator`, both of 1 to 2^15.
    #[must_use]
    pub const fn new(numerator: u16, denominator: u16) -> Option<Self> {
        if numerator == 0 || denominator == 0 || numerator > 1 << 15 || denominator > 1 << 15 {
            return None;
        }
        Some(Self {
            numerator: numerator as i32,
            denominator: denominator as i32,
        })
    }

    /// `count` · numerator · 2^frac / denominator, rounded to the nearest, halves up, saturated.
    /// `frac` is from 0 to 30.
    ///
    /// |count · numerator · 2^(frac + 1)| is below 2^15 · 2^15 · 2^31 = 2^61.
    #[must_use]
    pub fn feature(self, count: i16, frac: i32) -> i32 {
        let frac = frac.clamp(0, 30);
        let (numerator, denominator) = (i64::from(self.numerator), i64::from(self.denominator));
        let doubled = (i64::from(count) * numerator) << (frac + 1);
        let rounded = (doubled + denominator).div_euclid(2 * denominator);
        rounded.clamp(i32::MIN.into(), i32::MAX.into()) as i32
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;

    #[test]
    fn features_are_the_nearest() {
        for (numerator, denominator) in [
            (1, 1000),
            (12, 1000),
            (1, 1),
            (7, 3),
            (1 << 15, 1),
            (1, 1 << 15),
        ] {
            let scale = Scale::new(numerator, denominator).expect("a scale");
            for frac in [0, 1, 16, 24, 30] {
                for count in [i16::MIN, -2048, -1, 0, 1, 999, 2047, i16::MAX] {
                    // Exact: all terms have far fewer than 128 bits.
                    let exact = |doubled: i128| {
                        (doubled + i128::from(denominator)).div_euclid(2 * i128::from(denominator))
                    };
                    let wanted =
                        exact(i128::from(count) * i128::from(numerator) * (1i128 << (frac + 1)));
                    let wanted = wanted.clamp(i32::MIN.into(), i32::MAX.into());
                    assert_eq!(
                        i128::from(scale.feature(count, frac)),
                        wanted,
                        "{numerator}/{denominator} {frac} {count}"
                    );
                    let float = f64::from(count) * f64::from(numerator) / f64::from(denominator)
                        * 2f64.powi(frac);
                    let float = float.clamp(i32::MIN.into(), i32::MAX.into());
                    assert!((f64::from(scale.feature(count, frac)) - float).abs() <= 0.5 + 1e-6);
                }
            }
        }
    }

    #[test]
    fn no_scale_divides_by_nothing() {
        assert_eq!(
            (Scale::new(0, 1), Scale::new(1, 0), Scale::new(40_000, 1)),
            (None, None, None)
        );
    }
}
