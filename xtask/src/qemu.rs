//! `cargo xtask qemu`: the firmware on emulated microcontrollers, one row per machine.

pub mod host;
pub mod image;
pub mod machine;
mod pool;
mod report;
pub mod resume;
mod run;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::models::Model;
use image::Features;
use machine::Machine;
pub use pool::{Outcome, Report};
use pool::{Task, each};
pub use report::Row;
pub use run::Case;

/// Options of `cargo xtask qemu`.
#[derive(Args, Clone)]
pub struct Options {
    /// m0, m3, m4, m7, m33, m55, rv32, or all; can be given several times or with commas
    #[arg(long, default_value = "all", value_delimiter = ',')]
    pub machine: Vec<String>,
    /// Model to run [default: models/shakespeare-sla-gla]; where it does not fit, a smaller one of
    /// models/ runs
    #[arg(long, value_name = "FILE.sla")]
    pub model: Option<PathBuf>,
    /// Tokens to run
    #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..))]
    pub tokens: u32,
    /// Print one JSON list, and nothing else, on standard output
    #[arg(long)]
    pub json: bool,
    /// Load the model at its flash address, apart from the firmware, instead of linking it in
    #[arg(long)]
    pub load: bool,
    /// Log with defmt and print the decoded frames on standard error
    #[arg(long)]
    pub log: bool,
    /// Print where the instructions of a token go, per layer and operation
    #[arg(long, conflicts_with_all = ["json", "load"])]
    pub ledger: bool,
    /// Go on from a session that the host computed: logits and state afterwards are the host's
    #[arg(long, conflicts_with_all = ["json", "load", "log", "ledger", "model"])]
    pub resume: bool,
    /// Seconds after which a run counts as hung [default: 600, and more for long runs]
    #[arg(long, value_name = "SECONDS")]
    pub timeout: Option<u64>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            machine: vec!["all".to_owned()],
            model: None,
            tokens: 256,
            json: false,
            load: false,
            log: false,
            ledger: false,
            resume: false,
            timeout: None,
        }
    }
}

impl Options {
    fn limit(&self) -> Duration {
        Duration::from_secs(self.timeout.unwrap_or(600 + u64::from(self.tokens) / 4))
    }

    fn arguments(&self) -> String {
        format!("tokens={}", self.tokens)
    }
}

/// Runs `cargo xtask qemu`. A machine that cannot be tried is a failure here; only the tests may
/// skip it.
pub fn command(options: &Options) -> Result<()> {
    if options.ledger {
        return ledger(options);
    }
    if options.resume {
        let reports = resume::resume(options)?;
        for report in &reports {
            if let Some(resumed) = report.outcome.done() {
                println!("{}: {}: {resumed}", report.machine, report.model);
            }
        }
        return complain(&reports);
    }
    let reports = bench(options)?;
    let rows: Vec<&Row> = reports
        .iter()
        .filter_map(|report| report.outcome.done())
        .collect();
    if options.json {
        println!("{}", report::json(&rows));
    } else if !rows.is_empty() {
        print!("{}", report::table(&rows));
    }
    complain(&reports)
}

/// One line for everything that was not done; an error if there is any.
pub fn complain<T>(reports: &[Report<T>]) -> Result<()> {
    for report in reports {
        match &report.outcome {
            Outcome::Done(_) => {}
            Outcome::Skipped(why) => eprintln!("{}: skipped: {why}", report.machine),
            Outcome::Failed(why) => eprintln!("{}: failed: {why}", report.machine),
        }
    }
    match reports
        .iter()
        .filter(|report| report.outcome.done().is_none())
        .count()
    {
        0 => Ok(()),
        1 if reports.len() == 1 => bail!("the run failed"),
        bad => bail!("{bad} of {} runs failed or were skipped", reports.len()),
    }
}

/// Builds and runs the `bench` binary of each chosen machine with the model in the image, or loaded
/// beside it.
pub fn bench(options: &Options) -> Result<Vec<Report<Row>>> {
    let wanted = Model::choose(options.model.as_deref())?;
    let plan = |machine: &Machine| tasks(machine, "bench", &wanted, options);
    each(options, plan, |task| bench_row(task, options), |_| ())
}

fn bench_row(task: &Task, options: &Options) -> Result<Row> {
    let finished = run::run(
        &task.image,
        &task.model,
        &options.arguments(),
        options.limit(),
    )?;
    show_log(&task.image.machine.name, &finished.log);
    let host = host::reference(&task.model, options.tokens)?;
    let row = Row::new(&task.image, &task.model, &finished, host, options.tokens)?;
    Ok(Row {
        note: task.note.clone(),
        ..row
    })
}

/// One run of one binary with `wanted` or a smaller model.
fn tasks(
    machine: &Machine,
    binary: &'static str,
    wanted: &Model,
    options: &Options,
) -> Result<Vec<Task>> {
    let (model, note) = wanted.or_smaller(machine.room(options.load))?;
    let features = Features {
        log: options.log,
        ..Features::default()
    };
    let images = image::build(
        machine,
        &[binary],
        (!options.load).then_some(&model),
        features,
    )?;
    Ok(images
        .into_iter()
        .map(|image| Task::new(binary, Arc::new(image), model.clone(), note.clone()))
        .collect())
}

/// The ledger of one machine.
pub struct Ledger {
    /// A head line, then a line for each layer and operation.
    pub table: Vec<String>,
    /// The same as decoded log frames, where they were asked for.
    pub log: Vec<String>,
    /// Instructions per token, all lines together.
    pub insns_per_token: u64,
}

/// Builds and runs the `ledger` binary of each chosen machine.
pub fn ledgers(options: &Options) -> Result<Vec<Report<Ledger>>> {
    let wanted = Model::choose(options.model.as_deref())?;
    let plan = |machine: &Machine| tasks(machine, "ledger", &wanted, options);
    let run = |task: &Task| {
        let finished = run::run(
            &task.image,
            &task.model,
            &options.arguments(),
            options.limit(),
        )?;
        let insns_per_token = finished.number("insns_per_token")?;
        let table = finished
            .output
            .lines()
            .filter(|line| !line.starts_with('@'))
            .map(str::to_owned)
            .collect();
        Ok(Ledger {
            table,
            log: finished.log,
            insns_per_token,
        })
    };
    each(options, plan, run, |_| ())
}

fn ledger(options: &Options) -> Result<()> {
    let reports = ledgers(options)?;
    for report in &reports {
        if let Some(ledger) = report.outcome.done() {
            show_log(&report.machine, &ledger.log);
            println!(
                "{}, {}, means over {} tokens",
                report.machine, report.model, options.tokens
            );
            ledger.table.iter().for_each(|line| println!("{line}"));
            println!("{} instructions per token\n", ledger.insns_per_token);
        }
    }
    complain(&reports)
}

fn show_log(machine: &str, log: &[String]) {
    log.iter().for_each(|line| eprintln!("{machine}: {line}"));
}

/// What a run of [`everything`] showed.
pub enum Shown {
    /// The kernels agree with the scalar oracle.
    Kernels {
        /// The machine's kernels.
        backend: String,
        /// Comparisons made.
        cases: u64,
    },
    /// What single kernels, or a prompt, cost.
    Cases(Vec<Case>),
    /// The model's logits are the host's.
    Model(Box<Row>),
}

/// The binaries of [`everything`].
pub const BINARIES: [&str; 4] = ["conformance", "kernels", "prompt", "bench"];

/// On each chosen machine those of [`BINARIES`] that are asked for: the kernel battery, the cost of
/// each kernel and of prompts, and all `models` that fit, with one build of the firmware for all of
/// them. `seen` is told each result at once.
pub fn everything(
    options: &Options,
    binaries: &[&'static str],
    models: &[Model],
    seen: impl Fn(&Report<Shown>) + Sync,
) -> Result<Vec<Report<Shown>>> {
    // Every machine has room for it.
    let any = models
        .iter()
        .min_by_key(|model| model.flash_bytes)
        .context("no models")?;
    let plan = |machine: &Machine| {
        let mut tasks = Vec::new();
        let images = image::build(machine, binaries, None, Features::default())?;
        for (&binary, image) in binaries.iter().zip(images.into_iter().map(Arc::new)) {
            let task = |model: &Model| Task::new(binary, Arc::clone(&image), model.clone(), None);
            let fitting = models.iter().filter(|model| model.fits(machine.room(true)));
            match binary {
                "bench" => tasks.extend(fitting.map(task)),
                "prompt" => tasks.extend(fitting.filter(|model| model.is_measured()).map(task)),
                _ => tasks.push(task(any)),
            }
        }
        Ok(tasks)
    };
    let judge = |task: &Task| {
        let run = || run::run(&task.image, &task.model, "", options.limit());
        Ok(match task.binary {
            "bench" => Shown::Model(Box::new(bench_row(task, options)?)),
            "prompt" => Shown::Cases(vec![report::prompt(&task.model, &run()?)?]),
            "kernels" => Shown::Cases(report::cases(&run()?)?),
            _ => {
                let (backend, cases) = report::conformance(&run()?)?;
                Shown::Kernels { backend, cases }
            }
        })
    };
    each(options, plan, judge, seen)
}

/// A machine's name, a run of each model, and what single kernels cost.
pub type Measured = (String, Vec<Row>, Vec<Case>);

/// What the cost model is fitted to: on each chosen machine all `models` that fit, and the kernels.
pub fn costs(options: &Options, models: &[Model]) -> Result<Vec<Measured>> {
    let reports = everything(options, &["kernels", "bench"], models, |_| ())?;
    complain(&reports)?;
    let mut measured: Vec<Measured> = Vec::new();
    for report in reports {
        if measured
            .last()
            .is_none_or(|(machine, ..)| *machine != report.machine)
        {
            measured.push((report.machine, Vec::new(), Vec::new()));
        }
        let Some((_, rows, cases)) = measured.last_mut() else {
            continue;
        };
        match report.outcome {
            Outcome::Done(Shown::Model(row)) => rows.push(*row),
            Outcome::Done(Shown::Cases(list)) => cases.extend(list),
            _ => {}
        }
    }
    Ok(measured)
}

/// The text that `machine` generates after `prompt`.
pub fn generate(
    machine: &str,
    model: &Model,
    prompt: &str,
    tokens: u32,
    seed: u32,
) -> Result<Outcome<String>> {
    let options = Options {
        machine: vec![machine.to_owned()],
        ..Options::default()
    };
    let arguments = format!("tokens={tokens} seed={seed} prompt={prompt}");
    let plan = |machine: &Machine| tasks(machine, "generate", model, &options);
    let run = |task: &Task| match &task.note {
        None => Ok(run::run(&task.image, &task.model, &arguments, options.limit())?.output),
        Some(note) => bail!("{note}"),
    };
    let report = each(&options, plan, run, |_| ())?
        .pop()
        .context("one machine makes one report")?;
    Ok(match report.outcome {
        Outcome::Done(text) => {
            let text = text.strip_suffix('\n').unwrap_or(&text);
            Outcome::Done(text.strip_prefix(prompt).unwrap_or(text).to_owned())
        }
        other => other,
    })
}

/// The text that the host generates after `prompt`, byte by byte, as [`generate`] does.
pub fn host_text(model: &Model, prompt: &str, tokens: u32, seed: u32) -> Result<Vec<u8>> {
    host::text(model, prompt.as_bytes(), tokens, seed)
}

/// The digest of `tokens` steps of the test stream on the host, by the scalar kernels and by those of
/// this processor.
pub fn host_digest(model: &Model, tokens: u32) -> Result<u32> {
    host::reference(model, tokens)
}

/// Name of the kernels that the host has beside the scalar ones.
pub fn host_backend() -> &'static str {
    host::backend()
}
