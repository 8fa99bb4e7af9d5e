//! The classes of all code points by `regex-syntax`, which has Unicode's own tables.

use regex_syntax::hir::{Class, HirKind};

/// For each code point 0 other, 1 letter, 2 number, 3 white space: the numbers of
/// `sla_tokenizer::classes::Class`.
///
/// # Panics
/// If the patterns do not parse.
pub fn classes() -> Vec<u8> {
    let mut classes = vec![0; 0x11_0000];
    for (number, pattern) in [(1, r"\p{L}"), (2, r"\p{N}"), (3, r"\s")] {
        let hir = regex_syntax::parse(pattern).expect("a pattern");
        let HirKind::Class(Class::Unicode(class)) = hir.kind() else {
            panic!("{pattern} is a class")
        };
        for range in class.ranges() {
            classes[range.start() as usize..=range.end() as usize].fill(number);
        }
    }
    classes
}
