//! `sla logits`

use std::path::PathBuf;

use clap::Args;
use sla_checkpoint::LoadOptions;
use sla_checkpoint::data;
use sla_checkpoint::data::{F32Tensor, FeatureRows, TensorFile, TokenRows, write_f32};
use sla_eval::fixed_features;
use sla_format::InputKind;
use sla_reference::{Input, Model as FloatModel, Session as FloatSession};
use sla_runtime::{Logits, Model, Session};

use super::failure::{Outcome, fail, read_model_to_run, warn};
use super::output::OutputFile;
use super::progress::Progress;

/// Options of `sla logits`.
#[derive(Args)]
pub(super) struct Options {
    #[command(flatten)]
    source: Source,
    /// Input: input_ids [T] or [B, T], or raw features [T, F]; other tensors are ignored; - for
    /// stdin
    #[arg(long, value_name = "X.safetensors")]
    input: PathBuf,
    /// File to write: logits, F32, of the input's leading shape; - for stdout
    #[arg(short, long, value_name = "OUT.safetensors")]
    output: PathBuf,
    /// Take the embedding as the head of a checkpoint without lm_head.weight, as `sla convert
    /// --tied-head` does
    #[arg(long, conflicts_with = "model")]
    tied_head: bool,
}

/// Which model runs.
#[derive(Args)]
#[group(required = true, multiple = false)]
struct Source {
    /// The float model of a checkpoint
    #[arg(long, value_name = "DIR")]
    checkpoint: Option<PathBuf>,
    /// The integer runtime on a .sla file
    #[arg(long, value_name = "FILE.sla")]
    model: Option<PathBuf>,
}

/// Something that turns rows into logits.
trait Engine {
    /// Back to a fresh state.
    fn reset(&mut self);
    /// Appends the logits after `id`.
    fn token(&mut self, id: u32, logits: &mut Vec<f32>) -> Outcome;
    /// Appends the logits after a raw frame.
    fn frame(&mut self, frame: &[f64], logits: &mut Vec<f32>) -> Outcome;
}

/// What a model reads.
enum Reads {
    Tokens(usize),
    Features(usize),
}

/// Runs the input through the chosen model and writes the logits.
pub(super) fn command(options: &Options) -> Outcome {
    let output = OutputFile::new(&options.output)?;
    output.spare(
        options.source.checkpoint.as_deref(),
        [&options.input].into_iter().chain(&options.source.model),
    )?;
    let tensors = match (&options.source.checkpoint, &options.source.model) {
        (Some(dir), _) => {
            let checkpoint = sla_checkpoint::load_with(
                dir,
                LoadOptions {
                    tied_head: options.tied_head,
                    ..LoadOptions::default()
                },
            )?;
            warn(&checkpoint.warnings);
            let model: FloatModel = checkpoint.into_model()?;
            let reads = match &model.config.input {
                Input::Tokens { vocab } => Reads::Tokens(*vocab),
                Input::Features { size, .. } => Reads::Features(*size),
            };
            logits(
                &mut FloatSession::new(&model),
                &reads,
                model.config.outputs,
                options,
            )?
        }
        (_, Some(path)) => {
            let file = read_model_to_run(path)?;
            let model: Model = file.model();
            let (desc, mut memory) = (model.desc(), file.memory());
            let reads = match desc.input {
                InputKind::Tokens => Reads::Tokens(desc.inputs as usize),
                InputKind::Features => Reads::Features(desc.inputs as usize),
            };
            let mut engine = Fixed {
                session: memory.session(&model)?,
                frame: Vec::new(),
            };
            logits(&mut engine, &reads, desc.outputs as usize, options)?
        }
        (None, None) => return fail("give --checkpoint or --model"),
    };
    output.write(&write_f32(&tensors))
}

/// The output's tensors: `logits`, or `logits.N` for an input of several clips `features.N`.
fn logits(
    engine: &mut dyn Engine,
    reads: &Reads,
    outputs: usize,
    options: &Options,
) -> Outcome<Vec<F32Tensor>> {
    let file = TensorFile::read(&options.input)?;
    let progress = Progress::new();
    let shape = |leading: Vec<usize>| [leading, vec![outputs]].concat();
    match reads {
        Reads::Tokens(vocab) => {
            let TokenRows {
                shape: leading,
                rows,
            } = data::tokens(&file, *vocab)?;
            let mut values = Vec::new();
            for (done, row) in rows.iter().enumerate() {
                engine.reset();
                for (i, &id) in row.iter().enumerate() {
                    engine.token(id, &mut values)?;
                    progress.set(
                        "logits",
                        (done as f64 + i as f64 / row.len() as f64) / rows.len() as f64,
                    );
                }
            }
            Ok(vec![F32Tensor {
                name: "logits".into(),
                shape: shape(leading),
                values,
            }])
        }
        Reads::Features(size) => {
            let clips = if file.has("features") {
                Vec::new()
            } else {
                data::clip_numbers(&file)
            };
            let mut names: Vec<String> = clips.iter().map(|n| format!(".{n}")).collect();
            if names.is_empty() {
                names.push(String::new());
            }
            let mut tensors = Vec::new();
            for (done, suffix) in names.iter().enumerate() {
                let FeatureRows {
                    shape: leading,
                    rows,
                } = data::features(&file, &format!("features{suffix}"), *size)?;
                let mut values = Vec::new();
                for row in rows {
                    engine.reset();
                    for frame in &row {
                        engine.frame(frame, &mut values)?;
                    }
                }
                tensors.push(F32Tensor {
                    name: format!("logits{suffix}"),
                    shape: shape(leading),
                    values,
                });
                progress.set("logits", (done + 1) as f64 / names.len() as f64);
            }
            Ok(tensors)
        }
    }
}

impl Engine for FloatSession<'_> {
    fn reset(&mut self) {
        FloatSession::reset(self);
    }

    fn token(&mut self, id: u32, logits: &mut Vec<f32>) -> Outcome {
        logits.extend(self.step_token(id, &mut ())?.iter().map(|&l| l as f32));
        Ok(())
    }

    fn frame(&mut self, frame: &[f64], logits: &mut Vec<f32>) -> Outcome {
        logits.extend(
            self.step_features(frame, &mut ())?
                .iter()
                .map(|&l| l as f32),
        );
        Ok(())
    }
}

/// The integer runtime.
struct Fixed<'s, 'm> {
    session: Session<'s, 'm>,
    frame: Vec<i32>,
}

impl Engine for Fixed<'_, '_> {
    fn reset(&mut self) {
        self.session.reset();
    }

    fn token(&mut self, id: u32, logits: &mut Vec<f32>) -> Outcome {
        append(self.session.step(id)?, logits);
        Ok(())
    }

    fn frame(&mut self, frame: &[f64], logits: &mut Vec<f32>) -> Outcome {
        fixed_features(
            frame,
            self.session.model().desc().feature_frac,
            &mut self.frame,
        );
        append(self.session.step_features(&self.frame)?, logits);
        Ok(())
    }
}

fn append(mut step: Logits, logits: &mut Vec<f32>) {
    step.for_each_tile(|_, tile| {
        logits.extend(tile.iter().map(|&q16| (f64::from(q16) / 65_536.0) as f32))
    });
}
