//! What the commands set.

use core::fmt;

use crate::decimal::Decimal;
use sla_runtime::SamplerConfig;

/// How answers are made. The defaults are those of `sla run`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// See [`SamplerConfig::temperature`].
    pub temperature: Decimal,
    /// See [`SamplerConfig::top_k`].
    pub top_k: u32,
    /// See [`SamplerConfig::top_p`].
    pub top_p: Decimal,
    /// See [`SamplerConfig::repetition_penalty`].
    pub penalty: Decimal,
    /// See [`SamplerConfig::seed`].
    pub seed: u64,
    /// Tokens of an answer at most.
    pub length: u32,
    /// Whether what is typed is shown. Programs at the other end need none of it.
    pub echo: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            temperature: Decimal::new(8, 1),
            top_k: 40,
            top_p: Decimal::new(95, 2),
            penalty: Decimal::new(1, 0),
            seed: 0,
            length: 256,
            echo: true,
        }
    }
}

/// Why a setting stays as it is: what its value has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rule(pub &'static str);

impl Settings {
    /// Sets `name` to what `value` says.
    pub(crate) fn set(&mut self, name: &str, value: &str) -> Result<(), Rule> {
        match name {
            "temperature" => {
                let rule = Rule(
                    "a number, 0 or above, such as 0.8; 0 takes the most likely token every time",
                );
                self.temperature = Decimal::parse(value).ok_or(rule)?;
            }
            "top-k" => {
                self.top_k =
                    whole(value).ok_or(Rule("a whole number; 0 for as many as are kept (256)"))?
            }
            "top-p" => {
                let valid = Decimal::parse(value).filter(|p| !p.is_zero() && !p.is_above_one());
                self.top_p = valid.ok_or(Rule("a number above 0 and at most 1, such as 0.95"))?;
            }
            "penalty" => {
                let valid = Decimal::parse(value).filter(|penalty| !penalty.is_zero());
                self.penalty = valid.ok_or(Rule("a number above 0, such as 1.1; 1 for none"))?;
            }
            "seed" => self.seed = whole(value).ok_or(Rule("a whole number below 2^64"))?,
            "length" => self.length = whole(value).ok_or(Rule("a whole number of tokens"))?,
            _ => {
                let on = match value {
                    "on" => Some(true),
                    "off" => Some(false),
                    _ => None,
                };
                self.echo = on.ok_or(Rule("on or off"))?;
            }
        }
        Ok(())
    }

    /// The sampler's part.
    pub(crate) fn sampler(&self) -> SamplerConfig {
        SamplerConfig {
            temperature: self.temperature.to_f32(),
            top_k: self.top_k as usize,
            top_p: self.top_p.to_f32(),
            repetition_penalty: self.penalty.to_f32(),
            seed: self.seed,
        }
    }
}

/// Digits alone: no sign, as the standard library would take.
fn whole<T: core::str::FromStr>(text: &str) -> Option<T> {
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())?
}

impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            temperature,
            top_k,
            top_p,
            penalty,
            seed,
            length,
            echo,
        } = self;
        write!(
            f,
            "temperature {temperature}, top-k {top_k}, top-p {top_p}, penalty {penalty}, seed {seed}, "
        )?;
        write!(
            f,
            "length {length}, echo {}",
            if *echo { "on" } else { "off" }
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_the_samplers() {
        assert_eq!(Settings::default().sampler(), SamplerConfig::default());
    }

    #[test]
    fn values_are_taken_or_refused_whole() {
        let mut settings = Settings::default();
        let taken = [
            ("temperature", "0"),
            ("top-k", "7"),
            ("top-p", "1.0"),
            ("penalty", "1.25"),
            ("seed", "18446744073709551615"),
            ("length", "0"),
            ("echo", "off"),
        ];
        for (name, value) in taken {
            assert_eq!(settings.set(name, value), Ok(()), "{name} {value}");
        }
        let all = Settings {
            temperature: Decimal::new(0, 0),
            top_k: 7,
            top_p: Decimal::new(10, 1),
            penalty: Decimal::new(125, 2),
            seed: u64::MAX,
            length: 0,
            echo: false,
        };
        assert_eq!(settings, all);
        let refused = [
            ("temperature", "-1"),
            ("temperature", "warm"),
            ("top-k", "+1"),
            ("top-k", "4294967296"),
            ("top-p", "0"),
            ("top-p", "1.01"),
            ("penalty", "0.0"),
            ("seed", "18446744073709551616"),
            ("length", ""),
            ("length", "1.5"),
            ("echo", "maybe"),
        ];
        for (name, value) in refused {
            assert!(settings.set(name, value).is_err(), "{name} {value}");
        }
        assert_eq!(settings, all);
    }
}
