//! Compiling `tokenizer.json`, as Hugging Face's `tokenizers` writes it, into the tokenizer section
//! (format.md F11).
//!
//! [`parts`] reads everything but the vocabulary into a [`parts::Parts`], [`vocabulary`] reads
//! that, [`section`] lays the tables out. What would encode or decode otherwise than the library is
//! refused by name.

mod alphabet;
mod error;
mod parts;
mod patterns;
mod section;
mod vocabulary;

use std::path::Path;

pub use error::TokenizerError;
use error::invalid;

use crate::files;
use crate::json;
use serde_json::Value;
use sla_format::Split;
use sla_tokenizer::{ControlTokens, EncodeError, SectionError, Template, Tokenizer};

/// A compiled tokenizer.
#[derive(Clone, Debug, PartialEq)]
pub struct Compiled {
    section: Vec<u8>,
    /// One line each: what has no effect here.
    pub warnings: Vec<String>,
}

impl Compiled {
    /// The section's bytes.
    pub fn section(&self) -> &[u8] {
        &self.section
    }

    /// Kind, size and bytes in one line.
    pub fn summary(&self) -> String {
        Tokenizer::read(&self.section)
            .map_or_else(|e| e.to_string(), |tokenizer| describe(&tokenizer))
    }
}

/// A tokenizer in one line.
pub fn describe(tokenizer: &Tokenizer) -> String {
    let desc = tokenizer.desc();
    let kind = match desc.split {
        Split::Gpt2 => "byte-level BPE, GPT-2 pre-tokens",
        Split::Llama3 => "byte-level BPE, Llama 3 pre-tokens",
        Split::Qwen2 => "byte-level BPE, Qwen 2 pre-tokens",
        Split::DigitsGpt2 => "byte-level BPE, GPT-2 pre-tokens with single digits",
        Split::Whole if desc.symbols == sla_format::Symbols::Bytes => {
            "byte-level BPE, no pre-tokens"
        }
        Split::Whole | Split::Words | Split::Spaces if desc.byte_fallback => {
            "BPE of characters with byte fallback"
        }
        Split::Whole | Split::Words | Split::Spaces => "BPE of characters",
    };
    let bytes = sla_format::TokenizerTable::section_bytes(desc).unwrap_or(0);
    format!(
        "{kind}: {} tokens, {} merges, {} bytes",
        desc.tokens, desc.merges, bytes
    )
}

/// Compiles `tokenizer.json` in `dir` for a model that reads ids below `vocabulary`; `None` where
/// there is nothing of that name.
///
/// # Errors
/// [`TokenizerError`]; each displays as one line.
pub fn load(dir: &Path, vocabulary: usize) -> Result<Option<Compiled>, TokenizerError> {
    let path = dir.join("tokenizer.json");
    if !files::is_named(&path) {
        return Ok(None);
    }
    let text = json::read_text(&path).map_err(|e| TokenizerError::File(e.to_string()))?;
    compile(&text, vocabulary).map(Some)
}

/// One line where `dir` has a tokenizer in a form that is not read, and none that is.
pub fn unread(dir: &Path) -> Option<String> {
    const FORMS: [&str; 8] = [
        "tokenizer.model",
        "spiece.model",
        "sentencepiece.bpe.model",
        "tekken.json",
        "tokenizer.tiktoken",
        "merges.txt",
        "vocab.json",
        "vocab.txt",
    ];
    let there: Vec<&str> = FORMS
        .into_iter()
        .filter(|name| files::is_named(&dir.join(name)))
        .collect();
    (!there.is_empty()).then(|| {
        format!(
            "{} not read and there is no tokenizer.json, so the file gets no tokenizer; in Python, \
             AutoTokenizer.from_pretrained(DIR).save_pretrained(DIR) writes one (--no-tokenizer: none is wanted)",
            match there[..] {
                [one] => format!("{one} is"),
                _ => format!("{} are", there.join(" and ")),
            }
        )
    })
}

/// Compiles the text of a `tokenizer.json`.
///
/// # Errors
/// [`TokenizerError`]
pub fn compile(text: &str, vocabulary: usize) -> Result<Compiled, TokenizerError> {
    let root = json::parse_object(text).map_err(TokenizerError::Invalid)?;
    let mut warnings = Vec::new();
    for key in ["truncation", "padding"] {
        if root.get(key).is_some_and(|value| !value.is_null()) {
            warnings.push(format!(
                "tokenizer.json: {key} has no effect here, texts are taken as they are; remove it"
            ));
        }
    }
    let model = root
        .get("model")
        .and_then(Value::as_object)
        .ok_or_else(|| invalid("no model"))?;
    let parts = parts::read(&root, model)?;
    let vocabulary = vocabulary::read(&root, model, &parts, vocabulary)?;
    section::check_texts(&parts, &vocabulary)?;
    let section = section::build(&parts, &vocabulary).map_err(defect)?;
    Ok(Compiled { section, warnings })
}

/// The ids of a text, in as much memory as it takes.
pub fn encode(
    tokenizer: &Tokenizer,
    text: &str,
    template: Template,
    control: ControlTokens,
) -> Vec<u32> {
    let mut ids = vec![0; text.len() + 1024];
    loop {
        match tokenizer.encode(text, template, control, &mut ids) {
            Ok(len) => {
                ids.truncate(len);
                return ids;
            }
            Err(EncodeError::BufferTooSmall { need, .. }) => ids.resize(need.max(2 * ids.len()), 0),
        }
    }
}

/// A fresh section that is refused.
fn defect(error: SectionError) -> TokenizerError {
    TokenizerError::Defect(error)
}
