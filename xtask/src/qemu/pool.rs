//! Builds and runs side by side: a build takes one core for most of its time, and so does a run.

use std::sync::{Arc, Mutex, PoisonError, mpsc};

use anyhow::Result;

use super::Options;
use super::image::Image;
use super::machine::Machine;
use crate::models::Model;
use crate::setup;

/// How one run ended.
pub enum Outcome<T> {
    /// Well.
    Done(T),
    /// It could not be tried here, and why.
    Skipped(String),
    /// It failed, and why.
    Failed(String),
}

impl<T> Outcome<T> {
    /// The result, if there is one.
    pub fn done(&self) -> Option<&T> {
        match self {
            Self::Done(result) => Some(result),
            _ => None,
        }
    }
}

/// One run's outcome.
pub struct Report<T> {
    /// Machine name.
    pub machine: String,
    /// Name of the binary, empty where none ran.
    pub binary: &'static str,
    /// Model name, empty where none ran.
    pub model: String,
    /// How it ended.
    pub outcome: Outcome<T>,
}

/// One run to do.
pub struct Task {
    /// Name of the binary.
    pub binary: &'static str,
    /// The firmware.
    pub image: Arc<Image>,
    /// The model in it, or to load beside it.
    pub model: Model,
    /// Why it is not the model that was asked for.
    pub note: Option<String>,
}

impl Task {
    /// A run of `image`.
    pub fn new(
        binary: &'static str,
        image: Arc<Image>,
        model: Model,
        note: Option<String>,
    ) -> Self {
        Self {
            binary,
            image,
            model,
            note,
        }
    }
}

/// For each chosen machine, lets `plan` build what has to run and `judge` run it: the runs of one
/// machine go on while the next one is built. `seen` is told each report at once; the result has
/// them in order.
pub fn each<T: Send>(
    options: &Options,
    plan: impl Fn(&Machine) -> Result<Vec<Task>>,
    judge: impl Fn(&Task) -> Result<T> + Sync,
    seen: impl Fn(&Report<T>) + Sync,
) -> Result<Vec<Report<T>>> {
    let machines = Machine::choose(&options.machine)?;
    let targets: Vec<&str> = machines
        .iter()
        .map(|machine| machine.target.as_str())
        .collect();
    let missing_targets = setup::ensure_targets(&targets)?;
    let emulators = setup::ensure_qemu();

    let reports = Mutex::new(Vec::new());
    let finish = |place: usize, report: Report<T>| {
        seen(&report);
        reports
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push((place, report));
    };
    let (sender, receiver) = mpsc::channel::<(usize, Task)>();
    let receiver = Mutex::new(receiver);
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            let (receiver, judge, finish) = (&receiver, &judge, &finish);
            scope.spawn(move || {
                loop {
                    let next = receiver
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .recv();
                    let Ok((place, task)) = next else { return };
                    let outcome = judge(&task)
                        .map_or_else(|error| Outcome::Failed(format!("{error:#}")), Outcome::Done);
                    let (machine, model) =
                        (task.image.machine.name.clone(), task.model.name.clone());
                    finish(
                        place,
                        Report {
                            machine,
                            binary: task.binary,
                            model,
                            outcome,
                        },
                    );
                }
            });
        }
        let mut place = 0;
        for machine in &machines {
            let gap = missing_targets
                .iter()
                .find(|missing| missing.what == machine.target)
                .or(emulators.why_missing(machine.emulator()));
            let planned = match gap {
                Some(missing) => Err(Outcome::Skipped(missing.to_string())),
                None => plan(machine).map_err(|error| Outcome::Failed(format!("{error:#}"))),
            };
            match planned {
                Ok(tasks) => {
                    for task in tasks {
                        place += 1;
                        // The receiver outlives this scope.
                        sender.send((place, task)).ok();
                    }
                }
                Err(outcome) => {
                    place += 1;
                    let machine = machine.name.clone();
                    finish(
                        place,
                        Report {
                            machine,
                            binary: "",
                            model: String::new(),
                            outcome,
                        },
                    );
                }
            }
        }
        drop(sender);
    });
    let mut reports = reports.into_inner().unwrap_or_else(PoisonError::into_inner);
    reports.sort_by_key(|(place, _)| *place);
    Ok(reports.into_iter().map(|(_, report)| report).collect())
}
