//! Text that a user gives, and its ids.

use std::path::Path;

use clap::{Args, ValueEnum};
use sla_checkpoint::tokenizer::encode;
use sla_checkpoint::{files, foreign};
use sla_runtime::{Model, Template, Tokenizer};

use super::failure::{Failure, Outcome, fail, warn};

/// What `--control-tokens` takes.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Choice {
    /// They are text like any other
    Text,
    /// They become the control tokens
    Parse,
}

/// The option that says what becomes of control tokens in a text.
#[derive(Args)]
pub(super) struct ControlTokens {
    /// What a control token such as <|im_end|> that is written out in the text becomes: text like
    /// any other, or the token. Default: text
    #[arg(
        long,
        value_name = "text|parse",
        value_enum,
        hide_possible_values = true
    )]
    control_tokens: Option<Choice>,
}

/// A model whose ids are the bytes of text.
pub(super) fn reads_bytes(model: &Model) -> bool {
    model.desc().inputs == 256 && model.tokenizer_section().is_empty()
}

/// The ids of a text, with those of the tokenizer's template if wanted. `source` is what gave the
/// text.
pub(super) fn ids(
    model: &Model,
    file: &Path,
    source: &str,
    text: &[u8],
    template: Template,
    control: &ControlTokens,
) -> Outcome<Vec<u32>> {
    use sla_runtime::ControlTokens::{AsText, Parse};
    let Some(tokenizer) = model.tokenizer() else {
        if reads_bytes(model) {
            return Ok(text.iter().copied().map(u32::from).collect());
        }
        return fail(format!(
            "{}: the file has no tokenizer and a vocabulary of {}, so text cannot be encoded; give ids instead: \
             `sla run --prompt-ids 1,2,3`",
            file.display(),
            model.desc().inputs
        ));
    };
    let text = utf8(text, source)?;
    if control.control_tokens == Some(Choice::Parse) {
        return Ok(encode(&tokenizer, text, template, Parse));
    }
    let ids = encode(&tokenizer, text, template, AsText);
    if control.control_tokens.is_none()
        && let Some(token) =
            first_control_token(&tokenizer, &ids, &encode(&tokenizer, text, template, Parse))
    {
        warn(&[format!(
            "{source}: {token} in it is read as text; --control-tokens parse makes it the control token"
        )]);
    }
    Ok(ids)
}

/// The first control token that is text in `ids` and a token in `parsed`, quoted.
fn first_control_token(tokenizer: &Tokenizer, ids: &[u32], parsed: &[u32]) -> Option<String> {
    let same = ids.iter().zip(parsed).take_while(|(a, b)| a == b).count();
    let id = *parsed
        .get(same..)?
        .iter()
        .find(|&&id| tokenizer.is_special(id))?;
    (ids != parsed).then(|| {
        tokenizer
            .added()
            .find(|(token, _)| token.id == id)
            .map(|(_, content)| format!("{content:?}"))
    })?
}

/// What stands in a file, or in standard input for `-`: UTF-8, unless `model` reads bytes.
pub(super) fn read(path: &Path, model: &Model) -> Outcome<Vec<u8>> {
    let shown = files::shown(path);
    let bytes = files::read(path).map_err(|e| Failure::Error(format!("{shown}: {e}")))?;
    if let Some(what) = foreign::not_text(&bytes) {
        return fail(format!("{shown}: not a text but {what}"));
    }
    if !reads_bytes(model) {
        utf8(&bytes, &shown)?;
    }
    Ok(bytes)
}

/// Bytes that have to be UTF-8. `source` is what gave them.
pub(super) fn utf8<'a>(bytes: &'a [u8], source: &str) -> Outcome<&'a str> {
    std::str::from_utf8(bytes).map_err(|e| {
        let at = e.valid_up_to();
        Failure::Error(format!(
            "{source}: byte {at} is not UTF-8; save the text as UTF-8"
        ))
    })
}

/// What is printed behind a text that ends with `last`: a line end where a prompt follows on the
/// same screen.
pub(super) fn closing(on_terminal: bool, last: Option<char>) -> &'static str {
    if on_terminal && last != Some('\n') {
        "\n"
    } else {
        ""
    }
}

#[cfg(test)]
mod tests {
    use super::closing;

    #[test]
    fn a_line_end_closes_a_text_on_a_terminal_once() {
        for (on_terminal, last, end) in [
            (true, Some('a'), "\n"),
            (true, None, "\n"),
            (true, Some('\n'), ""),
            (false, Some('a'), ""),
            (false, None, ""),
        ] {
            assert_eq!(closing(on_terminal, last), end, "{on_terminal} {last:?}");
        }
    }
}
