//! The one static buffer of the one session that a firmware runs: exactly as large as the model's plan says, or, where the
//! model is put into flash apart from the firmware, as large as `SLA_ARENA_BYTES` allows.

use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicBool, Ordering};

use sla_runtime::{Exercise, Model};

use crate::model;

/// Words of state, scratch and feature vector.
#[cfg(not(feature = "external-model"))]
const WORDS: usize = {
    let plan = sla_runtime::MemoryPlan::of_file(model::BYTES);
    plan.state_words + plan.scratch_words + Exercise::frame_len(&sla_runtime::ModelDesc::of_file(model::BYTES))
};
#[cfg(feature = "external-model")]
const WORDS: usize = model::ARENA_BYTES / 4;

struct Arena(UnsafeCell<[u32; WORDS]>);

// SAFETY: `Memory::take` hands the contents out once.
unsafe impl Sync for Arena {}

static ARENA: Arena = Arena(UnsafeCell::new([0; WORDS]));
static TAKEN: AtomicBool = AtomicBool::new(false);

/// Buffers for one session.
pub struct Memory {
    /// See [`MemoryPlan::state_words`](sla_runtime::MemoryPlan::state_words).
    pub state: &'static mut [u32],
    /// See [`MemoryPlan::scratch_words`](sla_runtime::MemoryPlan::scratch_words).
    pub scratch: &'static mut [u32],
    /// A feature vector; empty for language models.
    pub frame: &'static mut [i32],
}

impl Memory {
    /// The buffers that `model` needs, the first time; `None` if there is less RAM, and afterwards. Not for interrupt
    /// handlers: on a Cortex-M0 the check is a load and a store.
    pub fn take(model: &Model) -> Option<Self> {
        if TAKEN.load(Ordering::Relaxed) {
            return None;
        }
        TAKEN.store(true, Ordering::Relaxed);
        // SAFETY: the flag lets only the first caller come here.
        let arena: &'static mut [u32] = unsafe { &mut *ARENA.0.get() };
        let plan = model.plan();
        let (state, rest) = arena.split_at_mut_checked(plan.state_words)?;
        let (scratch, rest) = rest.split_at_mut_checked(plan.scratch_words)?;
        let frame = rest.get_mut(..Exercise::frame_len(model.desc()))?;
        // SAFETY: the same words, and every bit pattern is a value of both types.
        let frame = unsafe { core::slice::from_raw_parts_mut(frame.as_mut_ptr().cast(), frame.len()) };
        Some(Self { state, scratch, frame })
    }
}
