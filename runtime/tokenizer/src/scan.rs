//! Scans over text. Every one in the crate is one of these, so that the tests can count what is
//! looked at.

/// Bytes of the characters at the start of `text` that are `of` a kind.
pub(crate) fn prefix(text: &str, of: impl FnMut(char) -> bool) -> usize {
    let len = text.len() - text.trim_start_matches(of).len();
    work(len.max(1));
    len
}

/// Where the characters at the end of `text` begin that are `of` a kind.
pub(crate) fn suffix(text: &str, of: impl Fn(char) -> bool) -> usize {
    let from = text.trim_end_matches(of).len();
    work((text.len() - from).max(1));
    from
}

/// Tells the tests of so many bytes, or entries of tables, that are looked at.
#[inline(always)]
pub(crate) fn work(_amount: usize) {
    #[cfg(test)]
    crate::tests::WORK.with(|sum| sum.set(sum.get() + _amount as u64));
}
