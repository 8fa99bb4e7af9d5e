//! `cargo xtask boards`: builds the firmware of every board, asserts the memory map of each image,
//! and keeps the table of docs/boards.md.

mod boot;
mod chat;
mod figures;
mod image;
mod list;

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail};
use clap::Args;

use crate::generated::Generated;
use crate::models::{DEFAULT, Model};
use crate::{paths, process, setup};
pub use chat::{Outcome, check as converse};
use figures::Row;
use list::{BOARDS, Board};

const GENERATED: Generated = Generated {
    document: "docs/boards.md",
    command: "cargo xtask boards --bless",
};

/// Options of `cargo xtask boards`.
#[derive(Args)]
pub struct Options {
    /// A folder of firmware-examples/boards; can be given several times or with commas
    #[arg(long, value_delimiter = ',', value_parser = clap::builder::PossibleValuesParser::new(folders()))]
    board: Vec<String>,
    /// The model in the images; boards that have no room for it take a smaller one
    #[arg(long, value_name = "FILE.sla")]
    model: Option<PathBuf>,
    /// Record the table in docs/boards.md
    #[arg(long, conflicts_with_all = ["board", "model"])]
    bless: bool,
    /// Talk to the STM32F405 in QEMU over its serial line, as the tests do, and nothing else
    #[arg(long, conflicts_with_all = ["board", "model", "bless"])]
    emulated: bool,
}

/// Runs `cargo xtask boards`.
pub fn command(options: &Options) -> Result<()> {
    if options.emulated {
        match converse()? {
            Outcome::Right { stack_bytes } => {
                println!("stm32f405: as on the host; peak stack {stack_bytes} bytes")
            }
            Outcome::Skipped(why) => println!("skipped: {why}"),
        }
        return Ok(());
    }
    let chosen: Vec<&Board> = BOARDS
        .iter()
        .filter(|board| {
            options.board.is_empty() || options.board.iter().any(|name| name == board.folder)
        })
        .collect();
    setup::require_targets(&chosen.iter().map(|board| board.target).collect::<Vec<_>>())?;
    let model = Model::choose(options.model.as_deref())?;
    let mut rows = Vec::new();
    for board in chosen {
        rows.push(measure(board, &model, &mut |note| {
            eprintln!("{}: {note}", board.name)
        })?);
    }
    let table = figures::table(&rows);
    if options.bless {
        let path = GENERATED.write(&figures::made(&rows))?;
        eprintln!("recorded in {}", path.display());
        return Ok(());
    }
    print!("{}", table.render());
    if model.name != DEFAULT {
        eprintln!(
            "not compared with {}, which is of {DEFAULT}",
            GENERATED.document
        );
        return Ok(());
    }
    let differences = figures::differences(&GENERATED.read()?, &rows)?;
    differences
        .iter()
        .for_each(|difference| eprintln!("{difference}"));
    match differences.len() {
        0 => Ok(()),
        count => bail!(
            "{count} figures are not those of {}; `{}` records them anew",
            GENERATED.document,
            GENERATED.command
        ),
    }
}

/// The tests, on this machine, of what the boards share.
pub fn shared_tests() -> Result<bool> {
    let mut command = Command::new("cargo");
    command.current_dir(paths::root().join("firmware-examples/boards/common"));
    command.env("SLA_MODEL", Model::choose(None)?.path);
    command
        .args(["test", "--locked", "--quiet", "--target-dir"])
        .arg(paths::target_dir().join("firmware"));
    process::run_visible(process::clean_cargo_environment(&mut command))
}

/// Folders of all boards, each once.
fn folders() -> Vec<&'static str> {
    let mut folders: Vec<&str> = BOARDS.iter().map(|board| board.folder).collect();
    folders.dedup();
    folders
}

/// All boards with a target here, for the tests: notes, what differs from docs/boards.md, and what
/// is skipped.
pub fn check(note: &mut dyn FnMut(String)) -> Result<Vec<String>> {
    let model = Model::choose(None)?;
    let mut rows = Vec::new();
    for board in &BOARDS {
        if setup::device_cargo(board.target).is_none() {
            note(format!(
                "skipped: {}: no core for {}",
                board.name, board.target
            ));
            continue;
        }
        let row = measure(board, &model, note)?;
        note(row.to_string());
        rows.push(row);
    }
    figures::differences(&GENERATED.read()?, &rows)
}

/// Builds one board's image with `model`, or a smaller one, and checks it.
fn measure(board: &'static Board, model: &Model, note: &mut dyn FnMut(String)) -> Result<Row> {
    let (model, why) = model.or_smaller(board.room()?)?;
    why.into_iter().for_each(note);
    let path = image::build(board, &model)?;
    Row::of(board, &model, &image::check(board, &model, &path)?)
}
