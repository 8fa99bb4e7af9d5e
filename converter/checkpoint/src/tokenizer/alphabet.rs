//! The characters that stand for bytes in the tokens of byte-level models: GPT-2's table.

/// The character of a byte: itself where it is printable Latin-1, else the next one from U+0100 on.
pub(super) fn of_byte(byte: u8) -> char {
    let printable = |b: u8| matches!(b, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF);
    if printable(byte) {
        return char::from(byte);
    }
    let before = (0..byte).filter(|&b| !printable(b)).count() as u32;
    char::from_u32(0x100 + before).expect("a character of Latin Extended-A")
}

/// The bytes of a token, or `None` where a character of it stands for no byte.
pub(super) fn bytes(token: &str) -> Option<Vec<u8>> {
    token
        .chars()
        .map(|c| (0..=255).find(|&byte| of_byte(byte) == c))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_has_its_own_character() {
        let text: String = (0..=255).map(of_byte).collect();
        assert_eq!(bytes(&text), Some((0..=255).collect()));
        assert_eq!(
            [of_byte(b' '), of_byte(b'\n'), of_byte(0xAD), of_byte(b'a')],
            ['Ġ', 'Ċ', '\u{143}', 'a']
        );
        assert_eq!(bytes("a b"), None);
    }
}
