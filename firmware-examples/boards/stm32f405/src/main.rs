//! Text over serial on the Adafruit Feather STM32F405 Express, and on QEMU's netduinoplus2.

#![no_std]
#![no_main]

use core::cell::RefCell;

use common::{Cycles, Port, Ring};
use cortex_m::interrupt::Mutex;
use cortex_m::peripheral::NVIC;
use cortex_m_rt::entry;
use stm32f4xx_hal::pac::{self, USART3, interrupt};
use stm32f4xx_hal::prelude::*;
use stm32f4xx_hal::rcc::Config;
use stm32f4xx_hal::serial::{self, Rx};

static RECEIVED: Ring = Ring::new();
static RECEIVER: Mutex<RefCell<Option<Rx<USART3>>>> = Mutex::new(RefCell::new(None));

/// The 12 MHz crystal makes 168 MHz; where it does not start, the internal oscillator's 16 MHz do.
/// QEMU is such a place: it has no model of the clock controller, nothing in it becomes ready, and
/// the HAL waits without an end for what it is told to start.
fn clocks(rcc: &pac::RCC) -> Config {
    rcc.cr().modify(|_, w| w.hseon().set_bit());
    // A crystal takes 2 ms (DS8626 table 41); this is 20 at least.
    let is_running = (0..100_000).any(|_| rcc.cr().read().hserdy().bit_is_set());
    match is_running {
        true => Config::hse(12.MHz()).sysclk(168.MHz()),
        false => Config::hsi(),
    }
}

/// Sets up the board, then serves the line.
#[entry]
fn main() -> ! {
    let Some(device) = pac::Peripherals::take() else {
        panic!("taken once, here")
    };
    let config = clocks(&device.RCC);
    let mut rcc = device.RCC.constrain().freeze(config);

    let (pins_b, pins_c) = (device.GPIOB.split(&mut rcc), device.GPIOC.split(&mut rcc));
    let mut led = pins_c.pc1.into_push_pull_output();
    let config = serial::Config::default().baudrate(115_200.bps());
    let Ok(line) = device
        .USART3
        .serial((pins_b.pb10, pins_b.pb11), config, &mut rcc)
    else {
        panic!("the baud rate")
    };
    let (mut transmitter, mut receiver) = line.split();
    receiver.listen();
    cortex_m::interrupt::free(|section| RECEIVER.borrow(section).replace(Some(receiver)));
    // SAFETY: what the handler shares is behind a mutex, or made of atomics.
    unsafe { NVIC::unmask(pac::Interrupt::USART3) };

    let transmit = move |byte| _ = nb::block!(transmitter.write(byte));
    let port = Port::new(
        || RECEIVED.pop(),
        transmit,
        move |is_lit: bool| led.set_state(is_lit.into()),
    );
    common::chat(port, Cycles::start())
}

#[interrupt]
fn USART3() {
    cortex_m::interrupt::free(|section| {
        match RECEIVER
            .borrow(section)
            .borrow_mut()
            .as_mut()
            .map(|receiver| receiver.read())
        {
            Some(Ok(byte)) => RECEIVED.push(byte),
            Some(Err(nb::Error::Other(_))) => RECEIVED.lose(),
            Some(Err(nb::Error::WouldBlock)) | None => {}
        }
    });
}
