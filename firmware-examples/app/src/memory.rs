//! The static buffers of the one session that a firmware runs: exactly as large as the model's plan says, or, where the
//! model is put into flash apart from the firmware, as large as `SLA_ARENA_BYTES` allows.

use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicBool, Ordering};

use crate::model;
#[cfg(not(feature = "external-model"))]
use sla_runtime::{Exercise, MemoryPlan, ModelDesc};

/// State, scratch and frame buffer lengths, in words.
#[cfg(not(feature = "external-model"))]
const WORDS: [usize; 3] = {
    let plan = MemoryPlan::of_file(model::BYTES);
    [plan.state_words, plan.scratch_words, Exercise::frame_len(&ModelDesc::of_file(model::BYTES))]
};

/// Three quarters of the arena are for the state.
#[cfg(feature = "external-model")]
const WORDS: [usize; 3] = [model::ARENA_BYTES / 16 * 3, model::ARENA_BYTES / 16 - 64, 64];

/// Buffers for one session.
pub struct Memory {
    /// See [`MemoryPlan::state_words`](sla_runtime::MemoryPlan::state_words).
    pub state: [u32; WORDS[0]],
    /// See [`MemoryPlan::scratch_words`](sla_runtime::MemoryPlan::scratch_words).
    pub scratch: [u32; WORDS[1]],
    /// A feature vector; empty for language models.
    pub frame: [i32; WORDS[2]],
}

struct Once(UnsafeCell<Memory>);

// SAFETY: `take` hands the contents out once.
unsafe impl Sync for Once {}

static MEMORY: Once =
    Once(UnsafeCell::new(Memory { state: [0; WORDS[0]], scratch: [0; WORDS[1]], frame: [0; WORDS[2]] }));
static TAKEN: AtomicBool = AtomicBool::new(false);

/// The buffers, the first time; `None` afterwards. Not for interrupt handlers: on a Cortex-M0 the check is a load and a
/// store.
pub fn take() -> Option<&'static mut Memory> {
    if TAKEN.load(Ordering::Relaxed) {
        return None;
    }
    TAKEN.store(true, Ordering::Relaxed);
    // SAFETY: the flag lets only the first caller come here.
    Some(unsafe { &mut *MEMORY.0.get() })
}
