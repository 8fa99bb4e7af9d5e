//! Text over serial on the Raspberry Pi Pico.

#![no_std]
#![no_main]

use core::cell::RefCell;

use common::{Counter, Port, Ring};
use critical_section::Mutex;
use embedded_hal::digital::OutputPin;
use rp2040_hal::clocks::ClocksManager;
use rp2040_hal::fugit::{HertzU32, RateExtU32};
use rp2040_hal::gpio::bank0::{Gpio0, Gpio1};
use rp2040_hal::gpio::{FunctionUart, Pin, PinState, Pins, PullNone, PullUp};
use rp2040_hal::pac::{self, NVIC, UART0, interrupt};
use rp2040_hal::pll::common_configs::PLL_USB_48MHZ;
use rp2040_hal::pll::{PLLConfig, setup_pll_blocking};
use rp2040_hal::uart::{DataBits, Reader, StopBits, UartConfig, UartPeripheral};
use rp2040_hal::xosc::setup_xosc_blocking;
use rp2040_hal::{Clock, Sio, Timer, Watchdog, entry};

/// The second boot stage: the settings of a Pico's flash, a W25Q16JV.
// SAFETY: the linker script puts it where the boot ROM looks.
#[unsafe(link_section = ".boot2")]
#[used]
static BOOT2: [u8; 256] = rp2040_boot2::BOOT_LOADER_W25Q080;

const CRYSTAL: HertzU32 = HertzU32::MHz(12);
/// 1596 MHz, divided by 6 and 2: the 133 MHz that the chip is made for.
const PLL_SYS_133MHZ: PLLConfig = PLLConfig {
    vco_freq: HertzU32::MHz(1596),
    refdiv: 1,
    post_div1: 6,
    post_div2: 2,
};

/// The input is pulled up: a line at rest is high, and a low one with nothing connected would be a
/// break.
type Wires = (
    Pin<Gpio0, FunctionUart, PullNone>,
    Pin<Gpio1, FunctionUart, PullUp>,
);
type Receiver = Reader<UART0, Wires>;

static RECEIVED: Ring = Ring::new();
static RECEIVER: Mutex<RefCell<Option<Receiver>>> = Mutex::new(RefCell::new(None));

/// The timer: a Cortex-M0+ counts no cycles.
struct Micros(Timer);

impl Counter for Micros {
    const UNIT: &'static str = "us";

    fn now(&mut self) -> u32 {
        self.0.get_counter_low()
    }
}

/// Sets up the board, then serves the line.
#[entry]
fn main() -> ! {
    let Some(mut device) = pac::Peripherals::take() else {
        panic!("taken once, here")
    };
    let Ok(crystal) = setup_xosc_blocking(device.XOSC, CRYSTAL) else {
        panic!("the crystal")
    };
    Watchdog::new(device.WATCHDOG).enable_tick_generation(12);
    let mut clocks = ClocksManager::new(device.CLOCKS);
    let (sys, usb) = (
        setup_pll_blocking(
            device.PLL_SYS,
            CRYSTAL,
            PLL_SYS_133MHZ,
            &mut clocks,
            &mut device.RESETS,
        ),
        setup_pll_blocking(
            device.PLL_USB,
            CRYSTAL,
            PLL_USB_48MHZ,
            &mut clocks,
            &mut device.RESETS,
        ),
    );
    let (Ok(sys), Ok(usb)) = (sys, usb) else {
        panic!("the PLLs")
    };
    let Ok(()) = clocks.init_default(&crystal, &sys, &usb) else {
        panic!("the clocks")
    };
    let timer = Timer::new(device.TIMER, &mut device.RESETS, &clocks);

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
    // SAFETY: what the handler shares is behind a mutex, or made of atomics.
    unsafe { NVIC::unmask(pac::Interrupt::UART0_IRQ) };

    let transmit = move |byte| transmitter.write_full_blocking(&[byte]);
    let light = move |is_lit: bool| _ = led.set_state(is_lit.into());
    common::chat(Port::new(|| RECEIVED.pop(), transmit, light), Micros(timer))
}

#[interrupt]
fn UART0_IRQ() {
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
