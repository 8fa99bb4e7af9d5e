//! Scalar functions.

use crate::config::FeatureMap;

/// `σ(x) = 1 / (1 + e^-x)`
pub(crate) fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-x))
}

/// `x · σ(x)`
pub(crate) fn silu(x: f64) -> f64 {
    x * sigmoid(x)
}

/// `ln σ(x) = min(0, x) - ln(1 + e^-|x|)`
pub(crate) fn log_sigmoid(x: f64) -> f64 {
    x.min(0.0) - libm::log1p(libm::exp(-x.abs()))
}

/// `ln(1 + e^x)`; x itself above 20, as torch has it.
pub(crate) fn softplus(x: f64) -> f64 {
    if x > 20.0 {
        x
    } else {
        libm::log1p(libm::exp(x))
    }
}

/// Applies `map` to every element.
pub(crate) fn feature_map(map: FeatureMap, values: &mut [f64]) {
    let f: fn(f64) -> f64 = match map {
        FeatureMap::None => return,
        FeatureMap::Relu => |x| x.max(0.0),
        FeatureMap::Silu => silu,
        FeatureMap::Sigmoid => sigmoid,
    };
    for v in values {
        *v = f(*v);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extremes_stay_finite() {
        for x in [-1e4, -750.0, -1.0, 0.0, 1.0, 750.0, 1e4] {
            assert!((0.0..=1.0).contains(&sigmoid(x)), "{x}");
            assert!(
                silu(x).is_finite() && log_sigmoid(x).is_finite() && softplus(x).is_finite(),
                "{x}"
            );
        }
        assert_eq!(log_sigmoid(-1e4), -1e4);
        assert_eq!(softplus(1e4), 1e4);
        assert!((log_sigmoid(0.3) - sigmoid(0.3).ln()).abs() < 1e-15);
        assert!((softplus(0.3) + log_sigmoid(-0.3)).abs() < 1e-15);
    }
}
