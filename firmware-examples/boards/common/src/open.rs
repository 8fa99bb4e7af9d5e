//! The model of this image, opened once at boot.

use defmt::{error, info};
use sla_runtime::{Model, SelfTestError};

use crate::model::{self, Buffers};
use crate::panic::halt;

/// Reads every byte of the model and computes its own test. What is wrong with it is logged, and
/// halts.
#[must_use]
pub fn open(buffers: &mut Buffers) -> Model<'static> {
    let model = match Model::parse(model::bytes()) {
        Ok(model) => model,
        Err(e) => stop("the model in flash is refused", e),
    };
    // The file's own input has to give the logits that it gave when the file was made. A model
    // without a test is taken as it is.
    match model.self_test(buffers.state, buffers.scratch) {
        Ok(()) | Err(SelfTestError::Absent) => {}
        Err(e) => stop(
            "the self-test fails: the model in flash has decayed, or the processor computes wrongly",
            e,
        ),
    }
    let plan = model.plan();
    info!(
        "model {=u32:08x}: {=usize} bytes of flash, state {=usize}, scratch {=usize}",
        model.id(),
        model::bytes().len(),
        plan.state_bytes(),
        plan.scratch_bytes()
    );
    model
}

/// Logs why nothing can go on.
pub fn stop(what: &str, why: impl defmt::Format) -> ! {
    error!("{=str}: {}", what, why);
    halt()
}
