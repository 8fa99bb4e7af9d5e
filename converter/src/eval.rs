//! `sla eval`

mod input;
mod options;
mod plot;
mod report;
mod stream;

use serde_json::json;
use sla_checkpoint::Checkpoint;
use sla_eval::owned_model::OwnedModel;
use sla_eval::{Channel, Comparison, Report, Rows, check_same, compare_all};
use sla_runtime::Model;
use sla_tokenizer::Text;

pub(super) use input::{check_source, checkpoint, rows};
pub(super) use options::Options;

use input::floats;

use super::failure::{Outcome, read_model_to_run, usage, warn};
use super::output::{OutputFile, print_json, tell};
use super::progress::Progress;
use super::table::{Table, decibel, figure, grouped, percent};

/// The file that `--report` or `--plot` names; refused if the command reads it, or prints where it
/// goes.
fn output(options: &Options) -> Outcome<Option<OutputFile>> {
    let Some(path) = options.report.as_ref().or(options.plot.as_ref()) else {
        return Ok(None);
    };
    let output = OutputFile::new(path)?;
    if options.json && output.is_stdout() {
        return usage(
            "--json prints on stdout, and so would the drawing or page; give a file for that",
        );
    }
    output.spare(
        Some(&options.checkpoint),
        [&options.file]
            .into_iter()
            .chain(&options.tokens)
            .chain(&options.text),
    )?;
    Ok(Some(output))
}

/// Compares and prints.
pub(super) fn command(options: &Options) -> Outcome {
    let output = output(options)?;
    let file = read_model_to_run(&options.file)?;
    let model = file.model();
    let checkpoint = checkpoint(&options.checkpoint, &model)?;
    warn(&checkpoint.warnings);
    check_same(&checkpoint.config, &model)?;
    match options.stream {
        Some(steps) => stream::command(options, steps, &model, checkpoint, output.as_ref()),
        None => rows_command(options, &file, checkpoint, output.as_ref()),
    }
}

fn rows_command(
    options: &Options,
    file: &OwnedModel,
    checkpoint: Checkpoint,
    page: Option<&OutputFile>,
) -> Outcome {
    let model = file.model();
    let rows = rows(
        &options.checkpoint,
        options.tokens.as_ref(),
        options.text.as_ref(),
        &model,
        &checkpoint,
    )?;
    let bytes = options
        .text
        .as_ref()
        .map(|_| scored_bytes(&model, &rows))
        .filter(|&bytes| bytes > 0);
    let floats = floats(&model, checkpoint)?;
    let progress = Progress::new();
    let comparison = compare_all(&floats[0], &floats[1], &model, &rows, &mut |share| {
        progress.set("evaluate", share)
    });
    drop(progress);
    let comparison = comparison?;
    let mut json = comparison.to_json(options.tolerance);
    if let Some(bytes) = bytes {
        let total = &comparison.total;
        json["bits_per_byte_float"] =
            json!(total.nll_float.map(|nll| bits_per_byte(total, nll, bytes)));
        json["bits_per_byte_fixed"] =
            json!(total.nll_fixed.map(|nll| bits_per_byte(total, nll, bytes)));
    }
    if let Some(page) = page {
        report::write(page, options, file, &rows, &floats, &comparison, &json)?;
    }
    if options.json {
        print_json(&json)
    } else {
        tell(page, &text(options, &comparison, bytes))
    }
}

/// Bytes of text in the tokens that are predicted: all but the first of each row.
fn scored_bytes(model: &Model, rows: &Rows) -> usize {
    let Rows::Tokens(rows) = rows else { return 0 };
    let tokenizer = model.tokenizer();
    let bytes = |id: &u32| match &tokenizer {
        Some(tokenizer) => match tokenizer.text(*id) {
            Some(Text::Bytes(text)) => text.len(),
            Some(Text::Byte(_)) => 1,
            None => 0,
        },
        None => 1,
    };
    rows.iter()
        .flat_map(|row| row.ids.iter().skip(1))
        .map(bytes)
        .sum()
}

fn bits_per_byte(r: &Report, nll: f64, bytes: usize) -> f64 {
    nll * r.scored as f64 / (std::f64::consts::LN_2 * bytes as f64)
}

fn text(options: &Options, c: &Comparison, bytes: Option<usize>) -> String {
    let mut text = format!("{}: {}\n\n", options.file.display(), verdict(&c.total));
    text += &figures(c, bytes).render();
    text += "\n  signal-to-noise ratio per layer, dB: float → fixed / dequantised → fixed\n";
    text += &layers(c).render();
    text.push('\n');
    text += &match c.dequantized.first_below(options.tolerance) {
        Some(w) => format!(
            "  arithmetic: layer {} {} has {} dB, the first below {} dB\n",
            w.layer,
            w.channel.name(),
            decibel(Some(w.snr)),
            options.tolerance
        ),
        None => format!(
            "  arithmetic: every layer is above {} dB\n",
            options.tolerance
        ),
    };
    if c.total.saturated > 0 {
        text += &format!(
            "  {} values did not fit their format and saturated\n",
            grouped(c.total.saturated)
        );
    }
    text
}

/// The line to read if only one is read.
fn verdict(r: &Report) -> String {
    let mut parts = Vec::new();
    if let (Some(float), Some(fixed)) = (r.accuracy_float, r.accuracy_fixed) {
        parts.push(format!(
            "accuracy {} (float {})",
            percent(fixed),
            percent(float)
        ));
    }
    match &r.clips {
        Some(c) => {
            parts.push(format!(
                "same label on {} of {} clips",
                c.same_label, c.clips
            ));
            parts.push(format!(
                "last-frame error at most {} of RMS",
                percent(c.last_frame_max_error)
            ));
        }
        None => {
            if let Some(ratio) = r.ppl_ratio {
                parts.push(format!("perplexity x {ratio:.5}"));
            }
            parts.push(format!("KL {} nats", figure(r.kl_mean)));
            parts.push(format!("top-1 {}", percent(r.top1)));
        }
    }
    format!(
        "{} over {} positions",
        parts.join(", "),
        grouped(r.tokens as u64)
    )
}

fn figures(c: &Comparison, bytes: Option<usize>) -> Table {
    let reports = [&c.total, &c.dequantized, &c.weights_only];
    let mut table = Table::default();
    table.row([
        "",
        "float → fixed",
        "dequantised → fixed",
        "float → dequantised",
    ]);
    let mut row = |name: &str, cell: &dyn Fn(&Report) -> String| {
        let cells = reports.map(cell);
        if cells.iter().any(|c| c != "-") {
            table.row([name.to_string()].into_iter().chain(cells));
        }
    };
    row("nll, first model", &|r| {
        r.nll_float.map_or("-".into(), |n| format!("{n:.6}"))
    });
    row("nll, second model", &|r| {
        r.nll_fixed.map_or("-".into(), |n| format!("{n:.6}"))
    });
    if let Some(bytes) = bytes {
        let bits = |r: &Report, nll: Option<f64>| {
            nll.map_or("-".into(), |n| format!("{:.6}", bits_per_byte(r, n, bytes)))
        };
        row("bits a byte, first model", &|r| bits(r, r.nll_float));
        row("bits a byte, second model", &|r| bits(r, r.nll_fixed));
    }
    row("perplexity ratio", &|r| {
        r.ppl_ratio.map_or("-".into(), |n| format!("{n:.6}"))
    });
    row("KL mean", &|r| figure(r.kl_mean));
    row("KL max", &|r| figure(r.kl_max));
    row("same argmax", &|r| percent(r.top1));
    row("largest logit error", &|r| figure(r.max_abs_logit));
    row("relative RMS error", &|r| percent(r.relative_rms));
    row("accuracy, first model", &|r| percent(r.accuracy_float));
    row("accuracy, second model", &|r| percent(r.accuracy_fixed));
    let clip =
        |f: fn(&sla_eval::ClipFigures) -> f64| move |r: &Report| percent(r.clips.as_ref().map(f));
    row(
        "last frame: max error / RMS, worst clip",
        &clip(|c| c.last_frame_max_error),
    );
    row(
        "last frame: relative RMS, median clip",
        &clip(|c| c.last_frame_relative_rms),
    );
    row(
        "all frames: relative RMS, median clip",
        &clip(|c| c.clip_relative_rms),
    );
    table
}

fn layers(c: &Comparison) -> Table {
    let mut table = Table::default();
    let shown: Vec<Channel> = Channel::ALL
        .into_iter()
        .filter(|&ch| c.total.layers.iter().any(|l| l.get(ch).is_some()))
        .collect();
    table.row(
        ["layer"]
            .into_iter()
            .chain(shown.iter().map(|ch| ch.name())),
    );
    let pair = |a, b| format!("{} / {}", decibel(a), decibel(b));
    let mut input = vec!["input".to_string()];
    input.extend(shown.iter().map(|&ch| match ch {
        Channel::Residual => pair(c.total.input_snr, c.dequantized.input_snr),
        _ => String::new(),
    }));
    table.row(input);
    for (i, (total, dequantized)) in c.total.layers.iter().zip(&c.dequantized.layers).enumerate() {
        let cells = shown
            .iter()
            .map(|&ch| pair(total.get(ch), dequantized.get(ch)));
        table.row([i.to_string()].into_iter().chain(cells));
    }
    table
}
