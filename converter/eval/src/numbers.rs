//! Numbers for people, in text and in reports.

/// `1234567` as `1,234,567`.
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Four significant digits, `-` for none.
pub fn figure(value: impl Into<Option<f64>>) -> String {
    match value.into() {
        None => "-".into(),
        Some(0.0) => "0".into(),
        Some(v) if !(1e-4..1e6).contains(&v.abs()) => format!("{v:.3e}"),
        Some(v) => {
            let decimals = (3 - v.abs().log10().floor() as i32).clamp(0, 7);
            format!("{v:.*}", decimals as usize)
        }
    }
}

/// A ratio in dB with one decimal; `-` for none, `exact` where nothing differs.
pub fn decibel(value: Option<f64>) -> String {
    match value {
        None => "-".into(),
        Some(v) if v == f64::INFINITY => "exact".into(),
        Some(v) => format!("{v:.1}"),
    }
}

/// A share in percent with two decimals; `-` for none, as a share of nothing is.
pub fn percent(value: impl Into<Option<f64>>) -> String {
    value
        .into()
        .filter(|v| v.is_finite())
        .map_or("-".into(), |v| format!("{:.2} %", 100.0 * v))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_for_people() {
        assert_eq!(
            [0, 12, 999, 1000, 1_234_567].map(grouped),
            ["0", "12", "999", "1,000", "1,234,567"]
        );
        assert_eq!(
            [1.5, 0.012345, 123.456, 2e-7, 98765.4].map(figure),
            ["1.500", "0.01235", "123.5", "2.000e-7", "98765"]
        );
        assert_eq!(figure(f64::NAN), "NaN");
        assert_eq!(decibel(Some(f64::INFINITY)), "exact");
        assert_eq!(
            [0.5, f64::NAN, f64::INFINITY].map(percent),
            ["50.00 %", "-", "-"]
        );
    }
}
