//! A LIS3DH that is not there: its registers and FIFO behind an I2C or SPI bus, any transaction of
//! which can fail.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use embedded_hal::{i2c, spi};

/// How a transaction fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing reaches the sensor.
    Before,
    /// The sensor has done it, the answer is lost.
    After,
}

/// The sensor and its bus.
pub struct Chip {
    pub registers: [u8; 128],
    fifo: VecDeque<[i16; 3]>,
    /// Samples measured so far; what they are.
    pub measured: u32,
    pub signal: fn(u32) -> [i16; 3],
    /// Transactions so far, and which of them fail.
    pub transactions: usize,
    pub fail: Vec<(usize, Fault)>,
    /// All transactions fail: unplugged.
    pub is_gone: bool,
    /// A register that keeps what it has.
    pub worn: Option<u8>,
}

/// A signal whose samples are told apart: the number in 24 bits, as 12-bit counts.
pub fn numbered(n: u32) -> [i16; 3] {
    let twelve = |n: u32| ((n & 0xfff) as i16) - 2048;
    [
        twelve(n),
        twelve(n >> 12),
        twelve(n.wrapping_mul(0x9e37_79b9) >> 20),
    ]
}

/// The number of a sample of [`numbered`].
pub fn number_of(sample: [i32; 3]) -> u32 {
    let [low, high, _] = sample.map(|count| (count + 2048) as u32);
    high << 12 | low
}

impl Chip {
    pub fn new() -> Rc<RefCell<Self>> {
        let chip = Self {
            registers: [0; 128],
            fifo: VecDeque::new(),
            measured: 0,
            signal: numbered,
            transactions: 0,
            fail: Vec::new(),
            is_gone: false,
            worn: None,
        };
        let chip = Rc::new(RefCell::new(chip));
        chip.borrow_mut().power_up();
        chip
    }

    /// All registers as after power-on.
    pub fn power_up(&mut self) {
        self.registers = [0; 128];
        self.registers[0x0f] = 0x33;
        self.registers[0x20] = 0x07;
        self.fifo.clear();
    }

    /// Time passes: so many samples, if it measures.
    pub fn tick(&mut self, samples: u32) {
        for _ in 0..samples {
            let sample = (self.signal)(self.measured);
            self.measured += 1;
            let (is_on, has_fifo, is_stream) = (
                self.registers[0x20] >> 4 != 0,
                self.registers[0x24] & 0x40 != 0,
                self.registers[0x2e] >> 6 == 2,
            );
            if is_on && has_fifo && is_stream {
                if self.fifo.len() == 32 {
                    self.fifo.pop_front();
                }
                self.fifo.push_back(sample);
            }
        }
    }

    fn read(&mut self, register: u8, out: &mut [u8]) {
        match register {
            0x28 => {
                assert_eq!(out.len(), 6);
                assert!(
                    self.registers[0x23] & 0x88 == 0x88,
                    "12 bits, bytes of one sample"
                );
                let sample = self
                    .fifo
                    .pop_front()
                    .expect("the FIFO is read when it is not empty");
                let bytes = sample.iter().flat_map(|count| (count << 4).to_le_bytes());
                out.iter_mut()
                    .zip(bytes)
                    .for_each(|(out, byte)| *out = byte);
            }
            0x2f => {
                let (unread, is_full) = (self.fifo.len().min(31) as u8, self.fifo.len() == 32);
                out[0] = unread | u8::from(is_full) << 6 | u8::from(self.fifo.is_empty()) << 5;
            }
            _ => out
                .iter_mut()
                .zip(&self.registers[register.into()..])
                .for_each(|(out, byte)| *out = *byte),
        }
    }

    fn write(&mut self, register: u8, value: u8) {
        if self.worn == Some(register) {
            return;
        }
        self.registers[usize::from(register)] = value;
        if register == 0x2e && value >> 6 == 0 {
            self.fifo.clear();
        }
    }

    /// A transaction: what it does, unless it fails.
    fn transaction(&mut self, what: impl FnOnce(&mut Self)) -> Result<(), Fault> {
        let number = self.transactions;
        self.transactions += 1;
        let fault = self
            .fail
            .iter()
            .find(|(at, _)| *at == number)
            .map(|(_, fault)| *fault);
        match fault {
            _ if self.is_gone => return Err(Fault::Before),
            Some(Fault::Before) => return Err(Fault::Before),
            _ => what(self),
        }
        fault.map_or(Ok(()), Err)
    }
}

#[derive(Clone)]
pub struct FakeI2c(pub Rc<RefCell<Chip>>);

#[derive(Clone)]
pub struct FakeSpi(pub Rc<RefCell<Chip>>);

impl i2c::Error for Fault {
    fn kind(&self) -> i2c::ErrorKind {
        i2c::ErrorKind::Other
    }
}

impl spi::Error for Fault {
    fn kind(&self) -> spi::ErrorKind {
        spi::ErrorKind::Other
    }
}

impl i2c::ErrorType for FakeI2c {
    type Error = Fault;
}

impl i2c::I2c for FakeI2c {
    fn transaction(
        &mut self,
        address: u8,
        operations: &mut [i2c::Operation<'_>],
    ) -> Result<(), Fault> {
        assert_eq!(address, 0x19);
        self.0.borrow_mut().transaction(|chip| match operations {
            [i2c::Operation::Write([register, value])] => chip.write(*register, *value),
            [i2c::Operation::Write([register]), i2c::Operation::Read(out)] => {
                assert!(
                    out.len() == 1 || register & 0x80 != 0,
                    "the registers after it"
                );
                chip.read(register & 0x7f, out);
            }
            _ => panic!("not what the datasheet has"),
        })
    }
}

impl spi::ErrorType for FakeSpi {
    type Error = Fault;
}

impl spi::SpiDevice for FakeSpi {
    fn transaction(&mut self, operations: &mut [spi::Operation<'_, u8>]) -> Result<(), Fault> {
        self.0.borrow_mut().transaction(|chip| match operations {
            [spi::Operation::Write([register, value])] if register & 0xc0 == 0 => {
                chip.write(*register, *value)
            }
            [spi::Operation::Write([register]), spi::Operation::Read(out)]
                if register & 0x80 != 0 =>
            {
                assert!(
                    out.len() == 1 || register & 0x40 != 0,
                    "the registers after it"
                );
                chip.read(register & 0x3f, out);
            }
            _ => panic!("not what the datasheet has"),
        })
    }
}
