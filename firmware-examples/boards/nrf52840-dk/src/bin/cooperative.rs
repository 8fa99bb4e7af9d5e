//! Text over serial on the nRF52840 DK beside another task: a token is computed in slices, between
//! which the executor runs whatever else is due (docs/realtime.md). The other task here has a
//! deadline every 10 ms, and logs how late it was at most.

#![no_std]
#![no_main]

use defmt::info;
use embassy_executor::Spawner;
use embassy_futures::yield_now;
use embassy_nrf::buffered_uarte::{
    BufferedUarte, BufferedUarteRx, BufferedUarteTx, InterruptHandler,
};
use embassy_nrf::config::{Config, HfclkSource};
use embassy_nrf::gpio::{Level, Output, OutputDrive};
use embassy_nrf::peripherals::UARTE0;
use embassy_nrf::{bind_interrupts, pac, uarte};
use embassy_time::{Duration, Instant, Timer};
use sla_runtime::{Session, StepError};
use static_cell::ConstStaticCell;

bind_interrupts!(struct Interrupts {
    UARTE0 => InterruptHandler<UARTE0>;
});

/// Logits of a tile.
const TILE: u32 = 32;
/// Tokens of an answer.
const LENGTH: usize = 200;
const PERIOD: Duration = Duration::from_millis(10);
/// Periods between two lines of the log.
const PERIODS: u32 = 500;

static RECEIVED: ConstStaticCell<[u8; 256]> = ConstStaticCell::new([0; 256]);
static SENT: ConstStaticCell<[u8; 64]> = ConstStaticCell::new([0; 64]);

/// Sets up the board, then serves the line.
#[embassy_executor::main]
async fn main(spawner: Spawner) {
    let mut config = Config::default();
    // The crystal: the internal oscillator is too far off for a serial line.
    config.hfclk_source = HfclkSource::ExternalXtal;
    let board = embassy_nrf::init(config);
    // The flash's instruction cache; reset leaves it off.
    pac::NVMC.icachecnf().write(|w| w.set_cacheen(true));
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

    let mut buffers = common::model::buffers();
    let model = common::open(&mut buffers);
    let Ok(mut session) = Session::new(&model, buffers.state, buffers.scratch) else {
        common::stop("no session", ())
    };
    match beat(Output::new(board.P0_13, Level::High, OutputDrive::Standard)) {
        Ok(task) => spawner.spawn(task),
        Err(_) => common::stop("no room for a task", ()),
    }
    loop {
        if let Err(e) = converse(&mut session, &mut receiver, &mut transmitter).await {
            common::stop("the model reads no bytes", e);
        }
    }
}

/// Reads a line as it is typed, byte by byte, and writes what the model makes of it.
async fn converse(
    session: &mut Session<'_, '_>,
    receiver: &mut BufferedUarteRx<'_>,
    transmitter: &mut BufferedUarteTx<'_>,
) -> Result<(), StepError> {
    let mut next = loop {
        let mut byte = [0];
        // Bytes that were lost are typed again.
        let Ok(1) = receiver.read(&mut byte).await else {
            continue;
        };
        let [byte] = byte;
        let is_end = matches!(byte, b'\r' | b'\n');
        let byte = if is_end { b'\n' } else { byte };
        write(transmitter, byte).await;
        let next = step(session, byte.into()).await?;
        if is_end {
            break next;
        }
    };
    for _ in 0..LENGTH {
        let Ok(byte) = u8::try_from(next) else { break };
        write(transmitter, byte).await;
        next = step(session, next).await?;
    }
    write(transmitter, b'\n').await;
    Ok(())
}

/// Reads `token` and returns the most likely one after it. Other tasks wait for one slice or one
/// tile of logits at most.
async fn step(session: &mut Session<'_, '_>, token: u32) -> Result<u32, StepError> {
    let mut slices = session.slices(token)?;
    while slices.run_next() {
        yield_now().await;
    }
    let (mut logits, mut largest, mut first) = (slices.finish(), (0, i32::MIN), 0);
    while let Some(tile) = logits.tile((first / TILE) as usize) {
        for (id, &logit) in (first..).zip(tile) {
            if logit > largest.1 {
                largest = (id, logit);
            }
        }
        first += TILE;
        yield_now().await;
    }
    Ok(largest.0)
}

/// Sends a byte; a line break as a terminal wants it.
async fn write(transmitter: &mut BufferedUarteTx<'_>, byte: u8) {
    let bytes: &[u8] = if byte == b'\n' { b"\r\n" } else { &[byte] };
    let mut rest = bytes;
    // Never an error: sending has none on this chip.
    while let Ok(count @ 1..) = transmitter.write(rest).await {
        rest = rest.get(count..).unwrap_or_default();
    }
}

/// Something with a deadline: a blink, and how late it was.
#[embassy_executor::task]
async fn beat(mut led: Output<'static>) {
    let (mut due, mut latest, mut count) = (Instant::now(), Duration::MIN, 0);
    loop {
        due += PERIOD;
        Timer::at(due).await;
        latest = latest.max(Instant::now() - due);
        count += 1;
        if count == PERIODS {
            led.toggle();
            info!(
                "at most {=u64} us late in {=u32} periods",
                latest.as_micros(),
                PERIODS
            );
            (latest, count) = (Duration::MIN, 0);
        }
    }
}
