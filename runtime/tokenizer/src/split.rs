//! Pre-tokens of byte-level models (F11.3): what the patterns of GPT-2 and Llama 3 match, without a
//! regex engine.

use crate::classes::{Class, class};
use crate::scan::{prefix, suffix};
use sla_format::Split;

/// Bytes of `text`, which is not empty, that its first pre-token takes. With `lead` a space stands
/// before the text that is part of it; then the number may be 0.
pub(crate) fn first_len(split: Split, lead: bool, text: &str) -> usize {
    match split {
        Split::Gpt2 => gpt2(lead, text, false),
        Split::DigitsGpt2 => match number(text) {
            0 => gpt2(lead, text, true),
            digit => digit,
        },
        Split::Llama3 => llama3(text, 3),
        Split::Qwen2 => llama3(text, 1),
        Split::Spaces => {
            let (_, len) = head(false, text);
            len + prefix(text.get(len..).unwrap_or(""), |c| !is_meta(c))
        }
        Split::Words => {
            let mut before = ' ';
            prefix(text, |c| {
                is_meta(core::mem::replace(&mut before, c)) || !is_meta(c)
            })
        }
        Split::Whole => text.len(),
    }
}

/// A space as models of characters see it: itself, or U+2581.
pub(crate) fn is_meta(c: char) -> bool {
    matches!(c, ' ' | '\u{2581}')
}

fn is_number(c: char) -> bool {
    class(c) == Class::Number
}

/// Length of the number at the start: one character, or nothing.
fn number(text: &str) -> usize {
    text.chars()
        .next()
        .filter(|&c| is_number(c))
        .map_or(0, char::len_utf8)
}

/// Length of the characters at the start that are of a class.
fn run(text: &str, of: Class) -> usize {
    prefix(text, |c| class(c) == of)
}

/// The first character, a leading space included, with the bytes of `text` that it takes.
fn head(lead: bool, text: &str) -> (char, usize) {
    match text.chars().next() {
        Some(c) if !lead => (c, c.len_utf8()),
        _ => (' ', 0),
    }
}

/// `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`; with `digits` the
/// text ends for it where a number stands.
fn gpt2(lead: bool, text: &str, digits: bool) -> usize {
    if !lead && let Some(len) = contraction(text, |a, b| a == b) {
        return len;
    }
    let (first, len) = head(lead, text);
    let rest = text.get(len..).unwrap_or("");
    let next = rest
        .chars()
        .next()
        .map(class)
        .filter(|&next| !(digits && next == Class::Number));
    match (class(first), next) {
        (Class::Space, Some(next)) if first == ' ' && next != Class::Space => len + run(rest, next),
        (Class::Space, _) => white_space(len, rest, digits),
        (other, _) => len + run(rest, other),
    }
}

/// `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|
/// ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`, with up to `digits` characters of \p{N}
fn llama3(text: &str, digits: usize) -> usize {
    if let Some(len) = contraction(text, folds_to) {
        return len;
    }
    let (first, len) = head(false, text);
    let rest = text.get(len..).unwrap_or("");
    let next = rest.chars().next().map(class);
    let first_class = class(first);
    match (first_class, next) {
        (Class::Letter, _) => return len + run(rest, Class::Letter),
        (Class::Number, _) => {
            return text
                .chars()
                .take(digits)
                .take_while(|&c| is_number(c))
                .map(char::len_utf8)
                .sum();
        }
        (_, Some(Class::Letter)) if !is_line_end(first) => return len + run(rest, Class::Letter),
        (Class::Space, Some(Class::Other)) if first == ' ' => {}
        (Class::Space, _) => {
            // `\s*[\r\n]+` gives back what follows the last line end of the white space.
            let spaces = len + run(rest, Class::Space);
            return match suffix(text.get(..spaces).unwrap_or(""), |c| !is_line_end(c)) {
                0 => white_space(len, rest, false),
                behind_line_end => behind_line_end,
            };
        }
        (Class::Other, _) => {}
    }
    let others = len + run(rest, Class::Other);
    others + prefix(text.get(others..).unwrap_or(""), is_line_end)
}

fn is_line_end(c: char) -> bool {
    matches!(c, '\r' | '\n')
}

/// `\s+(?!\S)|\s+` after a first space of `len` bytes: all to the end of the text (with `digits`,
/// to a number), else all but the last character, else that one.
fn white_space(len: usize, rest: &str, digits: bool) -> usize {
    let (spaces, behind) = rest
        .split_at_checked(run(rest, Class::Space))
        .unwrap_or((rest, ""));
    if behind.is_empty() || (digits && number(behind) > 0) {
        return len + spaces.len();
    }
    len + spaces.len() - spaces.chars().next_back().map_or(0, char::len_utf8)
}

/// Length of the contraction at the start.
fn contraction(text: &str, same: impl Fn(char, char) -> bool) -> Option<usize> {
    let rest = text.strip_prefix('\'')?;
    ["s", "t", "re", "ve", "m", "ll", "d"]
        .iter()
        .find_map(|ending| {
            let mut chars = rest.chars();
            let found = ending
                .chars()
                .all(|wanted| chars.next().is_some_and(|c| same(c, wanted)));
            found.then(|| text.len() - chars.as_str().len())
        })
}

/// Whether a character is a lower-case ASCII letter after simple case folding. The long s (U+017F)
/// folds to s.
fn folds_to(c: char, lower: char) -> bool {
    c.to_ascii_lowercase() == lower || (c == '\u{17f}' && lower == 's')
}
