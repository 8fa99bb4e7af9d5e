//! A UART of the MPS2 AN386 (CMSDK, DDI 0479), without interrupts: it holds one received byte.

use embedded_io::{ErrorKind, ErrorType, Read, ReadReady, Write};

/// Where its registers begin.
const BASE: usize = 0x4000_5000;
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
/// 25 MHz / 217 is 115,200 baud.
const CLOCKS_PER_BIT: u32 = 217;

#[cfg(not(machine = "m4"))]
compile_error!("the feature `serial` is for the machine m4");

/// The UART.
pub struct Uart(());

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

/// The second UART, the first being that of the runner's `-serial none`, at 115,200 baud.
#[must_use]
pub fn uart() -> Uart {
    let uart = Uart(());
    uart.store(DIVISOR, CLOCKS_PER_BIT);
    uart.store(CONTROL, TX_ENABLE | RX_ENABLE);
    uart
}

impl Uart {
    fn load(&self, offset: usize) -> u32 {
        // SAFETY: a register of the UART, which nothing else uses.
        unsafe { ((BASE + offset) as *const u32).read_volatile() }
    }

    fn store(&self, offset: usize, value: u32) {
        // SAFETY: as in `load`.
        unsafe { ((BASE + offset) as *mut u32).write_volatile(value) }
    }
}

impl ErrorType for Uart {
    type Error = Overrun;
}

impl ReadReady for Uart {
    fn read_ready(&mut self) -> Result<bool, Overrun> {
        Ok(self.load(STATE) & (RX_FULL | RX_OVERRUN) != 0)
    }
}

impl Read for Uart {
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

impl Write for Uart {
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
