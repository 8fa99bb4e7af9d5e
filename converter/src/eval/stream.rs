//! `sla eval --stream`

use serde_json::{Value, json};
use sla_checkpoint::Checkpoint;
use sla_eval::{Distance, Source, StreamReport, Window, stream};
use sla_format::InputKind;
use sla_runtime::Model;

use super::input::{floats, rows};
use super::options::Options;
use super::plot;
use crate::failure::{Outcome, warn};
use crate::output::{OutputFile, print_json, tell};
use crate::progress::Progress;
use crate::table::{Table, figure, grouped};

/// Runs one stream of `steps`, prints its figures and draws them.
pub(super) fn command(
    options: &Options,
    steps: u64,
    model: &Model,
    checkpoint: Checkpoint,
    drawing: Option<&OutputFile>,
) -> Outcome {
    let given = options.tokens.is_some() || options.text.is_some();
    let rows = given
        .then(|| {
            rows(
                &options.checkpoint,
                options.tokens.as_ref(),
                options.text.as_ref(),
                model,
                &checkpoint,
            )
        })
        .transpose()?;
    let title = checkpoint.meta.name.clone();
    let [reference, dequantized] = floats(model, checkpoint)?;
    let source = rows.as_ref().map_or(Source::Own, Source::Rows);
    let progress = Progress::new();
    let report = stream(
        &reference,
        &dequantized,
        model,
        source,
        steps,
        &mut |share| progress.set("stream", share),
    );
    drop(progress);
    let report = report?;
    if let Some(drawing) = drawing {
        match plot::svg(&title, &report) {
            Some(svg) => drawing.write(svg.as_bytes())?,
            None => warn(&[format!(
                "{}: not written, there is no drift to draw: the runs do not differ, or the stream is too short; give a longer one",
                drawing.shown()
            )]),
        }
    }
    if options.json {
        print_json(&json(&report))
    } else {
        tell(drawing, &text(options, model, &report))
    }
}

fn text(options: &Options, model: &Model, r: &StreamReport) -> String {
    let mut text = format!(
        "{}: KL of the last {} positions {:.2} times that of the first, at most {:.2} times the weights' own in any decade\n\n",
        options.file.display(),
        grouped(r.last.last - r.last.first + 1),
        r.drift(),
        r.over_weights()
    );
    let desc = model.desc();
    let unit = match (desc.input, desc.inputs) {
        (InputKind::Features, _) => None,
        (InputKind::Tokens, 256) if model.tokenizer_section().is_empty() => Some("bits/byte"),
        (InputKind::Tokens, _) => Some("bits/token"),
    };
    let mut table = Table::default();
    let mut head = vec!["positions".to_string()];
    head.extend(
        [
            "KL, fixed",
            "KL, weights alone",
            "KL, arithmetic",
            "max |logit error|",
        ]
        .map(Into::into),
    );
    head.extend(
        unit.iter()
            .flat_map(|unit| [format!("{unit}, float"), format!("{unit}, fixed")]),
    );
    head.push("saturated".into());
    table.row(head);
    for w in r.decades.iter().chain([&r.first, &r.last, &r.all]) {
        let mut row = vec![format!("{} - {}", grouped(w.first), grouped(w.last))];
        row.extend(
            [
                w.fixed.kl,
                w.dequantized.kl,
                w.arithmetic.kl,
                w.fixed.max_abs,
            ]
            .map(figure),
        );
        if unit.is_some() {
            row.extend(
                [w.bits_float, w.bits_fixed]
                    .map(|bits| bits.map_or("-".into(), |b| format!("{b:.5}"))),
            );
        }
        row.push(grouped(w.saturated));
        table.row(row);
    }
    text += &table.render();
    text
}

fn json(r: &StreamReport) -> Value {
    let all = |windows: &[Window]| windows.iter().map(window).collect::<Vec<_>>();
    json!({
        "steps": r.all.last,
        "drift": r.drift(),
        "over_weights": r.over_weights(),
        "all": window(&r.all),
        "decades": all(&r.decades),
        "first": window(&r.first),
        "last": window(&r.last),
        "curve": all(&r.curve),
    })
}

fn window(w: &Window) -> Value {
    let distance = |d: &Distance| json!({ "kl": d.kl, "max_abs_logit": d.max_abs });
    json!({
        "positions": [w.first, w.last],
        "fixed": distance(&w.fixed),
        "weights_only": distance(&w.dequantized),
        "dequantized": distance(&w.arithmetic),
        "bits_float": w.bits_float,
        "bits_fixed": w.bits_fixed,
        "saturated": w.saturated,
    })
}
