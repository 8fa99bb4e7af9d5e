//! Text tables and numbers for people.

/// Rows of cells; the first column is left-aligned, the others right-aligned.
#[derive(Default)]
pub(super) struct Table(Vec<Vec<String>>);

impl Table {
    /// Adds a row.
    pub(super) fn row<S: Into<String>>(&mut self, cells: impl IntoIterator<Item = S>) {
        self.0.push(cells.into_iter().map(Into::into).collect());
    }

    /// The text, each line indented by two spaces.
    pub(super) fn render(&self) -> String {
        let columns = self.0.iter().map(Vec::len).max().unwrap_or(0);
        let width = |c: usize| self.0.iter().filter_map(|r| r.get(c)).map(|s| s.chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut text = String::new();
        for row in &self.0 {
            let cell = |(c, s): (usize, &String)| match c {
                0 => format!("  {s:<width$}", width = widths[0]),
                _ => format!("  {s:>width$}", width = widths[c]),
            };
            let line: String = row.iter().enumerate().map(cell).collect();
            text += line.trim_end();
            text.push('\n');
        }
        text
    }
}

/// `1234567` as `1,234,567`.
pub(super) fn grouped(n: u64) -> String {
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
pub(super) fn figure(value: impl Into<Option<f64>>) -> String {
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
pub(super) fn decibel(value: Option<f64>) -> String {
    match value {
        None => "-".into(),
        Some(v) if v == f64::INFINITY => "exact".into(),
        Some(v) => format!("{v:.1}"),
    }
}

/// A share in percent with two decimals; `-` for none.
pub(super) fn percent(value: impl Into<Option<f64>>) -> String {
    value.into().map_or("-".into(), |v| format!("{:.2} %", 100.0 * v))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_for_people() {
        assert_eq!([0, 12, 999, 1000, 1_234_567].map(grouped), ["0", "12", "999", "1,000", "1,234,567"]);
        assert_eq!(
            [1.5, 0.012345, 123.456, 2e-7, 98765.4].map(figure),
            ["1.500", "0.01235", "123.5", "2.000e-7", "98765"]
        );
        assert_eq!(figure(f64::NAN), "NaN");
        assert_eq!(decibel(Some(f64::INFINITY)), "exact");
    }

    #[test]
    fn columns_line_up() {
        let mut table = Table::default();
        table.row(["a", "1"]);
        table.row(["long", "234"]);
        assert_eq!(table.render(), "  a       1\n  long  234\n");
    }
}
