//! Text tables for people.

pub(super) use sla_converter::numbers::{decibel, figure, grouped, percent};

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let mut table = Table::default();
        table.row(["a", "1"]);
        table.row(["long", "234"]);
        assert_eq!(table.render(), "  a       1\n  long  234\n");
    }
}
