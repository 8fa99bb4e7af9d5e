//! The token path and nothing else, for `cargo xtask proof`.
//!
//! Everything that a firmware calls between opening a model and shutting down is reachable from
//! [`_start`], with arguments that the compiler knows nothing about. The image is never run. It
//! only links if no panic path is left, because the panic handler calls a function that nobody
//! defines; there is no allocator; and `xtask` looks for the symbols of software floating point in
//! it.

#![no_std]
#![no_main]

#[cfg(feature = "store")]
mod outside;

use core::panic::PanicInfo;

use sla_runtime::{Checksum, I16F16, Model, Session, StepError};

/// What a firmware has at run time.
pub struct Inputs {
    #[cfg(feature = "parse")]
    file: &'static [u8],
    #[cfg(not(feature = "parse"))]
    model: &'static Model<'static>,
    state: &'static mut [u32],
    scratch: &'static mut [u32],
    prompt: &'static [u32],
    token: u32,
    features: &'static [i32],
    logits: &'static mut [I16F16],
    digest: Checksum,
    largest: u32,
    #[cfg(feature = "snapshot")]
    snapshot: &'static mut [u8],
    #[cfg(feature = "snapshot")]
    read: fn(usize, &mut [u8]) -> Result<(), u32>,
    #[cfg(feature = "digits")]
    samples: &'static [[i16; sla_digits::HOP]],
    #[cfg(feature = "sensor")]
    registers: Registers,
    #[cfg(feature = "sensor")]
    settings: sla_sensor::Settings,
    #[cfg(feature = "sensor")]
    window: &'static mut [i32],
    #[cfg(feature = "tokenizer")]
    text: &'static str,
    #[cfg(feature = "tokenizer")]
    ids: &'static mut [u32],
    /// Of a second session.
    #[cfg(feature = "snapshot")]
    more: [&'static mut [u32]; 2],
    #[cfg(feature = "sampler")]
    sampling: sla_runtime::SamplerConfig,
    #[cfg(feature = "store")]
    flash: outside::Flash,
    #[cfg(feature = "store")]
    region: core::ops::Range<u32>,
    #[cfg(feature = "shell")]
    line: outside::Line,
    #[cfg(feature = "shell")]
    typed: &'static mut [u8],
    #[cfg(feature = "shell")]
    talk: sla_serial::Settings,
}

/// Whether the run went well.
// SAFETY: the only symbol of this name; it is the image's entry point.
#[unsafe(no_mangle)]
pub extern "C" fn _start(inputs: &mut Inputs) -> bool {
    token_path(inputs).is_ok()
}

fn token_path(inputs: &mut Inputs) -> Result<(), StepError> {
    #[cfg(feature = "parse")]
    let model = &Model::parse(inputs.file).map_err(|_| StepError::Input)?;
    #[cfg(not(feature = "parse"))]
    let model = inputs.model;
    #[cfg(feature = "tokenizer")]
    tokenizer(model, inputs.text, inputs.ids, &mut inputs.largest)?;
    let mut session = Session::new(model, inputs.state, inputs.scratch)?;
    session.prefill(inputs.prompt)?.write(inputs.logits);
    let mut logits = session.step(inputs.token)?;
    inputs.largest = logits.argmax();
    logits.digest(&mut inputs.digest);
    session
        .step_features(inputs.features)?
        .for_each_tile(|first, tile| {
            inputs.largest = tile.iter().fold(first, |sum, &logit| sum ^ logit as u32);
        });
    inputs.largest ^= session
        .logits()
        .top_k::<8>()
        .iter()
        .fold(0, |sum, (token, _)| sum ^ token);
    session.reset();
    inputs.token = session.position() as u32;
    #[cfg(feature = "snapshot")]
    {
        let [state, scratch] = &mut inputs.more;
        snapshots(
            &mut session,
            Session::new(model, state, scratch)?,
            inputs.snapshot,
            inputs.read,
        )?;
    }
    #[cfg(feature = "rest")]
    rest(&mut session, &mut inputs.largest, inputs.features)?;
    #[cfg(feature = "sampler")]
    sample(
        &mut session,
        inputs.sampling,
        inputs.prompt,
        &mut inputs.largest,
    )?;
    #[cfg(feature = "store")]
    stored(
        &mut session,
        inputs.flash,
        inputs.region.clone(),
        &mut inputs.largest,
    )?;
    #[cfg(feature = "digits")]
    digits(session, inputs.samples, &mut inputs.digest)?;
    #[cfg(feature = "sensor")]
    {
        let session = Session::new(model, inputs.state, inputs.scratch)?;
        sensor(
            session,
            inputs.registers,
            inputs.settings,
            inputs.window,
            &mut inputs.digest,
        )?;
    }
    #[cfg(feature = "shell")]
    converse(model, inputs)?;
    planted(inputs);
    Ok(())
}

/// A step in pieces, and everything that can be done with a session's bytes.
#[cfg(feature = "snapshot")]
fn snapshots(
    session: &mut Session,
    mut copy: Session,
    bytes: &mut [u8],
    read: fn(usize, &mut [u8]) -> Result<(), u32>,
) -> Result<(), StepError> {
    while session.pending().run_next() {}
    let largest = session
        .logits()
        .tile(bytes.len())
        .and_then(|tile| tile.iter().max().copied());
    session.save(bytes).map_err(|_| StepError::Input)?;
    session.restore(bytes).map_err(|_| StepError::Input)?;
    session.restore_with(read).map_err(|_| StepError::Input)?;
    copy.copy_from(session).map_err(|_| StepError::Input)?;
    session.copy_from(&mut copy).map_err(|_| StepError::Input)?;
    let read = session
        .snapshot()
        .read(largest.unwrap_or(0) as usize, bytes);
    if read > 0 {
        Ok(())
    } else {
        Err(StepError::Input)
    }
}

/// What else can be asked of a model.
#[cfg(feature = "rest")]
fn rest(session: &mut Session, seen: &mut u32, features: &[i32]) -> Result<(), StepError> {
    let model = session.model();
    let text = |text: &str| text.bytes().fold(0, |sum, byte| sum ^ u32::from(byte));
    *seen ^= model.label(*seen).map_or(0, text) ^ text(model.provenance()) ^ model.macs() as u32;
    let mut slices = session.slices(*seen)?;
    while slices.left() > 0 {
        slices.run_next();
    }
    let mut slices = session.slices_features(features)?;
    slices.run_next();
    session.step(*seen)?;
    Ok(())
}

/// Any settings.
#[cfg(feature = "sampler")]
fn sample(
    session: &mut Session,
    config: sla_runtime::SamplerConfig,
    prompt: &[u32],
    seen: &mut u32,
) -> Result<(), StepError> {
    let mut sampler = sla_runtime::Sampler::new(config);
    prompt.iter().for_each(|&token| sampler.observe(token));
    *seen ^= sampler.sample(&mut session.logits());
    *seen ^= sampler.sample(&mut session.step(*seen)?);
    Ok(())
}

/// In flash and back.
#[cfg(feature = "store")]
fn stored(
    session: &mut Session,
    flash: outside::Flash,
    region: core::ops::Range<u32>,
    seen: &mut u32,
) -> Result<(), StepError> {
    let mut store = sla_store::Store::open(flash, region).map_err(|_| StepError::Input)?;
    if store.bytes().is_some() {
        session
            .restore_with(|at, out| store.read(at, out))
            .map_err(|_| StepError::Input)?;
    }
    let snapshot = session.snapshot();
    let written = store.write(snapshot.bytes(), |at, out| {
        snapshot.read(at, out);
    });
    written.map_err(|_| StepError::Input)?;
    *seen ^= store.sequence().unwrap_or(0)
        ^ store.location().map_or(0, |at| at.end)
        ^ store.capacity() as u32;
    *seen ^= u32::from(store.unreadable().is_some());
    let _ = store.release();
    Ok(())
}

/// Text over a line that nothing is known of.
#[cfg(feature = "shell")]
fn converse(model: &Model, inputs: &mut Inputs) -> Result<(), StepError> {
    let session = Session::new(model, inputs.state, inputs.scratch)?;
    let store = sla_store::Store::open(inputs.flash, inputs.region.clone())
        .map_err(|_| StepError::Input)?;
    let parts = sla_serial::Parts {
        uart: inputs.line,
        store,
        counter: inputs.line,
        line: inputs.typed,
        ids: inputs.ids,
        file_bytes: inputs.file.len(),
    };
    let mut shell =
        sla_serial::Shell::new(session, parts, inputs.talk).map_err(|_| StepError::Input)?;
    let _ = (shell.serve(), shell.serve());
    Ok(())
}

/// From samples to words.
#[cfg(feature = "digits")]
fn digits(
    session: Session<'_, 'static>,
    samples: &[[i16; sla_digits::HOP]],
    digest: &mut Checksum,
) -> Result<(), StepError> {
    let settings = sla_digits::Settings::default();
    let mut recognizer =
        sla_digits::Recognizer::new(session, settings).map_err(|_| StepError::Input)?;
    samples
        .iter()
        .filter_map(|hop| recognizer.hop(hop))
        .for_each(|event| event.digest(digest));
    Ok(())
}

/// A bus that nothing is known of.
#[cfg(feature = "sensor")]
#[derive(Clone, Copy)]
pub struct Registers {
    read: fn(u8, &mut [u8]) -> Result<(), u32>,
    write: fn(u8, u8) -> Result<(), u32>,
}

#[cfg(feature = "sensor")]
impl sla_sensor::Bus for Registers {
    type Error = u32;

    fn read(&mut self, register: u8, out: &mut [u8]) -> Result<(), u32> {
        (self.read)(register, out)
    }

    fn write(&mut self, register: u8, value: u8) -> Result<(), u32> {
        (self.write)(register, value)
    }
}

/// From registers to logits.
#[cfg(feature = "sensor")]
fn sensor(
    session: Session<'_, 'static>,
    registers: Registers,
    settings: sla_sensor::Settings,
    window: &mut [i32],
    digest: &mut Checksum,
) -> Result<(), StepError> {
    use sla_sensor::{Config, Lis3dh, Monitor, Range, Rate, Windows};
    let config = Config {
        rate: Rate::Hz100,
        range: Range::G4,
        retries: settings.hop as u8,
    };
    let source = Windows::<_, 3, 32>::new(Lis3dh::new(registers, config), settings);
    let mut monitor = Monitor::new(session, source, window).map_err(|_| StepError::Input)?;
    while monitor.position() < 1000 {
        if let Ok(Some(mut logits)) = monitor.poll() {
            logits.digest(digest);
        }
    }
    Ok(())
}

#[cfg(feature = "tokenizer")]
fn tokenizer(model: &Model, text: &str, ids: &mut [u32], seen: &mut u32) -> Result<(), StepError> {
    use sla_runtime::{ControlTokens, SpecialTokens, Template};
    let tokenizer = model.tokenizer().ok_or(StepError::Input)?;
    let template = if *seen > 0 {
        Template::Add
    } else {
        Template::Omit
    };
    let control = if *seen > 2 {
        ControlTokens::Parse
    } else {
        ControlTokens::AsText
    };
    let count = tokenizer
        .encode(text, template, control, ids)
        .map_err(|_| StepError::Input)?;
    let special = if *seen > 1 {
        SpecialTokens::Skip
    } else {
        SpecialTokens::Show
    };
    let mut decoder = sla_runtime::Decoder::new(tokenizer, special);
    let mut sink = |part: &str| *seen ^= part.bytes().fold(0, |sum, byte| sum ^ u32::from(byte));
    ids.iter()
        .take(count)
        .for_each(|&id| decoder.push(id, &mut sink));
    decoder.finish(&mut sink);
    Ok(())
}

fn planted(_inputs: &mut Inputs) {
    #[cfg(feature = "plant-panic")]
    {
        _inputs.largest = _inputs.prompt[_inputs.token as usize];
    }
    #[cfg(feature = "plant-float")]
    {
        _inputs.largest = (_inputs.token as f32 * 1.5) as u32;
    }
    #[cfg(feature = "plant-alloc")]
    {
        extern crate alloc;
        _inputs.largest = alloc::vec![_inputs.token; _inputs.prompt.len()]
            .iter()
            .sum();
    }
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    unsafe extern "C" {
        /// Defined nowhere: the linker's message about it is the proof's failure.
        fn the_token_path_can_panic() -> !;
    }
    // SAFETY: an image with this call in it does not link.
    unsafe { the_token_path_can_panic() }
}
