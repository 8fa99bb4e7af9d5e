//! The UART of Arm's MPS2 boards (CMSDK, DDI 0479), without interrupts: it holds one received byte.

use embedded_io::{ErrorKind, ErrorType, Read, ReadReady, Write};

/// Offsets of the registers.
const DATA: usize = 0x00;
const STATE: usize = 0x04;
const CONTROL: usize = 0x08;
const DIVISOR: usize = 0x10;
/// Bits of STATE; writing one to an overrun bit clears it.
const TX_FULL: u32 = 1;
const RX_FULL: u32 = 1 << 1;
const RX_OVERRUN: u32 = 1 << 3;
/// Bits of CONTROL.
const TX_ENABLE: u32 = 1;
const RX_ENABLE: u32 = 1 << 1;
/// The smallest that the manual allows.
const LEAST_DIVISOR: u32 = 16;

/// A UART.
pub struct CmsdkUart {
    base: usize,
}

/// A byte came before the last one was read, and is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overrun;

impl core::fmt::Display for Overrun {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("a received byte was lost")
    }
}

impl core::error::Error for Overrun {}

impl embedded_io::Error for Overrun {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Other
    }
}

impl CmsdkUart {
    /// The UART whose registers begin at `base`, sending and receiving one bit in `divisor` clocks
    /// (at least 16).
    ///
    /// # Safety
    /// They are such a UART's, and nothing else uses them.
    #[must_use]
    pub unsafe fn start(base: usize, divisor: u32) -> Self {
        let uart = Self { base };
        uart.store(DIVISOR, divisor.max(LEAST_DIVISOR));
        uart.store(CONTROL, TX_ENABLE | RX_ENABLE);
        uart
    }

    fn load(&self, offset: usize) -> u32 {
        // SAFETY: a register of this UART (`start`).
        unsafe { ((self.base + offset) as *const u32).read_volatile() }
    }

    fn store(&self, offset: usize, value: u32) {
        // SAFETY: a register of this UART (`start`).
        unsafe { ((self.base + offset) as *mut u32).write_volatile(value) }
    }
}

impl ErrorType for CmsdkUart {
    type Error = Overrun;
}

impl ReadReady for CmsdkUart {
    fn read_ready(&mut self) -> Result<bool, Overrun> {
        Ok(self.load(STATE) & (RX_FULL | RX_OVERRUN) != 0)
    }
}

impl Read for CmsdkUart {
    /// One byte; waits for it.
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Overrun> {
        let Some(first) = buffer.first_mut() else {
            return Ok(0);
        };
        loop {
            let state = self.load(STATE);
            if state & RX_OVERRUN != 0 {
                self.store(STATE, RX_OVERRUN);
                return Err(Overrun);
            }
            if state & RX_FULL != 0 {
                *first = self.load(DATA) as u8;
                return Ok(1);
            }
            core::hint::spin_loop();
        }
    }
}

impl Write for CmsdkUart {
    /// One byte; waits for room.
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Overrun> {
        let Some(&first) = bytes.first() else {
            return Ok(0);
        };
        self.flush()?;
        self.store(DATA, first.into());
        Ok(1)
    }

    /// Waits until the buffer is empty; the last byte may still be on its way.
    fn flush(&mut self) -> Result<(), Overrun> {
        while self.load(STATE) & TX_FULL != 0 {
            core::hint::spin_loop();
        }
        Ok(())
    }
}
