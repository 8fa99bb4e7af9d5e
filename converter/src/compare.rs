//! `sla compare`

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};
use sla_chips::plan::{CostTable, Demand};
use sla_eval::owned_model::OwnedModel;
use sla_eval::{Report, check_same, compare};
use sla_runtime::Model;

use super::failure::{Failure, Outcome, fail, read_model_to_run, warn};
use super::inspect::provenance;
use super::output::{print, print_json};
use super::progress::Progress;
use super::table::{Table, figure, grouped, percent};

/// Options of `sla compare`.
#[derive(Args)]
pub(super) struct Options {
    /// The first file
    #[arg(value_name = "A.sla")]
    first: PathBuf,
    /// The second file, of the same model
    #[arg(value_name = "B.sla")]
    second: PathBuf,
    /// The checkpoint that both were converted from
    #[arg(long, value_name = "DIR")]
    checkpoint: PathBuf,
    /// Input: input_ids (with targets), or features.N (with labels). Default: eval.safetensors of
    /// the checkpoint
    #[arg(long, value_name = "X.safetensors", conflicts_with = "text")]
    tokens: Option<PathBuf>,
    /// Text for byte-level models and files with a tokenizer, cut into rows of 1,024 tokens that
    /// each start from a fresh state; - for stdin
    #[arg(long, value_name = "FILE")]
    text: Option<PathBuf>,
    /// Print JSON, and nothing else, on stdout
    #[arg(long)]
    json: bool,
}

/// The emulated machines whose instructions are told.
const MACHINES: [(&str, &str); 3] = [
    ("m4", "Cortex-M4"),
    ("m55", "Cortex-M55"),
    ("rv32", "RV32IMAC"),
];

/// One file with what it costs and how close it is to float.
struct Side {
    path: String,
    demand: Demand,
    report: Report,
    how: [String; 2],
}

/// Compares and prints.
pub(super) fn command(options: &Options) -> Outcome {
    let paths = [&options.first, &options.second];
    let files = [read_model_to_run(paths[0])?, read_model_to_run(paths[1])?];
    let checkpoint = super::eval::checkpoint(&options.checkpoint, &files[0].model())?;
    warn(&checkpoint.warnings);
    for (path, file) in paths.iter().zip(&files) {
        check_same(&checkpoint.config, &file.model())
            .map_err(|e| Failure::Error(format!("{}: {e}", path.display())))?;
    }
    let source = |file: &OwnedModel| value(&file.model(), "source_sha256");
    if source(&files[0]) != source(&files[1]) {
        return fail(format!(
            "{} and {} were converted from different checkpoints (source_sha256 differs); convert both from {}",
            paths[0].display(),
            paths[1].display(),
            options.checkpoint.display()
        ));
    }
    let (tokens, text_file) = (options.tokens.as_ref(), options.text.as_ref());
    let rows = super::eval::rows(
        &options.checkpoint,
        tokens,
        text_file,
        &files[0].model(),
        &checkpoint,
    )?;
    super::eval::check_source(&checkpoint, &files[0].model());
    let reference = checkpoint.into_model()?;
    let progress = Progress::new();
    let mut sides = Vec::new();
    for (index, (path, file)) in paths.iter().zip(&files).enumerate() {
        let model = file.model();
        let report = compare(&reference, &model, &rows, &mut |share| {
            progress.set("compare", (index as f64 + share) / 2.0);
        })?;
        let how = ["weights", "state"].map(|key| value(&model, key));
        let demand = Demand::of(&model, file.bytes().len());
        sides.push(Side {
            path: path.display().to_string(),
            demand,
            report,
            how,
        });
    }
    drop(progress);
    if options.json {
        let sides: Vec<Value> = sides.iter().map(Side::json).collect();
        print_json(
            &json!({ "checkpoint": options.checkpoint.display().to_string(), "files": sides }),
        )
    } else {
        print(&text(&sides))
    }
}

/// A line of the provenance.
fn value(model: &Model, key: &str) -> String {
    provenance(model)
        .find(|(found, _)| *found == key)
        .map_or_else(|| "-".into(), |(_, value)| value.to_string())
}

fn text(sides: &[Side]) -> String {
    let mut table = Table::default();
    table.row(
        [String::new()]
            .into_iter()
            .chain(sides.iter().map(|side| side.path.clone()))
            .chain(["B / A".into()]),
    );
    let mut words = |name: &str, of: &dyn Fn(&Side) -> String| {
        let cells: Vec<String> = sides.iter().map(of).collect();
        if cells.iter().any(|cell| cell != "-") {
            table.row([name.to_string()].into_iter().chain(cells));
        }
    };
    words("weights", &|side| side.how[0].clone());
    words("state", &|side| side.how[1].clone());
    let mut numbers = |name: &str, show: fn(f64) -> String, of: &dyn Fn(&Side) -> Option<f64>| {
        let values: Vec<Option<f64>> = sides.iter().map(of).collect();
        let ratio = match values[..] {
            [Some(a), Some(b)] if a > 0.0 => format!("{:.3}", b / a),
            _ => "-".into(),
        };
        if values.iter().any(Option::is_some) {
            let cells = values.iter().map(|v| v.map_or("-".into(), show));
            table.row([name.to_string()].into_iter().chain(cells).chain([ratio]));
        }
    };
    let whole = |v: f64| grouped(v.round() as u64);
    numbers("file, bytes of flash", whole, &|s| {
        Some(s.demand.model_bytes as f64)
    });
    numbers("weights read for a token, bytes", whole, &|s| {
        Some(s.demand.streamed_bytes as f64)
    });
    numbers("state, bytes", whole, &|s| {
        Some(s.demand.state_bytes as f64)
    });
    numbers("scratch, bytes", whole, &|s| {
        Some(s.demand.scratch_bytes as f64)
    });
    for (machine, name) in MACHINES {
        numbers(
            &format!("instructions a token (estimate), {name}"),
            whole,
            &|s| instructions(&s.demand, machine),
        );
    }
    numbers("perplexity of float", figure, &|s| {
        s.report.nll_float.map(f64::exp)
    });
    numbers("perplexity", figure, &|s| s.report.nll_fixed.map(f64::exp));
    numbers("perplexity ratio to float", |v| format!("{v:.5}"), &|s| {
        s.report.ppl_ratio
    });
    numbers("accuracy of float", percent, &|s| s.report.accuracy_float);
    numbers("accuracy", percent, &|s| s.report.accuracy_fixed);
    numbers("KL to float, mean", figure, &|s| Some(s.report.kl_mean));
    numbers("KL to float, max", figure, &|s| Some(s.report.kl_max));
    numbers("same argmax as float", percent, &|s| Some(s.report.top1));
    numbers("largest logit error", figure, &|s| {
        Some(s.report.max_abs_logit)
    });
    let positions = sides.first().map_or(0, |side| side.report.tokens as u64);
    format!(
        "over {} positions, against the float model\n\n{}",
        grouped(positions),
        table.render()
    )
}

fn instructions(demand: &Demand, machine: &str) -> Option<f64> {
    CostTable::builtin()
        .machine
        .get(machine)
        .map(|costs| costs.instructions(&demand.work))
}

impl Side {
    fn json(&self) -> Value {
        let (d, r) = (&self.demand, &self.report);
        let estimates =
            MACHINES.map(|(machine, _)| (machine.to_string(), json!(instructions(d, machine))));
        json!({
            "file": self.path,
            "weights": self.how[0],
            "state": self.how[1],
            "flash_bytes": d.model_bytes,
            "streamed_bytes": d.streamed_bytes,
            "state_bytes": d.state_bytes,
            "scratch_bytes": d.scratch_bytes,
            "instructions_per_token_estimate": serde_json::Map::from_iter(estimates),
            "tokens": r.tokens,
            "scored": r.scored,
            "nll_float": r.nll_float,
            "nll_fixed": r.nll_fixed,
            "ppl_ratio": r.ppl_ratio,
            "accuracy_float": r.accuracy_float,
            "accuracy_fixed": r.accuracy_fixed,
            "kl_mean": r.kl_mean,
            "kl_max": r.kl_max,
            "top1": r.top1,
            "max_abs_logit": r.max_abs_logit,
        })
    }
}
