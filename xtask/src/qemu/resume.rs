//! A warm start on emulated machines: the host computes the session behind a prompt, the firmware
//! goes on from it, and its logits and its own snapshot at the end are the host's.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use sla_eval::owned_model::{Memory, OwnedModel};
use sla_runtime::{Checksum, Session};

use super::image::{self, Features};
use super::machine::Machine;
use super::pool::{Report, Task, each};
use super::{Options, host, run};
use crate::models::{self, Model};
use crate::paths;

/// Tokens of the prompt.
const PROMPT: u32 = 24;

/// How a warm start went.
pub struct Resumed {
    /// Tokens that were read on the host.
    position: u64,
    /// Of the logits after the restore and after each further token: the host's.
    digest: u32,
    /// Length of the snapshot.
    snapshot_bytes: u64,
    /// Instructions of the restore.
    restore_insns: u64,
    /// Instructions of the checksum of a new snapshot.
    save_insns: u64,
    /// Instructions of the self-test at boot.
    self_test_insns: u64,
}

impl std::fmt::Display for Resumed {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        let Self {
            position,
            digest,
            snapshot_bytes,
            restore_insns,
            save_insns,
            self_test_insns,
        } = self;
        write!(
            f,
            "from position {position}, digest {digest:08x} as on the host; a snapshot of {snapshot_bytes} bytes: restored in \
             {restore_insns} instructions, made in {save_insns}; self-test {self_test_insns}"
        )
    }
}

/// What the host says: the session behind the prompt, and what follows.
#[derive(PartialEq)]
struct Expected {
    snapshot: Vec<u8>,
    digest: u32,
    last: u32,
}

/// On each chosen machine the largest measured language model that fits it.
pub fn resume(options: &Options) -> Result<Vec<Report<Resumed>>> {
    let models: Vec<Model> = models::MEASURED
        .into_iter()
        .map(models::shipped_as)
        .collect::<Result<_>>()?;
    let plan = |machine: &Machine| {
        let model = models
            .iter()
            .find(|model| model.fits(machine.room(false)))
            .context("no model is small enough")?;
        let path = snapshot_path(model);
        let unfinished = path.with_extension(std::process::id().to_string());
        fs::create_dir_all(path.parent().context("a path with a folder")?)?;
        fs::write(&unfinished, expected(model, options.tokens)?.snapshot)?;
        fs::rename(&unfinished, &path)?;
        let features = Features {
            snapshot: Some(&path),
            ..Features::default()
        };
        let images = image::build(machine, &["resume"], Some(model), features)?;
        Ok(images
            .into_iter()
            .map(|image| Task::new("resume", Arc::new(image), model.clone(), None))
            .collect())
    };
    let judge = |task: &Task| {
        let finished = run::run(
            &task.image,
            &task.model,
            &options.arguments(),
            options.limit(),
        )?;
        let expected = expected(&task.model, options.tokens)?;
        let hex = |key| Ok::<_, anyhow::Error>(u32::from_str_radix(finished.text(key)?, 16)?);
        let (digest, last) = (hex("digest")?, hex("snapshot")?);
        if (digest, last) != (expected.digest, expected.last) {
            bail!(
                "digest {digest:08x} and snapshot {last:08x}, but the host's are {:08x} and {:08x}",
                expected.digest,
                expected.last
            );
        }
        Ok(Resumed {
            position: finished.number("position")?,
            digest,
            snapshot_bytes: finished.number("snapshot_bytes")?,
            restore_insns: finished.number("restore_insns")?,
            save_insns: finished.number("save_insns")?,
            self_test_insns: finished.number("self_test_insns")?,
        })
    };
    each(options, plan, judge, |_| ())
}

fn snapshot_path(model: &Model) -> PathBuf {
    paths::target_dir()
        .join("firmware/snapshots")
        .join(format!("{}.slas", model.name))
}

/// By the scalar kernels and by those of this processor, which must agree.
fn expected(model: &Model, tokens: u32) -> Result<Expected> {
    let scalar = sla_kernels::with_scalar(|| go_on(model, tokens))?;
    if scalar != go_on(model, tokens)? {
        bail!(
            "{}: scalar and {} kernels differ on the host",
            model.name,
            host::backend()
        );
    }
    Ok(scalar)
}

fn go_on(model: &Model, tokens: u32) -> Result<Expected> {
    let file = OwnedModel::read(&model.path)?;
    let model = file.model();
    let prompt: Vec<u32> = (0..PROMPT)
        .map(|i| (7 * i + 3) % model.desc().inputs)
        .collect();
    let mut memory = Memory::for_prompts(&model);
    let mut session = memory.session(&model)?;
    session.prefill(&prompt)?;
    let mut snapshot = vec![0; session.snapshot().bytes()];
    session.save(&mut snapshot)?;
    let mut digest = Checksum::default();
    let mut choose = |session: &mut Session| {
        let mut logits = session.logits();
        logits.digest(&mut digest);
        logits.argmax()
    };
    let mut token = choose(&mut session);
    for _ in 0..tokens {
        session.step(token)?;
        token = choose(&mut session);
    }
    Ok(Expected {
        snapshot,
        digest: digest.finish(),
        last: session.snapshot().crc(),
    })
}
