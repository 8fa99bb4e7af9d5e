//! Arguments from the host: `key=value` words; `prompt=` takes the rest of the line.

use crate::semihost;

const LIMIT: usize = 512;

/// The command line of this run.
pub struct Arguments {
    buffer: [u8; LIMIT],
    len: usize,
}

impl Arguments {
    /// Asks the host.
    #[must_use]
    pub fn read() -> Self {
        let mut buffer = [0; LIMIT];
        let len = semihost::command_line(&mut buffer).len();
        Self { buffer, len }
    }

    /// The number behind `key`, which ends in `=`, or `default`. Keeps nothing on the stack.
    #[inline(never)]
    #[must_use]
    pub fn number(key: &str, default: u32) -> u32 {
        let line = Self::read();
        let Some(text) = line.get(key) else {
            return default;
        };
        let digits = text
            .iter()
            .map_while(|byte| byte.is_ascii_digit().then(|| u32::from(byte - b'0')));
        digits.fold(0, |value, digit| value.wrapping_mul(10).wrapping_add(digit))
    }

    /// The value of `key`, which ends in `=`.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&[u8]> {
        let mut rest = self.buffer.get(..self.len)?;
        loop {
            let word_len = rest
                .iter()
                .position(|&byte| byte == b' ' || byte == 0)
                .unwrap_or(rest.len());
            let word = rest.get(..word_len)?;
            if word.starts_with(b"prompt=") {
                return if key == "prompt=" {
                    rest.get(7..)
                } else {
                    None
                };
            }
            if let Some(value) = word.strip_prefix(key.as_bytes()) {
                return Some(value);
            }
            rest = rest.get(word_len + 1..)?;
        }
    }
}
