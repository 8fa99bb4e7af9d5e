//! Columns of text.

/// A table; the first line holds the column heads.
pub struct Table {
    is_left: Vec<bool>,
    lines: Vec<Vec<String>>,
}

impl Table {
    /// A table with these heads. A column whose head begins with `<` is aligned to the left, others
    /// to the right.
    pub fn new(heads: &[&str]) -> Self {
        let is_left = heads.iter().map(|head| head.starts_with('<')).collect();
        Self {
            is_left,
            lines: vec![
                heads
                    .iter()
                    .map(|head| head.trim_start_matches('<').to_owned())
                    .collect(),
            ],
        }
    }

    /// Adds a line.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.lines.push(cells.into_iter().collect());
    }

    /// The text as Markdown.
    pub fn markdown(&self) -> String {
        let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
        let rule: Vec<&str> = self
            .is_left
            .iter()
            .map(|&is_left| if is_left { "---" } else { "---:" })
            .collect();
        let (heads, rows) = self.lines.split_at(1);
        let rows: String = rows.iter().map(|cells| line(cells)).collect();
        heads.iter().map(|cells| line(cells)).collect::<String>()
            + &format!("|{}|\n", rule.join("|"))
            + &rows
    }

    /// The text.
    pub fn render(&self) -> String {
        let widths: Vec<usize> = (0..self.is_left.len())
            .map(|column| {
                self.lines
                    .iter()
                    .filter_map(|line| line.get(column))
                    .map(|cell| cell.chars().count())
                    .max()
                    .unwrap_or(0)
            })
            .collect();
        let mut text = String::new();
        for line in &self.lines {
            let cells =
                line.iter()
                    .zip(&widths)
                    .zip(&self.is_left)
                    .map(|((cell, &width), &is_left)| match is_left {
                        true => format!("{cell:<width$}"),
                        false => format!("{cell:>width$}"),
                    });
            text += cells.collect::<Vec<_>>().join("  ").trim_end();
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::Table;

    #[test]
    fn columns_line_up() {
        let mut table = Table::new(&["<name", "n"]);
        table.row(["a".to_owned(), "100".to_owned()]);
        assert_eq!(table.render(), "name    n\na     100\n");
        assert_eq!(table.markdown(), "| name | n |\n|---|---:|\n| a | 100 |\n");
    }
}
