//! What a model is to continue: text or ids, as tokens.

use std::path::{Path, PathBuf};

use clap::Args;
use sla_runtime::{Model, Template};

use super::failure::{Outcome, fail};
use super::number::whole;
use super::text::{self, ControlTokens, reads_bytes};

/// The options that give it.
#[derive(Args)]
pub(super) struct Prompt {
    /// Text to continue. Default: the model's first token, a line break for byte-level models
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["prompt_ids", "prompt_file"])]
    prompt: Option<String>,
    /// File with the text to continue, every byte of it; - for standard input
    #[arg(long, value_name = "FILE|-", conflicts_with = "prompt_ids")]
    prompt_file: Option<PathBuf>,
    /// Token ids to continue
    #[arg(long, value_name = "ID,ID,…", value_delimiter = ',', value_parser = id)]
    prompt_ids: Vec<u32>,
    #[command(flatten)]
    control: ControlTokens,
}

fn id(text: &str) -> Result<u32, String> {
    whole(
        text,
        "token ids, whole numbers with commas between, as in 1,2,3",
    )
}

impl Prompt {
    /// The tokens, at least one.
    pub(super) fn tokens(&self, model: &Model, file: &Path) -> Outcome<Vec<u32>> {
        let (shown, vocabulary) = (file.display(), model.desc().inputs);
        if !self.prompt_ids.is_empty() {
            check(&self.prompt_ids, vocabulary, "--prompt-ids")?;
            return Ok(self.prompt_ids.clone());
        }
        if let Some((source, text)) = self.text(model)? {
            let ids = text::ids(model, file, source, &text, Template::Add, &self.control)?;
            return if ids.is_empty() {
                fail(format!(
                    "{source}: the tokenizer has no token for this text; give another, or --prompt-ids 1,2,3"
                ))
            } else {
                Ok(ids)
            };
        }
        match model.desc().bos {
            bos if bos < vocabulary => Ok(vec![bos]),
            _ if reads_bytes(model) => Ok(vec![b'\n'.into()]),
            _ => fail(format!(
                "{shown}: the model has no bos_token_id to start from; give --prompt-ids 1,2,3"
            )),
        }
    }

    /// The text with the option that gave it; `None` for an empty one.
    fn text(&self, model: &Model) -> Outcome<Option<(&'static str, Vec<u8>)>> {
        if let Some(path) = &self.prompt_file {
            let text = text::read(path, model)?;
            return match text.is_empty() {
                true => fail(format!(
                    "{}: there is no text in it; without --prompt-file the model begins by itself",
                    if path == Path::new("-") {
                        "stdin".into()
                    } else {
                        path.display().to_string()
                    }
                )),
                false => Ok(Some(("--prompt-file", text))),
            };
        }
        Ok(self
            .prompt
            .clone()
            .filter(|text| !text.is_empty())
            .map(|text| ("--prompt", text.into_bytes())))
    }
}

/// All of `ids` are of a vocabulary.
pub(super) fn check(ids: &[u32], vocabulary: u32, source: &str) -> Outcome {
    match ids.iter().position(|&id| id >= vocabulary) {
        Some(at) => fail(format!(
            "{source}: id {} at position {at} is outside the vocabulary of {vocabulary}; ids are below that",
            ids[at]
        )),
        None => Ok(()),
    }
}
