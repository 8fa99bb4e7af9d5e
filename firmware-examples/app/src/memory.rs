//! The one static buffer of the one session that a firmware runs: exactly as large as the model's
//! plan says, or, where the model is put into flash apart from the firmware, as large as
//! `SLA_ARENA_BYTES` allows.

use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicBool, Ordering};

use sla_runtime::{Model, TestStream};

use crate::model;

/// Words of state, scratch and feature vector.
#[cfg(not(feature = "external-model"))]
const WORDS: usize = {
    let plan = sla_runtime::MemoryPlan::of_file(model::BYTES);
    plan.state_words
        + plan.scratch_words
        + TestStream::frame_len(&sla_runtime::ModelDesc::of_file(model::BYTES))
};
#[cfg(feature = "external-model")]
const WORDS: usize = model::ARENA_BYTES / 4;

/// Words of state and of scratch for two tokens of a prompt.
#[cfg(not(feature = "external-model"))]
const PROMPT_WORDS: usize = {
    let plan = sla_runtime::MemoryPlan::of_file(model::BYTES);
    plan.state_words + plan.prompt_scratch_words
};
#[cfg(feature = "external-model")]
const PROMPT_WORDS: usize = WORDS;

/// Linked into a firmware only if it is used.
struct Arena<const N: usize>(UnsafeCell<[u32; N]>);

// SAFETY: the contents are handed out once (`TAKEN`).
unsafe impl<const N: usize> Sync for Arena<N> {}

static ARENA: Arena<WORDS> = Arena(UnsafeCell::new([0; WORDS]));
static PROMPT_ARENA: Arena<PROMPT_WORDS> = Arena(UnsafeCell::new([0; PROMPT_WORDS]));
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
    /// The buffers that `model` needs, the first time; `None` if there is less RAM, and afterwards.
    /// Not for interrupt handlers: on a Cortex-M0 the check is a load and a store.
    pub fn take(model: &Model) -> Option<Self> {
        let arena = once(&ARENA)?;
        let plan = model.plan();
        let (state, rest) = arena.split_at_mut_checked(plan.state_words)?;
        let (scratch, rest) = rest.split_at_mut_checked(plan.scratch_words)?;
        let frame = rest.get_mut(..TestStream::frame_len(model.desc()))?;
        // SAFETY: the same words, and every bit pattern is a value of both types.
        let frame =
            unsafe { core::slice::from_raw_parts_mut(frame.as_mut_ptr().cast(), frame.len()) };
        Some(Self {
            state,
            scratch,
            frame,
        })
    }

    /// The whole buffer, for other work than a session's.
    pub(crate) fn take_words() -> Option<&'static mut [u32]> {
        once(&ARENA)
    }

    /// [`Memory::take`] with scratch for two tokens of a prompt at once, and no feature vector.
    pub fn take_for_prompts(model: &Model) -> Option<Self> {
        let (state, scratch) =
            once(&PROMPT_ARENA)?.split_at_mut_checked(model.plan().state_words)?;
        Some(Self {
            state,
            scratch,
            frame: &mut [],
        })
    }
}

/// The words, the first time that any are asked for.
#[expect(clippy::mut_from_ref, reason = "the flag hands them out once")]
fn once<const N: usize>(arena: &'static Arena<N>) -> Option<&'static mut [u32]> {
    if TAKEN.load(Ordering::Relaxed) {
        return None;
    }
    TAKEN.store(true, Ordering::Relaxed);
    // SAFETY: the flag lets only the first caller come here.
    Some(unsafe { &mut *arena.0.get() })
}
