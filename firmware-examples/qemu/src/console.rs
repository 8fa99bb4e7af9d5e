//! Text without `core::fmt`, which would be a third of a small image.

use crate::semihost::{Channel, write};

/// A writer onto the host's standard output.
#[derive(Clone, Copy)]
pub struct Console;

impl Console {
    /// Writes text.
    pub fn text(&self, text: &str) -> &Self {
        print(text.as_bytes());
        self
    }

    /// Writes bytes as they are.
    pub fn bytes(&self, bytes: &[u8]) -> &Self {
        print(bytes);
        self
    }

    /// Writes a decimal number.
    pub fn number(&self, value: u64) -> &Self {
        let mut digits = [0; 20];
        print(decimal(value, &mut digits));
        self
    }

    /// Writes text and spaces up to `width`.
    pub fn left(&self, text: &str, width: usize) -> &Self {
        self.text(text).spaces(width.saturating_sub(text.len()))
    }

    /// Writes spaces and text, `width` in all.
    pub fn right(&self, text: &str, width: usize) -> &Self {
        self.spaces(width.saturating_sub(text.len())).text(text)
    }

    /// Writes a number as [`Console::left`].
    pub fn left_number(&self, value: u64, width: usize) -> &Self {
        let mut digits = [0; 20];
        let digits = decimal(value, &mut digits);
        self.bytes(digits)
            .spaces(width.saturating_sub(digits.len()))
    }

    /// Writes a number as [`Console::right`].
    pub fn right_number(&self, value: u64, width: usize) -> &Self {
        let mut digits = [0; 20];
        let digits = decimal(value, &mut digits);
        self.spaces(width.saturating_sub(digits.len()))
            .bytes(digits)
    }

    fn spaces(&self, count: usize) -> &Self {
        (0..count).for_each(|_| print(b" "));
        self
    }

    /// Writes eight hexadecimal digits.
    pub fn hex(&self, value: u32) -> &Self {
        let digits: [u8; 8] =
            core::array::from_fn(|i| b"0123456789abcdef"[((value >> (28 - 4 * i)) & 15) as usize]);
        print(&digits);
        self
    }

    /// Writes ` key=` before a value of a result line.
    pub fn key(&self, key: &str) -> &Self {
        self.text(" ").text(key).text("=")
    }

    /// Ends the line.
    pub fn end(&self) {
        print(b"\n");
    }
}

fn print(bytes: &[u8]) {
    write(Channel::Output, bytes);
}

/// `value` in decimal, in the last bytes of `digits`.
#[inline(never)]
pub(crate) fn decimal(mut value: u64, digits: &mut [u8; 20]) -> &[u8] {
    let mut start = digits.len();
    for (i, digit) in digits.iter_mut().enumerate().rev() {
        *digit = b'0' + (value % 10) as u8;
        value /= 10;
        start = i;
        if value == 0 {
            break;
        }
    }
    digits.get(start..).unwrap_or_default()
}
