//! The serial line as a terminal: what is written to it and read from it, and what becomes of its
//! errors.

use core::fmt;

use embedded_io::{ErrorType, Read, ReadReady, Write};

use crate::editor::INTERRUPT;
use crate::error::Failure;

/// Reads that may fail in a row.
const READ_ERRORS: u8 = 8;
/// A byte that was not taken.
const BELL: u8 = 0x07;

/// A line with the first error of what was written.
pub(crate) struct Terminal<U: ErrorType> {
    uart: U,
    failure: Option<Failure<U::Error>>,
    read_errors: u8,
    /// The last byte was a carriage return: a line feed after it belongs to it.
    after_return: bool,
}

/// What reading gave.
pub(crate) enum Received {
    Byte(u8),
    /// The line feed of a CRLF, whose carriage return was the end already.
    SecondHalf,
    /// Bytes were lost.
    Lost,
}

impl<U: Read + ReadReady + Write> Terminal<U> {
    pub fn new(uart: U) -> Self {
        Self {
            uart,
            failure: None,
            read_errors: 0,
            after_return: false,
        }
    }

    pub fn into_uart(self) -> U {
        self.uart
    }

    /// Writes bytes as they are. After an error nothing more is written, until [`Terminal::settle`]
    /// tells of it.
    pub fn bytes(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() && self.failure.is_none() {
            match self.uart.write(rest) {
                Ok(0) => self.failure = Some(Failure::Closed),
                Ok(count) => rest = rest.get(count..).unwrap_or_default(),
                Err(e) => self.failure = Some(Failure::Write(e)),
            }
        }
    }

    /// Writes text: a line break as a terminal wants it, and other control characters as pictures
    /// of them, so that no text can steer the terminal.
    pub fn text(&mut self, text: &str) {
        let mut rest = text;
        while let Some(at) = rest.find(|c: char| c.is_control() && c != '\t') {
            let (plain, behind) = rest.split_at_checked(at).unwrap_or((rest, ""));
            self.bytes(plain.as_bytes());
            let mut chars = behind.chars();
            match chars.next() {
                Some('\n') => self.bytes(b"\r\n"),
                Some(c) => self.bytes(picture(c).encode_utf8(&mut [0; 4]).as_bytes()),
                None => {}
            }
            rest = chars.as_str();
        }
        self.bytes(rest.as_bytes());
    }

    /// Something was not taken.
    pub fn bell(&mut self) {
        self.bytes(&[BELL]);
    }

    /// Waits until all is sent.
    ///
    /// # Errors
    /// The first error since the last call.
    pub fn settle(&mut self) -> Result<(), Failure<U::Error>> {
        if self.failure.is_none()
            && let Err(e) = self.uart.flush()
        {
            self.failure = Some(Failure::Write(e));
        }
        self.failure.take().map_or(Ok(()), Err)
    }

    /// Waits for a byte.
    ///
    /// # Errors
    /// [`Failure::Closed`], and [`Failure::Read`] after [`READ_ERRORS`] errors without a byte
    /// between.
    pub fn receive(&mut self) -> Result<Received, Failure<U::Error>> {
        let mut byte = [0];
        let after_return = core::mem::take(&mut self.after_return);
        match self.uart.read(&mut byte) {
            Ok(0) => Err(Failure::Closed),
            Ok(_) => {
                self.read_errors = 0;
                let [byte] = byte;
                self.after_return = byte == b'\r';
                Ok(if after_return && byte == b'\n' {
                    Received::SecondHalf
                } else {
                    Received::Byte(byte)
                })
            }
            Err(e) => self.lost(e),
        }
    }

    /// Whether an interrupt has come. Whatever else has is dropped, with a bell. Does not wait.
    ///
    /// # Errors
    /// As [`Terminal::receive`] and [`Terminal::settle`].
    pub fn is_interrupted(&mut self) -> Result<bool, Failure<U::Error>> {
        loop {
            match self.uart.read_ready() {
                Ok(true) => {}
                Ok(false) => return Ok(false),
                Err(e) => return self.lost(e).map(|_| false),
            }
            match self.receive()? {
                Received::Byte(INTERRUPT) => return Ok(true),
                Received::Byte(_) => self.bell(),
                Received::SecondHalf => {}
                Received::Lost => return Ok(false),
            }
            self.settle()?;
        }
    }

    fn lost(&mut self, error: U::Error) -> Result<Received, Failure<U::Error>> {
        self.read_errors += 1;
        if self.read_errors < READ_ERRORS {
            return Ok(Received::Lost);
        }
        self.read_errors = 0;
        Err(Failure::Read(error))
    }
}

impl<U: Read + ReadReady + Write> fmt::Write for Terminal<U> {
    /// Never fails: [`Terminal::settle`] tells.
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.text(text);
        Ok(())
    }
}

/// What stands for a control character.
fn picture(control: char) -> char {
    match u32::from(control) {
        code @ 0..=0x1f => char::from_u32(0x2400 + code).unwrap_or(char::REPLACEMENT_CHARACTER),
        0x7f => '\u{2421}',
        _ => char::REPLACEMENT_CHARACTER,
    }
}
