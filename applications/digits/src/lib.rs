//! Spoken digits from an endless stream of 8 kHz samples, in fixed point and constant memory: no
//! heap, no float, no panic.
//!
//! ```text
//! samples → FrontEnd → Frame → Detector → features → Session → smoothed logits → Event
//! ```
//!
//! * [`FrontEnd`] turns every [`HOP`] samples into a [`Frame`] of mel bands. Every integer of it is
//!   defined in docs/frontend.md (`M…`), so that its features are the same on every machine.
//! * [`Detector`] follows the background, takes it off, and finds where words begin and end.
//! * [`Recognizer`] starts the model's stream anew at each word, with the frames before its onset,
//!   and reads the label where the word ends. It takes at most [`STEPS_PER_HOP`] model steps for a
//!   hop, whatever is heard.
//!
//! How well that works is in docs/applications.md.
#![no_std]
#![forbid(unsafe_code)]
#![warn(missing_debug_implementations)]

mod detector;
mod exercise;
mod fft;
mod frontend;
mod log;
mod mel;
mod recognizer;
mod tables;

pub use detector::{Detector, Heard, Settings};
pub use exercise::Exercise;
pub use frontend::{Frame, FrontEnd};
pub use log::{LOG_FLOOR_Q27, ln_q27};
pub use recognizer::{Event, LEAD, Outcome, Recognizer, STEPS_PER_HOP, Unfit};

/// Samples a second (M1.1).
pub const SAMPLE_RATE: u32 = 8000;
/// Samples between two frames (M1.1): 16 ms.
pub const HOP: usize = 128;
/// Mel bands of a frame (M4.1).
pub const BANDS: usize = 32;
