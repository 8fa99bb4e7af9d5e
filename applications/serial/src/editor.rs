//! Bytes from a keyboard to lines.

/// Ends a line or an answer at once (Ctrl-C).
pub(crate) const INTERRUPT: u8 = 0x03;
/// Empties the line (Ctrl-U).
const KILL: u8 = 0x15;
const ESCAPE: u8 = 0x1b;
const BACKSPACE: u8 = 0x08;
const DELETE: u8 = 0x7f;

/// What a byte led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    /// Nothing to show.
    Silent,
    /// This byte is now the line's last.
    Typed(u8),
    /// So many characters have left the end of the line.
    Erased(usize),
    /// The byte was not taken.
    Refused,
    /// The line is given up.
    Cancelled,
    /// The line is complete: [`Editor::take`] gives it.
    Complete,
}

/// Why a line is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LineError {
    /// Longer than the buffer.
    TooLong {
        /// The buffer's length.
        most: usize,
    },
    /// Bytes were lost on the way.
    Damaged,
    /// Bytes that are no text.
    NotUtf8 {
        /// The first of them.
        at: usize,
    },
}

impl core::fmt::Display for LineError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::TooLong { most } => write!(
                f,
                "the line has more than {most} bytes; nothing of it was read"
            ),
            Self::Damaged => write!(
                f,
                "the line came with errors; nothing of it was read, type it again"
            ),
            Self::NotUtf8 { at } => write!(
                f,
                "byte {at} of the line is not UTF-8; nothing of it was read"
            ),
        }
    }
}

/// What a terminal sends for keys without a character: `ESC [ … final`, or `ESC` and one or two
/// bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sequence {
    None,
    Begun,
    /// After `ESC O`: one byte follows.
    Single,
    /// After `ESC [`: up to a byte of 0x40 to 0x7e.
    Control,
}

/// The line that is being typed.
pub(crate) struct Editor<'b> {
    line: &'b mut [u8],
    len: usize,
    error: Option<LineError>,
    sequence: Sequence,
}

impl<'b> Editor<'b> {
    pub fn new(line: &'b mut [u8]) -> Self {
        Self {
            line,
            len: 0,
            error: None,
            sequence: Sequence::None,
        }
    }

    /// Takes in a byte.
    pub fn push(&mut self, byte: u8) -> Key {
        let control = matches!(byte, 0..=0x1f | DELETE);
        match self.sequence {
            Sequence::None => {}
            // A control character is never part of a sequence, so that a lone ESC does not swallow
            // the end of the line.
            _ if control => self.sequence = Sequence::None,
            Sequence::Begun => {
                self.sequence = match byte {
                    b'[' => Sequence::Control,
                    b'O' => Sequence::Single,
                    _ => Sequence::None,
                };
                return Key::Silent;
            }
            Sequence::Control if !matches!(byte, 0x40..=0x7e) => return Key::Silent,
            Sequence::Single | Sequence::Control => {
                self.sequence = Sequence::None;
                return Key::Silent;
            }
        }
        match byte {
            b'\r' | b'\n' => Key::Complete,
            INTERRUPT => {
                self.clear();
                Key::Cancelled
            }
            KILL => {
                let shown = self.chars();
                self.clear();
                Key::Erased(shown)
            }
            BACKSPACE | DELETE => self.erase(),
            ESCAPE => {
                self.sequence = Sequence::Begun;
                Key::Silent
            }
            // Some terminals send it after a carriage return, or to wake the line.
            0 => Key::Silent,
            b'\t' => self.append(byte),
            _ if control => Key::Refused,
            _ => self.append(byte),
        }
    }

    /// Bytes were lost: the line will be refused.
    pub fn damage(&mut self) {
        self.error.get_or_insert(LineError::Damaged);
    }

    /// Gives the line up.
    pub fn clear(&mut self) {
        (self.len, self.error) = (0, None);
    }

    /// The complete line; the next byte begins another.
    pub fn take(&mut self) -> Result<&str, LineError> {
        let (len, error) = (core::mem::take(&mut self.len), self.error.take());
        if let Some(error) = error {
            return Err(error);
        }
        let line = self.line.get(..len).unwrap_or_default();
        core::str::from_utf8(line).map_err(|e| LineError::NotUtf8 {
            at: e.valid_up_to(),
        })
    }

    fn append(&mut self, byte: u8) -> Key {
        let most = self.line.len();
        match self.line.get_mut(self.len) {
            Some(place) => {
                *place = byte;
                self.len += 1;
                Key::Typed(byte)
            }
            None => {
                self.error.get_or_insert(LineError::TooLong { most });
                Key::Refused
            }
        }
    }

    /// Takes the last character off, all of its bytes. Of a line that is refused anyway nothing is
    /// shown to leave.
    fn erase(&mut self) -> Key {
        let line = self.line.get(..self.len).unwrap_or_default();
        let Some(first) = line.iter().rposition(|&byte| is_first(byte)) else {
            return if core::mem::take(&mut self.len) > 0 {
                Key::Erased(0)
            } else {
                Key::Refused
            };
        };
        self.len = first;
        Key::Erased(1)
    }

    /// Characters of the line.
    fn chars(&self) -> usize {
        self.line
            .iter()
            .take(self.len)
            .filter(|&&byte| is_first(byte))
            .count()
    }
}

/// Whether a byte begins a character.
fn is_first(byte: u8) -> bool {
    byte & 0xc0 != 0x80
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::string::{String, ToString};
    use std::vec::Vec;

    /// The lines that `bytes` are, with a buffer of eight bytes.
    fn lines(bytes: &[u8]) -> Vec<Result<String, LineError>> {
        let mut buffer = [0; 8];
        let mut editor = Editor::new(&mut buffer);
        let mut lines = Vec::new();
        for &byte in bytes {
            if editor.push(byte) == Key::Complete {
                lines.push(editor.take().map(ToString::to_string));
            }
        }
        lines
    }

    fn one(bytes: &[u8]) -> Result<String, LineError> {
        let lines = lines(bytes);
        assert_eq!(lines.len(), 1, "{bytes:?}");
        lines.into_iter().next().expect("one line")
    }

    #[test]
    fn both_line_ends_end_a_line() {
        let text = |line: &str| Ok(line.to_string());
        assert_eq!(
            lines(b"a\rb\nc\n\rd\r\0e\r"),
            [
                text("a"),
                text("b"),
                text("c"),
                text(""),
                text("d"),
                text("e")
            ]
        );
    }

    #[test]
    fn editing() {
        assert_eq!(one(b"ab\x08c\n").as_deref(), Ok("ac"));
        assert_eq!(one(b"\x7f\x7fab\x7f\x7f\x7fc\n").as_deref(), Ok("c"));
        assert_eq!(one("a🦀é\x7f\x7fb\n".as_bytes()).as_deref(), Ok("ab"));
        assert_eq!(one(b"gone\x15here\n").as_deref(), Ok("here"));
        assert_eq!(one(b"gone\x03here\n").as_deref(), Ok("here"));
        assert_eq!(one(b"a\tb\n").as_deref(), Ok("a\tb"));
        assert_eq!(one(b"a\x01\x02\x04\x07\x1fb\n").as_deref(), Ok("ab"));
    }

    #[test]
    fn what_keys_show() {
        let mut buffer = [0; 8];
        let mut editor = Editor::new(&mut buffer);
        let mut push = |bytes: &[u8]| bytes.iter().map(|&byte| editor.push(byte)).last();
        assert_eq!(push(b"\x7f"), Some(Key::Refused));
        assert_eq!(push("é".as_bytes()), Some(Key::Typed(0xa9)));
        assert_eq!(push(b"\x7f"), Some(Key::Erased(1)));
        assert_eq!(push("aéb\x15".as_bytes()), Some(Key::Erased(3)));
        // The rest of a character whose beginning never came has no width.
        assert_eq!(push(b"\xa9\x7f"), Some(Key::Erased(0)));
        assert_eq!(push(b"\x04"), Some(Key::Refused));
        assert_eq!(push(b"12345678"), Some(Key::Typed(b'8')));
        assert_eq!(push(b"9"), Some(Key::Refused));
        assert_eq!(push(b"\x03"), Some(Key::Cancelled));
    }

    #[test]
    fn keys_without_a_character_leave_nothing() {
        assert_eq!(
            one(b"a\x1b[Ab\x1b[3~c\x1b[1;5Cd\x1bOHe\x1bxf\n").as_deref(),
            Ok("abcdef")
        );
        // A lone ESC does not hide the end of the line, nor an unfinished sequence.
        assert_eq!(lines(b"a\x1b\nb\x1b[1\nc\x1bO\n").len(), 3);
    }

    #[test]
    fn long_lines_are_refused_whole() {
        assert_eq!(one(b"12345678\n").as_deref(), Ok("12345678"));
        assert_eq!(one(b"123456789\n"), Err(LineError::TooLong { most: 8 }));
        // Also after the end was taken back: what was typed too much is not known any more.
        assert_eq!(
            one(b"123456789\x08\x08\n"),
            Err(LineError::TooLong { most: 8 })
        );
        assert_eq!(
            lines(b"123456789\nok\n"),
            [Err(LineError::TooLong { most: 8 }), Ok("ok".to_string())]
        );
        assert_eq!(one(b"123456789\x15ok\n").as_deref(), Ok("ok"));
        let nothing = Editor::new(&mut []).push(b'a');
        assert_eq!(nothing, Key::Refused);
    }

    #[test]
    fn what_is_no_text_is_refused() {
        assert_eq!(one(b"ab\xff\n"), Err(LineError::NotUtf8 { at: 2 }));
        assert_eq!(one(b"\xe2\x82\n"), Err(LineError::NotUtf8 { at: 0 }));
        assert_eq!(one(b"\xe2\x82\x7f\xe2\x82\xac\n").as_deref(), Ok("€"));
    }

    #[test]
    fn damage_lasts_to_the_end_of_the_line() {
        let mut buffer = [0; 8];
        let mut editor = Editor::new(&mut buffer);
        editor.push(b'a');
        editor.damage();
        editor.push(b'b');
        assert_eq!(editor.push(b'\r'), Key::Complete);
        assert_eq!(editor.take(), Err(LineError::Damaged));
        editor.push(b'c');
        assert_eq!(editor.push(b'\r'), Key::Complete);
        assert_eq!(editor.take(), Ok("c"));
    }
}
