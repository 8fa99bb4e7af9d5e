//! STMicroelectronics' LIS3DH accelerometer (datasheet DocID17530), in its mode of 12 bits, through
//! its FIFO of 32 samples.

use core::fmt;

use crate::bus::Bus;
use crate::scale::Scale;
use crate::windows::Sensor;

const WHO_AM_I: u8 = 0x0f;
const CTRL_REG1: u8 = 0x20;
const CTRL_REG2: u8 = 0x21;
const CTRL_REG3: u8 = 0x22;
const CTRL_REG4: u8 = 0x23;
const CTRL_REG5: u8 = 0x24;
const OUT_X_L: u8 = 0x28;
const FIFO_CTRL_REG: u8 = 0x2e;
const FIFO_SRC_REG: u8 = 0x2f;

/// What WHO_AM_I reads.
const IDENTITY: u8 = 0x33;
/// CTRL_REG1: all three axes.
const AXES_ON: u8 = 0b111;
/// CTRL_REG4: a sample's bytes are of one sample; 12 bits.
const BLOCK_UPDATE: u8 = 1 << 7;
const HIGH_RESOLUTION: u8 = 1 << 3;
/// CTRL_REG5: samples go through the FIFO.
const FIFO_ON: u8 = 1 << 6;
/// FIFO_CTRL_REG: bypass empties it, stream keeps the newest.
const BYPASS: u8 = 0;
const STREAM: u8 = 2 << 6;
/// FIFO_SRC_REG.
const OVERRUN: u8 = 1 << 6;
const EMPTY: u8 = 1 << 5;

/// Samples a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rate {
    /// 1 Hz.
    Hz1 = 1,
    /// 10 Hz.
    Hz10 = 2,
    /// 25 Hz.
    Hz25 = 3,
    /// 50 Hz.
    Hz50 = 4,
    /// 100 Hz.
    Hz100 = 5,
    /// 200 Hz.
    Hz200 = 6,
    /// 400 Hz.
    Hz400 = 7,
    /// 1,344 Hz.
    Hz1344 = 9,
}

/// The largest acceleration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Range {
    /// ±2 g, 1 mg a count.
    G2 = 0,
    /// ±4 g, 2 mg a count.
    G4 = 1,
    /// ±8 g, 4 mg a count.
    G8 = 2,
    /// ±16 g, 12 mg a count.
    G16 = 3,
}

impl Range {
    const fn milli_g(self) -> u16 {
        match self {
            Self::G2 => 1,
            Self::G4 => 2,
            Self::G8 => 4,
            Self::G16 => 12,
        }
    }
}

/// How the sensor measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Samples a second.
    pub rate: Rate,
    /// The largest acceleration.
    pub range: Range,
    /// How often a transaction that changes nothing by being repeated is repeated after an error.
    pub retries: u8,
}

/// What is wrong with the sensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceError<E> {
    /// The bus reports an error, after all retries.
    Bus(E),
    /// Something else answers, or nothing pulls the line: 0x00 or 0xFF.
    Missing {
        /// What WHO_AM_I reads.
        found: u8,
    },
    /// A register does not keep what is written.
    Register {
        /// Its address.
        register: u8,
        /// What was written.
        wrote: u8,
        /// What it reads.
        found: u8,
    },
    /// The FIFO is full: samples that were not read in time may have been overwritten.
    Overrun,
}

impl<E: fmt::Debug> fmt::Display for DeviceError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bus(e) => write!(f, "the bus fails: {e:?}"),
            Self::Missing { found } => write!(
                f,
                "no LIS3DH: WHO_AM_I reads {found:#04x}, not {IDENTITY:#04x}"
            ),
            Self::Register {
                register,
                wrote,
                found,
            } => {
                write!(
                    f,
                    "register {register:#04x} reads {found:#04x} after {wrote:#04x} was written"
                )
            }
            Self::Overrun => write!(
                f,
                "the FIFO is full: it was not read in time, and samples may be lost"
            ),
        }
    }
}

impl<E: fmt::Debug> core::error::Error for DeviceError<E> {}

/// The sensor.
///
/// At rest its noise is 0.22 mg · √(rate / 2) (noise density of the datasheet, at ±2 g): 1.6 mg at
/// 100 Hz, which is more than a count at ±2 g and an eighth of one at ±16 g, where a sensor that
/// works gives one sample over and over. So [`Settings::stuck`](crate::Settings::stuck) is for ±2 g
/// and 100 Hz or more.
#[derive(Debug)]
pub struct Lis3dh<B> {
    bus: B,
    config: Config,
}

impl<B: Bus> Lis3dh<B> {
    /// A sensor that has not been started yet.
    pub fn new(bus: B, config: Config) -> Self {
        Self { bus, config }
    }

    /// Gives the bus back.
    pub fn release(self) -> B {
        self.bus
    }

    /// Reads a register, which has no effect on it, so that it can be tried again.
    fn register(&mut self, register: u8) -> Result<u8, DeviceError<B::Error>> {
        let mut byte = [0];
        self.again(|bus| bus.read(register, &mut byte))?;
        let [byte] = byte;
        Ok(byte)
    }

    /// Writes a register and checks it.
    fn set(&mut self, register: u8, wrote: u8) -> Result<(), DeviceError<B::Error>> {
        self.again(|bus| bus.write(register, wrote))?;
        match self.register(register)? {
            found if found == wrote => Ok(()),
            found => Err(DeviceError::Register {
                register,
                wrote,
                found,
            }),
        }
    }

    fn again(
        &mut self,
        mut transaction: impl FnMut(&mut B) -> Result<(), B::Error>,
    ) -> Result<(), DeviceError<B::Error>> {
        for _ in 0..self.config.retries {
            if transaction(&mut self.bus).is_ok() {
                return Ok(());
            }
        }
        transaction(&mut self.bus).map_err(DeviceError::Bus)
    }
}

impl<B: Bus> Sensor<3> for Lis3dh<B> {
    type Error = DeviceError<B::Error>;

    /// The datasheet's turn-on time into the mode of 12 bits: 7 samples.
    const SETTLING: u32 = 7;

    /// In g.
    fn scale(&self) -> Scale {
        const MILLI: u16 = 1000;
        // Both are in range.
        Scale::new(self.config.range.milli_g(), MILLI).unwrap_or(Scale::ONE)
    }

    fn start(&mut self) -> Result<(), Self::Error> {
        match self.register(WHO_AM_I)? {
            IDENTITY => {}
            found => return Err(DeviceError::Missing { found }),
        }
        let Config { rate, range, .. } = self.config;
        self.set(CTRL_REG1, (rate as u8) << 4 | AXES_ON)?;
        self.set(CTRL_REG2, 0)?;
        self.set(CTRL_REG3, 0)?;
        self.set(
            CTRL_REG4,
            BLOCK_UPDATE | (range as u8) << 4 | HIGH_RESOLUTION,
        )?;
        self.set(CTRL_REG5, FIFO_ON)?;
        self.set(FIFO_CTRL_REG, BYPASS)?;
        self.set(FIFO_CTRL_REG, STREAM)
    }

    /// The status is read before each sample, so that a FIFO that became full while others were
    /// being worked on is seen. A sample whose reading fails may have left the FIFO: it is not
    /// read again.
    fn sample(&mut self) -> Result<Option<[i16; 3]>, Self::Error> {
        let status = self.register(FIFO_SRC_REG)?;
        if status & OVERRUN != 0 {
            return Err(DeviceError::Overrun);
        }
        if status & EMPTY != 0 {
            return Ok(None);
        }
        let mut bytes = [0; 6];
        self.bus
            .read(OUT_X_L, &mut bytes)
            .map_err(DeviceError::Bus)?;
        let [x0, x1, y0, y1, z0, z1] = bytes;
        // Left-justified.
        Ok(Some(
            [[x0, x1], [y0, y1], [z0, z1]].map(|axis| i16::from_le_bytes(axis) >> 4),
        ))
    }
}
