//! Text over serial on the nRF52840 DK: the virtual serial port of its debugger.

#![no_std]
#![no_main]

use core::task::Poll;

use common::{Cycles, Lost, Port};
use cortex_m_rt::entry;
use embassy_futures::{block_on, poll_once};
use embassy_nrf::buffered_uarte::{BufferedUarte, InterruptHandler};
use embassy_nrf::config::{Config, HfclkSource};
use embassy_nrf::gpio::{Level, Output, OutputDrive};
use embassy_nrf::peripherals::UARTE0;
use embassy_nrf::{bind_interrupts, pac, uarte};
use static_cell::ConstStaticCell;

bind_interrupts!(struct Interrupts {
    UARTE0 => InterruptHandler<UARTE0>;
});

static RECEIVED: ConstStaticCell<[u8; 256]> = ConstStaticCell::new([0; 256]);
static SENT: ConstStaticCell<[u8; 64]> = ConstStaticCell::new([0; 64]);

/// Sets up the board, then serves the line.
#[entry]
fn main() -> ! {
    let mut config = Config::default();
    // The crystal: the internal oscillator is too far off for a serial line.
    config.hfclk_source = HfclkSource::ExternalXtal;
    let board = embassy_nrf::init(config);
    // The flash's instruction cache; reset leaves it off.
    pac::NVMC.icachecnf().write(|w| w.set_cacheen(true));

    let mut led = Output::new(board.P0_13, Level::Low, OutputDrive::Standard);
    let mut config = uarte::Config::default();
    config.baudrate = uarte::Baudrate::Baud115200;
    let line = BufferedUarte::new(
        board.UARTE0,
        board.TIMER0,
        board.PPI_CH0,
        board.PPI_CH1,
        board.PPI_GROUP0,
        board.P0_08,
        board.P0_06,
        Interrupts,
        config,
        RECEIVED.take(),
        SENT.take(),
    );
    let (mut receiver, mut transmitter) = line.split();

    let receive = move || {
        let mut byte = [0];
        match poll_once(receiver.read(&mut byte)) {
            Poll::Ready(Ok(_)) => Some(Ok(byte[0])),
            // It comes before the bytes that are older than the overrun: all that wait go too, lest
            // the wrong line be refused.
            Poll::Ready(Err(_)) => {
                while poll_once(receiver.read(&mut [0; 64])).is_ready() {}
                Some(Err(Lost))
            }
            Poll::Pending => None,
        }
    };
    let transmit = move |byte| _ = block_on(transmitter.write(&[byte]));
    // The LED is lit by a low level.
    let light = move |is_lit: bool| led.set_level(Level::from(!is_lit));
    common::chat(Port::new(receive, transmit, light), Cycles::start())
}
