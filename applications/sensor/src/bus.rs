//! Registers behind a bus, as STMicroelectronics' MEMS sensors have them.

use embedded_hal::i2c::I2c;
use embedded_hal::spi::{Operation, SpiDevice};

/// Registers of 8 bits.
pub trait Bus {
    /// The bus's own.
    type Error: core::fmt::Debug;

    /// Fills `out` from `register` and those after it, in one transaction.
    ///
    /// # Errors
    /// Those of the bus; `out` then means nothing.
    fn read(&mut self, register: u8, out: &mut [u8]) -> Result<(), Self::Error>;

    /// Writes one register.
    ///
    /// # Errors
    /// Those of the bus; whether the register was written is then not known.
    fn write(&mut self, register: u8, value: u8) -> Result<(), Self::Error>;
}

/// A sensor on I2C: bit 7 of the register's address asks for the ones after it as well.
#[derive(Debug)]
pub struct I2cBus<I> {
    i2c: I,
    address: u8,
}

impl<I> I2cBus<I> {
    /// The sensor at `address` (7 bits).
    pub fn new(i2c: I, address: u8) -> Self {
        Self { i2c, address }
    }

    /// Gives the bus back.
    pub fn release(self) -> I {
        self.i2c
    }
}

impl<I: I2c> Bus for I2cBus<I> {
    type Error = I::Error;

    fn read(&mut self, register: u8, out: &mut [u8]) -> Result<(), I::Error> {
        self.i2c.write_read(self.address, &[1 << 7 | register], out)
    }

    fn write(&mut self, register: u8, value: u8) -> Result<(), I::Error> {
        self.i2c.write(self.address, &[register, value])
    }
}

/// A sensor on SPI (mode 0 or 3): bit 7 of the first byte is a read, bit 6 asks for the registers
/// after it as well.
#[derive(Debug)]
pub struct SpiBus<S>(S);

impl<S> SpiBus<S> {
    /// The sensor behind a chip select.
    pub fn new(device: S) -> Self {
        Self(device)
    }

    /// Gives the device back.
    pub fn release(self) -> S {
        self.0
    }
}

impl<S: SpiDevice> Bus for SpiBus<S> {
    type Error = S::Error;

    fn read(&mut self, register: u8, out: &mut [u8]) -> Result<(), S::Error> {
        self.0.transaction(&mut [
            Operation::Write(&[1 << 7 | 1 << 6 | register]),
            Operation::Read(out),
        ])
    }

    fn write(&mut self, register: u8, value: u8) -> Result<(), S::Error> {
        self.0.write(&[register, value])
    }
}
