//! The regular expressions of pre-tokenisers that the runtime splits as.

use sla_format::Split;

/// GPT-2's pattern, and the way in which it is also written.
const GPT2: [&str; 2] = [
    r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
    r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
];
/// Llama 3's pattern, and GPT-4's, which matches the same.
const LLAMA3: [&str; 2] = [
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+",
];
/// Qwen 2's pattern.
const QWEN2: [&str; 1] = [
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
];

/// The split that a pattern stands for.
pub(super) fn known(pattern: &str) -> Option<Split> {
    let known = [
        (&GPT2[..], Split::Gpt2),
        (&LLAMA3[..], Split::Llama3),
        (&QWEN2[..], Split::Qwen2),
    ];
    let found = known.iter().find(|(texts, _)| texts.contains(&pattern));
    found.map(|&(_, split)| split)
}
