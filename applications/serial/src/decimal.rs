//! Decimal numbers as they are typed, in integers.

use core::fmt;

/// `digits` / 10^`places`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decimal {
    digits: u32,
    places: u8,
}

impl Decimal {
    /// Digits at most, so that they fit 32 bits.
    const MOST: usize = 9;

    /// `digits` / 10^`places`; more places than nine count as nine.
    #[must_use]
    pub const fn new(digits: u32, places: u8) -> Self {
        Self {
            digits,
            places: if places as usize > Self::MOST {
                Self::MOST as u8
            } else {
                places
            },
        }
    }

    /// The number that `text` is: up to nine digits, perhaps with a point among them, no sign and
    /// no exponent.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (mut digits, mut count, mut places) = (0u32, 0, None);
        for byte in text.bytes() {
            match byte {
                b'0'..=b'9' if count < Self::MOST => {
                    digits = 10 * digits + u32::from(byte - b'0');
                    count += 1;
                    places = places.map(|places| places + 1);
                }
                b'.' if places.is_none() => places = Some(0),
                _ => return None,
            }
        }
        (count > 0).then_some(Self {
            digits,
            places: places.unwrap_or(0),
        })
    }

    /// Whether it is 0.
    #[must_use]
    pub fn is_zero(self) -> bool {
        self.digits == 0
    }

    /// Whether it is above 1.
    #[must_use]
    pub fn is_above_one(self) -> bool {
        u64::from(self.digits) > self.denominator()
    }

    fn denominator(self) -> u64 {
        // Of at most nine places; that it is not 0 is for the compiler, which else leaves a panic
        // in.
        10u64.pow(self.places.into()).max(1)
    }

    /// The nearest float, ties to even: what `str::parse` gives for the same text.
    #[must_use]
    pub fn to_f32(self) -> f32 {
        if self.digits == 0 {
            return 0.0;
        }
        // At least 2^63 / 10^9 > 2^33, so the bit that stands for the remainder lies below all that
        // rounding looks at.
        let up = u64::from(self.digits).leading_zeros();
        let numerator = u64::from(self.digits) << up;
        let (quotient, remainder) = (
            numerator / self.denominator(),
            numerator % self.denominator(),
        );
        let quotient = quotient | u64::from(remainder > 0);
        // The value is at least 10^-9, so its exponent stays in range.
        f32::from_bits((quotient as f32).to_bits().wrapping_sub(up << 23))
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, part) = (
            u64::from(self.digits) / self.denominator(),
            u64::from(self.digits) % self.denominator(),
        );
        match self.places {
            0 => write!(f, "{whole}"),
            places => write!(f, "{whole}.{part:0width$}", width = places.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::format;
    use std::string::ToString;

    #[test]
    fn numbers_are_those_of_the_standard_library() {
        let mut digits = 1u32;
        for n in 0..20_000u32 {
            digits = digits.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            for (digits, places) in [(digits % 1_000_000_000, n % 10), (n, n % 10)] {
                let text = Decimal::new(digits, places as u8).to_string();
                let Some(parsed) = Decimal::parse(&text) else {
                    // A whole zero more than nine digits.
                    assert!(text.len() == 11 && text.starts_with("0."), "{text}");
                    continue;
                };
                let float: f32 = text.parse().expect("a float");
                assert_eq!(parsed.to_f32().to_bits(), float.to_bits(), "{text}");
                assert_eq!(parsed.to_string(), text);
            }
        }
        // Halfway between two floats: to even, and off it by one digit.
        for digits in 16_777_216..16_777_316u32 {
            for text in [
                format!("{digits}"),
                format!("{digits}.5"),
                format!("{digits}.1"),
            ] {
                let float: f32 = text.parse().expect("a float");
                assert_eq!(
                    Decimal::parse(&text).expect("nine digits").to_f32(),
                    float,
                    "{text}"
                );
            }
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in [
            "",
            ".",
            "1.2.3",
            "-1",
            "+1",
            "1e3",
            "nan",
            "inf",
            "0x1",
            "1 ",
            " 1",
            "1,5",
            "1234567890",
            "١",
        ] {
            assert_eq!(Decimal::parse(text), None, "{text:?}");
        }
        for (text, digits, places) in [
            ("0", 0, 0),
            ("1.", 1, 0),
            (".5", 5, 1),
            ("00.50", 50, 2),
            ("999999999", 999_999_999, 0),
        ] {
            assert_eq!(
                Decimal::parse(text),
                Some(Decimal { digits, places }),
                "{text:?}"
            );
        }
    }

    #[test]
    fn comparisons() {
        let above = |text| Decimal::parse(text).map(Decimal::is_above_one);
        assert_eq!(
            [
                above("1"),
                above("1.00"),
                above("1.001"),
                above("0.9"),
                above("2")
            ]
            .map(Option::unwrap),
            [false, false, true, false, true]
        );
        assert!(Decimal::parse("0.00").is_some_and(Decimal::is_zero));
        assert!(Decimal::parse("0.01").is_some_and(|d| !d.is_zero()));
    }
}
