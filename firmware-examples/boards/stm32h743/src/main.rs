//! Text over serial on the NUCLEO-H743ZI2: the virtual serial port of its debugger.

#![no_std]
#![no_main]

use core::cell::RefCell;

use common::{Cycles, Port, Ring};
use cortex_m::interrupt::Mutex;
use cortex_m::peripheral::NVIC;
use cortex_m_rt::entry;
use stm32h7xx_hal::pac::{self, USART3, interrupt};
use stm32h7xx_hal::prelude::*;
use stm32h7xx_hal::serial::Rx;

static RECEIVED: Ring = Ring::new();
static RECEIVER: Mutex<RefCell<Option<Rx<USART3>>>> = Mutex::new(RefCell::new(None));

/// Sets up the board, then serves the line.
#[entry]
fn main() -> ! {
    let (Some(device), Some(mut core)) = (pac::Peripherals::take(), cortex_m::Peripherals::take())
    else {
        panic!("taken once, here")
    };
    // The highest core voltage allows 480 MHz, on silicon from revision V on.
    let power = device.PWR.constrain().vos0(&device.SYSCFG).freeze();
    let clocks = device
        .RCC
        .constrain()
        .use_hse(8.MHz())
        .bypass_hse()
        .sys_ck(480.MHz())
        .freeze(power, &device.SYSCFG);
    core.SCB.enable_icache();
    core.SCB.enable_dcache(&mut core.CPUID);

    let pins_b = device.GPIOB.split(clocks.peripheral.GPIOB);
    let pins_d = device.GPIOD.split(clocks.peripheral.GPIOD);
    let mut led = pins_b.pb0.into_push_pull_output();
    let wires = (pins_d.pd8.into_alternate(), pins_d.pd9.into_alternate());
    let Ok(line) = device.USART3.serial(
        wires,
        115_200.bps(),
        clocks.peripheral.USART3,
        &clocks.clocks,
    ) else {
        panic!("the baud rate")
    };
    let (mut transmitter, mut receiver) = line.split();
    receiver.listen();
    cortex_m::interrupt::free(|section| RECEIVER.borrow(section).replace(Some(receiver)));
    // SAFETY: what the handler shares is behind a mutex, or made of atomics.
    unsafe { NVIC::unmask(pac::Interrupt::USART3) };

    let transmit = move |byte| _ = nb::block!(transmitter.write(byte));
    let light = move |is_lit: bool| led.set_state(is_lit.into());
    common::chat(
        Port::new(|| RECEIVED.pop(), transmit, light),
        Cycles::start(),
    )
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
