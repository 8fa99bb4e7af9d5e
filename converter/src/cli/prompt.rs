//! What a model is to continue: text or ids, as tokens.

use std::path::Path;

use clap::Args;
use sla_converter::tokenizer;
use sla_runtime::Model;

use super::failure::{Outcome, fail};
use super::number::whole;

/// The options that give it.
#[derive(Args)]
pub(super) struct Prompt {
    /// Text to continue. Default: the model's first token, a line break for byte-level models
    #[arg(long, value_name = "TEXT", conflicts_with = "prompt_ids")]
    prompt: Option<String>,
    /// Token ids to continue
    #[arg(long, value_name = "ID,ID,…", value_delimiter = ',', value_parser = id)]
    prompt_ids: Vec<u32>,
}

fn id(text: &str) -> Result<u32, String> {
    whole(text, "token ids, whole numbers with commas between, as in 1,2,3")
}

/// A model whose ids are the bytes of text.
pub(super) fn reads_bytes(model: &Model) -> bool {
    model.desc().inputs == 256 && model.tokenizer_section().is_empty()
}

impl Prompt {
    /// The tokens, at least one.
    pub(super) fn tokens(&self, model: &Model, file: &Path) -> Outcome<Vec<u32>> {
        let (shown, vocabulary) = (file.display(), model.desc().inputs);
        if !self.prompt_ids.is_empty() {
            if let Some(at) = self.prompt_ids.iter().position(|&id| id >= vocabulary) {
                let id = self.prompt_ids[at];
                return fail(format!(
                    "--prompt-ids: id {id} at position {at} is outside the vocabulary of {vocabulary}; ids are below that"
                ));
            }
            return Ok(self.prompt_ids.clone());
        }
        match (self.prompt.as_deref().filter(|p| !p.is_empty()), model.tokenizer()) {
            (Some(text), Some(tokenizer)) => {
                let ids = tokenizer::encode(&tokenizer, text, true);
                return if ids.is_empty() {
                    fail("--prompt: the tokenizer has no token for this text; give another, or --prompt-ids 1,2,3")
                } else {
                    Ok(ids)
                };
            }
            (Some(text), None) if reads_bytes(model) => return Ok(text.bytes().map(u32::from).collect()),
            (Some(_), None) => {
                return fail(format!(
                    "{shown}: the file has no tokenizer and a vocabulary of {vocabulary}, so text cannot be encoded; \
                     give --prompt-ids 1,2,3"
                ));
            }
            (None, _) => {}
        }
        match model.desc().bos {
            bos if bos < vocabulary => Ok(vec![bos]),
            _ if reads_bytes(model) => Ok(vec![b'\n'.into()]),
            _ => fail(format!("{shown}: the model has no bos_token_id to start from; give --prompt-ids 1,2,3")),
        }
    }
}
