//! Laying out the section (format.md F11).

use sla_format::{
    ANCHOR_EVERY, BYTE_RECORD, FEW_ADDED, MAX_TOKEN_BYTES, NONE, Split, Strip, Symbols,
    TokenizerDesc, TokenizerTable,
};
use sla_tokenizer::{SectionError, Tokenizer};

use super::alphabet;
use super::error::{TokenizerError, invalid};
use super::parts::{META, Parts};
use super::vocabulary::Vocabulary;

/// The bytes of the section; read back once.
pub(super) fn build(parts: &Parts, vocabulary: &Vocabulary) -> Result<Vec<u8>, SectionError> {
    let plain = lay_out(parts, vocabulary, &[]);
    let tokenizer = Tokenizer::read(&plain)?;
    if !parts.ignore_merges {
        return Ok(plain);
    }
    let words = words(&tokenizer, vocabulary);
    let section = lay_out(parts, vocabulary, &words);
    Tokenizer::read(&section)?;
    Ok(section)
}

/// Records hold short texts, and do not tell a space from U+2581.
pub(super) fn check_texts(parts: &Parts, vocabulary: &Vocabulary) -> Result<(), TokenizerError> {
    let both = |token: &String| parts.strip == Strip::FirstToken && token.contains(' ');
    if let Some((id, _)) = vocabulary.texts.iter().find(|(_, token)| both(token)) {
        let what = format!("beside token {id}, which has a space in it,");
        return Err(TokenizerError::Unsupported {
            part: "decoder Metaspace".into(),
            what,
        });
    }
    let len = |token: &String| record_text(parts, token).map_or(1, |bytes| bytes.len());
    match vocabulary
        .texts
        .iter()
        .find(|(_, token)| len(token) > MAX_TOKEN_BYTES)
    {
        Some((id, token)) => Err(invalid(format!(
            "token {id} has {} bytes; {MAX_TOKEN_BYTES} are the most that the format has",
            len(token)
        ))),
        None => Ok(()),
    }
}

/// The tokens whose text the merges make something else of, by text.
fn words(tokenizer: &Tokenizer, vocabulary: &Vocabulary) -> Vec<u32> {
    let mut words = Vec::new();
    let mut buffer = vec![0; sla_tokenizer::encode_words(MAX_TOKEN_BYTES)];
    for (token, &id) in &vocabulary.ids {
        // Tokens with other characters than those that stand for bytes are no pre-tokens.
        let Some(bytes) = alphabet::bytes(token) else {
            continue;
        };
        let Ok(text) = std::str::from_utf8(&bytes) else {
            continue;
        };
        let len = tokenizer.encode_pre_token(text, &mut buffer).unwrap_or(0);
        if buffer[..len] != [id] && !bytes.is_empty() {
            words.push((bytes, id));
        }
    }
    words.sort_unstable();
    words.into_iter().map(|(_, id)| id).collect()
}

/// What a token decodes to: text, or else one byte.
fn record_text(parts: &Parts, token: &str) -> Result<Vec<u8>, u8> {
    if parts.symbols == Symbols::Bytes {
        return Ok(alphabet::bytes(token).unwrap_or_else(|| token.into()));
    }
    let named = token
        .strip_prefix("<0x")
        .and_then(|rest| rest.strip_suffix('>'))
        .filter(|_| token.len() == 6);
    match named.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
        Some(byte) if parts.byte_tokens => Err(byte),
        _ => Ok(token.replace(META, " ").into_bytes()),
    }
}

fn record(parts: &Parts, token: &str) -> Vec<u8> {
    match record_text(parts, token) {
        Ok(bytes) => [&[bytes.len() as u8][..], &bytes].concat(),
        Err(byte) => vec![BYTE_RECORD, byte],
    }
}

fn lay_out(parts: &Parts, vocabulary: &Vocabulary, words: &[u32]) -> Vec<u8> {
    let tokens = vocabulary
        .texts
        .keys()
        .next_back()
        .map_or(0, |last| last + 1);
    let merges = vocabulary.merges.len();
    let wide = tokens > u32::from(u16::MAX) || merges >= usize::from(u16::MAX);
    let index = |values: &mut dyn Iterator<Item = u32>| -> Vec<u8> {
        match wide {
            true => values.flat_map(u32::to_le_bytes).collect(),
            false => values
                .flat_map(|value| (value as u16).to_le_bytes())
                .collect(),
        }
    };
    let id = |token: &str| vocabulary.ids.get(token).copied();

    let byte = |byte: u8| match parts.symbols {
        Symbols::Bytes => id(&alphabet::of_byte(byte).to_string()),
        Symbols::Characters if parts.byte_fallback => id(&format!("<0x{byte:02X}>")),
        Symbols::Characters => None,
    };
    let bytes: Vec<u32> = (0..=255).map(|b| byte(b).unwrap_or(NONE)).collect();

    let mut by_left: Vec<(u32, u32, u32)> = (0..)
        .zip(&vocabulary.merges)
        .map(|(rank, m)| (m.0, m.1, rank))
        .collect();
    by_left.sort_unstable();
    let mut first = vec![0; tokens as usize + 1];
    by_left.iter().for_each(|m| first[m.0 as usize + 1] += 1);
    (1..first.len()).for_each(|at| first[at] += first[at - 1]);

    let (mut texts, mut anchors) = (Vec::new(), Vec::new());
    for id in 0..tokens {
        if (id as usize).is_multiple_of(ANCHOR_EVERY) {
            anchors.extend((texts.len() as u32).to_le_bytes());
        }
        match vocabulary.texts.get(&id) {
            Some(token) => texts.extend(record(parts, token)),
            None => texts.push(0),
        }
    }

    let mut characters = Vec::new();
    if parts.symbols == Symbols::Characters {
        let single = |token: &str| token.chars().next().filter(|c| c.len_utf8() == token.len());
        characters.extend(
            vocabulary
                .ids
                .iter()
                .filter_map(|(token, &id)| Some((u32::from(single(token)?), id))),
        );
        characters.sort_unstable();
    }

    let (mut added, mut contents) = (Vec::new(), String::new());
    for (token, content) in vocabulary.added.values() {
        contents.push_str(content);
        let end = contents.len() as u32;
        added.extend(sla_format::AddedToken { end, ..*token }.emit());
    }

    let mut order = Vec::new();
    if vocabulary.added.len() > FEW_ADDED {
        order.extend((0..).zip(vocabulary.added.values()));
        order.sort_unstable_by_key(|(_, (token, content))| token.order(content.as_bytes()));
    }

    let [before, after] = &vocabulary.template;
    let desc = TokenizerDesc {
        symbols: parts.symbols,
        split: if parts.split == Split::Whole && splits_at_spaces(parts, vocabulary) {
            Split::Words
        } else {
            parts.split
        },
        prefix: parts.prefix,
        strip: parts.strip,
        fuse_unknown: parts.fuse_unknown,
        byte_fallback: parts.byte_fallback,
        wide,
        unknown: vocabulary.unknown.unwrap_or(NONE),
        tokens,
        text_bytes: texts.len() as u32,
        merges: merges as u32,
        characters: characters.len() as u32,
        words: words.len() as u32,
        added: vocabulary.added.len() as u32,
        added_bytes: contents.len() as u32,
        before: before.len() as u32,
        after: after.len() as u32,
    };
    let mut section = desc.emit().to_vec();
    for table in TokenizerTable::ALL {
        let bytes = match table {
            TokenizerTable::Bytes => index(&mut bytes.iter().copied()),
            TokenizerTable::First => index(&mut first.iter().copied()),
            TokenizerTable::Right => index(&mut by_left.iter().map(|m| m.1)),
            TokenizerTable::Rank => index(&mut by_left.iter().map(|m| m.2)),
            TokenizerTable::Result => index(&mut vocabulary.merges.iter().map(|m| m.2)),
            TokenizerTable::Anchors => std::mem::take(&mut anchors),
            TokenizerTable::Text => std::mem::take(&mut texts),
            TokenizerTable::CodePoints => characters
                .iter()
                .flat_map(|(point, _)| point.to_le_bytes())
                .collect(),
            TokenizerTable::Characters => index(&mut characters.iter().map(|(_, id)| *id)),
            TokenizerTable::Words => index(&mut words.iter().copied()),
            TokenizerTable::Added => std::mem::take(&mut added),
            TokenizerTable::AddedText => contents.clone().into_bytes(),
            TokenizerTable::Template => before
                .iter()
                .chain(after)
                .flat_map(|id| id.to_le_bytes())
                .collect(),
            TokenizerTable::Order => index(&mut order.iter().map(|(at, _)| *at)),
        };
        section.resize(section.len().next_multiple_of(4), 0);
        section.extend(bytes);
    }
    section
}

/// Whether text may be cut before each space that follows another character: no merge joins the
/// two, and neither becomes part of one unknown token.
fn splits_at_spaces(parts: &Parts, vocabulary: &Vocabulary) -> bool {
    let text = |id: &u32| vocabulary.texts.get(id).map_or("", String::as_str);
    let joins = |(left, right, _): &(u32, u32, u32)| {
        !text(left).ends_with(META) && text(right).starts_with(META)
    };
    let unknown = vocabulary.unknown.as_ref().map_or("", text);
    parts.symbols == Symbols::Characters
        && vocabulary.ids.contains_key(META)
        && !unknown.contains(META)
        && !vocabulary.merges.iter().any(joins)
}
