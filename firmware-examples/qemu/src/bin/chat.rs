//! The `chat` binary: text over the second UART, `-serial mon:stdio` for a person, `-serial pty`
//! for a program.

#![no_std]
#![no_main]

use sla_runtime::{Model, Session};
use sla_serial::{Parts, RamStore, Settings, Shell};

use qemu::stop::{no_memory, no_model, stop};
use qemu::{Memory, boot, entry, machine, model};

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

/// The machine's counter, for the ledger.
struct Instructions;

impl sla_serial::Counter for Instructions {
    const UNIT: &'static str = "instructions";

    fn now(&mut self) -> u32 {
        machine::now()
    }

    fn units(ticks: u32) -> u64 {
        machine::RATE.instructions(ticks).into()
    }
}

/// Serves the line for ever: what can be typed is in docs/applications.md. The session is kept in
/// RAM.
#[entry]
fn main() -> ! {
    machine::start();
    let file = model::bytes();
    let model = Model::parse(file).unwrap_or_else(|error| no_model(error));
    let mut memory = Memory::take_for_prompts(&model).unwrap_or_else(|| no_memory());
    boot::self_test(&model, &mut memory);
    let session =
        Session::new(&model, memory.state, memory.scratch).unwrap_or_else(|_| no_memory());
    let (mut slot, mut line, mut ids) = ([0; SLOT], [0; LINE], [0; IDS]);
    let parts = Parts {
        uart: machine::uart(),
        store: RamStore::new(&mut slot),
        counter: Instructions,
        line: &mut line,
        ids: &mut ids,
        file_bytes: file.len(),
    };
    let Ok(mut shell) = Shell::new(session, parts, Settings::default()) else {
        stop("the model does not read text that this firmware can give it");
    };
    loop {
        // A line that fails is served again.
        let _failure = shell.serve();
    }
}
