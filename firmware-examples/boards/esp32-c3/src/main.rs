//! Text over serial on an ESP32-C3 module.

#![no_std]
#![no_main]

use core::cell::RefCell;

use common::{Counter, Port, Ring};
use critical_section::Mutex;
use esp_hal::clock::CpuClock;
use esp_hal::gpio::{Level, Output, OutputConfig};
use esp_hal::uart::{RxConfig, Uart, UartInterrupt, UartRx};
use esp_hal::{Blocking, handler, main};

esp_bootloader_esp_idf::esp_app_desc!();

static RECEIVED: Ring = Ring::new();
static RECEIVER: Mutex<RefCell<Option<UartRx<'static, Blocking>>>> = Mutex::new(RefCell::new(None));

/// The counter that this core has instead of `mcycle` (ESP32-C3 TRM 1.4.1).
struct Cycles(());

impl Cycles {
    fn start() -> Self {
        // SAFETY: `mpcer` and `mpcmr` choose cycles and let the counter run; nothing else uses it.
        unsafe { core::arch::asm!("csrwi 0x7e0, 1", "csrwi 0x7e1, 1", options(nomem, nostack)) }
        Self(())
    }
}

impl Counter for Cycles {
    const UNIT: &'static str = "cycles";

    fn now(&mut self) -> u32 {
        let count: u32;
        // SAFETY: reads `mpccr`.
        unsafe {
            core::arch::asm!("csrr {}, 0x7e2", out(reg) count, options(nomem, nostack, preserves_flags))
        }
        count
    }
}

#[main]
fn main() -> ! {
    let board = esp_hal::init(esp_hal::Config::default().with_cpu_clock(CpuClock::max()));
    let mut led = Output::new(board.GPIO10, Level::High, OutputConfig::default());
    // An interrupt for every byte: a person types one at a time.
    let config =
        esp_hal::uart::Config::default().with_rx(RxConfig::default().with_fifo_full_threshold(1));
    let Ok(line) = Uart::new(board.UART0, config) else {
        panic!("the baud rate")
    };
    let mut line = line.with_rx(board.GPIO20).with_tx(board.GPIO21);
    line.set_interrupt_handler(receive);
    line.listen(UartInterrupt::RxFifoFull);
    let (receiver, mut transmitter) = line.split();
    critical_section::with(|section| RECEIVER.borrow(section).replace(Some(receiver)));

    let transmit = move |byte| while transmitter.write(&[byte]) == Ok(0) {};
    let light = move |is_lit: bool| led.set_level(is_lit.into());
    common::chat(
        Port::new(|| RECEIVED.pop(), transmit, light),
        Cycles::start(),
    )
}

#[handler]
fn receive() {
    critical_section::with(|section| {
        let mut receiver = RECEIVER.borrow_ref_mut(section);
        let Some(receiver) = receiver.as_mut() else {
            return;
        };
        let mut bytes = [0; 16];
        loop {
            match receiver.read_buffered(&mut bytes) {
                Ok(0) => break,
                Ok(count) => bytes
                    .iter()
                    .take(count)
                    .for_each(|&byte| RECEIVED.push(byte)),
                // The next byte comes with the next interrupt.
                Err(_) => {
                    RECEIVED.lose();
                    break;
                }
            }
        }
    });
}
