//! The text application on a board's serial line.

use defmt::{error, info};
use sla_runtime::{Model, SelfTestError, Session};
use sla_serial::{Counter, Parts, RamStore, Settings, Shell};

use crate::{Port, model, panic::halt};

/// Serves the line for ever: opens and tests the model, and goes on from what is typed. What cannot be done is logged, and halts.
pub fn chat<R, W, L>(port: Port<R, W, L>, counter: impl Counter) -> !
where
    R: FnMut() -> Option<u8>,
    W: FnMut(u8),
    L: FnMut(bool),
{
    let buffers = model::buffers();
    let model = match Model::parse(model::bytes()) {
        Ok(model) => model,
        Err(e) => stop("the model in flash is refused", e),
    };
    // The file's own input has to give the logits that it gave when the file was made. A model without a test is taken as it is.
    if let Err(e) = model.self_test(buffers.state, buffers.scratch)
        && e != SelfTestError::Absent
    {
        stop("the self-test fails: the model in flash has decayed, or the processor computes wrongly", e);
    }
    let session = match Session::new(&model, buffers.state, buffers.scratch) {
        Ok(session) => session,
        Err(e) => stop("no session", e),
    };
    let plan = model.plan();
    info!(
        "model {=u32:08x}: {=usize} bytes of flash, state {=usize}, scratch {=usize}",
        model.id(),
        model::bytes().len(),
        plan.state_bytes(),
        plan.scratch_bytes()
    );
    let store = RamStore::new(buffers.kept);
    let parts =
        Parts { uart: port, store, counter, line: buffers.line, ids: buffers.ids, file_bytes: model::bytes().len() };
    match Shell::new(session, parts, Settings::default()) {
        Ok(mut shell) => match shell.serve() {
            Ok(never) => match never {},
            // The line's error is `Infallible`: what is left is a line that takes nothing.
            Err(_) => stop("the serial line is closed", ()),
        },
        Err(_) => stop("the model reads no text", ()),
    }
}
