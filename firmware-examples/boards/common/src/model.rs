//! The model of this image, in its own region of the flash, and the buffers of one session, as large as its plan says: a model that does not
//! fit is an error of the linker.

use sla_runtime::{Aligned, MemoryPlan};
use static_cell::ConstStaticCell;

const BYTES: &[u8] = include_bytes!(env!("SLA_MODEL_PATH"));
const PLAN: MemoryPlan = MemoryPlan::of_file(BYTES);

// SAFETY: the linker scripts put this section into the MODEL region, which is read-only memory.
#[cfg_attr(target_os = "none", unsafe(link_section = ".sla_model"))]
static PLACED: Aligned<[u8; BYTES.len()]> = Aligned(*include_bytes!(env!("SLA_MODEL_PATH")));

static STATE: ConstStaticCell<[u32; PLAN.state_words]> = ConstStaticCell::new([0; PLAN.state_words]);
static SCRATCH: ConstStaticCell<[u32; PLAN.scratch_words]> = ConstStaticCell::new([0; PLAN.scratch_words]);

/// The file.
#[must_use]
pub fn bytes() -> &'static [u8] {
    &PLACED.0
}

/// State and scratch of one session.
///
/// # Panics
///
/// At the second call.
#[must_use]
pub fn buffers() -> (&'static mut [u32], &'static mut [u32]) {
    (STATE.take(), SCRATCH.take())
}
