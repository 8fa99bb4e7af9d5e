//! Fixed-size little-endian records, readable in `const` evaluation.

/// The `u32` at byte `at`, or `None` past the end.
#[must_use]
pub const fn word_at(bytes: &[u8], at: usize) -> Option<u32> {
    let Some((_, rest)) = bytes.split_at_checked(at) else {
        return None;
    };
    match rest.first_chunk() {
        Some(word) => Some(u32::from_le_bytes(*word)),
        None => None,
    }
}

/// The `N` words from byte `at` on.
#[must_use]
pub const fn words_at<const N: usize>(bytes: &[u8], at: usize) -> Option<[u32; N]> {
    let mut words = [0; N];
    let mut i = 0;
    while i < N {
        match word_at(bytes, at + 4 * i) {
            Some(word) => words[i] = word,
            None => return None,
        }
        i += 1;
    }
    Some(words)
}
