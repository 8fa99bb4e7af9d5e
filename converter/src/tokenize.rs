//! `sla tokenize`

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;
use sla_format::InputKind;
use sla_runtime::{Decoder, Model, SpecialTokens, Template};

use super::failure::{Outcome, fail, read_model, usage};
use super::output::{print, print_json};
use super::prompt::check;
use super::text::{self, ControlTokens, closing, reads_bytes};
use super::utf8::Utf8Stream;

/// Options of `sla tokenize`.
#[derive(Args)]
pub(super) struct Options {
    /// Model whose tokenizer it is
    #[arg(value_name = "FILE.sla")]
    file: PathBuf,
    /// Text, or ids with --decode; - or nothing for standard input
    #[arg(value_name = "TEXT|-")]
    text: Option<String>,
    /// Print the text of ids, which are separated by commas or white space
    #[arg(long, conflicts_with_all = ["no_template", "control_tokens"])]
    decode: bool,
    /// Leave out the ids that the tokenizer puts around a text
    #[arg(long)]
    no_template: bool,
    #[command(flatten)]
    control: ControlTokens,
    /// Print JSON, and nothing else, on stdout: ids, the text of each, and that of all
    #[arg(long)]
    json: bool,
}

/// Reads a text or ids and prints the other.
pub(super) fn command(options: &Options) -> Outcome {
    let file = read_model(&options.file)?;
    let (model, shown) = (file.model(), options.file.display());
    if model.desc().input == InputKind::Features {
        return fail(format!(
            "{shown}: the model reads feature vectors, and has neither text nor ids"
        ));
    }
    if options.decode && model.tokenizer().is_none() && !reads_bytes(&model) {
        let vocabulary = model.desc().inputs;
        return fail(format!(
            "{shown}: the file has no tokenizer and a vocabulary of {vocabulary}, so ids have no text; `sla convert` a \
             checkpoint with a tokenizer.json"
        ));
    }
    let (source, given) = match options.text.as_deref() {
        None | Some("-") => ("stdin", text::read(Path::new("-"), &model)?),
        Some(text) => (
            if options.decode { "--decode" } else { "TEXT" },
            text.as_bytes().to_vec(),
        ),
    };
    let ids = if options.decode {
        let ids = parse(text::utf8(&given, source)?, source)?;
        check(&ids, model.desc().inputs, source)?;
        ids
    } else {
        let template = if options.no_template {
            Template::Omit
        } else {
            Template::Add
        };
        text::ids(
            &model,
            &options.file,
            source,
            &given,
            template,
            &options.control,
        )?
    };
    if options.json {
        let tokens: Vec<String> = ids.iter().map(|id| decode(&model, &[*id], true)).collect();
        return print_json(
            &json!({ "ids": ids, "tokens": tokens, "text": decode(&model, &ids, false) }),
        );
    }
    if options.decode {
        let text = decode(&model, &ids, false);
        return print(&format!(
            "{text}{}",
            closing(std::io::stdout().is_terminal(), text.chars().next_back())
        ));
    }
    let shown: Vec<String> = ids.iter().map(u32::to_string).collect();
    print(&format!("{}\n", shown.join(",")))
}

/// The ids in a text.
fn parse(text: &str, source: &str) -> Outcome<Vec<u32>> {
    let words = text
        .split(|c: char| c == ',' || c.is_whitespace())
        .filter(|word| !word.is_empty());
    let number = |word: &str| match word.parse() {
        Ok(id) => Ok(id),
        Err(_) => {
            let message = format!(
                "{source}: {word:?} is no id; ids are whole numbers with commas or white space between them"
            );
            // An argument is a matter of usage, what comes from elsewhere is not.
            if source == "--decode" {
                usage(message)
            } else {
                fail(message)
            }
        }
    };
    words.map(number).collect()
}

/// The text of ids, control tokens as what they are called; `within` a text, where all spaces stay.
fn decode(model: &Model, ids: &[u32], within: bool) -> String {
    let mut text = String::new();
    match model.tokenizer() {
        Some(tokenizer) => {
            let new = if within {
                Decoder::within
            } else {
                Decoder::new
            };
            let mut decoder = new(tokenizer, SpecialTokens::Show);
            ids.iter()
                .for_each(|&id| decoder.push(id, &mut |part| text.push_str(part)));
            decoder.finish(&mut |part| text.push_str(part));
        }
        None => {
            let mut stream = Utf8Stream::default();
            ids.iter()
                .for_each(|id| stream.push(id.to_le_bytes()[0], &mut text));
            stream.finish(&mut text);
        }
    }
    text
}
