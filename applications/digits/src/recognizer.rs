//! Detector and model together: a stream of frames in, labelled words out.

use core::fmt;

use crate::detector::{Detector, Heard, Settings};
use crate::frontend::{Frame, FrontEnd};
use crate::{BANDS, HOP};
use sla_kernels::fixed::{round_shr, shift};
use sla_runtime::{Checksum, I16F16, InputKind, Session};

use crate::LOG_FLOOR_Q27;

/// Labels of the model.
const LABELS: usize = 10;
/// Frames of silence that begin a stream, as in training.
pub const LEAD: u8 = 4;
/// Frames that are kept: those before an onset that belong to its word, and those that the model
/// has not read yet.
const KEPT: usize = 8;
/// Model steps of a hop at most: one for the frame, one to catch up after an onset.
pub const STEPS_PER_HOP: u32 = 2;

/// What a word turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A digit.
    Digit(u8),
    /// Too short for a word: a click.
    Short,
    /// Too long for a word: the background has changed.
    Long,
    /// Its spectrum is too flat for speech: noise.
    Flat,
    /// No label leads clearly enough.
    Unsure,
}

/// A word, or what seemed to be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// The hop of its onset, counted from the start of the stream.
    pub onset: u32,
    /// The hop of its last active frame.
    pub end: u32,
    /// What it was.
    pub outcome: Outcome,
    /// The best label, whatever the outcome.
    pub best: u8,
    /// By how much that leads, Q16.
    pub margin_q16: i32,
    /// Mean over the active frames of how far the loudest band stands above the mean of all, in
    /// nats (Q16): noise is flat.
    pub contrast_q16: i32,
}

impl Event {
    /// Adds everything that the event says to a running checksum.
    pub fn digest(&self, checksum: &mut Checksum) {
        let outcome = match self.outcome {
            Outcome::Digit(digit) => digit.into(),
            Outcome::Short => -1,
            Outcome::Long => -2,
            Outcome::Flat => -3,
            Outcome::Unsure => -4,
        };
        let words = [
            self.onset as i32,
            self.end as i32,
            outcome,
            self.best.into(),
            self.margin_q16,
            self.contrast_q16,
        ];
        words.into_iter().for_each(|word| checksum.add(word));
    }
}

/// Why a model cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// It reads tokens.
    Tokens,
    /// It reads another number of features than the front end has bands.
    Bands {
        /// The model's.
        have: u32,
    },
    /// It does not have ten labels.
    Labels {
        /// The model's.
        have: u32,
    },
    /// Its features have more than 27 fraction bits, or fewer than none.
    Fraction {
        /// The model's.
        have: i32,
    },
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Tokens => write!(f, "the model reads tokens, not features"),
            Self::Bands { have } => write!(
                f,
                "the model reads {have} features, the front end makes {BANDS}"
            ),
            Self::Labels { have } => write!(f, "the model has {have} labels, not {LABELS}"),
            Self::Fraction { have } => write!(
                f,
                "the model's features have {have} fraction bits, not 0 to 27"
            ),
        }
    }
}

impl core::error::Error for Unfit {}

#[derive(Clone, Copy, Debug)]
struct Kept {
    features: [i32; BANDS],
    active: bool,
}

/// Listens to an endless stream.
#[derive(Debug)]
pub struct Recognizer<'s, 'm> {
    front: FrontEnd,
    detector: Detector,
    session: Session<'s, 'm>,
    frac: i32,
    /// The last frames, a ring; `next` is the oldest one's place.
    kept: [Kept; KEPT],
    next: usize,
    /// Of those, how many of the newest the model has not read.
    backlog: usize,
    /// Frames of silence that the model has yet to read.
    lead: u8,
    hops: u32,
    word: Word,
}

/// What is known of the word that is being heard.
#[derive(Clone, Copy, Debug, Default)]
struct Word {
    is_open: bool,
    onset: u32,
    end: u32,
    active_frames: u32,
    /// Sum over the active frames, Q16.
    contrast: i32,
    smoothed: [i32; LABELS],
    /// The smoothed logits at the last active frame.
    decided: [i32; LABELS],
    is_started: bool,
}

impl<'s, 'm> Recognizer<'s, 'm> {
    /// Listens with the model of `session`, whose stream starts anew.
    ///
    /// # Errors
    /// [`Unfit`] if the model was not made for such features.
    pub fn new(mut session: Session<'s, 'm>, settings: Settings) -> Result<Self, Unfit> {
        let desc = session.model().desc();
        let frac = desc.feature_frac;
        match desc.input {
            InputKind::Tokens => return Err(Unfit::Tokens),
            InputKind::Features if desc.inputs as usize != BANDS => {
                return Err(Unfit::Bands { have: desc.inputs });
            }
            InputKind::Features => {}
        }
        if desc.outputs as usize != LABELS {
            return Err(Unfit::Labels { have: desc.outputs });
        }
        if !(0..=27).contains(&frac) {
            return Err(Unfit::Fraction { have: frac });
        }
        session.reset();
        Ok(Self {
            front: FrontEnd::new(),
            detector: Detector::new(settings),
            session,
            frac,
            kept: [Kept {
                features: [shift(LOG_FLOOR_Q27, frac - 27); BANDS],
                active: false,
            }; KEPT],
            next: 0,
            backlog: 0,
            lead: LEAD,
            hops: 0,
            word: Word::default(),
        })
    }

    /// The session, for other work.
    #[must_use]
    pub fn into_session(self) -> Session<'s, 'm> {
        self.session
    }

    /// Takes in a hop of samples; the word that it ended, if it did. At most [`STEPS_PER_HOP`]
    /// model steps.
    pub fn hop(&mut self, samples: &[i16; HOP]) -> Option<Event> {
        let mut frame = self.front(samples);
        let heard = self.listen(&mut frame);
        for _ in 0..STEPS_PER_HOP {
            if !self.step() {
                break;
            }
        }
        self.conclude(heard)
    }

    /// The first part of [`Recognizer::hop`]: the front end.
    pub fn front(&mut self, samples: &[i16; HOP]) -> Frame {
        self.front.hop(samples)
    }

    /// The second part: the detector.
    pub fn listen(&mut self, frame: &mut Frame) -> Heard {
        let heard = self.detector.frame(frame);
        self.hops = self.hops.wrapping_add(1);
        let active = matches!(heard, Heard::Onset | Heard::Word { active: true });
        if let Some(kept) = self.kept.get_mut(self.next) {
            frame.features(self.frac, &mut kept.features);
            kept.active = active;
        }
        self.next = (self.next + 1) % KEPT;
        // Before a word the oldest frames fall out unread.
        self.backlog = (self.backlog + 1).min(KEPT);
        if heard == Heard::Onset {
            let onset = self
                .hops
                .saturating_sub(u32::from(self.detector.settings().onset_frames));
            self.word = Word {
                is_open: true,
                onset,
                ..Word::default()
            };
        }
        if active {
            self.word.end = self.hops;
            self.word.active_frames += 1;
            self.word.contrast = self.word.contrast.saturating_add(contrast_q16(frame));
        }
        heard
    }

    /// The third part: one step of the model, if there is one to take.
    pub fn step(&mut self) -> bool {
        if self.lead > 0 {
            self.lead -= 1;
            let silence = [shift(LOG_FLOOR_Q27, self.frac - 27); BANDS];
            return self.session.step_features(&silence).is_ok();
        }
        if !self.word.is_open || self.backlog == 0 {
            return false;
        }
        let oldest = (self.next + KEPT - self.backlog) % KEPT;
        let Some(kept) = self.kept.get(oldest) else {
            return false;
        };
        let Ok(mut logits) = self.session.step_features(&kept.features) else {
            return false;
        };
        self.backlog -= 1;
        let mut now = [I16F16::ZERO; LABELS];
        logits.write(&mut now);
        let word = &mut self.word;
        let smooth = if word.is_started {
            u32::from(self.detector.settings().smooth)
        } else {
            0
        };
        for (smoothed, now) in word.smoothed.iter_mut().zip(now) {
            *smoothed =
                smoothed.saturating_add(round_shr(now.to_bits().saturating_sub(*smoothed), smooth));
        }
        word.is_started = true;
        if kept.active {
            word.decided = word.smoothed;
        }
        true
    }

    /// The last part: the event, if the word has ended; the model's stream starts anew.
    pub fn conclude(&mut self, heard: Heard) -> Option<Event> {
        if !matches!(heard, Heard::End | Heard::TooLong) {
            return None;
        }
        let Settings {
            least,
            margin_q16: margin,
            contrast_q16: contrast,
            ..
        } = *self.detector.settings();
        let word = core::mem::take(&mut self.word);
        let contrast_q16 = word
            .contrast
            .checked_div(word.active_frames as i32)
            .unwrap_or(0);
        let (mut best, mut first, mut second) = (0, i32::MIN, i32::MIN);
        for (label, &logit) in (0..).zip(&word.decided) {
            match logit > first {
                true => (best, second, first) = (label, first, logit),
                false => second = second.max(logit),
            }
        }
        let margin_q16 = first.saturating_sub(second);
        let outcome = match heard {
            Heard::TooLong => Outcome::Long,
            _ if word.active_frames < u32::from(least) => Outcome::Short,
            _ if contrast_q16 < contrast => Outcome::Flat,
            _ if margin_q16 < margin => Outcome::Unsure,
            _ => Outcome::Digit(best),
        };
        self.session.reset();
        (self.lead, self.backlog) = (LEAD, 0);
        Some(Event {
            onset: word.onset,
            end: word.end,
            outcome,
            best,
            margin_q16,
            contrast_q16,
        })
    }
}

/// The largest log of a frame over the mean of all, Q16.
fn contrast_q16(frame: &Frame) -> i32 {
    let logs = || frame.logs_q27().map(|log| log >> 11);
    let sum = logs().fold(0, |sum: i32, log| sum.saturating_add(log));
    logs()
        .fold(i32::MIN, i32::max)
        .saturating_sub(sum / BANDS as i32)
}
