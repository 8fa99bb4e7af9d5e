//! `sla eval --report`

use serde_json::Value;
use sla_eval::owned_model::OwnedModel;
use sla_eval::report::{Subject, page, sample_len};
use sla_eval::{Comparison, Rows, observe, tensor_figures};
use sla_format::InputKind;
use sla_reference::Model as FloatModel;
use sla_runtime::{Decoder, Model, SpecialTokens};

use super::options::Options;
use crate::failure::Outcome;
use crate::inspect::provenance;
use crate::output::OutputFile;

/// Measures what the page shows beyond the comparison, and writes it.
pub(super) fn write(
    output: &OutputFile,
    options: &Options,
    file: &OwnedModel,
    rows: &Rows,
    [reference, dequantized]: &[FloatModel; 2],
    comparison: &Comparison,
    json: &Value,
) -> Outcome {
    let model = file.model();
    let name = options
        .file
        .file_name()
        .unwrap_or_default()
        .to_string_lossy();
    let html = page(&Subject {
        name: &name,
        file: file.bytes(),
        model: &model,
        comparison,
        json,
        observed: &observe(&model, rows, sample_len(&model))?,
        tensors: &tensor_figures(reference, dequantized, &model),
        label: &|id| label(&model, id),
        commands: &commands(options, &model),
    });
    output.write(html.as_bytes())
}

/// A token's text, as characters that can be seen; where it has none its number.
fn label(model: &Model, id: u32) -> String {
    if let Some(tokenizer) = model.tokenizer() {
        let (mut text, mut decoder) = (String::new(), Decoder::new(tokenizer, SpecialTokens::Show));
        decoder.push(id, &mut |part| text.push_str(part));
        let seen = |c| match c {
            '\n' => '↵',
            ' ' => '·',
            c => c,
        };
        let text: String = text.chars().map(seen).collect();
        return if text.is_empty() || text.contains(char::is_control) {
            id.to_string()
        } else {
            text
        };
    }
    let bytes = model.desc().input == InputKind::Tokens && model.desc().inputs == 256;
    match char::from_u32(id).filter(|_| bytes) {
        Some('\n') => "↵".into(),
        Some(' ') => "·".into(),
        Some(c) if c.is_ascii_graphic() => c.into(),
        Some(_) => format!("{id:02x}"),
        None => id.to_string(),
    }
}

/// The conversion, where the file tells how it was made, and this evaluation.
fn commands(options: &Options, model: &Model) -> Vec<String> {
    let evaluation = ["sla".into()].into_iter().chain(
        std::env::args_os()
            .skip(1)
            .map(|a| quote(&a.to_string_lossy())),
    );
    convert(options, model)
        .into_iter()
        .chain([evaluation.collect::<Vec<_>>().join(" ")])
        .collect()
}

/// `sla convert` with the options that the provenance names; `None` where it does not name them
/// all.
fn convert(options: &Options, model: &Model) -> Option<String> {
    let value = |wanted: &str| {
        provenance(model)
            .find(|(key, _)| *key == wanted)
            .map(|(_, value)| value)
    };
    if value("calibration")?.starts_with("given") {
        return None;
    }
    let weights = match value("weights")? {
        "int8" => "",
        "int4, embedding and head int8" => " --weights int4",
        "int4, embedding and head int4" => " --weights int4 --head int4",
        _ => return None,
    };
    let state = match value("state")? {
        "int32" => String::new(),
        kinds => format!(" --state {}", quote(kinds)),
    };
    let [dir, file] =
        [&options.checkpoint, &options.file].map(|path| quote(&path.to_string_lossy()));
    Some(format!("sla convert {dir} -o {file}{weights}{state}"))
}

/// An argument as a shell takes it.
fn quote(argument: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./,=:+@%".contains(c);
    match !argument.is_empty() && argument.chars().all(plain) {
        true => argument.into(),
        false => format!("'{}'", argument.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::quote;

    #[test]
    fn arguments_survive_a_shell() {
        assert_eq!(
            ["a/b-c.sla", "", "two words", "it's"].map(quote),
            ["a/b-c.sla", "''", "'two words'", r"'it'\''s'"]
        );
    }
}
