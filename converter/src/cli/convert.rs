//! `sla convert`

use std::path::PathBuf;

use clap::Args;
use sla_converter::calibrate::Calibration;
use sla_converter::checkpoint::{self, Checkpoint};
use sla_converter::convert::{ConvertOptions, convert};
use sla_converter::data::{self, TensorFile};
use sla_converter::eval::ROW_TOKENS;
use sla_format::StateKind;
use sla_reference::Input;

use super::failure::{Outcome, warn};
use super::output::{OutputFile, print};
use super::progress::Progress;
use super::table::Table;

/// Options of `sla convert`.
#[derive(Args)]
pub(super) struct Options {
    /// Checkpoint: a folder with config.json and model.safetensors (or shards and their index)
    dir: PathBuf,
    /// File to write
    #[arg(short, long, value_name = "FILE.sla")]
    output: PathBuf,
    /// Data to measure activation ranges and drift on: a text (byte-level models) or a .safetensors file with input_ids,
    /// features or features.N. Default: the model's own samples; synthetic frames for feature models
    #[arg(long, value_name = "FILE")]
    calibration: Option<PathBuf>,
    /// Representation of the recurrent state: int32, or int16 for half the memory; one for all layers, or one a layer,
    /// separated by commas
    #[arg(long, value_name = "KIND", value_delimiter = ',', value_parser = state_kind, default_value = "int32")]
    state: Vec<StateKind>,
}

/// Converts and writes.
pub(super) fn command(options: &Options) -> Outcome {
    let output = OutputFile::new(&options.output)?;
    output.spare(Some(&options.dir), &options.calibration)?;
    let checkpoint = checkpoint::load(&options.dir)?;
    let calibration = calibration(options, &checkpoint)?;
    let progress = Progress::new();
    let how = ConvertOptions { calibration, state: options.state.clone() };
    let converted = convert(&checkpoint, &how, &mut |stage, share| progress.set(stage, share));
    drop(progress);
    let converted = converted?;
    warn(&converted.warnings);
    output.write(&converted.file)?;

    let mut table = Table::default();
    for (name, value) in &converted.summary {
        table.row([name, value]);
    }
    print(&format!("wrote {} from {}\n{}", output.shown(), options.dir.display(), table.render()))
}

fn state_kind(name: &str) -> Result<StateKind, String> {
    let kinds = [StateKind::Int32, StateKind::Int16];
    kinds.into_iter().find(|kind| kind.name() == name).ok_or_else(|| "it is int32 or int16".into())
}

fn calibration(options: &Options, checkpoint: &Checkpoint) -> Outcome<Calibration> {
    let Some(path) = &options.calibration else { return Ok(Calibration::Own) };
    if path.extension().is_none_or(|e| e != "safetensors") {
        let bytes = data::text(path, &checkpoint.config)?;
        let rows = bytes.chunks(ROW_TOKENS).map(|row| row.iter().map(|&b| b.into()).collect());
        return Ok(Calibration::Tokens(rows.collect()));
    }
    let file = TensorFile::read(path)?;
    Ok(match &checkpoint.config.input {
        Input::Tokens { vocab } => Calibration::Tokens(data::tokens(&file, *vocab)?.rows),
        Input::Features { size, .. } => Calibration::Frames(data::clips(&file, *size)?),
    })
}
