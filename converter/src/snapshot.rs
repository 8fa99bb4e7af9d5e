//! `sla snapshot`

use std::path::PathBuf;

use clap::Args;
use sla_eval::owned_model::Memory;
use sla_format::InputKind;

use super::failure::{Outcome, fail, read_model_to_run};
use super::output::{OutputFile, tell};
use super::prompt::Prompt;

/// Options of `sla snapshot`.
#[derive(Args)]
#[command(allow_negative_numbers = true)]
pub(super) struct Options {
    /// Model that reads the prompt
    #[arg(value_name = "FILE.sla")]
    file: PathBuf,
    #[command(flatten)]
    prompt: Prompt,
    /// File to write: a firmware embeds it beside the model, and `sla run --snapshot` goes on from
    /// it; - for stdout
    #[arg(short, long, value_name = "OUT.slas")]
    output: PathBuf,
}

/// Reads the prompt and writes the session.
pub(super) fn command(options: &Options) -> Outcome {
    let output = OutputFile::new(&options.output)?;
    output.spare(None, [&options.file])?;
    let file = read_model_to_run(&options.file)?;
    let (model, shown) = (file.model(), options.file.display());
    if model.desc().input == InputKind::Features {
        return fail(format!(
            "{shown}: the model reads feature vectors, and a prompt is text; its session can be saved in firmware (docs/snapshot.md)"
        ));
    }
    let tokens = options.prompt.tokens(&model, &options.file)?;
    let mut memory = Memory::for_prompts(&model);
    let mut session = memory.session(&model)?;
    session.prefill(&tokens)?;
    let mut bytes = vec![0; session.snapshot().bytes()];
    session.save(&mut bytes)?;
    output.write(&bytes)?;
    let (count, place) = (
        tokens.len(),
        if tokens.len() == 1 { "token" } else { "tokens" },
    );
    let told = format!(
        "wrote {}: {} bytes, {count} {place} of {shown}\n",
        output.shown(),
        bytes.len()
    );
    tell(Some(&output), &told)
}
