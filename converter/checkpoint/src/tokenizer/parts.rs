//! Normaliser, pre-tokeniser, decoder and post-processor: recognised by what they say, or refused
//! by name.

use serde_json::{Map, Value};
use sla_format::{Prefix, Split, Strip, Symbols};

use super::error::{TokenizerError, invalid};
use super::patterns::known;
use crate::json::brief;

type Object = Map<String, Value>;

/// U+2581, which stands for a space.
pub(super) const META: &str = "\u{2581}";

/// Everything but the vocabulary.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Parts {
    pub(super) symbols: Symbols,
    pub(super) split: Split,
    pub(super) prefix: Prefix,
    pub(super) strip: Strip,
    /// Tokens that name a byte, `<0x0A>`, decode to it.
    pub(super) byte_tokens: bool,
    /// A normaliser changes text, and so the contents of normalized added tokens.
    pub(super) normalizes: bool,
    pub(super) byte_fallback: bool,
    pub(super) fuse_unknown: bool,
    pub(super) ignore_merges: bool,
    pub(super) unknown: Option<String>,
    /// The template's ids before and behind a text.
    pub(super) template: [Vec<u64>; 2],
}

/// Reads them all.
pub(super) fn read(root: &Object, model: &Object) -> Result<Parts, TokenizerError> {
    match model.get("type").and_then(Value::as_str) {
        Some("BPE") => {}
        // The library tries its kinds in turn on a model without a type, BPE first, which takes any
        // vocabulary with merges.
        None if !model.contains_key("type")
            && model.contains_key("vocab")
            && model.contains_key("merges") => {}
        _ => {
            return Err(unsupported(
                "model",
                model.get("type").unwrap_or(&Value::Null),
            ));
        }
    }
    for key in ["continuing_subword_prefix", "end_of_word_suffix"] {
        if let Some(value) = model
            .get(key)
            .filter(|v| !v.is_null() && v.as_str() != Some(""))
        {
            return Err(unsupported(&format!("model.{key}"), value));
        }
    }
    if let Some(value) = model
        .get("dropout")
        .filter(|v| !v.is_null() && v.as_f64() != Some(0.0))
    {
        return Err(unsupported("model.dropout", value));
    }
    let meta_normalizer = normalizer(root)?;
    let (symbols, split, prefix) = pre_tokenizer(root, meta_normalizer)?;
    let (byte_tokens, strip) = decoder(root, symbols)?;
    let unknown = match model.get("unk_token") {
        None | Some(Value::Null) => None,
        Some(Value::String(token)) => Some(token.clone()),
        Some(other) => {
            return Err(invalid(format!(
                "model.unk_token = {} is no token",
                brief(other)
            )));
        }
    };
    let parts = Parts {
        symbols,
        split,
        prefix,
        strip,
        byte_tokens,
        normalizes: meta_normalizer.is_some(),
        byte_fallback: flag(model, "byte_fallback", false)?,
        fuse_unknown: flag(model, "fuse_unk", false)?,
        ignore_merges: flag(model, "ignore_merges", false)?,
        unknown,
        template: template(root)?,
    };
    if parts.byte_fallback && symbols == Symbols::Bytes {
        return Err(TokenizerError::Unsupported {
            part: "model.byte_fallback".into(),
            what: "with a byte-level pre_tokenizer".into(),
        });
    }
    if parts.ignore_merges && symbols == Symbols::Characters {
        return Err(TokenizerError::Unsupported {
            part: "model.ignore_merges".into(),
            what: "without a byte-level pre_tokenizer".into(),
        });
    }
    Ok(parts)
}

fn unsupported(part: &str, what: &Value) -> TokenizerError {
    TokenizerError::Unsupported {
        part: part.into(),
        what: brief(what),
    }
}

fn flag(object: &Object, key: &str, default: bool) -> Result<bool, TokenizerError> {
    match object.get(key) {
        None | Some(Value::Null) => Ok(default),
        Some(Value::Bool(value)) => Ok(*value),
        Some(other) => Err(invalid(format!(
            "{} = {} is neither true nor false",
            key,
            brief(other)
        ))),
    }
}

/// The components of a part with their types: those of a Sequence one by one, none for null.
fn components<'v>(
    part: &'static str,
    list: &str,
    value: Option<&'v Value>,
) -> Result<Vec<(&'v str, &'v Object)>, TokenizerError> {
    let object = match value {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Object(object)) => object,
        Some(other) => return Err(invalid(format!("{part} = {} is no object", brief(other)))),
    };
    let kind = object
        .get("type")
        .and_then(Value::as_str)
        .ok_or_else(|| invalid(format!("{part} has no type")))?;
    if kind != "Sequence" {
        return Ok(vec![(kind, object)]);
    }
    let items = object.get(list).and_then(Value::as_array);
    let items = items.ok_or_else(|| invalid(format!("{part} of type Sequence has no {list}")))?;
    let mut all = Vec::new();
    for item in items {
        all.extend(components(part, list, Some(item))?);
    }
    Ok(all)
}

/// The refusal of a part as a whole, by the names of its components.
fn refuse<T>(part: &str, components: &[(&str, &Object)]) -> Result<T, TokenizerError> {
    let names: Vec<&str> = components.iter().map(|(kind, _)| *kind).collect();
    let what = if names.is_empty() {
        "null".into()
    } else {
        brief(&Value::from(names.join(", ")))
    };
    Err(TokenizerError::Unsupported {
        part: part.into(),
        what,
    })
}

/// Whether an object replaces the string `from` by `to`.
fn replaces(object: &Object, from: &str, to: &str) -> bool {
    let pattern = object
        .get("pattern")
        .and_then(|p| p.get("String"))
        .and_then(Value::as_str);
    pattern == Some(from) && object.get("content").and_then(Value::as_str) == Some(to)
}

/// `None` without a normaliser; otherwise U+2581 for spaces, and what is put before.
fn normalizer(root: &Object) -> Result<Option<Prefix>, TokenizerError> {
    let list = components("normalizer", "normalizers", root.get("normalizer"))?;
    let prepends = |object: &Object| object.get("prepend").and_then(Value::as_str) == Some(META);
    match list[..] {
        [] => Ok(None),
        [("Prepend", first), ("Replace", second)]
            if prepends(first) && replaces(second, " ", META) =>
        {
            Ok(Some(Prefix::Always))
        }
        [("Replace", only)] if replaces(only, " ", META) => Ok(Some(Prefix::Never)),
        _ => refuse("normalizer", &list),
    }
}

fn pre_tokenizer(
    root: &Object,
    normalizer: Option<Prefix>,
) -> Result<(Symbols, Split, Prefix), TokenizerError> {
    const PART: &str = "pre_tokenizer";
    let list = components(PART, "pretokenizers", root.get(PART))?;
    if let Some(prefix) = normalizer {
        return if list.is_empty() {
            Ok((Symbols::Characters, Split::Whole, prefix))
        } else {
            refuse(PART, &list)
        };
    }
    let bytes = |split| Ok((Symbols::Bytes, split, Prefix::Never));
    match list[..] {
        [("ByteLevel", level)] => {
            let split = if flag(level, "use_regex", true)? {
                Split::Gpt2
            } else {
                Split::Whole
            };
            let prefix = if flag(level, "add_prefix_space", true)? {
                Prefix::Missing
            } else {
                Prefix::Never
            };
            Ok((Symbols::Bytes, split, prefix))
        }
        [("Split", split), ("ByteLevel", level)]
            if !flag(level, "use_regex", true)? && !flag(level, "add_prefix_space", true)? =>
        {
            bytes(pattern(split)?)
        }
        [("Digits", digits), ("ByteLevel", level)]
            if flag(digits, "individual_digits", false)?
                && flag(level, "use_regex", true)?
                && !flag(level, "add_prefix_space", true)? =>
        {
            bytes(Split::DigitsGpt2)
        }
        [("Metaspace", meta)] => {
            let scheme = metaspace(PART, meta)?;
            let split = if flag(meta, "split", true)? {
                Split::Spaces
            } else {
                Split::Whole
            };
            Ok((Symbols::Characters, split, scheme))
        }
        _ => refuse(PART, &list),
    }
}

fn pattern(split: &Object) -> Result<Split, TokenizerError> {
    let behavior = split.get("behavior").and_then(Value::as_str);
    let keeps_matches = matches!(
        (behavior, flag(split, "invert", false)?),
        (Some("Isolated"), false) | (Some("Removed"), true)
    );
    if !keeps_matches {
        return Err(unsupported(
            "pre_tokenizer Split with behavior",
            split.get("behavior").unwrap_or(&Value::Null),
        ));
    }
    let value = split.get("pattern").unwrap_or(&Value::Null);
    let text = value.get("Regex").and_then(Value::as_str).unwrap_or("");
    known(text).ok_or_else(|| unsupported("pre_tokenizer Split with pattern", value))
}

/// Scheme of a Metaspace.
fn metaspace(part: &str, meta: &Object) -> Result<Prefix, TokenizerError> {
    if meta.get("replacement").and_then(Value::as_str) != Some(META) {
        return Err(unsupported(
            &format!("{part} Metaspace with replacement"),
            meta.get("replacement").unwrap_or(&Value::Null),
        ));
    }
    let adds = flag(meta, "add_prefix_space", true)?;
    match meta.get("prepend_scheme").and_then(Value::as_str) {
        Some("never") => Ok(Prefix::Never),
        Some("first") if adds => Ok(Prefix::First),
        Some("always") if adds => Ok(Prefix::Missing),
        None if adds && !meta.contains_key("prepend_scheme") => Ok(Prefix::Missing),
        _ => Err(invalid(format!(
            "{part} Metaspace contradicts itself about its prefix"
        ))),
    }
}

fn decoder(root: &Object, symbols: Symbols) -> Result<(bool, Strip), TokenizerError> {
    const PART: &str = "decoder";
    let list = components(PART, "decoders", root.get(PART))?;
    let replaces_meta = |object| replaces(object, META, " ");
    if symbols == Symbols::Bytes {
        return if matches!(list[..], [("ByteLevel", _)]) {
            Ok((false, Strip::Nothing))
        } else {
            refuse(PART, &list)
        };
    }
    match list[..] {
        [("Metaspace", meta)] => {
            let strips = metaspace(PART, meta)? != Prefix::Never;
            Ok((
                false,
                if strips {
                    Strip::FirstToken
                } else {
                    Strip::Nothing
                },
            ))
        }
        [("Replace", replace), ("ByteFallback", _), ("Fuse", _)] if replaces_meta(replace) => {
            Ok((true, Strip::Nothing))
        }
        [
            ("Replace", replace),
            ("ByteFallback", _),
            ("Fuse", _),
            ("Strip", strip),
        ] if replaces_meta(replace) => {
            let number = |key| strip.get(key).and_then(Value::as_u64);
            match (
                strip.get("content").and_then(Value::as_str),
                number("start"),
                number("stop"),
            ) {
                (Some(" "), Some(1), Some(0)) => Ok((true, Strip::One)),
                (Some(" "), Some(0), Some(0)) => Ok((true, Strip::Nothing)),
                _ => Err(unsupported(PART, &Value::Object(strip.clone()))),
            }
        }
        _ => refuse(PART, &list),
    }
}

/// The ids that a post-processor puts before and behind a text.
fn template(root: &Object) -> Result<[Vec<u64>; 2], TokenizerError> {
    const PART: &str = "post_processor";
    let list = components(PART, "processors", root.get(PART))?;
    let mut ids = [Vec::new(), Vec::new()];
    for &(kind, object) in &list {
        match kind {
            // Changes offsets only.
            "ByteLevel" => {}
            "TemplateProcessing" => {
                let [before, after] = single(object)?;
                // The processors of a Sequence wrap what the ones before gave.
                ids[0].splice(0..0, before);
                ids[1].extend(after);
            }
            _ => return refuse(PART, &list),
        }
    }
    if ids.iter().any(|ids| ids.len() > 8) {
        return Err(TokenizerError::Unsupported {
            part: PART.into(),
            what: "with more than 8 tokens on a side".into(),
        });
    }
    Ok(ids)
}

fn single(object: &Object) -> Result<[Vec<u64>; 2], TokenizerError> {
    let malformed = || invalid("post_processor TemplateProcessing is malformed");
    let mut ids = [Vec::new(), Vec::new()];
    let mut side = 0;
    for item in object
        .get("single")
        .and_then(Value::as_array)
        .ok_or_else(malformed)?
    {
        if let Some(sequence) = item.get("Sequence") {
            if side == 1 || sequence.get("id").and_then(Value::as_str) != Some("A") {
                return Err(malformed());
            }
            side = 1;
            continue;
        }
        let name = item
            .get("SpecialToken")
            .and_then(|token| token.get("id"))
            .and_then(Value::as_str);
        let token = object
            .get("special_tokens")
            .and_then(|tokens| tokens.get(name?));
        let list = token
            .and_then(|token| token.get("ids"))
            .and_then(Value::as_array)
            .ok_or_else(malformed)?;
        for id in list {
            ids[side].push(id.as_u64().ok_or_else(malformed)?);
        }
    }
    if side == 1 { Ok(ids) } else { Err(malformed()) }
}
