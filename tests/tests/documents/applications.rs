//! Spoken digits, text over serial, and a sensor, in front of a model.

#[path = "../../../applications/sensor/tests/sensor/chip.rs"]
#[allow(dead_code, reason = "each test file uses a part")]
mod chip;
#[path = "../../../applications/serial/tests/serial/line.rs"]
#[allow(dead_code, reason = "each test file uses a part")]
mod line;

use std::error::Error;

use sla_reference::{Backbone, Config as ModelConfig, Input};
use sla_runtime::{Model, Session};
use sla_test_models as synth;
use sla_tests::Case;
use sla_tests::material::models;

mod digits {
    use sla_digits::{Event, HOP, Outcome, Recognizer, Settings};

    use super::*;

    pub struct Microphone(pub std::vec::IntoIter<[i16; HOP]>);

    impl Microphone {
        fn read(&mut self) -> Option<[i16; HOP]> {
            self.0.next()
        }
    }

    pub fn listen(
        session: Session,
        mut microphone: Microphone,
        heard: &mut Vec<(u32, u32)>,
    ) -> Result<(), Box<dyn Error>> {
        let mut say = |digit, onset| heard.push((u32::from(digit), onset));
        // [docs/applications.md]
        let mut recognizer = Recognizer::new(session, Settings::default())?;
        while let Some(hop) = microphone.read() {
            // Every 16 ms, 128 samples, in constant memory.
            if let Some(Event {
                outcome: Outcome::Digit(digit),
                onset,
                ..
            }) = recognizer.hop(&hop)
            {
                say(digit, onset);
            }
        }
        // [end]
        Ok(())
    }
}

#[test]
fn nothing_is_heard_in_silence() {
    let case = Case::load(&models().join("digits-sla-gla"));
    let (model, mut memory, mut heard) = (case.file.model(), case.file.memory(), Vec::new());
    let session = memory
        .session(&model)
        .expect("buffers of the planned sizes");
    let hops = vec![[1; sla_digits::HOP]; 500].into_iter();
    digits::listen(session, digits::Microphone(hops), &mut heard).expect("a model of digits");
    assert_eq!(heard, []);
}

mod serial {
    use embedded_io::{Read, ReadReady, Write};
    use sla_runtime::encode_words;
    use sla_serial::{Counter, Failure, Parts, RamStore, Settings, Shell};

    use super::*;

    const LINE: usize = 64;

    pub fn chat<U: Read + ReadReady + Write, C: Counter>(
        session: Session,
        uart: U,
        cycles: C,
        slot: &mut [u8],
        file: &[u8],
    ) -> Result<(), Box<dyn Error>> {
        // [docs/applications.md]
        let (mut line, mut ids) = ([0; LINE], [0; encode_words(LINE)]);
        let parts = Parts {
            uart,                       // embedded_io 0.7
            store: RamStore::new(slot), // or sla_store::Store: two slots of flash (snapshot.md S3)
            counter: cycles,            // impl Counter: DWT CYCCNT, mcycle, a timer; or ()
            line: &mut line,            // the longest line
            ids: &mut ids, // encode_words(line.len()) words with a tokenizer, else none
            file_bytes: file.len(),
        };
        let mut shell = Shell::new(session, parts, Settings::default())?;
        loop {
            if let Err(Failure::Closed) = shell.serve() {
                break; // any other failure is the line's: it may work again
            }
        }
        // [end]
        Ok(())
    }

    /// Bytes of a slot for the session.
    pub fn slot_bytes(model: &Model) -> usize {
        model.plan().snapshot_bytes(model.desc())
    }
}

#[test]
fn a_shell_answers() {
    let case = line::bytes_model();
    let (model, mut memory) = (case.file.model(), case.file.memory());
    let session = memory
        .session(&model)
        .expect("buffers of the planned sizes");
    let mut slot = vec![0; serial::slot_bytes(&model)];
    let mut fake = line::Fake::new([line::typed("/length 4\r"), line::typed("To be\r")]);
    serial::chat(session, &mut fake, (), &mut slot, case.file.bytes()).expect("a model of bytes");
    assert!(
        fake.closed && fake.text().contains("length 4"),
        "{}",
        fake.text()
    );
}

mod sensor {
    use embedded_hal::i2c::I2c;
    use sla_sensor::{Config, I2cBus, Lis3dh, Monitor, Range, Rate, Settings, Windows};

    use super::*;

    pub fn watch<I: I2c>(
        (model, session, i2c): (&Model, Session, I),
        is_on: &mut dyn FnMut() -> bool,
        act: &mut dyn FnMut(Option<&str>),
    ) -> Result<(), Box<dyn Error>> {
        let (wait, report) = (|| {}, |_| {});
        // [docs/applications.md]
        let config = Config {
            rate: Rate::Hz100,
            range: Range::G4,
            retries: 2,
        };
        let sensor = Lis3dh::new(I2cBus::new(i2c, 0x19), config); // or SpiBus
        let source = Windows::<_, 3, 32>::new(
            sensor,
            Settings {
                hop: 16,
                ..Settings::default()
            },
        );
        let mut features = [0; 96]; // 3 axes of 32 samples, every 160 ms
        let mut monitor = Monitor::new(session, source, &mut features)?;
        while is_on() {
            // At most one step of the model; does not wait.
            match monitor.poll() {
                Ok(Some(mut logits)) => act(model.label(logits.argmax())),
                Ok(None) => wait(),
                Err(trouble) => report(trouble), // the next poll starts the sensor anew
            }
        }
        // [end]
        Ok(())
    }
}

#[test]
fn a_monitor_acts() {
    let input = Input::Features {
        size: 96,
        mean: vec![0.1; 96],
        std: vec![0.5; 96],
    };
    let config = ModelConfig {
        outputs: 5,
        input,
        ..synth::small(Backbone::Gla)
    };
    let case = Case::of(config.clone(), synth::weights(&config, 7));
    let (model, mut memory, chip) = (case.file.model(), case.file.memory(), chip::Chip::new());
    let session = memory
        .session(&model)
        .expect("buffers of the planned sizes");
    let (mut polls, mut acts) = (0, 0);
    let mut is_on = || {
        chip.borrow_mut().tick(1);
        polls += 1;
        polls < 200
    };
    sensor::watch(
        (&model, session, chip::FakeI2c(chip.clone())),
        &mut is_on,
        &mut |_| acts += 1,
    )
    .expect("such features");
    // 7 samples settle; the first of 32 samples, then every 16.
    assert_eq!(acts, 1 + (199 - 1 - 7 - 32) / 16);
}
