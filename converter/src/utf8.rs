//! Bytes to text as they come: a character appears when its last byte is there.

/// Decodes a stream of bytes; what is not UTF-8 becomes U+FFFD, as in [`String::from_utf8_lossy`].
#[derive(Default)]
pub(super) struct Utf8Stream {
    /// The beginning of a character.
    pending: Vec<u8>,
}

impl Utf8Stream {
    /// Appends to `text` whatever `byte` completes.
    pub(super) fn push(&mut self, byte: u8, text: &mut String) {
        self.pending.push(byte);
        loop {
            match std::str::from_utf8(&self.pending) {
                Ok(valid) => {
                    text.push_str(valid);
                    self.pending.clear();
                }
                Err(e) => {
                    // At most one character is pending, so nothing valid stands in front of the
                    // error.
                    let Some(wrong) = e.error_len() else { return };
                    text.push(char::REPLACEMENT_CHARACTER);
                    self.pending.drain(..e.valid_up_to() + wrong);
                }
            }
            if self.pending.is_empty() {
                return;
            }
        }
    }

    /// Appends the replacement for a character that never ended.
    pub(super) fn finish(&mut self, text: &mut String) {
        if !self.pending.is_empty() {
            text.push(char::REPLACEMENT_CHARACTER);
            self.pending.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everything that `bytes` decode to, checking that no byte is held back longer than needed.
    fn decode(bytes: &[u8]) -> String {
        let (mut stream, mut text) = (Utf8Stream::default(), String::new());
        for &byte in bytes {
            stream.push(byte, &mut text);
            assert!(stream.pending.len() < 4);
        }
        stream.finish(&mut text);
        text
    }

    #[test]
    fn equals_lossy_decoding_of_the_whole() {
        for text in ["", "plain", "naïve – 日本 🦀"] {
            assert_eq!(decode(text.as_bytes()), text);
        }
        // Every pair of bytes between two characters, and every cut of a long character.
        for pair in 0..=u16::MAX {
            let [a, b] = pair.to_be_bytes();
            let bytes = [b'x', a, b, 0xe2, 0x82, 0xac];
            assert_eq!(
                decode(&bytes),
                String::from_utf8_lossy(&bytes),
                "{bytes:02x?}"
            );
        }
        for cut in 0..4 {
            let bytes = [&"🦀".as_bytes()[..cut], b"!"].concat();
            assert_eq!(decode(&bytes), String::from_utf8_lossy(&bytes));
            assert_eq!(
                decode(&bytes[..cut]),
                String::from_utf8_lossy(&bytes[..cut])
            );
        }
    }
}
