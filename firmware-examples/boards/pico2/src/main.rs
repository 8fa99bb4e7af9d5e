//! Text over serial on the Raspberry Pi Pico 2, on its Arm or its RISC-V cores.

#![no_std]
#![no_main]

use core::cell::RefCell;

use common::{Cycles, Port, Ring};
use critical_section::Mutex;
use embedded_hal::digital::OutputPin;
use rp235x_hal::block::ImageDef;
use rp235x_hal::clocks::init_clocks_and_plls;
use rp235x_hal::fugit::RateExtU32;
use rp235x_hal::gpio::bank0::{Gpio0, Gpio1};
use rp235x_hal::gpio::{FunctionUart, Pin, PinState, Pins, PullNone, PullUp};
use rp235x_hal::pac::{self, UART0};
use rp235x_hal::uart::{DataBits, Reader, StopBits, UartConfig, UartPeripheral};
use rp235x_hal::{Clock, Sio, Watchdog, entry};

/// What the boot ROM starts. On RISC-V it enters at the first byte of the flash, so the entry code
/// comes first and this behind it.
// SAFETY: the linker scripts put both sections into the first 4 KiB, where the boot ROM looks, and
// nothing runs into this one: the code before it ends in a jump.
#[cfg_attr(target_arch = "arm", unsafe(link_section = ".start_block"))]
#[cfg_attr(target_arch = "riscv32", unsafe(link_section = ".init.rust"))]
#[used]
static IMAGE_DEF: ImageDef = ImageDef::secure_exe();

const CRYSTAL_HZ: u32 = 12_000_000;

/// The input is pulled up: a line at rest is high, and a low one with nothing connected would be a
/// break.
type Wires = (
    Pin<Gpio0, FunctionUart, PullNone>,
    Pin<Gpio1, FunctionUart, PullUp>,
);
type Receiver = Reader<UART0, Wires>;

static RECEIVED: Ring = Ring::new();
static RECEIVER: Mutex<RefCell<Option<Receiver>>> = Mutex::new(RefCell::new(None));

/// Sets up the board, then serves the line.
#[entry]
fn main() -> ! {
    let Some(mut device) = pac::Peripherals::take() else {
        panic!("taken once, here")
    };
    let mut watchdog = Watchdog::new(device.WATCHDOG);
    let (pll_sys, pll_usb) = (device.PLL_SYS, device.PLL_USB);
    let clocks = init_clocks_and_plls(
        CRYSTAL_HZ,
        device.XOSC,
        device.CLOCKS,
        pll_sys,
        pll_usb,
        &mut device.RESETS,
        &mut watchdog,
    );
    let Ok(clocks) = clocks else {
        panic!("the clocks")
    };

    let pins = Pins::new(
        device.IO_BANK0,
        device.PADS_BANK0,
        Sio::new(device.SIO).gpio_bank0,
        &mut device.RESETS,
    );
    let mut led = pins.gpio25.into_push_pull_output_in_state(PinState::High);
    let wires: Wires = (pins.gpio0.reconfigure(), pins.gpio1.reconfigure());
    let config = UartConfig::new(115_200.Hz(), DataBits::Eight, None, StopBits::One);
    let line = UartPeripheral::new(device.UART0, wires, &mut device.RESETS);
    let Ok(mut line) = line.enable(config, clocks.peripheral_clock.freq()) else {
        panic!("the baud rate")
    };
    line.enable_rx_interrupt();
    let (receiver, transmitter) = line.split();
    critical_section::with(|section| RECEIVER.borrow(section).replace(Some(receiver)));
    // SAFETY: what the handler shares is behind a mutex, or made of atomics; no critical section is
    // open.
    unsafe {
        rp235x_hal::arch::interrupt_unmask(pac::Interrupt::UART0_IRQ);
        rp235x_hal::arch::interrupt_enable();
    }

    let transmit = move |byte| transmitter.write_full_blocking(&[byte]);
    let light = move |is_lit: bool| _ = led.set_state(is_lit.into());
    common::chat(
        Port::new(|| RECEIVED.pop(), transmit, light),
        Cycles::start(),
    )
}

// SAFETY: the name is the one that the chip's interrupt table calls, on either kind of core.
#[unsafe(no_mangle)]
#[expect(non_snake_case, reason = "the interrupt's name")]
extern "Rust" fn UART0_IRQ() {
    critical_section::with(|section| {
        let mut receiver = RECEIVER.borrow_ref_mut(section);
        let Some(receiver) = receiver.as_mut() else {
            return;
        };
        let mut byte = [0];
        loop {
            match receiver.read_raw(&mut byte) {
                Ok(_) => RECEIVED.push(byte[0]),
                Err(nb::Error::Other(_)) => RECEIVED.lose(),
                Err(nb::Error::WouldBlock) => break,
            }
        }
    });
}
