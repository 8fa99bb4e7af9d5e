//! Text tables for people.

pub(super) use sla_eval::numbers::{decibel, figure, grouped, percent};

/// Rows of cells; the first column is left-aligned, the others right-aligned.
#[derive(Default)]
pub(super) struct Table(Vec<Vec<String>>);

impl Table {
    /// Adds a row.
    pub(super) fn row<S: Into<String>>(&mut self, cells: impl IntoIterator<Item = S>) {
        self.0
            .push(cells.into_iter().map(|cell| shown(&cell.into())).collect());
    }

    /// The text, each line indented by two spaces.
    pub(super) fn render(&self) -> String {
        let columns = self.0.iter().map(Vec::len).max().unwrap_or(0);
        let width = |c: usize| {
            self.0
                .iter()
                .filter_map(|r| r.get(c))
                .map(|s| s.chars().count())
                .max()
                .unwrap_or(0)
        };
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

/// A cell as a terminal can show it: what a file holds may be long, or steer the terminal.
fn shown(cell: &str) -> String {
    const MOST: usize = 200;
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    match cell.char_indices().nth(MOST) {
        Some((end, _)) => cell[..end].chars().map(plain).chain(['…']).collect(),
        None => cell.chars().map(plain).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_as_a_terminal_can_show_them() {
        let mut table = Table::default();
        table.row(["labels", &"é".repeat(70_000)]);
        table.row(["source", "\u{1b}[2Ja\nb"]);
        let text = table.render();
        assert_eq!(
            text.lines()
                .map(|line| line.chars().count())
                .collect::<Vec<_>>(),
            [211, 211]
        );
        assert!(text.lines().next().is_some_and(|line| line.ends_with("é…")));
        assert!(
            text.lines()
                .nth(1)
                .is_some_and(|line| line.ends_with("  [2Ja b")),
            "{text:?}"
        );
    }

    #[test]
    fn columns_line_up() {
        let mut table = Table::default();
        table.row(["a", "1"]);
        table.row(["long", "234"]);
        assert_eq!(table.render(), "  a       1\n  long  234\n");
    }
}
