//! The table of docs/boards.md, made and compared.

use std::fmt;

use anyhow::{Context, Result, anyhow};
use sla_chips::plan::{Chip, Demand};
use sla_eval::owned_model::OwnedModel;

use super::image::Sizes;
use super::list::Board;
use crate::models::Model;
use crate::setup;
use crate::table::Table;

/// By how much code and data may differ from the recorded ones, percent: the paths of sources are
/// among the constants, and another place of the checkout makes them longer or shorter.
const TOLERANCE_PERCENT: u64 = 2;
const COMPILER: &str = "Compiled by rustc ";

const HEADS: [&str; 9] = [
    "<board",
    "<target",
    "<model",
    "flash: code",
    "flash: model",
    "RAM: state and scratch",
    "RAM: other statics",
    "RAM: left for the stack",
    "tokens/s (`sla plan`)",
];
/// Columns of code and data.
const MEASURED: [usize; 3] = [3, 6, 7];

/// One board.
pub struct Row {
    board: &'static Board,
    cells: Vec<String>,
    rustc: String,
}

impl Row {
    /// What was measured of `board` with `model`, and what is planned.
    pub fn of(board: &'static Board, model: &Model, sizes: &Sizes) -> Result<Self> {
        let chip = Chip::find(board.chip).with_context(|| format!("no chip {}", board.chip))?;
        let file = OwnedModel::read(&model.path).map_err(|error| anyhow!("{error}"))?;
        let demand = Demand::of(&file.model(), file.bytes().len());
        let session = demand.state_bytes + demand.scratch_bytes;
        let speed = demand
            .on(chip)
            .speed
            .filter(|_| board.is_planned)
            .map(|speed| speed.tokens_per_second);
        let speed = speed.map_or("–".to_owned(), |speed| {
            format!("{} to {}", rounded(speed.low), rounded(speed.high))
        });
        let other = sizes
            .statics
            .checked_sub(session)
            .context("the session's buffers are not among the statics")?;
        let cells = [
            board.name.to_owned(),
            board.target.to_owned(),
            model.name.clone(),
        ]
        .into_iter()
        .chain(
            [sizes.code, demand.model_bytes, session, other, sizes.stack]
                .map(|bytes| bytes.to_string()),
        )
        .chain([speed])
        .collect();
        Ok(Self {
            board,
            cells,
            rustc: setup::rustc_version(),
        })
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = HEADS
            .iter()
            .zip(&self.cells)
            .skip(2)
            .map(|(head, cell)| format!("{} {cell}", head.trim_start_matches('<')));
        write!(
            f,
            "{}: {}",
            self.board.name,
            named.collect::<Vec<_>>().join(", ")
        )
    }
}

/// Two digits: it is an estimate.
fn rounded(figure: f64) -> String {
    if figure < 10.0 {
        format!("{figure:.1}")
    } else {
        format!("{figure:.0}")
    }
}

/// All boards.
pub fn table(rows: &[Row]) -> Table {
    let mut table = Table::new(&HEADS);
    rows.iter()
        .for_each(|row| table.row(row.cells.iter().cloned()));
    table
}

/// What is recorded of all boards.
pub fn made(rows: &[Row]) -> String {
    let compiler = rows.first().map_or("", |row| row.rustc.as_str());
    format!("{COMPILER}{compiler}; bytes.\n\n{}", table(rows).markdown())
}

/// Where `rows` are not those that `made` has; a board that it lacks is a difference.
pub fn differences(made: &str, rows: &[Row]) -> Result<Vec<String>> {
    let compiler = made
        .split_once(COMPILER)
        .and_then(|(_, rest)| rest.split([';', ' ']).next())
        .context("no compiler")?;
    let recorded: Vec<Vec<&str>> = made
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"))
        .map(|line| line.split(" | ").collect())
        .collect();
    let mut found = Vec::new();
    for row in rows {
        let name = row.board.name;
        let Some(old) = recorded.iter().find(|cells| cells.first() == Some(&name)) else {
            found.push(format!("{name}: not recorded"));
            continue;
        };
        for (column, (head, new)) in HEADS.iter().zip(&row.cells).enumerate() {
            let old = old.get(column).copied().unwrap_or_default();
            let same = match MEASURED.contains(&column) {
                // Another compiler makes other code.
                true => row.rustc != compiler || near(old, new),
                false => old == new,
            };
            if !same {
                found.push(format!(
                    "{name}: {} is {new}, recorded is {old}",
                    head.trim_start_matches('<')
                ));
            }
        }
    }
    Ok(found)
}

fn near(old: &str, new: &str) -> bool {
    let (Ok(old), Ok(new)) = (old.parse::<u64>(), new.parse::<u64>()) else {
        return false;
    };
    old.abs_diff(new) * 100 <= old * TOLERANCE_PERCENT
}

#[cfg(test)]
mod tests {
    use super::super::list::BOARDS;
    use super::*;

    fn row(code: u64, model: u64) -> Row {
        let numbers = [code, model, 3, 4, 5].map(|number| number.to_string());
        let cells = ["nrf52840-dk", "t", "m"]
            .map(str::to_owned)
            .into_iter()
            .chain(numbers)
            .chain(["1 to 2".to_owned()]);
        Row {
            board: &BOARDS[0],
            cells: cells.collect(),
            rustc: "1.2.3".to_owned(),
        }
    }

    #[test]
    fn what_was_recorded_is_compared() {
        let made = made(&[row(10_000, 700)]);
        let count = |row: Row| differences(&made, &[row]).expect("whole").len();
        assert_eq!((count(row(10_000, 700)), count(row(10_200, 700))), (0, 0));
        assert_eq!(
            (
                count(row(10_201, 700)),
                count(row(9_799, 700)),
                count(row(10_000, 701))
            ),
            (1, 1, 1)
        );
        // The code of another compiler is not compared, the model is.
        assert_eq!(
            count(Row {
                rustc: "1.2.4".to_owned(),
                ..row(20_000, 701)
            }),
            1
        );
        assert_eq!(
            count(Row {
                board: &BOARDS[1],
                ..row(10_000, 700)
            }),
            1
        );
        assert!(differences("", &[]).is_err());
    }
}
