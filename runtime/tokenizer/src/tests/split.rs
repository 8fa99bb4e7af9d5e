//! Pre-tokens against the patterns themselves, run by the engine that the library uses.
use super::*;
use crate::split::first_len;

const GPT2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
const LLAMA3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const QWEN2: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// Characters of every class, of one to four bytes, and the parts of contractions.
const ALPHABET: [&str; 31] = [
    " ", " ", "  ", "\t", "\n", "\r\n", "\u{a0}", "\u{3000}", "a", "Z", "é", "世", "𝒜", "1", "²",
    "٣", "𝟘", "!", "'", "’", "🦀", "\u{301}", "'s", "'T", "'re", "'VE", "'ll", "'\u{17f}", "'m",
    "'d", "\u{2581}",
];

fn pre_tokens(split: Split, text: &str) -> Vec<&str> {
    let (mut rest, mut all) = (text, Vec::new());
    while !rest.is_empty() {
        let (word, behind) = rest.split_at(first_len(split, false, rest));
        assert!(!word.is_empty(), "{split:?} {text:?}");
        all.push(word);
        rest = behind;
    }
    all
}

fn matches<'t>(pattern: &onig::Regex, text: &'t str) -> Vec<&'t str> {
    pattern
        .find_iter(text)
        .map(|(from, to)| &text[from..to])
        .collect()
}

#[test]
fn pre_tokens_are_what_the_patterns_match() {
    let mut random = Random(1);
    for (split, pattern) in [
        (Split::Gpt2, GPT2),
        (Split::Llama3, LLAMA3),
        (Split::Qwen2, QWEN2),
    ] {
        let regex = onig::Regex::new(pattern).expect("a pattern");
        for _ in 0..4000 {
            let text = random.text(&ALPHABET, 9);
            let wanted = matches(&regex, &text);
            assert_eq!(pre_tokens(split, &text), wanted, "{split:?} {text:?}");
            // A space that stands before the text is part of its first pre-token.
            let spaced = format!(" {text}");
            if split == Split::Gpt2 && !text.is_empty() {
                let first = matches(&regex, &spaced)[0].len();
                assert_eq!(
                    first_len(split, true, &text),
                    first - 1,
                    "{text:?} behind a space"
                );
            }
        }
    }
}

#[test]
fn single_digits_stand_apart_from_what_the_pattern_matches_between_them() {
    let (mut random, regex) = (Random(2), onig::Regex::new(GPT2).expect("a pattern"));
    for _ in 0..4000 {
        let text = random.text(&ALPHABET, 9);
        let mut wanted = Vec::new();
        for part in text.split_inclusive(char::is_numeric) {
            let between = part.trim_end_matches(char::is_numeric);
            wanted.extend(matches(&regex, between));
            wanted.extend(Some(&part[between.len()..]).filter(|digit| !digit.is_empty()));
        }
        assert_eq!(pre_tokens(Split::DigitsGpt2, &text), wanted, "{text:?}");
    }
}

#[test]
fn models_of_characters_are_cut_before_spaces() {
    for (split, text, wanted) in [
        (Split::Whole, "a b  c", &["a b  c"][..]),
        (Split::Spaces, "a b  c", &["a", " b", " ", " c"]),
        (Split::Spaces, " a\u{2581}b", &[" a", "\u{2581}b"]),
        (Split::Spaces, "ab", &["ab"]),
        (Split::Words, "a b  c ", &["a", " b", "  c", " "]),
        (Split::Words, "  a\u{2581} b\tc", &["  a", "\u{2581} b\tc"]),
        (Split::Words, "ab", &["ab"]),
    ] {
        assert_eq!(pre_tokens(split, text), wanted, "{split:?} {text:?}");
    }
}
