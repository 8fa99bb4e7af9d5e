//! What stands around the examples: the file that they embed, a line that ends after some bytes,
//! and the end of a run.

#![no_std]

use qemu::semihost::{Channel, exit, write};
// Its vector table.
use lm3s6965 as _;

/// `include_bytes!("shakespeare.sla")` of an example is the file that `SLA_MODEL` names.
#[macro_export]
macro_rules! include_bytes {
    ("shakespeare.sla") => {
        core::include_bytes!(env!("DOCUMENTS_MODEL"))
    };
}

/// Tokens of every example.
pub const TOKENS: usize = 64;

/// A line to the host that is down after [`TOKENS`] bytes.
#[derive(Default)]
pub struct Uart {
    written: usize,
}

/// The line is down.
#[derive(Debug)]
pub struct Down;

impl core::fmt::Display for Down {
    fn fmt(&self, f: &mut core::fmt::Formatter) -> core::fmt::Result {
        f.write_str("the line is down")
    }
}

impl core::error::Error for Down {}

impl embedded_io::Error for Down {
    fn kind(&self) -> embedded_io::ErrorKind {
        embedded_io::ErrorKind::Other
    }
}

impl embedded_io::ErrorType for Uart {
    type Error = Down;
}

impl embedded_io::Write for Uart {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Down> {
        let room = TOKENS - self.written;
        if room == 0 && !bytes.is_empty() {
            return Err(Down);
        }
        let bytes = bytes.get(..room).unwrap_or(bytes);
        write(Channel::Output, bytes);
        self.written += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<(), Down> {
        Ok(())
    }
}

/// Prints a number behind its name, on a line of its own.
pub fn show(name: &str, number: usize) {
    let mut digits = [b'0'; 10];
    let mut rest = number;
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    [b"\n@", name.as_bytes(), b" ", &digits[..], b"\n"]
        .into_iter()
        .for_each(|part| write(Channel::Output, part));
}

/// Ends the run well.
pub fn done() -> ! {
    exit(0)
}
