//! `sla convert`

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use sla_checkpoint::data;
use sla_checkpoint::data::TensorFile;
use sla_checkpoint::tokenizer;
use sla_checkpoint::tokenizer::Compiled;
use sla_checkpoint::{Checkpoint, LoadOptions, Purpose};
use sla_convert::calibrate::Calibration;
use sla_convert::quantize::Bits;
use sla_convert::{Budget, ConvertOptions, WeightBits, convert};
use sla_eval::ROW_TOKENS;
use sla_format::StateKind;
use sla_reference::Input;
use sla_tokenizer::Tokenizer;

use super::failure::{Outcome, usage, warn};
use super::output::{OutputFile, tell};
use super::progress::Progress;
use super::table::Table;
use super::terminal::is_verbose;

/// Options of `sla convert`.
#[derive(Args)]
#[command(allow_negative_numbers = true)]
pub(super) struct Options {
    /// Checkpoint: a folder with config.json and model.safetensors (or shards and their index)
    dir: PathBuf,
    /// File to write; - for stdout
    #[arg(short, long, value_name = "FILE.sla")]
    output: PathBuf,
    /// Data to measure activation ranges and drift on: a text (byte-level models and tokenizers; -
    /// for stdin) or a .safetensors file with input_ids, features or features.N. Default: the
    /// model's own samples; synthetic frames for feature models
    #[arg(long, value_name = "FILE")]
    calibration: Option<PathBuf>,
    /// Representation of the recurrent state: int32, or int16 for half the memory; one for all
    /// layers, or one a layer, separated by commas
    #[arg(long, value_name = "KIND", value_delimiter = ',', value_parser = state_kind, default_value = "int32")]
    state: Vec<StateKind>,
    /// Bits of the matrices within layers: int8, int4 (groups of 32, rounded by what the model
    /// does on calibration data), or mixed: either of them, as a budget allows and their
    /// effect on the output demands
    #[arg(long, value_enum, default_value_t = Weights::Int8)]
    weights: Weights,
    /// Size of the file for --weights mixed: bytes, or with a point a share of the int8 file's
    /// size (0.6)
    #[arg(long, value_name = "BYTES|RATIO", value_parser = budget, required_if_eq("weights", "mixed"))]
    budget: Option<Budget>,
    /// Bits of embedding and head where --weights is int4 or mixed
    #[arg(long, value_enum, default_value_t = Head::Int8)]
    head: Head,
    /// Take the embedding as the head of a checkpoint without lm_head.weight, as if
    /// tie_word_embeddings were true. A base model (GLAModel and its like) was saved without
    /// the head that it was trained with: its outputs are noise all the same
    #[arg(long)]
    tied_head: bool,
    /// Convert without the tokenizer that tokenizer.json describes: the file then reads and writes
    /// token ids
    #[arg(long)]
    no_tokenizer: bool,
}

/// Values of `--weights`.
#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Weights {
    Int8,
    Int4,
    Mixed,
}

/// Values of `--head`.
#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Head {
    Int8,
    Int4,
}

fn budget(text: &str) -> Result<Budget, String> {
    if let Ok(bytes) = text.parse() {
        return Ok(Budget::Bytes(bytes));
    }
    match text.parse::<f64>() {
        Ok(ratio) if ratio > 0.0 && ratio <= 1.0 => Ok(Budget::Ratio(ratio)),
        _ => Err("it must be a number of bytes, or a share of the int8 file's size above 0.0 and up to 1.0".into()),
    }
}

impl Options {
    /// How to convert, without the calibration data.
    fn bits(&self) -> Outcome<(WeightBits, Bits)> {
        let head = if self.head == Head::Int4 {
            Bits::Int4
        } else {
            Bits::Int8
        };
        let weights = match (self.weights, self.budget) {
            (Weights::Mixed, Some(budget)) => WeightBits::Mixed(budget),
            (_, Some(_)) => return usage("--budget goes with --weights mixed"),
            (Weights::Int4, None) => WeightBits::Int4,
            (_, None) if head == Bits::Int4 => {
                return usage("--head int4 goes with --weights int4 or mixed");
            }
            (_, None) => WeightBits::Int8,
        };
        Ok((weights, head))
    }
}

/// Converts and writes.
pub(super) fn command(options: &Options) -> Outcome {
    let (weights, head) = options.bits()?;
    let output = OutputFile::new(&options.output)?;
    output.spare(Some(&options.dir), &options.calibration)?;
    let purpose = if weights == WeightBits::Int8 {
        Purpose::Convert
    } else {
        Purpose::ConvertByMoments
    };
    let checkpoint = sla_checkpoint::load_with(
        &options.dir,
        LoadOptions {
            tied_head: options.tied_head,
            purpose,
        },
    )?;
    let tokenizer = tokenizer(options, &checkpoint)?;
    let calibration = calibration(options, &checkpoint, tokenizer.as_ref())?;
    let progress = Progress::new();
    let how = ConvertOptions {
        calibration,
        weights,
        head,
        state: options.state.clone(),
        tokenizer,
    };
    let converted = convert(checkpoint, &how, &mut |stage, share| {
        progress.set(stage, share)
    });
    drop(progress);
    let converted = converted?;
    warn(&converted.warnings);
    output.write(&converted.file)?;

    let mut table = Table::default();
    for (name, value) in &converted.summary {
        table.row([name, value]);
    }
    let mut text = format!(
        "wrote {} from {}\n{}",
        output.shown(),
        options.dir.display(),
        table.render()
    );
    if is_verbose() && !converted.choices.is_empty() {
        let mut table = Table::default();
        converted.choices.iter().for_each(|row| table.row(row));
        text += &format!("\n{}", table.render());
    }
    tell(Some(&output), &text)
}

fn state_kind(name: &str) -> Result<StateKind, String> {
    let kinds = [StateKind::Int32, StateKind::Int16];
    kinds
        .into_iter()
        .find(|kind| kind.name() == name)
        .ok_or_else(|| "it is int32 or int16".into())
}

/// The checkpoint's tokenizer, for language models.
fn tokenizer(options: &Options, checkpoint: &Checkpoint) -> Outcome<Option<Compiled>> {
    match checkpoint.config.input {
        Input::Tokens { vocab } if !options.no_tokenizer => {
            let compiled = tokenizer::load(&options.dir, vocab)?;
            if compiled.is_none() {
                warn(tokenizer::unread(&options.dir).as_slice());
            }
            Ok(compiled)
        }
        _ => Ok(None),
    }
}

fn calibration(
    options: &Options,
    checkpoint: &Checkpoint,
    tokenizer: Option<&Compiled>,
) -> Outcome<Calibration> {
    let Some(path) = &options.calibration else {
        return Ok(Calibration::Own);
    };
    if path.extension().is_none_or(|e| e != "safetensors") {
        let tokenizer = tokenizer
            .map(|compiled| Tokenizer::read(compiled.section()))
            .transpose()?;
        let ids = data::text(path, &checkpoint.config, tokenizer.as_ref())?;
        return Ok(Calibration::Tokens(
            ids.chunks(ROW_TOKENS).map(<[u32]>::to_vec).collect(),
        ));
    }
    let file = TensorFile::read(path)?;
    Ok(match &checkpoint.config.input {
        Input::Tokens { vocab } => Calibration::Tokens(data::tokens(&file, *vocab)?.rows),
        Input::Features { size, .. } => Calibration::Frames(data::clips(&file, *size)?),
    })
}
