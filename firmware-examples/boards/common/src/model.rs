//! The model of this image, in its own region of the flash, and what one session needs of RAM, as
//! large as the model says: one that does not fit is an error of the linker.

use sla_runtime::{Aligned, MemoryPlan};
use static_cell::ConstStaticCell;

/// The longest line that can be typed, in bytes.
pub const LINE_BYTES: usize = 256;

const BYTES: &[u8] = include_bytes!(env!("SLA_MODEL_PATH"));
const PLAN: MemoryPlan = MemoryPlan::of_file(BYTES);
const KEPT_BYTES: usize = MemoryPlan::snapshot_bytes_of_file(BYTES);
const ID_WORDS: usize = sla_runtime::encode_words(LINE_BYTES);

// SAFETY: the linker scripts put the first section into the MODEL region, the second among the
// constants, which are all read-only memory. The boot loader of an ESP32 maps one piece of flash as
// data, so there the model cannot lie apart from the other constants. The name is the
// one that `cargo xtask boards` looks for.
#[cfg_attr(
    all(target_os = "none", not(sla_one_segment)),
    unsafe(link_section = ".sla_model")
)]
#[cfg_attr(sla_one_segment, unsafe(link_section = ".rodata.sla_model"))]
#[unsafe(export_name = "SLA_MODEL")]
static PLACED: Aligned<[u8; BYTES.len()]> = Aligned(*include_bytes!(env!("SLA_MODEL_PATH")));

static STATE: ConstStaticCell<[u32; PLAN.state_words]> =
    ConstStaticCell::new([0; PLAN.state_words]);
static SCRATCH: ConstStaticCell<[u32; PLAN.scratch_words]> =
    ConstStaticCell::new([0; PLAN.scratch_words]);
static KEPT: ConstStaticCell<[u8; KEPT_BYTES]> = ConstStaticCell::new([0; KEPT_BYTES]);
static LINE: ConstStaticCell<[u8; LINE_BYTES]> = ConstStaticCell::new([0; LINE_BYTES]);
static IDS: ConstStaticCell<[u32; ID_WORDS]> = ConstStaticCell::new([0; ID_WORDS]);

/// RAM of a session.
pub struct Buffers {
    /// See [`MemoryPlan::state_words`].
    pub state: &'static mut [u32],
    /// See [`MemoryPlan::scratch_words`].
    pub scratch: &'static mut [u32],
}

/// RAM of the text application, which a firmware without it does not have.
pub struct LineBuffers {
    /// A session that was saved.
    pub kept: &'static mut [u8],
    /// A line as it is typed.
    pub line: &'static mut [u8],
    /// The ids of a line, for models with a tokenizer.
    pub ids: &'static mut [u32],
}

/// The file.
#[must_use]
pub fn bytes() -> &'static [u8] {
    &PLACED.0
}

/// The buffers of the one session.
///
/// # Panics
///
/// At the second call.
#[must_use]
pub fn buffers() -> Buffers {
    Buffers {
        state: STATE.take(),
        scratch: SCRATCH.take(),
    }
}

/// The buffers of the one line.
///
/// # Panics
///
/// At the second call.
#[must_use]
pub fn line_buffers() -> LineBuffers {
    LineBuffers {
        kept: KEPT.take(),
        line: LINE.take(),
        ids: IDS.take(),
    }
}
