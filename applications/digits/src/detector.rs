//! Where words begin and end: activity above a background that is followed all the time.

use crate::frontend::Frame;
use crate::log::{FLOOR, ln_q27};
use crate::{BANDS, HOP, SAMPLE_RATE};

/// Thresholds and times of [`Detector`] and [`Recognizer`](crate::Recognizer). Activity is the mean
/// over the bands of how far they stand above the background, in nats (Q27): 0.23 is one decibel in
/// all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Activity that begins a word.
    pub onset_q27: i32,
    /// Frames in a row that it has to last.
    pub onset_frames: u8,
    /// Activity that goes on with a word.
    pub stay_q27: i32,
    /// Frames below it that end a word.
    pub hang: u8,
    /// Active frames of the shortest word.
    pub least: u8,
    /// Frames of the longest word; what lasts longer is a new background.
    pub longest: u8,
    /// How much of the background is taken off each band, in sixteenths of it.
    pub subtract: u8,
    /// What of the background is left at least, in 256ths.
    pub residue: u8,
    /// Each frame moves the smoothed logits by 2^-smooth of the difference.
    pub smooth: u8,
    /// How far the loudest band of a word has to stand above the mean of all (Q16, nats; mean over
    /// its active frames).
    pub contrast_q16: i32,
    /// By how much the best smoothed logit has to lead (Q16) for a label.
    pub margin_q16: i32,
}

const fn nats(thousandths: i32) -> i32 {
    ((thousandths as i64 * (1 << 27)) / 1000) as i32
}

impl Default for Settings {
    /// Chosen on the training split, like docs/applications.md says.
    fn default() -> Self {
        Self {
            onset_q27: nats(750),
            onset_frames: 2,
            stay_q27: nats(400),
            hang: 12,
            least: 7,
            longest: 90,
            subtract: 28,
            residue: 10,
            smooth: 1,
            contrast_q16: 2 << 16,
            margin_q16: 4 << 16,
        }
    }
}

/// What a frame is part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// The background.
    Background,
    /// A word begins: the frames of [`Settings::onset_frames`] and a few before belong to it.
    Onset,
    /// A word goes on; `active` while it is louder than the background.
    Word {
        /// Not a pause, which may be the end.
        active: bool,
    },
    /// The word has ended, [`Settings::hang`] frames ago.
    End,
    /// What seemed to be a word has lasted too long.
    TooLong,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    /// The background is being learned; frames left.
    Learning(u8),
    /// Frames in a row that were loud enough for an onset.
    Listening(u8),
    /// Frames since the onset, and pause frames in a row.
    InWord { frames: u8, pause: u8 },
}

/// Follows the background and finds words in front of it.
#[derive(Debug)]
pub struct Detector {
    settings: Settings,
    background: [u64; BANDS],
    phase: Phase,
}

/// Frames that a new background is learned in: a quarter of a second.
const LEARNING: u8 = (SAMPLE_RATE / 4 / HOP as u32) as u8 + 1;

impl Detector {
    /// Begins by learning the background.
    #[must_use]
    pub const fn new(settings: Settings) -> Self {
        Self {
            settings,
            background: [0; BANDS],
            phase: Phase::Learning(LEARNING),
        }
    }

    /// The settings.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Takes in a frame, and takes the background off it.
    pub fn frame(&mut self, frame: &mut Frame) -> Heard {
        let activity = self.activity(frame);
        let heard = self.advance(activity);
        if matches!(heard, Heard::Background) {
            let slow = if matches!(self.phase, Phase::Learning(_)) {
                2
            } else {
                5
            };
            for (background, &band) in self.background.iter_mut().zip(&frame.bands) {
                *background = match band.checked_sub(*background) {
                    Some(more) => background.saturating_add(more >> slow),
                    None => background.saturating_sub((*background - band) >> slow.min(4)),
                };
            }
        }
        let Settings {
            subtract, residue, ..
        } = self.settings;
        for (band, &background) in frame.bands.iter_mut().zip(&self.background) {
            let taken = (background >> 4).saturating_mul(subtract.into());
            *band = band
                .saturating_sub(taken)
                .max((background >> 8).saturating_mul(residue.into()));
        }
        heard
    }

    /// Mean over the bands of max(0, ln(band + floor) - ln(background + floor)), Q27.
    fn activity(&self, frame: &Frame) -> i32 {
        let background = self
            .background
            .iter()
            .map(|&b| ln_q27(b.saturating_add(FLOOR)));
        frame
            .logs_q27()
            .zip(background)
            .fold(0, |sum, (log, b)| sum + (log.saturating_sub(b).max(0) >> 5))
    }

    fn advance(&mut self, activity: i32) -> Heard {
        let Settings {
            onset_q27,
            onset_frames,
            stay_q27,
            hang,
            longest,
            ..
        } = self.settings;
        let (phase, heard) = match self.phase {
            Phase::Learning(left @ 2..) => (Phase::Learning(left - 1), Heard::Background),
            Phase::Learning(_) => (Phase::Listening(0), Heard::Background),
            Phase::Listening(_) if activity < onset_q27 => (Phase::Listening(0), Heard::Background),
            Phase::Listening(run) if run + 1 < onset_frames => {
                (Phase::Listening(run + 1), Heard::Background)
            }
            Phase::Listening(_) => (
                Phase::InWord {
                    frames: 0,
                    pause: 0,
                },
                Heard::Onset,
            ),
            Phase::InWord { frames, .. } if frames >= longest => {
                (Phase::Learning(LEARNING), Heard::TooLong)
            }
            Phase::InWord { frames, .. } if activity >= stay_q27 => (
                Phase::InWord {
                    frames: frames + 1,
                    pause: 0,
                },
                Heard::Word { active: true },
            ),
            Phase::InWord { pause, .. } if pause + 1 >= hang => (Phase::Listening(0), Heard::End),
            Phase::InWord { frames, pause } => (
                Phase::InWord {
                    frames: frames + 1,
                    pause: pause + 1,
                },
                Heard::Word { active: false },
            ),
        };
        self.phase = phase;
        heard
    }
}
