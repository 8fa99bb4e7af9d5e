//! `cargo xtask qemu`: the firmware on emulated microcontrollers, one row per machine.

mod host;
mod image;
mod machine;
mod models;
mod report;
mod run;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::setup;
use image::{Features, Image};
use machine::Machine;
use models::Model;
use report::Row;

/// Options of `cargo xtask qemu`.
#[derive(Args, Clone)]
pub struct Options {
    /// m0, m3, m4, m7, m33, m55, rv32, or all; can be given several times or with commas
    #[arg(long, default_value = "all", value_delimiter = ',')]
    pub machine: Vec<String>,
    /// Model to run; by default the first one of models/
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
    /// Seconds after which a run counts as hung
    #[arg(long, default_value_t = 600, value_name = "SECONDS")]
    pub timeout: u64,
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
            timeout: 600,
        }
    }
}

/// How one machine's run ended.
pub enum Outcome {
    /// It ran, and its digest is the host's.
    Row(Box<Row>),
    /// It could not be tried here, and why.
    Skipped(String),
    /// It failed, and why.
    Failed(String),
}

/// Runs `cargo xtask qemu`. A machine that cannot be tried is a failure here; only the tests may skip it.
pub fn command(options: &Options) -> Result<()> {
    let outcomes = bench(options)?;
    let rows: Vec<&Row> = outcomes
        .iter()
        .filter_map(|(_, outcome)| if let Outcome::Row(row) = outcome { Some(row.as_ref()) } else { None })
        .collect();
    if options.json {
        println!("{}", report::json(&rows));
    } else if !rows.is_empty() {
        print!("{}", report::table(&rows));
    }
    let mut bad = 0;
    for (name, outcome) in &outcomes {
        match outcome {
            Outcome::Row(row) => {
                if let Some(note) = &row.note {
                    eprintln!("{name}: {note}");
                }
            }
            Outcome::Skipped(why) => {
                eprintln!("{name}: skipped: {why}");
                bad += 1;
            }
            Outcome::Failed(why) => {
                eprintln!("{name}: failed: {why}");
                bad += 1;
            }
        }
    }
    match bad {
        0 => Ok(()),
        1 if outcomes.len() == 1 => bail!("the run failed"),
        _ => bail!("{bad} of {} machines failed or were skipped", outcomes.len()),
    }
}

/// Builds and runs the `bench` binary of each chosen machine.
pub fn bench(options: &Options) -> Result<Vec<(String, Outcome)>> {
    let model = Model::choose(options.model.as_deref())?;
    let features = Features { log: options.log, load: options.load };
    each(options, "bench", &model, features, |image, run| {
        let host = host::reference(&image.model.path, options.tokens)
            .with_context(|| format!("{} on the host", image.model.name))?;
        Row::new(image, run, host, options.tokens)
    })
}

/// Builds and runs the `conformance` binary of each chosen machine: the kernel battery against the scalar oracle.
pub fn conformance(options: &Options) -> Result<Vec<(String, Outcome)>> {
    let model = Model::choose(None)?;
    each(options, "conformance", &model, Features::default(), Row::of_conformance)
}

/// Builds `binary` for each chosen machine, runs the images side by side, and turns each finished run into a row with `judge`.
fn each(
    options: &Options,
    binary: &str,
    model: &Model,
    features: Features,
    judge: impl Fn(&Image, &run::Finished) -> Result<Row> + Sync,
) -> Result<Vec<(String, Outcome)>> {
    let machines = Machine::choose(&options.machine)?;
    let targets: Vec<&str> = machines.iter().map(|machine| machine.target.as_str()).collect();
    let missing_targets = setup::ensure_targets(&targets)?;
    let emulators = setup::ensure_qemu();
    let limit = Duration::from_secs(options.timeout);

    let mut outcomes = Vec::new();
    std::thread::scope(|scope| {
        let mut running = Vec::new();
        for machine in &machines {
            let gap = missing_targets
                .iter()
                .find(|missing| missing.what == machine.target)
                .or(emulators.why_missing(machine.emulator()));
            let work = match gap {
                Some(missing) => Err(Outcome::Skipped(missing.to_string())),
                None => image::build(machine, binary, model, features)
                    .map_err(|error| Outcome::Failed(format!("{error:#}"))),
            };
            // The runs take one core each and the next build goes on beside them.
            let judge = &judge;
            running.push((
                machine,
                work.map(|image| {
                    scope.spawn(move || {
                        let finished = run::run(&image, options.tokens, limit)?;
                        judge(&image, &finished)
                    })
                }),
            ));
        }
        for (machine, work) in running {
            let outcome = match work {
                Err(outcome) => outcome,
                Ok(thread) => match thread.join() {
                    Ok(Ok(row)) => Outcome::Row(Box::new(row)),
                    Ok(Err(error)) => Outcome::Failed(format!("{error:#}")),
                    Err(_) => Outcome::Failed("xtask panicked".to_owned()),
                },
            };
            outcomes.push((machine.name.clone(), outcome));
        }
    });
    Ok(outcomes)
}
