//! What a firmware does once, before its first session.

use sla_runtime::{Model, SelfTestError};

use crate::Memory;
use crate::stop::stop;

/// The file's own input must give the logits that it gave when the file was made: one call, in the
/// buffers of the session that comes after it. A model without a test is taken as it is.
pub fn self_test(model: &Model, memory: &mut Memory) {
    if !matches!(
        model.self_test(memory.state, memory.scratch),
        Ok(()) | Err(SelfTestError::Absent)
    ) {
        stop(
            "the self-test fails: the model in flash has decayed, or the processor computes wrongly",
        );
    }
}
