//! The `chat` binary: text over a serial line.

use core::marker::PhantomData;

use embedded_io::{Read, ReadReady, Write};
use sla_runtime::{Model, Session};
use sla_serial::{Parts, RamStore, Settings, Shell};

use crate::stop::{no_memory, no_model, stop};
use crate::{Memory, Platform, boot, model};

/// Bytes of a line.
const LINE: usize = 256;
/// Words for the ids of a line.
const IDS: usize = if cfg!(feature = "tokenizer") {
    encode_words(LINE)
} else {
    0
};
/// Bytes of a kept session.
#[cfg(not(feature = "external-model"))]
const SLOT: usize = sla_runtime::MemoryPlan::snapshot_bytes_of_file(model::BYTES);
#[cfg(feature = "external-model")]
const SLOT: usize = model::ARENA_BYTES;

#[cfg(feature = "tokenizer")]
use sla_runtime::encode_words;
#[cfg(not(feature = "tokenizer"))]
const fn encode_words(_: usize) -> usize {
    0
}

/// The platform's counter, for the ledger.
struct Instructions<P>(PhantomData<P>);

impl<P: Platform> sla_serial::Counter for Instructions<P> {
    const UNIT: &'static str = "instructions";

    fn now(&mut self) -> u32 {
        P::now()
    }

    fn units(ticks: u32) -> u64 {
        P::RATE.instructions(ticks).into()
    }
}

/// Serves `uart` for ever: what can be typed is in docs/applications.md. The session is kept in
/// RAM.
pub fn chat<P: Platform>(uart: impl Read + ReadReady + Write) -> ! {
    P::start();
    let file = model::bytes();
    let model = Model::parse(file).unwrap_or_else(|error| no_model::<P>(error));
    let mut memory = Memory::take_for_prompts(&model).unwrap_or_else(|| no_memory::<P>());
    boot::self_test::<P>(&model, &mut memory);
    let session =
        Session::new(&model, memory.state, memory.scratch).unwrap_or_else(|_| no_memory::<P>());
    let (mut slot, mut line, mut ids) = ([0; SLOT], [0; LINE], [0; IDS]);
    let parts = Parts {
        uart,
        store: RamStore::new(&mut slot),
        counter: Instructions::<P>(PhantomData),
        line: &mut line,
        ids: &mut ids,
        file_bytes: file.len(),
    };
    let Ok(mut shell) = Shell::new(session, parts, Settings::default()) else {
        stop::<P>("the model does not read text that this firmware can give it");
    };
    loop {
        // A line that fails is served again.
        let _failure = shell.serve();
    }
}
