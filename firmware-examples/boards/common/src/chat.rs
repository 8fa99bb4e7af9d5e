//! The text application on a board's serial line.

use defmt::warn;
use sla_runtime::Session;
use sla_serial::{Counter, Parts, RamStore, Settings, Shell};

use crate::open::{open, stop};
use crate::{Lost, Port, model};

/// Serves the line for ever (`docs/applications.md`). What cannot be done is logged, and halts.
pub fn chat<R, W, L>(port: Port<R, W, L>, counter: impl Counter) -> !
where
    R: FnMut() -> Option<Result<u8, Lost>>,
    W: FnMut(u8),
    L: FnMut(bool),
{
    let mut buffers = model::buffers();
    let model = open(&mut buffers);
    let session = match Session::new(&model, buffers.state, buffers.scratch) {
        Ok(session) => session,
        Err(e) => stop("no session", e),
    };
    let model::LineBuffers { kept, line, ids } = model::line_buffers();
    let parts = Parts {
        uart: port,
        store: RamStore::new(kept),
        counter,
        line,
        ids,
        file_bytes: model::bytes().len(),
    };
    let Ok(mut shell) = Shell::new(session, parts, Settings::default()) else {
        stop("the model reads no text", ())
    };
    loop {
        match shell.serve() {
            Ok(never) => match never {},
            // Bytes are lost again and again: the other end is at another speed, or not there.
            Err(_) => warn!("the serial line fails"),
        }
    }
}
