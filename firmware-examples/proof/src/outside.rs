//! A flash and a serial line that nothing is known of: each call goes to a function of which the
//! compiler sees nothing.

use embedded_storage::nor_flash::{
    ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash,
};

/// What goes wrong outside.
#[derive(Clone, Copy, Debug)]
pub struct Fault(u32);

/// Flash with units as an STM32L4's.
#[derive(Clone, Copy)]
pub struct Flash {
    read: fn(u32, &mut [u8]) -> Result<(), Fault>,
    write: fn(u32, &[u8]) -> Result<(), Fault>,
    erase: fn(u32, u32) -> Result<(), Fault>,
    capacity: usize,
}

impl NorFlashError for Fault {
    fn kind(&self) -> NorFlashErrorKind {
        if self.0 == 0 {
            NorFlashErrorKind::NotAligned
        } else {
            NorFlashErrorKind::Other
        }
    }
}

impl ErrorType for Flash {
    type Error = Fault;
}

impl ReadNorFlash for Flash {
    const READ_SIZE: usize = 4;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Fault> {
        (self.read)(offset, bytes)
    }

    fn capacity(&self) -> usize {
        self.capacity
    }
}

impl NorFlash for Flash {
    const WRITE_SIZE: usize = 8;
    const ERASE_SIZE: usize = 2_048;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), Fault> {
        (self.erase)(from, to)
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Fault> {
        (self.write)(offset, bytes)
    }
}

/// A serial line and a counter.
#[cfg(feature = "shell")]
#[derive(Clone, Copy)]
pub struct Line {
    read: fn(&mut [u8]) -> Result<usize, Fault>,
    write: fn(&[u8]) -> Result<usize, Fault>,
    is_ready: fn() -> Result<bool, Fault>,
    flush: fn() -> Result<(), Fault>,
    now: fn() -> u32,
}

#[cfg(feature = "shell")]
mod line {
    use super::{Fault, Line};
    use core::fmt;
    use embedded_io::{Error, ErrorKind, ErrorType, Read, ReadReady, Write};

    impl fmt::Display for Fault {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("the line is broken")
        }
    }

    impl core::error::Error for Fault {}

    impl Error for Fault {
        fn kind(&self) -> ErrorKind {
            if self.0 == 0 {
                ErrorKind::Interrupted
            } else {
                ErrorKind::Other
            }
        }
    }

    impl ErrorType for Line {
        type Error = Fault;
    }

    impl Read for Line {
        fn read(&mut self, bytes: &mut [u8]) -> Result<usize, Fault> {
            (self.read)(bytes)
        }
    }

    impl ReadReady for Line {
        fn read_ready(&mut self) -> Result<bool, Fault> {
            (self.is_ready)()
        }
    }

    impl Write for Line {
        fn write(&mut self, bytes: &[u8]) -> Result<usize, Fault> {
            (self.write)(bytes)
        }

        fn flush(&mut self) -> Result<(), Fault> {
            (self.flush)()
        }
    }

    impl sla_serial::Counter for Line {
        const UNIT: &'static str = "cycles";

        fn now(&mut self) -> u32 {
            (self.now)()
        }
    }
}
