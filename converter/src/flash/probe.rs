//! Writing through a debug probe.

use std::error::Error;

use probe_rs::flashing::{DownloadOptions, FlashProgress, ProgressEvent, ProgressOperation};
use probe_rs::probe::list::Lister;
use probe_rs::probe::{DebugProbeSelector, Probe};
use probe_rs::{MemoryInterface, Permissions, Session};
use sla_format::MAGIC;

use super::options::Options;
use super::sectors::FlashPlan;
use super::target;
use crate::failure::{Failure, Outcome, fail};
use crate::progress::Progress;

/// Bytes at the model's address that are looked at before they are erased.
const LOOK: usize = 64;

/// Erases the plan's sectors, writes `bytes`, and reads them back.
pub(super) fn write(options: &Options, plan: &FlashPlan, bytes: &[u8]) -> Outcome {
    let mut session = attach(options)?;
    if !options.overwrite {
        refuse_what_is_no_model(&mut session, plan)?;
    }
    let mut loader = session.target().flash_loader();
    loader
        .add_data(plan.region.start, bytes)
        .map_err(|e| said("the model cannot be placed", &e))?;
    let progress = Progress::new();
    let mut meter = Meter::default();
    let mut download = DownloadOptions::new();
    // The rest of the last sector is read first and written back.
    download.keep_unwritten_bytes = true;
    download.verify = true;
    download.progress = FlashProgress::new(|event| {
        if let Some((stage, share)) = meter.share(&event) {
            progress.set(stage, share);
        }
    });
    let done = loader.commit(&mut session, download);
    drop(progress);
    done.map_err(|e| said("the flash was not written", &e))
}

fn attach(options: &Options) -> Outcome<Session> {
    let target = target::find(&options.chip)?;
    let hint = format!(
        "no connection to the {}; check power and cable, and that its debug port is not locked",
        target.name
    );
    open(options)?
        .attach(target, Permissions::default())
        .map_err(|e| said(&hint, &e))
}

fn open(options: &Options) -> Outcome<Probe> {
    let lister = Lister::new();
    let selector: DebugProbeSelector = match &options.probe {
        Some(text) => text.parse().map_err(|e| {
            Failure::Usage(format!(
                "--probe {text}: {e}; give VID:PID or VID:PID:SERIAL"
            ))
        })?,
        None => match lister.list_all().as_slice() {
            [] => {
                return fail(
                    "no debug probe is connected; connect one, or write the file that `sla export` makes",
                );
            }
            [probe] => probe.into(),
            several => {
                let names: Vec<String> = several.iter().map(ToString::to_string).collect();
                return fail(format!(
                    "{} debug probes: choose one with --probe: {}",
                    names.len(),
                    names.join("; ")
                ));
            }
        },
    };
    lister
        .open(selector)
        .map_err(|e| said("the debug probe cannot be opened", &e))
}

/// What lies at the model's address has to be erased flash or a model.
fn refuse_what_is_no_model(session: &mut Session, plan: &FlashPlan) -> Outcome {
    let mut first = [0; LOOK];
    let mut core = session
        .core(0)
        .map_err(|e| said("the core cannot be reached", &e))?;
    core.read_8(plan.region.start, &mut first)
        .map_err(|e| said("the flash cannot be read", &e))?;
    if may_be_replaced(&first) {
        return Ok(());
    }
    fail(format!(
        "something that is no model lies at {:#x}; give --overwrite if it may go, or another --address",
        plan.region.start
    ))
}

/// Erased flash, or the start of a model.
fn may_be_replaced(first: &[u8]) -> bool {
    first.starts_with(&MAGIC)
        || first.iter().all(|&byte| byte == 0xff)
        || first.iter().all(|&byte| byte == 0)
}

/// Bytes done of each operation.
#[derive(Default)]
struct Meter {
    totals: [u64; 4],
    done: [u64; 4],
}

impl Meter {
    /// Stage and finished share of an event.
    fn share(&mut self, event: &ProgressEvent) -> Option<(&'static str, f64)> {
        let place = |operation: &ProgressOperation| match operation {
            ProgressOperation::Fill => (0, "read"),
            ProgressOperation::Erase => (1, "erase"),
            ProgressOperation::Program => (2, "write"),
            ProgressOperation::Verify => (3, "verify"),
        };
        match event {
            ProgressEvent::AddProgressBar { operation, total } => {
                self.totals[place(operation).0] += total.unwrap_or(0);
                None
            }
            ProgressEvent::Progress {
                operation, size, ..
            } => {
                let (at, stage) = place(operation);
                self.done[at] += size;
                Some((stage, self.done[at] as f64 / self.totals[at].max(1) as f64))
            }
            _ => None,
        }
    }
}

/// An error with its causes, in one line.
fn said(what: &str, error: &dyn Error) -> Failure {
    let mut text = format!("{what}: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.contains(&next) {
            text += &format!(": {next}");
        }
        cause = error.source();
    }
    Failure::Error(text)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn only_erased_flash_and_models_are_replaced() {
        assert!(may_be_replaced(&[0xff; 64]) && may_be_replaced(b"SLA\x7f\x01\0\0\0"));
        assert!(
            !may_be_replaced(&[0x00, 0x00, 0x02, 0x20, 0x01, 0x01, 0x00, 0x08]),
            "a vector table"
        );
    }

    #[test]
    fn events_add_up_to_one() {
        let mut meter = Meter::default();
        let operation = ProgressOperation::Program;
        assert_eq!(
            meter.share(&ProgressEvent::AddProgressBar {
                operation,
                total: Some(512)
            }),
            None
        );
        let step = ProgressEvent::Progress {
            operation,
            size: 256,
            time: Duration::ZERO,
        };
        assert_eq!(meter.share(&step), Some(("write", 0.5)));
        assert_eq!(meter.share(&step), Some(("write", 1.0)));
    }
}
